#include "compiler/questions/can.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/resolve/tailnet.h"

namespace acl::questions {

using policy::Selector;
using resolve::Destination;
using resolve::NodeId;
using resolve::none;
using resolve::Origin;
using resolve::Resolved;
using resolve::Rule;
using resolve::RuleKind;
using resolve::Section;
using resolve::Views;

namespace {

constexpr std::size_t most_nearest = 5;
constexpr std::size_t most_pairs = 12;

std::string end_name(const Resolved& resolved, const std::vector<End>& ends) {
  return ends[0].node == none ? ends[0].address.text() : resolved.inventory->nodes[ends[0].node].name;
}

const std::vector<Selector>& sources_of(const policy::Policy& policy, const Origin& origin) {
  if (origin.section == Section::grants) return (*policy.grants)[origin.index].src;
  if (origin.section == Section::acls) return (*policy.acls)[origin.index].src;
  return policy.ssh[origin.index].src;
}

std::string list_selectors(const std::vector<Selector>& selectors) {
  std::string out;
  for (const Selector& selector : selectors) out += fmt::format("{}{}", out.empty() ? "" : ", ", selector.text);
  return out;
}

// "ana-laptop (100.64.0.7) is ana@example.com, in group:eng": how a source comes under a rule.
std::string chain(const Resolved& resolved, const resolve::Tailnet& tailnet, const End& source, const Origin& origin) {
  std::string who = source.address.text();
  if (source.node != none) {
    const inventory::Node& node = resolved.inventory->nodes[source.node];
    who = fmt::format("{} ({})", node.name, source.address.text());
    if (!node.tags.empty()) {
      std::string tags;
      for (const std::uint32_t tag : node.tags)
        tags += fmt::format("{}{}", tags.empty() ? "" : ", ", resolved.inventory->tags[tag]);
      who += " is " + tags;
    } else if (node.user != inventory::none) {
      who += " is " + resolved.inventory->users[node.user].login;
    }
  }
  if (origin.section == Section::allow_all) return who + ", everybody";
  for (const Selector& selector : sources_of(resolved.file->policy, origin)) {
    if (selector.kind == policy::SelectorKind::wildcard) return fmt::format("{}, in *", who);
    const auto nodes = tailnet.identities(selector, resolved.file->policy);
    if (nodes && source.node != none && std::binary_search(nodes->begin(), nodes->end(), source.node)) {
      return fmt::format("{}, in {}", who, selector.text);
    }
  }
  return fmt::format("{}, by address in {}", who, list_selectors(sources_of(resolved.file->policy, origin)));
}

// Nodes that hold an address: as theirs, or behind an approved route.
std::string router_of(const Resolved& resolved, const net::Address& address) {
  for (const inventory::Service& service : resolved.inventory->services) {
    const auto& list = service.addresses;
    if (std::find(list.begin(), list.end(), address) != list.end() && !service.hosts.empty()) {
      return resolved.inventory->nodes[service.hosts.front()].name;
    }
  }
  for (const resolve::Route& route : resolved.routes) {
    if (route.prefix.contains(address)) return resolved.inventory->nodes[route.nodes.front()].name;
  }
  for (NodeId node = 0; node < resolved.node_count(); ++node) {
    if (resolved.exit_node[node] && resolve::is_internet({resolve::EntryKind::address, 0, address, address})) {
      return resolved.inventory->nodes[node].name;
    }
  }
  return {};
}

Layer visibility(const Views& views, const End& source, const End& destination) {
  const Resolved& resolved = views.resolved();
  const auto name = [&](const End& end) { return end_name(resolved, {end}); };
  if (source.node == none || destination.node == none) {
    const std::string router = destination.node == none ? router_of(resolved, destination.address) : name(destination);
    if (destination.node == none && router.empty()) {
      return {"visible", false, fmt::format("no node has {} or an approved route to it", destination.address.text())};
    }
    return {"visible", true,
            destination.node == none ? fmt::format("{} is behind {}", destination.address.text(), router)
                                     : fmt::format("{} is no node of the tailnet", source.address.text())};
  }
  if (source.node == destination.node) return {"visible", true, fmt::format("{} is the source itself", name(source))};
  Views::Marks marks(resolved.node_count());
  const bool all = views.mark_peers(source.node, marks);
  const bool seen =
      all || std::find(marks.members().begin(), marks.members().end(), destination.node) != marks.members().end();
  return {"visible", seen,
          seen ? fmt::format("{} and {} see each other", name(source), name(destination))
               : fmt::format("no rule makes {} and {} see each other", name(source), name(destination))};
}

std::string service_name(const Packet& packet) {
  const std::string protocol = policy::protocol_name(packet.protocol);
  if (!policy::protocol_has_ports(packet.protocol)) return protocol;
  return packet.port ? fmt::format("{} port {}", protocol, *packet.port) : fmt::format("every {} port", protocol);
}

// The postures that keep a source out of a rule which otherwise is for it; "" if that is not the reason.
std::string failing_posture(const Resolved& resolved, const Origin& origin, const End& source) {
  const policy::Policy& policy = resolved.file->policy;
  if (origin.section == Section::allow_all || source.node == none) return {};
  const auto& own = origin.section == Section::grants ? (*policy.grants)[origin.index].src_posture
                    : origin.section == Section::acls ? (*policy.acls)[origin.index].src_posture
                                                      : policy.ssh[origin.index].src_posture;
  const auto& postures = own ? own : policy.default_src_posture;
  if (!postures || postures->empty()) return {};
  const resolve::Tailnet tailnet(*resolved.inventory);
  const auto& selectors = sources_of(policy, origin);
  const bool meant = std::any_of(selectors.begin(), selectors.end(), [&](const Selector& selector) {
    if (selector.kind == policy::SelectorKind::wildcard) return true;
    const auto nodes = tailnet.identities(selector, policy);
    return nodes && std::binary_search(nodes->begin(), nodes->end(), source.node);
  });
  if (!meant) return {};
  std::string names;
  for (const policy::Text& name : *postures) names += fmt::format("{}{}", names.empty() ? "" : " or ", name.value);
  return names;
}

std::string failure(const Resolved& resolved, const Rule& rule, const Destination& destination, const Packet& packet,
                    Failed failed) {
  const Origin& origin = destination.origin;
  const std::string source = end_name(resolved, {packet.source});
  switch (failed) {
    case Failed::source:
      if (const std::string posture = failing_posture(resolved, origin, packet.source); !posture.empty()) {
        return fmt::format("posture: {} does not meet {}", source, posture);
      }
      return fmt::format(
          "source: {} is not in {}", source,
          origin.section == Section::allow_all ? "*" : list_selectors(sources_of(resolved.file->policy, origin)));
    case Failed::destination: {
      const std::string name = destination.user != none ? std::string("autogroup:self")
                                                        : std::string(resolved.selectors[destination.selector].text);
      return fmt::format("destination: {} is not in {}", end_name(resolved, {packet.destination}), name);
    }
    case Failed::protocol:
      return fmt::format(
          "protocol: the rule is for {}",
          rule.protocol < 0 ? "TCP, UDP and ICMP" : policy::protocol_name(static_cast<std::uint8_t>(rule.protocol)));
    case Failed::port: {
      std::string ports;
      for (const policy::PortRange& range : resolved.port_lists[destination.ports]) {
        ports += ports.empty() ? "" : ", ";
        ports +=
            range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
      }
      return fmt::format("port: the rule is for {}", ports);
    }
    case Failed::nothing: break;
  }
  return {};
}

// Rules by how far they come: port, then protocol, destination, source; the policy's order within.
std::vector<Nearest> nearest_rules(const Views& views, const Packet& packet) {
  struct Found {
    Failed failed;
    Nearest nearest;
  };
  std::vector<Found> found;
  const Resolved& resolved = views.resolved();
  for (const Rule& rule : resolved.rules) {
    if (rule.kind != RuleKind::ports) continue;
    for (const Destination& destination : rule.destinations) {
      const Failed failed = why_not(views, rule, destination, packet);
      // A rule for other people and other places says nothing.
      if (failed == Failed::nothing) continue;
      if (failed == Failed::source && !allows_but_for_source(views, rule, destination, packet)) continue;
      found.push_back({failed, {destination.origin, failure(resolved, rule, destination, packet, failed)}});
    }
  }
  // A rule of which all but one condition holds is nearer than one that merely begins at the source.
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    const auto rank = [](Failed failed) {
      switch (failed) {
        case Failed::port: return 3;
        case Failed::source: return 2;
        case Failed::protocol: return 1;
        default: return 0;
      }
    };
    return rank(a.failed) > rank(b.failed);
  });
  std::vector<Nearest> out;
  for (const Found& one : found) {
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const Nearest& n) { return n.origin == one.nearest.origin; });
    if (!known) out.push_back(one.nearest);
    if (out.size() == most_nearest) break;
  }
  return out;
}

// SSH rules that lead to the node, or start at the source, each with what does not fit.
std::vector<Nearest> nearest_ssh_rules(const Views& views, const std::vector<End>& from, const std::vector<End>& to,
                                       std::string_view user) {
  std::vector<Nearest> out;
  const Resolved& resolved = views.resolved();
  const auto has = [](const std::vector<NodeId>& nodes, NodeId node) {
    return std::binary_search(nodes.begin(), nodes.end(), node);
  };
  for (const resolve::SshRule& rule : resolved.ssh) {
    if (from[0].node == none || to[0].node == none || out.size() == most_nearest) break;
    const policy::SshRule& origin = resolved.file->policy.ssh[rule.index];
    const bool source = has(rule.sources, from[0].node);
    const bool destination = has(rule.destinations, to[0].node) || rule.self;
    if (!source && !destination) continue;
    std::string failed;
    if (!source) {
      failed = fmt::format("source: {} is not in {}", end_name(resolved, from), list_selectors(origin.src));
    } else if (!destination) {
      failed = fmt::format("destination: {} is not in {}", end_name(resolved, to), list_selectors(origin.dst));
    } else {
      std::string users;
      for (const policy::Text& name : origin.users) users += fmt::format("{}{}", users.empty() ? "" : ", ", name.value);
      failed = fmt::format("user: \"{}\" is not in {}", user, users);
    }
    out.push_back({{Section::ssh, rule.index}, failed});
  }
  return out;
}

bool reaches_port_22(const Views& views, const std::vector<End>& from, const std::vector<End>& to) {
  for (const End& source : from) {
    for (const End& destination : to) {
      if (decide(views, {source, destination, 6, std::uint16_t{22}}).allowed) return true;
    }
  }
  return false;
}

Layer known_layer(const Party& source, const Party& destination) {
  const auto words = [](const Party& party) {
    const std::string_view article = party.kind.front() == 'a' ? "an" : "a";
    return party.members.size() == 1
               ? fmt::format("{} is {} {}", party.text, article, party.kind)
               : fmt::format("{} is {} {} of {} devices", party.text, article, party.kind, party.members.size());
  };
  for (const Party* party : {&source, &destination}) {
    if (party->members.empty()) return {"known", false, fmt::format("{} has no devices", party->text)};
  }
  return {"known", true, fmt::format("{}; {}", words(source), words(destination))};
}

}  // namespace

Expected<Answer> can_reach(const Views& views, std::string_view source_name, std::string_view target_text) {
  const Resolved& resolved = views.resolved();
  const auto target = parse_target(target_text);
  if (!target) return tl::unexpected<Diagnostic>(target.error());
  const auto source = find_party(resolved, source_name);
  if (!source) return tl::unexpected<Diagnostic>(source.error());
  const auto destination = find_party(resolved, target->name);
  if (!destination) return tl::unexpected<Diagnostic>(destination.error());

  Answer answer;
  answer.layers.push_back(known_layer(*source, *destination));
  if (!answer.layers[0].ok) return answer;
  const resolve::Tailnet tailnet(*resolved.inventory);
  std::size_t allowed = 0, asked = 0;
  bool denied_seen = false;
  Layer visible, packet_layer;
  // A range of ports is allowed if each port of it is; the ends of the rules' ranges are where that can change.
  const auto decide_ports = [&](const End& from, const End& to) {
    Packet packet{from, to, target->protocol, std::nullopt};
    if (!target->ports) return decide(views, packet);
    Decision decision;
    for (std::uint32_t port = target->ports->first; port <= target->ports->last; ++port) {
      packet.port = static_cast<std::uint16_t>(port);
      decision = decide(views, packet);
      if (!decision.allowed) return decision;
    }
    return decision;
  };
  for (const auto& from : source->members) {
    for (const auto& to : destination->members) {
      ++asked;
      Decision decision;
      End used_from = from[0], used_to = to[0];
      for (const End& a : from) {
        for (const End& b : to) {
          if (decision.allowed || a.address.family() != b.address.family()) continue;
          decision = decide_ports(a, b);
          used_from = a;
          used_to = b;
        }
      }
      const Layer see = visibility(views, used_from, used_to);
      const bool yes = decision.allowed && see.ok;
      allowed += yes ? 1 : 0;
      if (source->members.size() * destination->members.size() > 1 && answer.pairs.size() < most_pairs) {
        answer.pairs.push_back(
            fmt::format("{} -> {}: {}", end_name(resolved, from), end_name(resolved, to), yes ? "yes" : "no"));
      }
      Packet packet{used_from, used_to, target->protocol, std::nullopt};
      if (target->ports) packet.port = target->ports->first;
      if (yes && !denied_seen) {
        visible = see;
        answer.origin = decision.origin;
        answer.has_rule = true;
        packet_layer = {"packet", true,
                        fmt::format("{} allows {}: {}", resolve::origin_name(decision.origin), service_name(packet),
                                    chain(resolved, tailnet, used_from, decision.origin))};
      } else if (!yes && !denied_seen) {
        denied_seen = true;
        visible = see;
        answer.has_rule = false;
        packet_layer = {"packet", decision.allowed,
                        decision.allowed ? fmt::format("{} allows it", resolve::origin_name(decision.origin))
                                         : fmt::format("no rule allows {} from {} to {}", service_name(packet),
                                                       end_name(resolved, from), end_name(resolved, to))};
        answer.nearest = nearest_rules(views, packet);
      }
    }
  }
  answer.layers.push_back(visible);
  answer.layers.push_back(packet_layer);
  answer.verdict = allowed == asked ? Verdict::accept : Verdict::deny;
  return answer;
}

Expected<Answer> can_login(const Views& views, std::string_view source_name, std::string_view user,
                           std::string_view node) {
  const Resolved& resolved = views.resolved();
  const auto source = find_party(resolved, source_name);
  if (!source) return tl::unexpected<Diagnostic>(source.error());
  const auto destination = find_party(resolved, node);
  if (!destination) return tl::unexpected<Diagnostic>(destination.error());
  // A login is a connection to port 22 first.
  auto reach =
      can_reach(views, source_name,
                node.find(':') == std::string_view::npos ? fmt::format("{}:22", node) : fmt::format("[{}]:22", node));
  if (destination->kind != "address" && node.find(':') != std::string_view::npos) {
    reach = can_reach(views, source_name, fmt::format("{}:22", node));
  }
  if (!reach) return tl::unexpected<Diagnostic>(reach.error());
  Answer answer = std::move(*reach);
  const bool packets = answer.verdict == Verdict::accept;
  answer.verdict = Verdict::deny;
  if (!answer.layers[0].ok) return answer;
  bool every = true, every_login = true, checked = false;
  answer.pairs.clear();
  Layer ssh;
  Origin origin;
  for (const auto& from : source->members) {
    for (const auto& to : destination->members) {
      Login login;
      if (from[0].node != none && to[0].node != none) login = decide_login(views, from[0].node, to[0].node, user);
      const bool admitted = login.verdict != Verdict::deny;
      const bool yes = admitted && reaches_port_22(views, from, to);
      every_login = every_login && admitted;
      if (source->members.size() * destination->members.size() > 1 && answer.pairs.size() < most_pairs) {
        answer.pairs.push_back(fmt::format("{} -> {}@{}: {}", end_name(resolved, from), user, end_name(resolved, to),
                                           yes ? verdict_name(login.verdict) : "deny"));
      }
      if (!every) continue;
      // The first pair that fails is told of, as in the packet layer; else the last that is let in.
      every = yes;
      if (admitted) {
        origin = {Section::ssh, login.rule};
        checked = checked || login.verdict == Verdict::check;
        ssh = {"ssh", true,
               fmt::format("{} lets {} in as {}{}", resolve::origin_name(origin), end_name(resolved, from), login.local,
                           login.verdict == Verdict::check ? ", after a check" : "")};
      } else {
        ssh = {"ssh", false,
               login.reaches_node
                   ? fmt::format("no rule lets {} in as \"{}\" on {}, though as somebody else",
                                 end_name(resolved, from), user, end_name(resolved, to))
                   : fmt::format("no ssh rule leads from {} to {}", end_name(resolved, from), end_name(resolved, to))};
      }
    }
  }
  answer.layers.push_back(ssh);
  if (every && packets) {
    answer.verdict = checked ? Verdict::check : Verdict::accept;
    answer.origin = origin;
    answer.has_rule = true;
    answer.nearest.clear();
    return answer;
  }
  answer.has_rule = false;
  if (!every_login) {
    // What the SSH rules lack stands before what the packet rules lack.
    std::vector<Nearest> nearest = nearest_ssh_rules(views, source->members[0], destination->members[0], user);
    nearest.insert(nearest.end(), answer.nearest.begin(), answer.nearest.end());
    if (nearest.size() > most_nearest) nearest.resize(most_nearest);
    answer.nearest = std::move(nearest);
  }
  return answer;
}

}  // namespace acl::questions
