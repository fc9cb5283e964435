#include "tests/oracle/wire_json.h"

#include <nlohmann/json.hpp>

namespace acl::oracle {
namespace {

using Json = nlohmann::json;

Json member(const Json& json, const char* name, const Json& otherwise) {
  return json.contains(name) ? json.at(name) : otherwise;
}

Ranges read_ranges(const Json& list, NodeAnswer& answer) {
  Ranges out;
  for (const auto& text : list) {
    const auto ranges = parse_wire_addresses(text.get<std::string>());
    if (ranges)
      out.insert(out.end(), ranges->begin(), ranges->end());
    else
      answer.faults.push_back(text.get<std::string>());
  }
  return out;
}

void read_filter_rule(const Json& rule, NodeAnswer& answer) {
  const Ranges sources = read_ranges(rule.at("SrcIPs"), answer);
  const auto protocols = rule.value("IPProto", std::vector<std::uint8_t>{6, 17, 1, 58});
  const Json ports = member(rule, "DstPorts", Json::array());
  for (const auto& dst : ports) {
    for (const Range& range : read_ranges(Json::array({dst.at("IP")}), answer)) {
      answer.passages.push_back(
          {sources, range, protocols, {dst.at("Ports").at("First"), dst.at("Ports").at("Last")}, false});
    }
  }
  const Json grants = member(rule, "CapGrant", Json::array());
  for (const auto& grant : grants) {
    Award award{sources, read_ranges(grant.at("Dsts"), answer), {}};
    for (const auto& [name, values] : grant.at("CapMap").items()) {
      award.capabilities.push_back({name, {}});
      for (const auto& value : values) award.capabilities.back().values.push_back(value.dump());
    }
    answer.awards.push_back(std::move(award));
  }
}

void read_ssh_rule(const Json& rule, NodeAnswer& answer) {
  WireSshRule wire;
  wire.check = rule.at("action").contains("holdAndDelegate");
  for (const auto& principal : rule.at("principals")) {
    const auto address = Address::parse(principal.at("nodeIP").get<std::string>());
    if (address)
      wire.principals.push_back(*address);
    else
      answer.faults.push_back(principal.dump());
  }
  for (const auto& [name, local] : rule.at("sshUsers").items()) wire.users.emplace_back(name, local);
  answer.ssh.push_back(std::move(wire));
}

}  // namespace

NodeAnswer read_node_answer(std::string_view text) {
  using Names = std::set<std::string>;
  using ByPeer = std::map<std::string, Names>;
  const Json json = Json::parse(text);
  NodeAnswer answer;
  for (const auto& rule : json.at("packet_filter_rules")) read_filter_rule(rule, answer);
  const Json ssh = member(json, "ssh_rules", Json::array());
  for (const auto& rule : ssh) read_ssh_rule(rule, answer);
  answer.peers = member(json, "peers", Json::array()).get<Names>();
  answer.peer_allowed_ips = member(json, "peer_allowed_ips", Json::object()).get<ByPeer>();
  answer.peer_primary_routes = member(json, "peer_primary_routes", Json::object()).get<ByPeer>();
  if (json.contains("self_allowed_ips")) answer.self_allowed_ips = json.at("self_allowed_ips").get<Names>();
  answer.primary_routes = member(json, "primary_routes", Json::array()).get<Names>();
  const Json caps = member(json, "self_caps", Json::object());
  for (const auto& [name, values] : caps.items()) answer.self_caps.insert(name);
  return answer;
}

std::set<std::string> allowed_of(const NodeAnswer& answer, const Node& peer) {
  const auto found = answer.peer_allowed_ips.find(peer.name);
  if (found != answer.peer_allowed_ips.end()) return found->second;
  return texts({peer.addresses.begin(), peer.addresses.end()});
}

std::set<std::string> own_allowed(const NodeAnswer& answer, const Node& node) {
  return answer.self_allowed_ips ? *answer.self_allowed_ips : texts({node.addresses.begin(), node.addresses.end()});
}

std::set<std::string> texts(const std::vector<Prefix>& prefixes) {
  std::set<std::string> out;
  for (const Prefix& prefix : prefixes) out.insert(prefix.text_with_length());
  return out;
}

}  // namespace acl::oracle
