#include "tests/oracle/policy_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace acl::oracle {
namespace {

using Json = nlohmann::json;

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

}  // namespace

Policy read_policy(const std::string& hujson) {
  const Json json = Json::parse(standard_json(hujson));
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

Tailnet read_inventory(const std::string& text) {
  const Json json = Json::parse(standard_json(text));
  Tailnet tailnet;
  tailnet.domains = json.value("domains", std::vector<std::string>());
  for (const auto& user : elements(json, "users")) {
    tailnet.users.push_back({user.at("login"), user.value("role", "member")});
  }
  for (const auto& entry : elements(json, "nodes")) {
    Node node;
    node.name = entry.at("name");
    node.user = entry.value("user", "");
    node.tags = entry.value("tags", std::vector<std::string>());
    for (const auto& address : entry.at("addresses")) {
      node.addresses.push_back(*Address::parse(address.get<std::string>()));
    }
    for (const auto& [member, list] :
         {std::pair("advertisedRoutes", &node.advertised), {"approvedRoutes", &node.approved}}) {
      for (const auto& route : elements(entry, member)) {
        list->push_back(Prefix::parse(route.get<std::string>()).prefix);
      }
    }
    // The digits of "2026-01-02T03:04:05Z" are in the order of time.
    std::string digits = entry.at("created");
    digits.erase(std::remove_if(digits.begin(), digits.end(), [](char c) { return c < '0' || c > '9'; }), digits.end());
    node.created = std::stoll(digits);
    tailnet.nodes.push_back(std::move(node));
  }
  return tailnet;
}

Tailnet read_recorded_inventory(const std::string& text) {
  const Json json = Json::parse(text);
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

}  // namespace acl::oracle
