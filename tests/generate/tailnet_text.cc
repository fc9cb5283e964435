// Writing down models: HuJSON policies and native inventories.
#include <fmt/format.h>

#include <array>
#include <limits>
#include <string_view>

#include "tests/generate/tailnet.h"

namespace acl::generate {
namespace {

using oracle::Kind;
using oracle::Selector;

// No name in a model needs an escape.
std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

// The elements one after another, `write` each.
template <class List, class Write>
std::string joined(const List& list, Write write) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += ", ";
    out += write(item);
  }
  return out;
}

template <class List, class Write>
std::string array(const List& list, Write write) {
  return "[" + joined(list, write) + "]";
}

std::string strings(const std::vector<std::string>& list) { return array(list, quoted); }

std::string address_text(const net::Prefix& prefix, const Selector& selector) {
  return selector.kind == Kind::prefix ? prefix.text_with_length() : prefix.first().text();
}

std::string selector_text(const Selector& selector) {
  switch (selector.kind) {
    case Kind::everything: return "*";
    case Kind::user_domain: return "user:*@" + selector.name;
    case Kind::member: return "autogroup:member";
    case Kind::tagged: return "autogroup:tagged";
    case Kind::role: return "autogroup:" + selector.name;
    case Kind::shared: return "autogroup:shared";
    case Kind::danger_all: return "autogroup:danger-all";
    case Kind::self: return "autogroup:self";
    case Kind::internet: return "autogroup:internet";
    case Kind::address:
    case Kind::prefix: return address_text(selector.prefix, selector);
    case Kind::range: return selector.prefix.first().text() + "-" + selector.last.text();
    default: return selector.name;
  }
}

std::string selector_list(const std::vector<Selector>& list) {
  return array(list, [](const Selector& selector) { return quoted(selector_text(selector)); });
}

std::string ports_text(const oracle::Ports& ports) {
  if (ports == oracle::Ports{}) return "*";
  return ports.first == ports.last ? fmt::format("{}", ports.first) : fmt::format("{}-{}", ports.first, ports.last);
}

std::string target_text(const oracle::Target& target) {
  std::string host = selector_text(target.selector);
  if (target.selector.kind == Kind::address && !target.selector.prefix.first().is_v4()) host = "[" + host + "]";
  std::string list;
  for (const oracle::Ports& ports : target.ports) list += (list.empty() ? "" : ",") + ports_text(ports);
  return quoted(host + ":" + list);
}

struct ProtocolName {
  std::uint8_t number;
  std::string_view name;
  std::string_view other;
};

constexpr std::array<ProtocolName, 14> protocol_names = {{
    {1, "icmp", "icmpv4"},
    {2, "igmp", "IGMP"},
    {4, "ipv4", "ip-in-ip"},
    {6, "tcp", "TCP"},
    {8, "egp", "8"},
    {9, "igp", "9"},
    {17, "udp", "UDP"},
    {33, "dccp", "33"},
    {47, "gre", "GRE"},
    {50, "esp", "50"},
    {51, "ah", "51"},
    {58, "ipv6-icmp", "icmpv6"},
    {99, "tsmp", "99"},
    {132, "sctp", "132"},
}};

// `turn` decides how.
std::string protocol_text(std::uint8_t protocol, std::size_t turn) {
  for (const ProtocolName& known : protocol_names) {
    if (known.number == protocol && turn % 3 == 0) return std::string(known.name);
    if (known.number == protocol && turn % 3 == 1) return std::string(known.other);
  }
  return fmt::format("{}", protocol);
}

std::string traffic_text(const oracle::Traffic& ip, std::size_t turn) {
  const std::string ports = ports_text(ip.ports);
  return quoted(ip.protocol ? protocol_text(*ip.protocol, turn) + ":" + ports : ports);
}

std::string posture_member(const std::optional<std::vector<std::string>>& posture) {
  return posture ? ", \"srcPosture\": " + strings(*posture) : std::string();
}

std::string acl_text(const oracle::Acl& acl, std::size_t turn) {
  std::string out = fmt::format("    {{\"action\": \"accept\", \"src\": {}, \"dst\": {}", selector_list(acl.src),
                                array(acl.dst, target_text));
  if (acl.protocol) out += ", \"proto\": " + quoted(protocol_text(*acl.protocol, turn));
  return out + posture_member(acl.posture) + "},\n";
}

std::string grant_text(const oracle::Grant& grant, std::size_t turn) {
  std::string out = fmt::format("    {{\"src\": {}, \"dst\": {}", selector_list(grant.src), selector_list(grant.dst));
  if (!grant.ip.empty()) {
    out += ", \"ip\": " + array(grant.ip, [&](const oracle::Traffic& ip) { return traffic_text(ip, turn++); });
  }
  if (!grant.app.empty()) {
    out += ", \"app\": {" +
           joined(grant.app,
                  [](const oracle::Capability& capability) {
                    return quoted(capability.name) + ": " +
                           array(capability.values, [](const auto& value) { return value; });
                  }) +
           "}";
  }
  if (!grant.via.empty()) out += ", \"via\": " + strings(grant.via);
  return out + posture_member(grant.posture) + "},\n";
}

std::string ssh_text(const oracle::SshRule& rule) {
  std::string out =
      fmt::format("    {{\"action\": \"{}\", \"src\": {}, \"dst\": {}, \"users\": {}", rule.check ? "check" : "accept",
                  selector_list(rule.src), selector_list(rule.dst), strings(rule.users));
  if (!rule.accept_env.empty()) out += ", \"acceptEnv\": " + strings(rule.accept_env);
  return out + posture_member(rule.posture) + "},\n";
}

std::string value_text(const oracle::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return std::get<bool>(value) ? "true" : "false";
}

std::string condition_text(const oracle::Condition& condition) {
  static constexpr std::array operators = {"==", "!=", "<", "<=", ">", ">=", "IN", "NOT IN", "IS SET", "NOT SET"};
  using Operator = oracle::Condition::Operator;
  std::string out = condition.attribute + " " + operators[static_cast<std::size_t>(condition.op)];
  if (condition.op == Operator::in || condition.op == Operator::not_in) {
    out += " " + array(condition.operands, value_text);
  } else if (!condition.operands.empty()) {
    out += " " + value_text(condition.operands[0]);
  }
  return quoted(out);
}

// A set that removes nothing is written without "add".
std::string ipset_text(const std::vector<oracle::IpsetOperation>& operations) {
  bool removes = false;
  for (const auto& operation : operations) removes = removes || operation.remove;
  return array(operations, [&](const oracle::IpsetOperation& operation) {
    const std::string host = operation.target.kind == Kind::host ? "host:" : "";
    return quoted((operation.remove ? "remove " : removes ? "add " : "") + host + selector_text(operation.target));
  });
}

template <class Map, class Write>
std::string section(std::string_view name, const Map& map, Write write) {
  if (map.empty()) return {};
  std::string out = fmt::format("  \"{}\": {{\n", name);
  for (const auto& [key, value] : map) out += fmt::format("    \"{}\": {},\n", key, write(value));
  return out + "  },\n";
}

template <class List, class Write>
std::string list_section(std::string_view name, const List& list, Write write) {
  std::string out = fmt::format("  \"{}\": [\n", name);
  for (std::size_t i = 0; i < list.size(); ++i) out += write(list[i], i);
  return out + "  ],\n";
}

std::string approvers_text(const oracle::Policy& policy) {
  if (policy.route_approvers.empty() && policy.exit_approvers.empty()) return {};
  std::string out = "  \"autoApprovers\": {\n";
  if (!policy.route_approvers.empty()) {
    out += "    \"routes\": {" +
           joined(policy.route_approvers,
                  [](const auto& entry) {
                    return quoted(entry.first.text_with_length()) + ": " + selector_list(entry.second);
                  }) +
           "},\n";
  }
  if (!policy.exit_approvers.empty()) out += "    \"exitNode\": " + selector_list(policy.exit_approvers) + ",\n";
  return out + "  },\n";
}

std::string test_text(const oracle::Test& test) {
  std::string out = "    {\"src\": " + quoted(selector_text(test.src));
  if (test.protocol) out += ", \"proto\": " + quoted(protocol_text(*test.protocol, 0));
  if (!test.accept.empty()) out += ", \"accept\": " + array(test.accept, target_text);
  if (!test.deny.empty()) out += ", \"deny\": " + array(test.deny, target_text);
  return out + "},\n";
}

std::string ssh_test_text(const oracle::SshTest& test) {
  std::string out =
      fmt::format("    {{\"src\": {}, \"dst\": {}", quoted(selector_text(test.src)), selector_list(test.dst));
  if (!test.accept.empty()) out += ", \"accept\": " + strings(test.accept);
  if (!test.check.empty()) out += ", \"check\": " + strings(test.check);
  if (!test.deny.empty()) out += ", \"deny\": " + strings(test.deny);
  return out + "},\n";
}

std::string settings_text(const oracle::Policy& policy) {
  std::string out;
  if (policy.default_posture) out += "  \"defaultSrcPosture\": " + strings(*policy.default_posture) + ",\n";
  if (policy.disable_ipv4) out += "  \"disableIPv4\": true,\n";
  if (!policy.one_cgnat_route.empty()) out += "  \"OneCGNATRoute\": " + quoted(policy.one_cgnat_route) + ",\n";
  if (policy.randomize_client_port) out += "  \"randomizeClientPort\": true,\n";
  if (policy.derp_map) out += "  \"derpMap\": {\"OmitDefaultRegions\": true, \"Regions\": {\"1\": null}},\n";
  return out;
}

// --- the inventory ---

std::string attribute_text(const oracle::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  return value_text(value);
}

// Seconds since 1970 within the first minute of 2026.
std::string time_text(std::int64_t created) { return fmt::format("2026-01-01T00:00:{:02}Z", created - 1767225600); }

std::string node_text(const oracle::Node& node) {
  std::string out = "    {\"name\": " + quoted(node.name);
  if (!node.user.empty()) out += ", \"user\": " + quoted(node.user);
  if (!node.tags.empty()) out += ", \"tags\": " + strings(node.tags);
  out += ", \"addresses\": " + array(node.addresses, [](const net::Address& a) { return quoted(a.text()); });
  const auto routes = [](const std::vector<net::Prefix>& list) {
    return array(list, [](const net::Prefix& route) { return quoted(route.text_with_length()); });
  };
  if (!node.advertised.empty()) out += ", \"advertisedRoutes\": " + routes(node.advertised);
  if (!node.approved.empty()) out += ", \"approvedRoutes\": " + routes(node.approved);
  if (node.created != std::numeric_limits<std::int64_t>::max())
    out += ", \"created\": " + quoted(time_text(node.created));
  if (!node.attributes.empty()) {
    out += ", \"posture\": {" +
           joined(node.attributes,
                  [](const auto& attribute) {
                    return quoted(attribute.first) + ": " + attribute_text(attribute.second);
                  }) +
           "}";
  }
  if (node.shared) out += ", \"shared\": true";
  return out + "},\n";
}

}  // namespace

std::string policy_text(const oracle::Policy& policy) {
  std::string out = "{\n";
  out += section("groups", policy.groups, strings);
  out += section("hosts", policy.hosts, [](const net::Prefix& prefix) { return quoted(prefix.text()); });
  out += section("ipsets", policy.ipsets, ipset_text);
  out += section("tagOwners", policy.tag_owners, selector_list);
  out += section("postures", policy.postures, [](const auto& conditions) { return array(conditions, condition_text); });
  if (policy.grants) out += list_section("grants", *policy.grants, grant_text);
  if (policy.acls) out += list_section("acls", *policy.acls, acl_text);
  if (!policy.ssh.empty())
    out += list_section("ssh", policy.ssh, [](const auto& rule, std::size_t) { return ssh_text(rule); });
  out += approvers_text(policy);
  if (!policy.node_attributes.empty()) {
    out += list_section("nodeAttrs", policy.node_attributes, [](const oracle::NodeAttribute& entry, std::size_t) {
      return fmt::format("    {{\"target\": {}, \"attr\": {}}},\n", selector_list(entry.target),
                         strings(entry.attributes));
    });
  }
  if (!policy.tests.empty())
    out += list_section("tests", policy.tests, [](const auto& t, std::size_t) { return test_text(t); });
  if (!policy.ssh_tests.empty()) {
    out += list_section("sshTests", policy.ssh_tests, [](const auto& t, std::size_t) { return ssh_test_text(t); });
  }
  return out + settings_text(policy) + "}\n";
}

std::string inventory_text(const oracle::Tailnet& tailnet) {
  std::string out =
      "{\n  \"tailnet\": \"example.com\",\n  \"domains\": " + strings(tailnet.domains) + ",\n  \"users\": [\n";
  for (const oracle::User& user : tailnet.users) {
    out += fmt::format("    {{\"login\": \"{}\", \"role\": \"{}\"}},\n", user.login, user.role);
  }
  out += "  ],\n  \"nodes\": [\n";
  for (const oracle::Node& node : tailnet.nodes) out += node_text(node);
  out += "  ],\n";
  if (!tailnet.services.empty()) {
    out += "  \"services\": [\n";
    for (const oracle::Service& service : tailnet.services) {
      out += fmt::format("    {{\"name\": \"{}\", \"addresses\": {}, \"hosts\": {}}},\n", service.name,
                         array(service.addresses, [](const net::Address& a) { return quoted(a.text()); }),
                         strings(service.hosts));
    }
    out += "  ],\n";
  }
  return out + section("syncedGroups", tailnet.synced_groups, strings) + "}\n";
}

}  // namespace acl::generate
