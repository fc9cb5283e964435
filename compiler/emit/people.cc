#include "compiler/emit/people.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "compiler/emit/display.h"

namespace acl::emit {

using resolve::NodeId;
using resolve::Origin;
using resolve::RuleKind;
using resolve::Section;
using resolve::Views;

namespace {

constexpr std::size_t first_column = 26;
constexpr std::size_t second_column = 46;
constexpr std::size_t most_names = 8;

std::string join_names(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most_names; ++i) out += (i == 0 ? "" : ", ") + printable(names[i]);
  if (names.size() > most_names) out += fmt::format(", … ({} more)", names.size() - most_names);
  return out;
}

const std::vector<policy::Selector>& sources_of(const policy::Policy& policy, const Origin& origin) {
  if (origin.section == Section::grants) return (*policy.grants)[origin.index].src;
  if (origin.section == Section::acls) return (*policy.acls)[origin.index].src;
  return policy.ssh[origin.index].src;
}

const std::optional<std::vector<policy::Text>>& posture_of(const policy::Policy& policy, const Origin& origin) {
  if (origin.section == Section::grants) return (*policy.grants)[origin.index].src_posture;
  if (origin.section == Section::acls) return (*policy.acls)[origin.index].src_posture;
  return policy.ssh[origin.index].src_posture;
}

// The sources as the rule names them, and the postures they must meet.
std::string source_names(const policy::Policy& policy, const Origin& origin) {
  if (origin.section == Section::allow_all) return "*";
  std::vector<std::string> names;
  for (const policy::Selector& selector : sources_of(policy, origin)) names.emplace_back(selector.text);
  std::string out = join_names(names);
  const auto& own = posture_of(policy, origin);
  const auto& postures = own ? own : policy.default_src_posture;
  if (!postures || postures->empty()) return out;
  names.clear();
  for (const policy::Text& posture : *postures) names.emplace_back(posture.value);
  return out + " meeting " + join_names(names);
}

std::string row(std::string_view what, std::string_view from, std::string_view rule) {
  return fmt::format("    {:<{}}  from {:<{}}  {}\n", what, first_column, from, second_column, rule);
}

// One line for each destination of a rule of the policy that concerns the node.
std::string packets(const Views& views, NodeId node) {
  const resolve::Resolved& resolved = views.resolved();
  const policy::PolicyFile& file = *resolved.file;
  std::string out;
  for (const resolve::Incidence& incidence : views.incidences(node)) {
    const resolve::Rule& rule = resolved.rules[incidence.rule];
    const resolve::Destination& destination = rule.destinations[incidence.destination];
    if (rule.kind == RuleKind::visibility) continue;
    bool any = false;
    views.each_entry(node, destination, [&](resolve::EntryId) { any = true; });
    if (!any) continue;
    std::string what;
    if (rule.kind == RuleKind::ports) {
      what = describe_service(rule.protocol, resolved.port_lists[destination.ports]);
    } else {
      std::vector<std::string> names;
      for (const auto& value : resolved.capability_maps[rule.capabilities]) names.emplace_back(value.name);
      what = join_names(names);
    }
    // Where the rule opens more than the node itself, say what.
    if (destination.user == resolve::none) {
      const resolve::SelectorSet& set = resolved.selectors[destination.selector];
      const bool literal = set.nodes.empty() && !set.everything;
      if (literal) what += fmt::format(" to {}", printable(set.text));
    }
    std::string from = source_names(file.policy, destination.origin);
    if (destination.user != resolve::none) {
      from = fmt::format("{}'s own devices", printable(resolved.inventory->users[destination.user].login));
    }
    out += row(what, from, describe_origin(file, destination.origin));
  }
  return out;
}

std::string logins(const Views& views, NodeId node) {
  const resolve::Resolved& resolved = views.resolved();
  std::string out;
  std::uint32_t last = resolve::none;
  for (const resolve::SshRuleView& view : views.ssh_rules(node)) {
    if (view.index == last) continue;  // the parts of a localpart rule are one rule to people
    last = view.index;
    std::vector<std::string> users;
    for (const policy::Text& user : view.rule->users) users.emplace_back(user.value);
    const std::string what = join_names(users) + (view.check ? " (check)" : "");
    out += row(what, source_names(resolved.file->policy, {Section::ssh, view.index}),
               describe_origin(*resolved.file, {Section::ssh, view.index}));
  }
  return out;
}

}  // namespace

std::string describe_service(std::int16_t protocol, const std::vector<policy::PortRange>& ports) {
  std::string list;
  for (const policy::PortRange& range : ports) {
    if (range.is_all()) continue;
    list += list.empty() ? "" : ",";
    list += range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
  }
  const bool all = std::any_of(ports.begin(), ports.end(), [](const auto& range) { return range.is_all(); });
  if (protocol < 0) return all || list.empty() ? "any port" : "port " + list;
  const std::string name = policy::protocol_name(static_cast<std::uint8_t>(protocol));
  if (all || list.empty())
    return policy::protocol_has_ports(static_cast<std::uint8_t>(protocol)) ? name + " any port" : name;
  return name + " " + list;
}

Span origin_span(const policy::Policy& policy, const Origin& origin) {
  switch (origin.section) {
    case Section::grants: return (*policy.grants)[origin.index].span;
    case Section::acls: return (*policy.acls)[origin.index].span;
    case Section::ssh: return policy.ssh[origin.index].span;
    case Section::allow_all: break;
  }
  return {};
}

std::string describe_origin(const policy::PolicyFile& file, const Origin& origin) {
  const std::string name = resolve::origin_name(origin);
  if (origin.section == Section::allow_all) return name;
  return fmt::format("{}, line {}", name, file.source.position(origin_span(file.policy, origin).begin).line);
}

std::string describe_node(const Views& views, NodeId node) {
  const resolve::Resolved& resolved = views.resolved();
  const inventory::Node& device = resolved.inventory->nodes[node];
  std::vector<std::string> identity, addresses;
  for (const std::uint32_t tag : device.tags) identity.push_back(resolved.inventory->tags[tag]);
  if (device.tags.empty()) {
    identity.push_back(device.user == inventory::none ? "nobody's" : resolved.inventory->users[device.user].login);
  }
  for (const net::Address& address : device.addresses) addresses.push_back(address.text());
  std::string out = fmt::format("{}  ({})  {}\n", printable(device.name), join_names(identity), join_names(addresses));
  const std::string in = packets(views, node);
  out += in.empty() ? "  packets: nobody reaches it\n" : "  packets\n" + in;
  const std::string ssh = logins(views, node);
  out += ssh.empty() ? "  logins: nobody by SSH rules\n" : "  logins\n" + ssh;
  std::vector<std::string> peers;
  for (const NodeId peer : views.peers(node)) peers.push_back(resolved.inventory->nodes[peer].name);
  out += peers.empty()
             ? "  sees no peers\n"
             : fmt::format("  sees {} {}: {}\n", peers.size(), peers.size() == 1 ? "peer" : "peers", join_names(peers));
  std::vector<std::string> routes;
  for (const net::Prefix& route : resolved.approved_routes[node]) routes.push_back(route.text_with_length());
  if (!routes.empty()) out += fmt::format("  routes {}\n", join_names(routes));
  return out;
}

}  // namespace acl::emit
