#include "compiler/questions/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/resolve/tailnet.h"
#include "engine/net/suggest.h"

namespace acl::questions {

using policy::Selector;
using policy::SelectorKind;
using resolve::NodeId;
using resolve::Resolved;

namespace {

std::vector<End> ends_of(const Resolved& resolved, NodeId node) {
  std::vector<End> ends;
  for (const net::Address& address : resolved.inventory->nodes[node].addresses) ends.push_back({address, node});
  return ends;
}

NodeId node_with(const Resolved& resolved, const net::Address& address) {
  const auto& nodes = resolved.inventory->nodes;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    if (std::find(nodes[id].addresses.begin(), nodes[id].addresses.end(), address) != nodes[id].addresses.end())
      return id;
  }
  return resolve::none;
}

std::vector<std::string_view> known_names(const Resolved& resolved) {
  std::vector<std::string_view> names;
  const policy::Policy& policy = resolved.file->policy;
  for (const auto& node : resolved.inventory->nodes) names.push_back(node.name);
  for (const auto& user : resolved.inventory->users) names.push_back(user.login);
  for (const auto& group : policy.groups) names.push_back(group.name.value);
  for (const auto& tag : policy.tag_owners) names.push_back(tag.name.value);
  for (const auto& host : policy.hosts) names.push_back(host.name.value);
  return names;
}

tl::unexpected<Diagnostic> unknown(const Resolved& resolved, std::string_view name) {
  const auto names = known_names(resolved);
  const auto near = acl::nearest(name, names);
  return fail(Code::E0901, fmt::format("unknown name \"{}\"", name),
              near ? fmt::format("did you mean \"{}\"?", *near)
                   : "a name is a node, a login, a group, a tag, an autogroup, a host or an address");
}

}  // namespace

Expected<Party> find_party(const Resolved& resolved, std::string_view name) {
  Party party{std::string(name), {}, {}};
  const auto& nodes = resolved.inventory->nodes;
  const auto named = std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == name; });
  if (named != nodes.end()) {
    party.kind = "node";
    party.members.push_back(ends_of(resolved, static_cast<NodeId>(named - nodes.begin())));
    return party;
  }
  Selector selector = policy::parse_selector(name, {});
  const std::string lowered = policy::lower_case(name);
  if (selector.kind == SelectorKind::tag) selector = policy::parse_selector(lowered, {});
  const auto add_address = [&](const net::Address& address) {
    party.members.push_back({{address, node_with(resolved, address)}});
  };
  if (selector.kind == SelectorKind::address) {
    party.kind = "address";
    add_address(selector.prefix.first());
    return party;
  }
  if (selector.kind == SelectorKind::service) {
    for (const inventory::Service& service : resolved.inventory->services) {
      if (service.name != selector.text) continue;
      party.kind = "service";
      party.members.emplace_back();
      for (const net::Address& address : service.addresses) party.members[0].push_back({address, resolve::none});
      if (party.members[0].empty()) party.members.clear();
      return party;
    }
    return unknown(resolved, name);
  }
  const policy::Policy& policy = resolved.file->policy;
  if (selector.kind == SelectorKind::host) {
    for (const policy::Host& host : policy.hosts) {
      if (host.name.value != selector.name || !host.prefix) continue;
      if (!host.prefix->is_single()) {
        return fail(Code::E0902, fmt::format("\"{}\" is the prefix {}, not one address", name, host.prefix->text()),
                    "ask about an address inside it");
      }
      party.kind = "host";
      add_address(host.prefix->first());
      return party;
    }
    return unknown(resolved, name);
  }
  const auto declared = [&] {
    switch (selector.kind) {
      case SelectorKind::tag:
        return std::any_of(policy.tag_owners.begin(), policy.tag_owners.end(),
                           [&](const auto& tag) { return tag.name.value == selector.text; });
      case SelectorKind::group:
        return std::any_of(policy.groups.begin(), policy.groups.end(),
                           [&](const auto& group) { return group.name.value == selector.text; }) ||
               std::any_of(resolved.inventory->synced_groups.begin(), resolved.inventory->synced_groups.end(),
                           [&](const auto& group) { return group.name == selector.text; });
      case SelectorKind::user:
        return std::any_of(resolved.inventory->users.begin(), resolved.inventory->users.end(),
                           [&](const auto& user) { return policy::equal_ignoring_case(user.login, selector.text); });
      case SelectorKind::autogroup: return selector.autogroup != policy::Autogroup::unknown;
      case SelectorKind::user_domain: return selector.fault == policy::SelectorFault::none;
      default: return false;
    }
  }();
  if (!declared) {
    if (selector.kind == SelectorKind::prefix || selector.kind == SelectorKind::wildcard) {
      return fail(Code::E0902, fmt::format("\"{}\" is not one address", name), "ask about an address inside it");
    }
    return unknown(resolved, name);
  }
  const auto found = resolve::Tailnet(*resolved.inventory).identities(selector, policy);
  if (!found) {
    return fail(Code::E0902, fmt::format("\"{}\" stands for no devices here", name),
                "ask about a node, a login, a group, a tag, a host or an address");
  }
  party.kind = selector.kind == SelectorKind::user    ? "user"
               : selector.kind == SelectorKind::group ? "group"
               : selector.kind == SelectorKind::tag   ? "tag"
                                                      : "autogroup";
  for (const NodeId node : *found) party.members.push_back(ends_of(resolved, node));
  return party;
}

namespace {

std::string help_for_protocol(std::string_view protocol) {
  constexpr std::array<std::string_view, 7> common = {"tcp", "udp", "icmp", "ipv6-icmp", "sctp", "gre", "esp"};
  const auto near = acl::nearest(protocol, common);
  return near ? fmt::format("did you mean \"{}\"?", *near) : "a target is DST[:PORT[/PROTO]], for example db:5432/tcp";
}

}  // namespace

Expected<Target> parse_target(std::string_view text) {
  Target target;
  std::string_view name = text;
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view ports = text.substr(colon + 1);
    std::string_view protocol;
    if (const std::size_t slash = ports.find('/'); slash != std::string_view::npos) {
      protocol = ports.substr(slash + 1);
      ports = ports.substr(0, slash);
    }
    const bool port_part =
        ports == "*" || (!ports.empty() && ports.find_first_not_of("0123456789-") == std::string_view::npos);
    // An IPv6 address without brackets has colons of its own.
    const bool bare_address = net::Address::parse(text).has_value();
    if (port_part && !bare_address) {
      name = text.substr(0, colon);
      const auto range = policy::parse_port_range(ports);
      if (!range)
        return fail(Code::E0903, fmt::format("\"{}\": {}", text, range.error()),
                    "a target is DST[:PORT[/PROTO]]; PORT is a number up to 65535, a range of them, or *");
      if (!range->is_all()) target.ports = *range;
      if (!protocol.empty()) {
        const auto number = policy::parse_protocol(protocol, policy::ProtocolNames::hosted);
        if (!number)
          return fail(Code::E0903, fmt::format("\"{}\": {}", text, number.error()), help_for_protocol(protocol));
        target.protocol = *number;
        target.has_protocol = true;
      }
    }
  }
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (name.empty())
    return fail(Code::E0903, fmt::format("\"{}\" names no destination", text), "a target is DST[:PORT[/PROTO]]");
  if (target.ports && !policy::protocol_has_ports(target.protocol)) {
    return fail(Code::E0903, fmt::format("\"{}\": {} has no ports", text, policy::protocol_name(target.protocol)),
                fmt::format("write \"{}:*/{}\"", name, policy::protocol_name(target.protocol)));
  }
  target.name = name;
  return target;
}

}  // namespace acl::questions
