// Nodes of a large tailnet, printed in full, against the oracle: every source of every destination, every login, every peer
// with its routes, every attribute.
//
// ACL_LARGE_SIZE (S, M, L; see large_tailnet.h), ACL_LARGE_NODES: how many nodes are asked about, drawn from ACL_LARGE_SEED. The
// defaults are for a short run; the full one is 100 nodes of L.
//
// The oracle starts each answer from the whole policy and tailnet, which for 50,000 nodes and 5,000 rules would take years.
// Three things that change no answer shorten that: selectors of people and devices are written out as addresses, by the oracle
// and once each; for what a viewer sees of the others, rules are left out that do not have the viewer among their sources; and
// at a node that routes nothing, destinations are left out that do not mean the node.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "compiler/emit/wire.h"
#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/resolve/view.h"
#include "tests/generate/large_tailnet.h"
#include "tests/oracle/policy_json.h"
#include "tests/oracle/select.h"
#include "tests/oracle/wire_json.h"

namespace acl::agreement {
namespace {

using oracle::Kind;
using oracle::Node;
using oracle::NodeAnswer;
using oracle::Opening;
using oracle::Openings;
using oracle::Policy;
using oracle::Ranges;
using oracle::Selector;
using oracle::Tailnet;

// --- shortening ---

// Writes names out as the addresses that the oracle gives them.
class Expander {
 public:
  Expander(const Policy& policy, const Tailnet& tailnet) : policy_(policy), tailnet_(tailnet) {}

  // Of sources, or of destinations, too.
  Policy expanded(bool destinations) {
    Policy out = policy_;
    for (oracle::Acl& acl : *out.acls) {
      expand(acl.src);
      if (!destinations) continue;
      std::vector<oracle::Target> targets;
      for (const oracle::Target& target : acl.dst) {
        for (const Selector& one : addresses(target.selector)) targets.push_back({one, target.ports});
      }
      acl.dst = std::move(targets);
    }
    for (oracle::Grant& grant : *out.grants) {
      expand(grant.src);
      if (destinations) expand(grant.dst);
    }
    if (destinations) out.groups.clear();  // nothing names them any more
    return out;
  }

 private:
  static bool is_of_devices(Kind kind) {
    return kind == Kind::user || kind == Kind::user_domain || kind == Kind::group || kind == Kind::tag ||
           kind == Kind::member || kind == Kind::tagged || kind == Kind::role;
  }
  const std::vector<Selector>& addresses(const Selector& selector) {
    std::vector<Selector>& known = known_[{selector.kind, selector.name, selector.prefix}];
    if (!known.empty()) return known;
    if (selector.kind == Kind::host) {
      known.push_back({Kind::prefix, {}, policy_.hosts.at(selector.name), {}});
      return known;
    }
    if (!is_of_devices(selector.kind)) {
      known.push_back(selector);
      return known;
    }
    for (const oracle::Range& range : oracle::addresses_of(policy_, tailnet_, selector)) {
      known.push_back({Kind::address, {}, oracle::Prefix(range.first), {}});
    }
    return known;
  }
  void expand(std::vector<Selector>& list) {
    std::vector<Selector> out;
    for (const Selector& selector : list) {
      const std::vector<Selector>& more = addresses(selector);
      out.insert(out.end(), more.begin(), more.end());
    }
    list = std::move(out);
  }

  const Policy& policy_;
  const Tailnet& tailnet_;
  std::map<std::tuple<Kind, std::string, oracle::Prefix>, std::vector<Selector>> known_;
};

bool covers(const Policy& policy, const Tailnet& tailnet, const std::vector<Selector>& src, const Node& node) {
  const Ranges sources = oracle::sources_of(policy, tailnet, src, std::nullopt);
  const std::vector<oracle::Prefix> routes = oracle::subnet_routes(node);
  return std::any_of(node.addresses.begin(), node.addresses.end(),
                     [&](const auto& address) { return oracle::contains(sources, address); }) ||
         std::any_of(routes.begin(), routes.end(),
                     [&](const auto& route) { return oracle::overlap(sources, oracle::range_of(route)); });
}

// The policy without the rules that have nothing of `viewer` among their sources. Capabilities with a way back count from both
// sides; the generator makes none.
Policy only_from(const Policy& policy, const Tailnet& tailnet, const Node& viewer) {
  Policy out = policy;
  const auto is_another = [&](const auto& rule) { return !covers(policy, tailnet, rule.src, viewer); };
  out.acls->erase(std::remove_if(out.acls->begin(), out.acls->end(), is_another), out.acls->end());
  out.grants->erase(std::remove_if(out.grants->begin(), out.grants->end(), is_another), out.grants->end());
  return out;
}

// What a destination means at a node that routes nothing: its own addresses, all of a network that one of them is in, `*`,
// autogroup:self, or nothing.
std::vector<Selector> at_plain_node(const Policy& policy, const Tailnet& tailnet, const Selector& dst,
                                    const Node& node) {
  if (dst.kind == Kind::everything || dst.kind == Kind::self) return {dst};
  std::vector<Selector> out;
  const bool literal = dst.kind == Kind::host || dst.kind == Kind::address || dst.kind == Kind::prefix;
  const bool device = !literal && oracle::is_device_of(policy, tailnet, dst, node);
  for (const oracle::Address& address : node.addresses) {
    if (device) out.push_back({Kind::address, {}, oracle::Prefix(address), {}});
    if (!literal) continue;
    const oracle::Prefix prefix = dst.kind == Kind::host ? policy.hosts.at(dst.name) : dst.prefix;
    if (prefix.contains(address)) out.push_back({Kind::prefix, {}, prefix, {}});
  }
  return out;
}

// The rules that have something to say at such a node.
Policy only_at(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  Policy out;
  out.acls.emplace();
  out.grants.emplace();
  for (const oracle::Acl& acl : *policy.acls) {
    std::vector<oracle::Target> targets;
    for (const oracle::Target& target : acl.dst) {
      for (const Selector& one : at_plain_node(policy, tailnet, target.selector, node))
        targets.push_back({one, target.ports});
    }
    if (!targets.empty()) out.acls->push_back({acl.src, targets, acl.protocol, acl.posture});
  }
  for (const oracle::Grant& grant : *policy.grants) {
    std::vector<Selector> targets;
    for (const Selector& dst : grant.dst) {
      for (const Selector& one : at_plain_node(policy, tailnet, dst, node)) targets.push_back(one);
    }
    if (targets.empty()) continue;
    out.grants->push_back(grant);
    out.grants->back().dst = std::move(targets);
  }
  return out;
}

// Of every node, as far as they matter to what `viewer` sees. `named` has its sources expanded, `expanded` all.
Openings openings_for(const Policy& named, const Policy& expanded, const Tailnet& tailnet, const Node& viewer) {
  const Policy from_viewer = only_from(named, tailnet, viewer);
  const Policy from_viewer_expanded = only_from(expanded, tailnet, viewer);
  Openings out;
  for (const Node& node : tailnet.nodes) {
    if (&node == &viewer) {
      out[&node] = oracle::openings_at(expanded, tailnet, node);
    } else if (!node.approved.empty()) {
      out[&node] = oracle::openings_at(from_viewer_expanded, tailnet, node);
    } else {
      out[&node] = oracle::openings_at(only_at(from_viewer, tailnet, node), tailnet, node);
    }
  }
  return out;
}

// The ssh rules that may have to do with logins to `node`.
Policy only_ssh_to(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  Policy out;
  out.groups = policy.groups;
  for (const oracle::SshRule& rule : policy.ssh) {
    const bool concerns = std::any_of(rule.dst.begin(), rule.dst.end(), [&](const Selector& dst) {
      return (dst.kind == Kind::self && node.tags.empty()) || oracle::is_device_of(policy, tailnet, dst, node);
    });
    if (concerns) out.ssh.push_back(rule);
  }
  return out;
}

// --- comparing ---

// Destination, protocol and ports → all sources, however they are spread over rules.
using Passages = std::map<std::string, Ranges>;

void join(Passages& all) {
  for (auto& [what, sources] : all) sources = oracle::joined(std::move(sources));
}

std::string text(const oracle::Range& range) { return range.first.text() + "-" + range.last.text(); }

Passages by_destination(const std::vector<oracle::Passage>& passages) {
  Passages out;
  for (const oracle::Passage& passage : passages) {
    for (const std::uint8_t protocol : passage.protocols) {
      Ranges& sources = out[text(passage.destination) + " protocol " + std::to_string(protocol) + " ports " +
                            std::to_string(passage.ports.first) + "-" + std::to_string(passage.ports.last)];
      sources.insert(sources.end(), passage.sources.begin(), passage.sources.end());
    }
  }
  join(out);
  return out;
}

Passages by_capability(const std::vector<oracle::Award>& awards) {
  Passages out;
  for (const oracle::Award& award : awards) {
    for (const oracle::Range& destination : award.destinations) {
      for (const oracle::Capability& capability : award.capabilities) {
        std::vector<std::string> values = capability.values;
        values.emplace_back();  // the name alone
        for (const std::string& value : values) {
          Ranges& sources = out[text(destination) + " " + capability.name + "=" + value];
          sources.insert(sources.end(), award.sources.begin(), award.sources.end());
        }
      }
    }
  }
  join(out);
  return out;
}

void expect_same(const Passages& oracle, const Passages& compiler, const std::string& where) {
  for (const auto& [what, sources] : oracle) {
    const auto found = compiler.find(what);
    EXPECT_TRUE(found != compiler.end() && found->second == sources) << where << ": " << what;
  }
  for (const auto& [what, sources] : compiler) EXPECT_EQ(oracle.count(what), 1U) << where << ": only printed: " << what;
}

void expect_same_logins(const Policy& policy, const Tailnet& tailnet, const Node& node, const NodeAnswer& answer) {
  const Policy shorter = only_ssh_to(policy, tailnet, node);
  if (answer.ssh.empty() && shorter.ssh.empty()) return;
  for (const Node& source : tailnet.nodes) {
    for (const char* account : {"root", "ubuntu", "deploy", "admin", "postgres", "nobody"}) {
      const std::string expected = oracle::text(oracle::ssh(shorter, tailnet, source, node, account));
      for (const auto& address : source.addresses) {
        ASSERT_EQ(oracle::text(oracle::ssh(answer.ssh, address, account)), expected)
            << node.name << ": from " << source.name << " as " << account;
      }
    }
  }
}

void expect_same_views(const Policy& policy, const Openings& openings, const Tailnet& tailnet, const Node& node,
                       const NodeAnswer& answer) {
  std::set<std::string> peers;
  for (const Node& other : tailnet.nodes) {
    if (&other == &node || !oracle::sees(openings, node, other)) continue;
    peers.insert(other.name);
    const auto routes = answer.peer_primary_routes.find(other.name);
    EXPECT_EQ(oracle::texts(oracle::shown_routes(openings, node, other)),
              routes == answer.peer_primary_routes.end() ? std::set<std::string>() : routes->second)
        << node.name << ": routes of " << other.name;
    EXPECT_EQ(oracle::texts(oracle::allowed_ips(policy, tailnet, openings, node, other)), allowed_of(answer, other))
        << node.name << ": prefixes allowed for " << other.name;
  }
  EXPECT_EQ(peers, answer.peers) << node.name;
  EXPECT_EQ(oracle::texts(oracle::allowed_ips(policy, tailnet, openings, node, node)), own_allowed(answer, node));
  EXPECT_EQ(oracle::texts(oracle::primary_routes(tailnet, node)), answer.primary_routes) << node.name;
  for (const std::string& attribute : oracle::attributes(policy, tailnet, node)) {
    EXPECT_EQ(answer.self_caps.count(attribute), 1U) << node.name << ": " << attribute;
  }
}

// --- the test ---

std::string setting(const char* variable, const char* otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : text;
}

// Different ones, drawn as the seed says.
std::vector<std::size_t> draw(std::size_t count, std::size_t of, std::uint64_t seed) {
  std::vector<std::size_t> out;
  while (out.size() < std::min(count, of)) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    const std::size_t one = (seed >> 33U) % of;
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
  return out;
}

TEST(LargeTailnet, NodesPrintedInFullAreWhatTheOracleSays) {
  const auto shape = generate::large_shape(setting("ACL_LARGE_SIZE", "M"));
  ASSERT_TRUE(shape.has_value()) << "ACL_LARGE_SIZE is S, M, L or XL";
  const std::size_t count = std::stoul(setting("ACL_LARGE_NODES", "6"));
  const std::uint64_t seed = std::stoull(setting("ACL_LARGE_SEED", "1"));
  const generate::LargeTailnet texts = generate::large_tailnet(*shape, seed);

  const SourceText source("inventory.hujson", texts.inventory);
  const inventory::LoadedInventory loaded = inventory::load_inventory({&source});
  ASSERT_TRUE(loaded.ok());
  const policy::Loaded checked =
      questions::full_check("policy.hujson", texts.policy, policy::Dialect::tailscale, loaded.inventory);
  ASSERT_TRUE(checked.accepted());
  const resolve::Resolved resolved = resolve::resolve(*checked.file, loaded.inventory);
  const resolve::Views views(resolved);

  const Policy policy = oracle::read_policy(texts.policy);
  const Tailnet tailnet = oracle::with_approvals(policy, oracle::read_inventory(texts.inventory));
  Expander expander(policy, tailnet);
  const Policy named = expander.expanded(false), expanded = expander.expanded(true);
  ASSERT_EQ(tailnet.nodes.size(), loaded.inventory.nodes.size());

  std::size_t pairs = 0, peers = 0;
  for (const std::size_t at : draw(count, tailnet.nodes.size(), seed)) {
    const Node& node = tailnet.nodes[at];
    ASSERT_EQ(node.name, loaded.inventory.nodes[at].name);
    const NodeAnswer answer = oracle::read_node_answer(emit::wire_node(views, static_cast<resolve::NodeId>(at)));
    EXPECT_TRUE(answer.faults.empty()) << node.name;
    const Passages passages = by_destination(oracle::passages(expanded, tailnet, node));
    expect_same(passages, by_destination(answer.passages), node.name);
    expect_same(by_capability(oracle::awards(expanded, tailnet, node)), by_capability(answer.awards), node.name);
    expect_same_logins(policy, tailnet, node, answer);
    expect_same_views(policy, openings_for(named, expanded, tailnet, node), tailnet, node, answer);
    for (const auto& [what, sources] : passages) pairs += sources.size();
    peers += answer.peers.size();
    if (HasFailure()) break;  // one node is enough to look at
  }
  EXPECT_GT(pairs, 0U);
  EXPECT_GT(peers, 0U);
  std::printf("%zu nodes of %zu: %zu ranges of sources and %zu peers agree\n", count, tailnet.nodes.size(), pairs,
              peers);
}

}  // namespace
}  // namespace acl::agreement
