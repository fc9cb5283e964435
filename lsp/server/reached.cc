#include "lsp/server/reached.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/emit/people.h"

namespace acl::lsp {

using policy::Autogroup;
using policy::Selector;
using policy::SelectorKind;
using resolve::NodeId;
using resolve::Section;

namespace {

void make_set(std::vector<NodeId>& nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
}

std::size_t people_of(const inventory::Inventory& inventory, const std::vector<NodeId>& nodes) {
  std::vector<std::uint32_t> users;
  for (const NodeId node : nodes) {
    if (inventory.nodes[node].user != inventory::none) users.push_back(inventory.nodes[node].user);
  }
  std::sort(users.begin(), users.end());
  return static_cast<std::size_t>(std::unique(users.begin(), users.end()) - users.begin());
}

std::vector<NodeId> all_nodes(const resolve::Resolved& resolved) {
  std::vector<NodeId> out(resolved.node_count());
  for (NodeId i = 0; i < out.size(); ++i) out[i] = i;
  return out;
}

std::size_t rules_of(const policy::Policy& policy, Section section) {
  switch (section) {
    case Section::acls: return policy.acls ? policy.acls->size() : 0;
    case Section::grants: return policy.grants ? policy.grants->size() : 0;
    case Section::ssh: return policy.ssh.size();
    case Section::allow_all: break;
  }
  return 0;
}

}  // namespace

std::optional<Counted> SelectorCounts::count(const Selector& selector) {
  const auto [known, fresh] = known_.try_emplace(std::string(selector.text));
  if (fresh) known->second = find(selector);
  return known->second;
}

std::optional<Counted> SelectorCounts::find(const Selector& selector) {
  const resolve::Resolved& resolved = understanding_.resolved;
  if (selector.kind == SelectorKind::wildcard) return Counted{resolved.node_count(), resolved.inventory->users.size()};
  if (selector.autogroup == Autogroup::self || selector.autogroup == Autogroup::danger_all) return std::nullopt;
  if (sets_.empty()) {
    for (std::size_t i = 0; i < resolved.selectors.size(); ++i) {
      const resolve::SelectorSet& set = resolved.selectors[i];
      if (!set.reached.empty() || !set.nodes.empty()) sets_.emplace(set.text, i);
    }
  }
  if (const auto found = sets_.find(selector.text); found != sets_.end()) {
    const resolve::SelectorSet& set = resolved.selectors[found->second];
    const bool identities = !set.nodes.empty();
    const std::vector<NodeId>& nodes = identities ? set.nodes : set.reached;
    return Counted{nodes.size(), identities ? people_of(*resolved.inventory, nodes) : 0};
  }
  if (!tailnet_) tailnet_.emplace(*resolved.inventory);
  const auto nodes = tailnet_->identities(selector, resolved.file->policy);
  if (!nodes) return std::nullopt;
  return Counted{nodes->size(), people_of(*resolved.inventory, *nodes)};
}

Reach reach_of(const Understanding& understanding, const resolve::Origin& origin) {
  const resolve::Resolved& resolved = understanding.resolved;
  const inventory::Inventory& inventory = *resolved.inventory;
  Reach out;
  if (origin.section == Section::ssh) {
    for (const resolve::SshRule& rule : resolved.ssh) {
      if (rule.index != origin.index) continue;
      out.sources.insert(out.sources.end(), rule.sources.begin(), rule.sources.end());
      out.destinations.insert(out.destinations.end(), rule.destinations.begin(), rule.destinations.end());
      out.own = out.own || rule.self;
    }
  }
  std::set<std::uint32_t> owners;  // autogroup:self
  for (const resolve::Rule& rule : resolved.rules) {
    for (const resolve::Destination& destination : rule.destinations) {
      if (!(destination.origin == origin)) continue;
      const resolve::Sources& sources = resolved.sources[rule.sources];
      out.anyone = out.anyone || sources.covers_all;
      out.sources.insert(out.sources.end(), sources.covered.begin(), sources.covered.end());
      if (destination.user != resolve::none) {
        out.own = true;
        owners.insert(destination.user);
        continue;
      }
      const resolve::SelectorSet& set = resolved.selectors[destination.selector];
      if (destination.via == resolve::none) {
        out.everything = out.everything || set.everything;
        out.destinations.insert(out.destinations.end(), set.reached.begin(), set.reached.end());
        continue;
      }
      const auto& tags = resolved.via_lists[destination.via];
      const auto is_router = [&](NodeId node) {
        const auto& own = inventory.nodes[node].tags;
        return std::find_first_of(own.begin(), own.end(), tags.begin(), tags.end()) != own.end();
      };
      const std::vector<NodeId> reached = set.everything ? all_nodes(resolved) : set.reached;
      std::copy_if(reached.begin(), reached.end(), std::back_inserter(out.destinations), is_router);
    }
  }
  if (!owners.empty()) {
    for (NodeId node = 0; node < inventory.nodes.size(); ++node) {
      const bool owned = inventory.nodes[node].tags.empty() && owners.count(inventory.nodes[node].user) != 0;
      if (owned) out.destinations.push_back(node);
    }
  }
  if (out.anyone) out.sources = all_nodes(resolved);
  if (out.everything) out.destinations = all_nodes(resolved);
  make_set(out.sources);
  make_set(out.destinations);
  out.people = people_of(inventory, out.sources);
  return out;
}

std::optional<resolve::Origin> find_rule(const Understanding& understanding, Section section, std::uint32_t index,
                                         std::string_view text) {
  const policy::PolicyFile& file = *understanding.resolved.file;
  const std::size_t count = rules_of(file.policy, section);
  const auto is_it = [&](std::uint32_t i) {
    const Span span = emit::origin_span(file.policy, {section, i});
    return file.source.text().substr(span.begin, span.end - span.begin) == text;
  };
  if (index < count && is_it(index)) return resolve::Origin{section, index};
  for (std::uint32_t i = 0; i < count; ++i) {
    if (is_it(i)) return resolve::Origin{section, i};
  }
  return std::nullopt;
}

std::string nodes_text(std::size_t count) { return fmt::format("{} {}", count, count == 1 ? "node" : "nodes"); }

std::string describe(const Reach& reach, std::size_t all) {
  const auto nodes = [&](std::size_t count, bool whole) {
    return whole && count == all ? "all " + nodes_text(count) : nodes_text(count);
  };
  std::string from = "nobody";
  if (!reach.sources.empty()) {
    from = reach.people == 0 ? "" : fmt::format("{} {}, ", reach.people, reach.people == 1 ? "person" : "people");
    from += nodes(reach.sources.size(), reach.anyone);
  }
  std::string to = "nothing";
  if (!reach.destinations.empty()) {
    to = nodes(reach.destinations.size(), reach.everything);
    if (reach.own) to += ", people their own";
  } else if (reach.own) {
    to = "people's own nodes";
  }
  return from + " → " + to;
}

}  // namespace acl::lsp
