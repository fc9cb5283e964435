// The oracle against recorded answers of the hosted service: what each recorded filter lets in, who may log in, who sees whom
// by which routes. Cases and their form: ACL_SHARED_DIR/conformance/, optional.
//
// Policies are read here once more, with a JSON reader and a few lines, so that the oracle is judged without the compiler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"
#include "tests/oracle/wire_json.h"

namespace acl::oracle {
namespace {

using Json = nlohmann::json;

// --- reading a policy ---

// The members of an object inside `json`, of an array inside it; none if it is not there.
std::map<std::string, Json> members(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_object() ? json[name].get<std::map<std::string, Json>>()
                                                       : std::map<std::string, Json>();
}
std::vector<Json> elements(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_array() ? json[name].get<std::vector<Json>>() : std::vector<Json>();
}

// Comments and trailing commas become spaces.
std::string standard_json(std::string text) {
  bool in_string = false;
  std::size_t comma = std::string::npos;  // the last one with nothing but space behind it
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        in_string = false;
      continue;
    }
    if (text.compare(i, 2, "//") == 0) {
      while (i < text.size() && text[i] != '\n') text[i++] = ' ';
    } else if (text.compare(i, 2, "/*") == 0) {
      const std::size_t end = std::min(text.size(), text.find("*/", i) + 2);
      while (i < end) text[i++] = ' ';
      --i;
    } else if (text[i] == ',') {
      comma = i;
    } else if ((text[i] == ']' || text[i] == '}') && comma != std::string::npos) {
      text[comma] = ' ';
    } else if (text[i] == '"') {
      in_string = true;
    }
    if (i < text.size() && text[i] != ',' && std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos) {
      comma = std::string::npos;
    }
  }
  return text;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

Selector read_selector(const std::string& written) {
  const std::string text = trimmed(written);
  const auto begins = [&](std::string_view word) { return text.compare(0, word.size(), word) == 0; };
  Selector selector;
  selector.name = text;
  static const std::map<std::string, Kind> words = {{"*", Kind::everything},
                                                    {"autogroup:member", Kind::member},
                                                    {"autogroup:members", Kind::member},
                                                    {"autogroup:tagged", Kind::tagged},
                                                    {"autogroup:shared", Kind::shared},
                                                    {"autogroup:self", Kind::self},
                                                    {"autogroup:internet", Kind::internet},
                                                    {"autogroup:danger-all", Kind::danger_all}};
  const auto parsed = Prefix::parse(text);
  if (const auto word = words.find(text); word != words.end()) {
    selector.kind = word->second;
  } else if (begins("autogroup:")) {
    selector.kind = Kind::role;
    selector.name = text.substr(10);
  } else if (begins("user:*@")) {
    selector.kind = Kind::user_domain;
    selector.name = text.substr(7);
  } else if (begins("group:")) {
    selector.kind = Kind::group;
  } else if (begins("tag:")) {
    selector.kind = Kind::tag;
  } else if (parsed.error == net::PrefixError::none) {
    selector.kind = parsed.prefix.is_single() ? Kind::address : Kind::prefix;
    selector.prefix = parsed.prefix;
  } else {
    selector.kind = text.find('@') != std::string::npos ? Kind::user : Kind::host;
  }
  return selector;
}

Ports read_ports(const std::string& text) {
  if (text == "*") return {};
  const std::size_t dash = text.find('-');
  const auto first = static_cast<std::uint16_t>(std::stoi(text));
  return {first, dash == std::string::npos ? first : static_cast<std::uint16_t>(std::stoi(text.substr(dash + 1)))};
}

std::optional<std::uint8_t> read_protocol(const std::string& text) {
  static const std::map<std::string, std::uint8_t> names = {
      {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"gre", 47},     {"esp", 50},      {"ah", 51},
      {"igmp", 2}, {"egp", 8}, {"igp", 9},  {"ipv4", 4},   {"ip-in-ip", 4}, {"ipv6-icmp", 58}};
  if (text.empty()) return std::nullopt;
  const auto found = names.find(text);
  return found != names.end() ? found->second : static_cast<std::uint8_t>(std::stoi(text));
}

std::vector<Selector> read_selectors(const Json& object, const char* name) {
  std::vector<Selector> out;
  if (object.contains(name) && object[name].is_array()) {
    for (const auto& text : object[name]) out.push_back(read_selector(text));
  }
  return out;
}

Target read_target(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Target target{read_selector(text.substr(0, colon)), {}};
  std::istringstream list(text.substr(colon + 1));
  for (std::string item; std::getline(list, item, ',');) target.ports.push_back(read_ports(item));
  return target;
}

Grant read_grant(const Json& json) {
  Grant grant;
  grant.src = read_selectors(json, "src");
  grant.dst = read_selectors(json, "dst");
  for (const auto& ip : elements(json, "ip")) {
    const auto text = ip.get<std::string>();
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos)
      grant.ip.push_back({{}, read_ports(text)});
    else
      grant.ip.push_back({read_protocol(text.substr(0, colon)), read_ports(text.substr(colon + 1))});
  }
  for (const auto& [name, values] : members(json, "app")) {
    grant.app.push_back({name, {}});
    for (const auto& value : values) grant.app.back().values.push_back(value.dump());
  }
  for (const auto& tag : elements(json, "via")) grant.via.push_back(tag.get<std::string>());
  return grant;
}

SshRule read_ssh(const Json& json) {
  SshRule rule;
  rule.check = trimmed(json.at("action")) == "check";
  rule.src = read_selectors(json, "src");
  rule.dst = read_selectors(json, "dst");
  for (const auto& user : json.at("users")) rule.users.push_back(trimmed(user));
  return rule;
}

Policy read_policy(const Json& json) {
  Policy policy;
  for (const auto& [name, logins] : members(json, "groups"))
    policy.groups[name] = logins.get<std::vector<std::string>>();
  for (const auto& [name, value] : members(json, "hosts")) {
    policy.hosts[name] = Prefix::parse(value.get<std::string>()).prefix;
  }
  if (json.contains("acls")) {
    policy.acls.emplace();
    for (const auto& entry : json["acls"]) {
      Acl acl{read_selectors(entry, "src"), {}, read_protocol(entry.value("proto", "")), {}};
      for (const auto& dst : elements(entry, "dst")) acl.dst.push_back(read_target(dst));
      policy.acls->push_back(std::move(acl));
    }
  }
  if (json.contains("grants")) {
    policy.grants.emplace();
    for (const auto& entry : json["grants"]) policy.grants->push_back(read_grant(entry));
  }
  const Json approvers = json.value("autoApprovers", Json::object());
  for (const auto& [route, list] : members(approvers, "routes")) {
    policy.route_approvers.emplace_back(Prefix::parse(route).prefix, std::vector<Selector>());
    for (const auto& text : list) policy.route_approvers.back().second.push_back(read_selector(text));
  }
  for (const auto& entry : elements(json, "nodeAttrs")) {
    policy.node_attributes.push_back(
        {read_selectors(entry, "target"), entry.value("attr", std::vector<std::string>())});
  }
  policy.exit_approvers = read_selectors(approvers, "exitNode");
  for (const auto& rule : elements(json, "ssh")) policy.ssh.push_back(read_ssh(rule));
  return policy;
}

Tailnet read_tailnet(const Json& json) {
  Tailnet tailnet;
  std::map<std::string, std::string> logins;
  for (const auto& user : json.at("users")) {
    logins[user.at("name")] = user.at("email");
    tailnet.users.push_back({user.at("email"), user.at("role")});
  }
  for (const auto& domain : json.at("domains")) tailnet.domains.push_back(domain);
  for (const auto& entry : json.at("nodes")) {
    Node node;
    node.name = entry.at("name");
    if (entry.at("user").is_string()) node.user = logins.at(entry.at("user"));
    node.tags = entry.at("tags").get<std::vector<std::string>>();
    for (const char* family : {"ipv4", "ipv6"})
      node.addresses.push_back(*Address::parse(entry.at(family).get<std::string>()));
    for (const auto& [member, list] :
         {std::pair("routable_ips", &node.advertised), {"approved_routes", &node.approved}}) {
      for (const auto& route : entry.at(member)) list->push_back(Prefix::parse(route.get<std::string>()).prefix);
    }
    node.created = entry.at("created_rank").is_number() ? entry.at("created_rank").get<int>() : 1000000;
    tailnet.nodes.push_back(std::move(node));
  }
  return tailnet;
}

// --- comparing ---

constexpr std::array<std::uint8_t, 7> protocols = {1, 2, 6, 17, 47, 58, 132};

// Two filters are the same if they are at every node and at every address and port where either changes its mind.
void compare_filters(const NodeAnswer& answer, const std::vector<Passage>& ours, const std::vector<Award>& awarded,
                     const Tailnet& tailnet, const std::string& where) {
  std::vector<Address> places = {*Address::parse("192.0.2.1")};
  Ranges ranges;
  std::set<std::uint16_t> ports = {0, 22, 65535};
  for (const Node& node : tailnet.nodes) {
    places.insert(places.end(), node.addresses.begin(), node.addresses.end());
    for (const Prefix& route : node.approved) ranges.push_back(range_of(route));
  }
  for (const auto* list : {&answer.passages, &ours}) {
    for (const Passage& passage : *list) {
      if (passage.destination.first != passage.destination.last) ranges.push_back(passage.destination);
      for (const Range& source : passage.sources) {
        if (source.first != source.last) ranges.push_back(source);
      }
      for (const int port :
           {passage.ports.first - 1, passage.ports.first + 0, passage.ports.last + 0, passage.ports.last + 1}) {
        if (port >= 0 && port <= 65535) ports.insert(static_cast<std::uint16_t>(port));
      }
    }
  }
  for (const Address& edge : probes(ranges)) places.push_back(edge);
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (const Address& source : places) {
    for (const Address& destination : places) {
      if (source.family() != destination.family()) continue;
      if (!awarded.empty() || !answer.awards.empty()) {
        ASSERT_EQ(capabilities(awarded, source, destination), capabilities(answer.awards, source, destination))
            << where << ": capabilities of " << source.text() << " at " << destination.text();
      }
      const auto covers = [&](const Passage& passage) { return contains(passage.destination, destination); };
      if (std::none_of(ours.begin(), ours.end(), covers) &&
          std::none_of(answer.passages.begin(), answer.passages.end(), covers)) {
        continue;
      }
      for (const std::uint8_t protocol : protocols) {
        for (const std::uint16_t port : ports) {
          ASSERT_EQ(passes(ours, source, destination, protocol, port),
                    passes(answer.passages, source, destination, protocol, port))
              << where << ": " << source.text() << " to " << destination.text() << " protocol " << int{protocol}
              << " port " << port << " (left: the oracle)";
        }
      }
    }
  }
}

void compare_logins(const Policy& policy, const Tailnet& tailnet, const Node& node, const NodeAnswer& answer,
                    const std::string& where) {
  std::set<std::string> names = {"root", "ubuntu", "nobody", "tag:foo"};
  for (const User& user : tailnet.users) names.insert(user.login.substr(0, user.login.find('@')));
  for (const SshRule& rule : policy.ssh) names.insert(rule.users.begin(), rule.users.end());
  for (const Node& source : tailnet.nodes) {
    for (const std::string& name : names) {
      for (const Address& address : source.addresses) {
        ASSERT_EQ(text(ssh(policy, tailnet, source, node, name)), text(ssh(answer.ssh, address, name)))
            << where << ": ssh from " << source.name << " as " << name;
      }
    }
  }
}

void compare_views(const Policy& policy, const Tailnet& tailnet, const Openings& openings, const Node& node,
                   const NodeAnswer& answer, const std::string& where) {
  std::set<std::string> peers;
  for (const Node& other : tailnet.nodes) {
    if (&other == &node || !sees(openings, node, other)) continue;
    peers.insert(other.name);
    const auto routes = answer.peer_primary_routes.find(other.name);
    EXPECT_EQ(texts(shown_routes(openings, node, other)),
              routes == answer.peer_primary_routes.end() ? std::set<std::string>() : routes->second)
        << where << ": routes of " << other.name;
    EXPECT_EQ(texts(allowed_ips(policy, tailnet, openings, node, other)), allowed_of(answer, other))
        << where << ": addresses of " << other.name;
  }
  EXPECT_EQ(texts(allowed_ips(policy, tailnet, openings, node, node)), own_allowed(answer, node)) << where;
  EXPECT_EQ(peers, answer.peers) << where << ": peers";
  EXPECT_EQ(texts(primary_routes(tailnet, node)), answer.primary_routes) << where;
}

class Recorded : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = std::filesystem::path(ACL_SHARED_DIR) / "conformance";
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "SKIPPED: no recorded cases in " << folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".json") files_.push_back(entry.path());
    }
    std::sort(files_.begin(), files_.end());
  }

  // compare(policy, tailnet, openings, node, what the node received, where)
  template <class Compare>
  void for_each_node(bool reliable_only, Compare compare) {
    int cases = 0;
    for (const auto& path : files_) {
      std::ifstream file(path);
      const Json recorded = Json::parse(file);
      const Json& expected = recorded.at("expect");
      if (!expected.at("accepted").get<bool>() || (reliable_only && recorded.contains("unreliable"))) continue;
      const Policy policy = read_policy(Json::parse(standard_json(recorded.at("policy"))));
      const Tailnet tailnet = with_approvals(policy, read_tailnet(recorded.at("inventory")));
      const Openings all = openings(policy, tailnet);
      for (const Node& node : tailnet.nodes) {
        if (!expected.at("nodes").contains(node.name)) continue;
        const NodeAnswer answer = read_node_answer(expected.at("nodes").at(node.name).dump());
        EXPECT_THAT(answer.faults, testing::IsEmpty());
        compare(policy, tailnet, all, node, answer, path.stem().string() + "/" + node.name);
      }
      ++cases;
    }
    std::printf("%d recorded cases\n", cases);
  }

 private:
  std::vector<std::filesystem::path> files_;
};

TEST_F(Recorded, FiltersLetInWhatTheOracleLetsIn) {
  for_each_node(false, [](const Policy& policy, const Tailnet& tailnet, const Openings&, const Node& node,
                          const NodeAnswer& answer, const std::string& where) {
    compare_filters(answer, passages(policy, tailnet, node), awards(policy, tailnet, node), tailnet, where);
  });
}

TEST_F(Recorded, LoginsAreThoseOfTheOracle) {
  for_each_node(false, [](const Policy& policy, const Tailnet& tailnet, const Openings&, const Node& node,
                          const NodeAnswer& answer,
                          const std::string& where) { compare_logins(policy, tailnet, node, answer, where); });
}

TEST_F(Recorded, NodesSeeWhomTheOracleSays) { for_each_node(true, compare_views); }

}  // namespace
}  // namespace acl::oracle
