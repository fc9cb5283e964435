// The compiler against the oracle: random policies and tailnets, and every answer of the one asked of the other.
//
// ACL_AGREEMENT_RUNS: how many pairs (the default keeps a test run short; make test-all asks for 100,000).
// ACL_AGREEMENT_SEED: where to begin. ACL_AGREEMENT_FAILURES: how many to show. A pair that is answered in two ways is made as
// small as possible and printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/agreement/adapter.h"
#include "tests/agreement/pairs.h"
#include "tests/generate/hujson_text.h"
#include "tests/generate/tailnet.h"
#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::agreement {
namespace {

using generate::Model;
using oracle::Address;
using oracle::Node;
using oracle::NodeAnswer;
using oracle::Passage;
using oracle::Policy;
using oracle::Tailnet;

constexpr std::array<std::uint8_t, 6> asked_protocols = {6, 17, 132, 1, 58, 47};
constexpr std::array<std::uint16_t, 3> asked_ports = {0, 22, 443};

// What one pair is asked, and the first answer that differs.
class Comparison {
 public:
  Comparison(const Policy& policy, const Tailnet& tailnet, const Compiled& compiled, std::uint64_t seed)
      : policy_(policy), tailnet_(tailnet), compiled_(compiled), openings_(oracle::openings(policy, tailnet)) {
    random_.state = seed | 1U;
    posture_ = policy.default_posture.has_value();
    for (const auto& acl : policy.acls.value_or(std::vector<oracle::Acl>())) posture_ = posture_ || acl.posture;
    for (const auto& grant : policy.grants.value_or(std::vector<oracle::Grant>())) posture_ = posture_ || grant.posture;
  }

  // Nothing if all answers agree.
  std::optional<std::string> first_difference() {
    if (compiled_.nodes.size() != tailnet_.nodes.size()) return "not every node has an answer";
    for (const Node& node : tailnet_.nodes) {
      const auto found = compiled_.nodes.find(node.name);
      if (found == compiled_.nodes.end()) return node.name + ": no answer";
      const NodeAnswer& answer = found->second;
      if (!answer.faults.empty()) return node.name + ": a node cannot read " + answer.faults[0];
      filter(node, answer);
      logins(node, answer);
      views(node, answer);
      if (difference_) return difference_;
    }
    return std::nullopt;
  }

 private:
  void differ(const Node& node, const std::string& question, const std::string& oracle, const std::string& compiler) {
    if (!difference_)
      difference_ = node.name + ": " + question + "\n  oracle:   " + oracle + "\n  compiler: " + compiler;
  }

  // --- packets and capabilities ---

  void filter(const Node& node, const NodeAnswer& answer) {
    const std::vector<Passage> ours = oracle::passages(policy_, tailnet_, node);
    const std::vector<oracle::Award> awards = oracle::awards(policy_, tailnet_, node);
    const std::vector<Address> places = interesting_addresses();
    // Every node to this one, by every protocol.
    for (const Node& other : tailnet_.nodes) {
      for (const Address& source : other.addresses) {
        for (const Address& destination : node.addresses) {
          if (source.family() != destination.family()) continue;
          capability(node, awards, answer.awards, source, destination);
          for (const std::uint8_t protocol : asked_protocols) {
            for (const std::uint16_t port : asked_ports)
              packet(node, ours, answer.passages, source, destination, protocol, port);
          }
        }
      }
    }
    // Around the edges of every rule, the oracle's and the compiler's.
    for (const auto* side : {&ours, &answer.passages}) {
      for (const Passage& passage : *side) {
        for (int times = 0; times < 12; ++times) edge(node, passage, ours, answer.passages, places);
      }
    }
    for (const auto* side : {&awards, &answer.awards}) {
      for (const oracle::Award& award : *side) {
        for (int times = 0; times < 8; ++times) {
          const Address source = near(random_.pick(award.sources.empty() ? whole_ : award.sources));
          const Address destination = near(random_.pick(award.destinations.empty() ? whole_ : award.destinations));
          capability(node, awards, answer.awards, source, random_.below(2) == 0 ? destination : random_.pick(places));
        }
      }
    }
    // Anywhere.
    for (int times = 0; times < 60; ++times) {
      packet(node, ours, answer.passages, random_.pick(places), random_.pick(places), random_.pick(asked_protocols),
             static_cast<std::uint16_t>(random_.below(65536)));
    }
  }

  std::vector<Address> interesting_addresses() const {
    oracle::Ranges ranges;
    for (const char* text :
         {"8.8.8.8", "203.0.113.1", "100.115.92.9", "10.33.5.9", "2001:db8::1", "fd00:1::5", "127.0.0.1"}) {
      ranges.push_back(oracle::range_of(*Address::parse(text)));
    }
    for (const Node& node : tailnet_.nodes) {
      for (const Address& address : node.addresses) ranges.push_back(oracle::range_of(address));
      for (const oracle::Prefix& route : node.approved) ranges.push_back(oracle::range_of(route));
    }
    for (const oracle::Service& service : tailnet_.services) {
      for (const Address& address : service.addresses) ranges.push_back(oracle::range_of(address));
    }
    return oracle::probes(ranges);
  }

  // Under a posture, ranges may or may not be split into the devices in them: an address of the tailnet that no device has, and
  // that lies behind no router, sends nothing, and whether a rule names it is nobody's business.
  bool is_nobody(const Address& source) const {
    if (!posture_ || oracle::node_of(tailnet_, source) != nullptr) return false;
    for (const Node& node : tailnet_.nodes) {
      for (const oracle::Prefix& route : oracle::subnet_routes(node)) {
        if (route.contains(source)) return false;
      }
    }
    return oracle::contains(oracle::whole_tailnet({}), source);
  }

  // An end of the range, or a neighbour of one.
  Address near(const oracle::Range& range) {
    const std::vector<Address> around = oracle::probes({range});
    return random_.pick(around);
  }

  void edge(const Node& node, const Passage& passage, const std::vector<Passage>& ours,
            const std::vector<Passage>& theirs, const std::vector<Address>& places) {
    const auto side = random_.below(8);
    const Address source =
        side == 0 || passage.sources.empty() ? random_.pick(places) : near(random_.pick(passage.sources));
    const Address destination = side == 1 ? random_.pick(places) : near(passage.destination);
    const std::uint8_t protocol = side == 2 ? random_.pick(asked_protocols) : random_.pick(passage.protocols);
    const std::array<int, 5> around = {passage.ports.first, passage.ports.last, passage.ports.first - 1,
                                       passage.ports.last + 1, 0};
    const int port = std::clamp(random_.pick(around), 0, 65535);
    packet(node, ours, theirs, source, destination, protocol, static_cast<std::uint16_t>(port));
  }

  void packet(const Node& node, const std::vector<Passage>& ours, const std::vector<Passage>& theirs,
              const Address& source, const Address& destination, std::uint8_t protocol, std::uint16_t port) {
    if (difference_ || source.family() != destination.family() || is_nobody(source)) return;
    const bool expected = oracle::passes(ours, source, destination, protocol, port);
    if (expected == oracle::passes(theirs, source, destination, protocol, port)) return;
    differ(node,
           "from " + source.text() + " to " + destination.text() + " protocol " + std::to_string(protocol) + " port " +
               std::to_string(port),
           expected ? "passes" : "is dropped", expected ? "is dropped" : "passes");
  }

  void capability(const Node& node, const std::vector<oracle::Award>& ours, const std::vector<oracle::Award>& theirs,
                  const Address& source, const Address& destination) {
    if (difference_ || source.family() != destination.family() || is_nobody(source)) return;
    const auto expected = oracle::capabilities(ours, source, destination);
    const auto got = oracle::capabilities(theirs, source, destination);
    if (expected == got) return;
    const auto print = [](const auto& list) {
      std::string out;
      for (const auto& [name, value] : list)
        out.append(name).append(value.empty() ? " " : "=").append(value).append(value.empty() ? "" : " ");
      return out.empty() ? "none" : out;
    };
    differ(node, "capabilities of " + source.text() + " at " + destination.text(), print(expected), print(got));
  }

  // --- logins ---

  void logins(const Node& node, const NodeAnswer& answer) {
    if (policy_.ssh.empty() && answer.ssh.empty()) return;
    for (const Node& source : tailnet_.nodes) {
      for (const char* name : {"root", "ubuntu", "nobody", "ana", "bo", "cy", "dee", "tag:foo", "autogroup:nonroot"}) {
        const auto expected = oracle::ssh(policy_, tailnet_, source, node, name);
        for (const Address& address : source.addresses) {
          const auto got = oracle::ssh(answer.ssh, address, name);
          if (expected == got) continue;
          differ(node, "login from " + source.name + " (" + address.text() + ") as " + name, text(expected), text(got));
        }
      }
    }
    for (const oracle::WireSshRule& rule : answer.ssh) {
      for (const Address& principal : rule.principals) {
        if (oracle::node_of(tailnet_, principal) == nullptr)
          differ(node, "ssh principal " + principal.text(), "nobody", "listed");
      }
    }
  }

  // --- peers and routes ---

  static std::string print(const std::set<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += name + " ";
    return out.empty() ? "none" : out;
  }
  void same(const Node& node, const std::string& question, const std::set<std::string>& expected,
            const std::set<std::string>& got) {
    if (expected != got) differ(node, question, print(expected), print(got));
  }

  void views(const Node& node, const NodeAnswer& answer) {
    std::set<std::string> peers;
    for (const Node& other : tailnet_.nodes) {
      if (&other == &node || !oracle::sees(openings_, node, other)) continue;
      peers.insert(other.name);
      const auto routes = answer.peer_primary_routes.find(other.name);
      same(node, "routes of " + other.name, oracle::texts(oracle::shown_routes(openings_, node, other)),
           routes == answer.peer_primary_routes.end() ? std::set<std::string>() : routes->second);
      same(node, "prefixes allowed for " + other.name,
           oracle::texts(oracle::allowed_ips(policy_, tailnet_, openings_, node, other)), allowed_of(answer, other));
    }
    same(node, "peers", peers, answer.peers);
    same(node, "own prefixes", oracle::texts(oracle::allowed_ips(policy_, tailnet_, openings_, node, node)),
         own_allowed(answer, node));
    same(node, "primary for", oracle::texts(oracle::primary_routes(tailnet_, node)), answer.primary_routes);
    for (const std::string& attribute : oracle::attributes(policy_, tailnet_, node)) {
      if (answer.self_caps.count(attribute) == 0) differ(node, "attribute " + attribute, "set", "not set");
    }
  }

  const Policy& policy_;
  const Tailnet& tailnet_;
  const Compiled& compiled_;
  oracle::Openings openings_;
  bool posture_ = false;  // of some rule
  oracle::Ranges whole_ = oracle::every_address();
  Random random_;
  std::optional<std::string> difference_;
};

std::optional<std::string> difference_of(const Choices& choices) {
  const Model model = generate::tailnet_model(choices);
  const auto compiled = compile(generate::policy_text(model.policy), generate::inventory_text(model.tailnet));
  if (!compiled) return "refused: " + compiled.error();
  const Tailnet tailnet = oracle::with_approvals(model.policy, model.tailnet);
  return Comparison(model.policy, tailnet, *compiled, seed_of(choices)).first_difference();
}

std::uint64_t runs() { return number_from("ACL_AGREEMENT_RUNS", 4000); }
std::uint64_t first_seed() { return number_from("ACL_AGREEMENT_SEED", 1); }

// The pairs are the same as below. Of 100,000, 1,000 must have each kind of selector at each place, each section, each kind of
// protocol; of few, one.
TEST(Generator, EveryKindComesUp) {
  generate::Coverage coverage = generate::no_coverage();
  for (std::uint64_t seed = first_seed(); seed < first_seed() + runs(); ++seed) {
    generate::count_coverage(generate::tailnet_model(choices_of(seed)), coverage);
  }
  std::printf("%-50s %10s\n", "pairs", std::to_string(runs()).c_str());
  for (const auto& [cell, count] : coverage) {
    std::printf("%-50s %10zu\n", cell.c_str(), count);
    EXPECT_GE(count, runs() >= 50000 ? runs() / 100 : std::min<std::uint64_t>(runs() / 500, 1))
        << cell << " comes up too seldom";
  }
}

// A share of the runs each, so that they can go side by side.
constexpr std::uint64_t shards = 4;

class Agreement : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Agreement, CompilerAndOracleGiveTheSameAnswers) {
  const std::uint64_t share = runs() / shards;
  const std::uint64_t begin = first_seed() + GetParam() * share;
  const std::uint64_t most = number_from("ACL_AGREEMENT_FAILURES", 1);
  std::uint64_t failures = 0;
  for (std::uint64_t seed = begin; seed < begin + share; ++seed) {
    const Choices choices = choices_of(seed);
    if (!difference_of(choices)) continue;
    const Choices small = shrink(choices, difference_of);
    const Model model = generate::tailnet_model(small);
    ADD_FAILURE() << "seed " << seed << ", made smaller: " << *difference_of(small) << "\n"
                  << generate::policy_text(model.policy) << generate::inventory_text(model.tailnet);
    if (++failures == most) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, Agreement, testing::Range<std::uint64_t>(0, shards));

}  // namespace
}  // namespace acl::agreement
