// SSH rules as sets of nodes; which wire rules a node gets of them is worked out per node (view.h).
#include <algorithm>

#include "compiler/resolve/resolver.h"

namespace acl::resolve {

using policy::Autogroup;
using policy::Selector;

namespace {

constexpr std::string_view localpart = "localpart:*@";

}  // namespace

void Resolver::build_ssh_rule(const policy::SshRule& rule, std::uint32_t index) {
  if (rule.dst.empty()) return;
  SshRule out;
  out.index = index;
  out.check = rule.action && rule.action->value == "check";
  std::vector<std::uint32_t> tags;  // that are sources
  for (const Selector& src : rule.src) {
    const auto nodes = tailnet_.identities(src, policy_);
    if (!nodes) continue;
    std::copy_if(nodes->begin(), nodes->end(), std::back_inserter(out.sources),
                 [&](NodeId node) { return passes(node, rule.src_posture); });
    if (src.autogroup == Autogroup::tagged) {
      for (std::uint32_t tag = 0; tag < tailnet_.nodes_of_tag.size(); ++tag) tags.push_back(tag);
    } else if (src.kind == policy::SelectorKind::tag) {
      if (const std::uint32_t tag = tailnet_.tag(src.text); tag != none) tags.push_back(tag);
    }
  }
  make_set(out.sources);
  make_set(tags);
  // The service goes through the tags and lists the nodes of each; autogroup:tagged is all tags.
  for (const NodeId node : out.sources) {
    const auto& own = tailnet_.inventory.nodes[node].tags;
    const auto listed = std::count_if(
        own.begin(), own.end(), [&](std::uint32_t tag) { return std::binary_search(tags.begin(), tags.end(), tag); });
    for (auto more = listed; more > 1; --more) out.repeated.push_back(node);
  }
  for (const Selector& dst : rule.dst) {
    if (dst.autogroup == Autogroup::self) {
      out.self = true;
    } else if (const auto nodes = tailnet_.identities(dst, policy_)) {
      out.destinations.insert(out.destinations.end(), nodes->begin(), nodes->end());
    }
  }
  make_set(out.destinations);
  for (const policy::Text& user : rule.users) {
    if (user.value == "root") {
      out.root = true;
    } else if (user.value == "autogroup:nonroot") {
      out.nonroot = true;
    } else if (user.value.substr(0, localpart.size()) == localpart && user.value.size() > localpart.size()) {
      out.localpart_domains.push_back(user.value.substr(localpart.size()));
    } else {
      out.accounts.push_back(user.value);
    }
  }
  if (!out.sources.empty()) out_.ssh.push_back(std::move(out));
}

void Resolver::build_ssh() {
  for (const bool check : {true, false}) {
    for (std::uint32_t i = 0; i < policy_.ssh.size(); ++i) {
      const auto& action = policy_.ssh[i].action;
      if ((action && action->value == "check") == check) build_ssh_rule(policy_.ssh[i], i);
    }
  }
}

// The nodes of each nodeAttrs entry, and the nodes that have no IPv4 by them.
void Resolver::find_attr_targets() {
  out_.ipv4_disabled.assign(out_.node_count(), policy_.disable_ipv4);
  for (const policy::NodeAttr& entry : policy_.node_attrs) {
    NodeSet targets;
    const auto add = [&](const std::vector<NodeId>& nodes) {
      targets.nodes.insert(targets.nodes.end(), nodes.begin(), nodes.end());
    };
    const auto add_prefix = [&](const net::Prefix& prefix) {
      add(nodes_at({EntryKind::prefix, static_cast<std::uint8_t>(prefix.length()), prefix.first(), prefix.last()}));
    };
    for (const Selector& target : entry.target) {
      if (target.kind == policy::SelectorKind::wildcard) {
        targets.everything = true;
      } else if (const auto nodes = tailnet_.identities(target, policy_)) {
        add(*nodes);
      } else if (target.kind == policy::SelectorKind::address || target.kind == policy::SelectorKind::prefix) {
        add_prefix(target.prefix);
      } else if (target.kind == policy::SelectorKind::host) {
        for (const policy::Host& host : policy_.hosts) {
          if (host.name.value == target.name && host.prefix) add_prefix(*host.prefix);
        }
      }
    }
    make_set(targets.nodes);
    const bool disables = std::any_of(entry.attr.begin(), entry.attr.end(),
                                      [](const policy::Text& attribute) { return attribute.value == "disable-ipv4"; });
    if (disables && targets.everything) out_.ipv4_disabled.assign(out_.node_count(), true);
    if (disables) {
      for (const NodeId node : targets.nodes) out_.ipv4_disabled[node] = true;
    }
    out_.attr_targets.push_back(std::move(targets));
  }
}

}  // namespace acl::resolve
