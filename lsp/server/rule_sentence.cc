// What a rule grants, in one sentence.
#include <fmt/format.h>

#include <algorithm>

#include "lsp/server/hover.h"
#include "lsp/server/known_ports.h"

namespace acl::lsp {

using policy::Selector;

namespace {

constexpr std::size_t most_names = 5;

// The nodes of a selector as the resolved rules have it: no pass over a large inventory for each name of a long rule.
std::string quick_counts(const Known& known, const Selector& selector) {
  constexpr std::size_t most_nodes = 10'000;
  const bool large = known.inventory != nullptr && known.inventory->nodes.size() > most_nodes;
  if (known.understanding == nullptr) return large ? "" : counts(members_of(known, selector));
  for (const resolve::SelectorSet& set : known.understanding->resolved.selectors) {
    if (set.text != selector.text) continue;
    if (set.everything || set.wildcard || set.self || set.exits_only || set.nodes.empty()) return {};
    return fmt::format("{} {}", set.nodes.size(), set.nodes.size() == 1 ? "node" : "nodes");
  }
  return large ? "" : counts(members_of(known, selector));
}

std::string named(const Known& known, const Selector& selector) {
  if (selector.kind == policy::SelectorKind::wildcard) return "everything (`*`)";
  const bool counted =
      selector.kind == policy::SelectorKind::group || selector.kind == policy::SelectorKind::tag ||
      selector.kind == policy::SelectorKind::user || selector.kind == policy::SelectorKind::user_domain ||
      (selector.kind == policy::SelectorKind::autogroup && selector.autogroup != policy::Autogroup::self &&
       selector.autogroup != policy::Autogroup::internet);
  const std::string count = counted ? quick_counts(known, selector) : "";
  return markdown_code(selector.text) + (count.empty() ? "" : " (" + count + ")");
}

std::string names(const Known& known, const std::vector<Selector>& list) {
  if (list.empty()) return "nobody";
  std::vector<std::string> items;
  for (const Selector& selector : list) {
    items.push_back(items.size() < most_names ? named(known, selector) : std::string());
  }
  return listed(items, most_names);
}

std::string texts(const std::vector<policy::Text>& list) {
  std::vector<std::string> items;
  for (const policy::Text& text : list) items.push_back(markdown_code(text.value));
  return listed(items, most_names);
}

std::string range_text(const policy::PortRange& range) {
  if (range.is_all()) return "every port";
  if (range.first != range.last) return fmt::format("{}–{}", range.first, range.last);
  const std::string_view name = port_name(range.first);
  return name.empty() ? fmt::format("{}", range.first) : fmt::format("{} ({})", range.first, name);
}

std::string ports(const std::vector<policy::PortRange>& ranges) {
  std::vector<std::string> items;
  for (const policy::PortRange& range : ranges) items.push_back(range_text(range));
  return listed(items, most_names);
}

std::string posture(const std::optional<std::vector<policy::Text>>& names_of_postures) {
  if (!names_of_postures || names_of_postures->empty()) return {};
  return fmt::format(", from devices with {}{}", names_of_postures->size() == 1 ? "" : "one of ",
                     texts(*names_of_postures));
}

std::string say(const Known& known, const policy::Acl& acl) {
  std::vector<std::string> targets;
  for (const policy::Target& target : acl.dst) {
    if (targets.size() >= most_names) {
      targets.emplace_back();
      continue;
    }
    const bool all = target.ports.size() == 1 && target.ports[0].is_all();
    targets.push_back(named(known, target.selector) +
                      (all || target.ports.empty() ? "" : " on " + ports(target.ports)));
  }
  if (targets.empty()) targets.emplace_back("nothing");
  const std::string by = acl.protocol ? " by " + policy::protocol_name(*acl.protocol) : "";
  return fmt::format("Lets {} reach {}{}{}.", names(known, acl.src), listed(targets, most_names), by,
                     posture(acl.src_posture));
}

std::string say(const Known& known, const policy::Grant& grant) {
  std::vector<std::string> entries;
  for (const policy::GrantIp& ip : grant.ip) {
    std::string item = markdown_code(ip.text.value);
    if (ip.entry && ip.entry->ports.size() == 1 && ip.entry->ports[0].first == ip.entry->ports[0].last) {
      if (const auto name = port_name(ip.entry->ports[0].first); !name.empty()) item += fmt::format(" ({})", name);
    }
    entries.push_back(std::move(item));
  }
  std::string out;
  if (!grant.ip.empty()) {
    out = fmt::format("Lets {} reach {} with {}", names(known, grant.src), names(known, grant.dst),
                      listed(entries, most_names));
  }
  if (!grant.app.empty()) {
    std::vector<std::string> items;
    for (const policy::Capability& capability : grant.app) items.push_back(markdown_code(capability.name.value));
    const std::string what =
        fmt::format("{} {}", items.size() == 1 ? "the capability" : "the capabilities", listed(items, most_names));
    out += out.empty() ? fmt::format("Gives {} {} on {}", names(known, grant.src), what, names(known, grant.dst))
                       : fmt::format(", and gives {}", what);
  }
  if (out.empty()) return {};
  if (!grant.via.empty()) out += fmt::format(", through {}", names(known, grant.via));
  return out + posture(grant.src_posture) + ".";
}

std::string say(const Known& known, const policy::SshRule& rule) {
  const bool check = rule.action && rule.action->value == "check";
  std::string verified;
  if (check) {
    const std::string period =
        rule.check_period && !rule.check_period->empty() ? std::string(rule.check_period->value) : "12h";
    verified = period == "always" ? ", verified on every connection"
                                  : fmt::format(", verified at most every {}", markdown_code(period));
  }
  return fmt::format("Lets {} log in to {} as {}{}{}.", names(known, rule.src), names(known, rule.dst),
                     rule.users.empty() ? "nobody" : texts(rule.users), verified, posture(rule.src_posture));
}

std::string targets_text(const std::vector<policy::Target>& list) {
  std::vector<std::string> items;
  for (const policy::Target& target : list) items.push_back(markdown_code(target.text.value));
  return listed(items, most_names);
}

std::string say(const Known& known, const policy::PolicyTest& test) {
  std::string out = test.src ? named(known, *test.src) : std::string("Nobody");
  if (!test.accept.empty()) out += " must reach " + targets_text(test.accept);
  if (!test.deny.empty())
    out += (test.accept.empty() ? " must not reach " : ", and must not reach ") + targets_text(test.deny);
  return out + ".";
}

std::string say(const Known& known, const policy::SshTest& test) {
  std::string out = test.src ? named(known, *test.src) : std::string("Nobody");
  out += " logging in to " + names(known, test.dst) + ":";
  std::vector<std::string> parts;
  if (!test.accept.empty()) parts.push_back("must become " + texts(test.accept));
  if (!test.check.empty()) parts.push_back("must become " + texts(test.check) + " after a check");
  if (!test.deny.empty()) parts.push_back("must not become " + texts(test.deny));
  return out + " " + listed(parts) + ".";
}

std::string say(const Known& known, const policy::NodeAttr& entry) {
  std::vector<std::string> items;
  for (const policy::Text& attribute : entry.attr) items.push_back(markdown_code(attribute.value));
  for (const policy::Capability& app : entry.app) items.push_back(markdown_code(app.name.value));
  if (!entry.ip_pool.empty()) items.push_back("addresses of " + texts(entry.ip_pool));
  if (items.empty()) return {};
  return fmt::format("Gives {} {}.", names(known, entry.target), listed(items, most_names));
}

template <class List>
std::string entry(const Known& known, const List& list, std::size_t index) {
  return index < list.size() ? say(known, list[index]) : std::string();
}

}  // namespace

std::string rule_sentence(const Known& known, const policy::PolicyFile& file, std::string_view section,
                          std::size_t index) {
  const policy::Policy& policy = file.policy;
  const auto is = [&](std::string_view name) { return policy::equal_ignoring_case(section, name); };
  if (is("acls")) return policy.acls ? entry(known, *policy.acls, index) : "";
  if (is("grants")) return policy.grants ? entry(known, *policy.grants, index) : "";
  if (is("ssh")) return entry(known, policy.ssh, index);
  if (is("tests")) return entry(known, policy.tests, index);
  if (is("sshTests")) return entry(known, policy.ssh_tests, index);
  if (is("nodeAttrs")) return entry(known, policy.node_attrs, index);
  return {};
}

}  // namespace acl::lsp
