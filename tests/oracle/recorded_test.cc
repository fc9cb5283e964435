// The oracle against recorded answers of the hosted service: what each recorded filter lets in, who may log in, who sees whom
// by which routes. Cases and their form: ACL_SHARED_DIR/conformance/, optional.
//
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/oracle/oracle.h"
#include "tests/oracle/policy_json.h"
#include "tests/oracle/select.h"
#include "tests/oracle/wire_json.h"

namespace acl::oracle {
namespace {

using Json = nlohmann::json;

// --- comparing ---

constexpr std::array<std::uint8_t, 7> protocols = {1, 2, 6, 17, 47, 58, 132};

// Two filters are the same if they are at every node and at every address and port where either changes its mind.
void compare_filters(const NodeAnswer& answer, const std::vector<Passage>& ours, const std::vector<Award>& awarded,
                     const Tailnet& tailnet, const std::string& where) {
  std::vector<Address> places = {*Address::parse("192.0.2.1")};
  Ranges ranges;
  std::set<std::uint16_t> ports = {0, 22, 65535};
  for (const Node& node : tailnet.nodes) {
    places.insert(places.end(), node.addresses.begin(), node.addresses.end());
    for (const Prefix& route : node.approved) ranges.push_back(range_of(route));
  }
  for (const auto* list : {&answer.passages, &ours}) {
    for (const Passage& passage : *list) {
      if (passage.destination.first != passage.destination.last) ranges.push_back(passage.destination);
      for (const Range& source : passage.sources) {
        if (source.first != source.last) ranges.push_back(source);
      }
      for (const int port :
           {passage.ports.first - 1, passage.ports.first + 0, passage.ports.last + 0, passage.ports.last + 1}) {
        if (port >= 0 && port <= 65535) ports.insert(static_cast<std::uint16_t>(port));
      }
    }
  }
  for (const Address& edge : probes(ranges)) places.push_back(edge);
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (const Address& source : places) {
    for (const Address& destination : places) {
      if (source.family() != destination.family()) continue;
      if (!awarded.empty() || !answer.awards.empty()) {
        ASSERT_EQ(capabilities(awarded, source, destination), capabilities(answer.awards, source, destination))
            << where << ": capabilities of " << source.text() << " at " << destination.text();
      }
      const auto covers = [&](const Passage& passage) { return contains(passage.destination, destination); };
      if (std::none_of(ours.begin(), ours.end(), covers) &&
          std::none_of(answer.passages.begin(), answer.passages.end(), covers)) {
        continue;
      }
      for (const std::uint8_t protocol : protocols) {
        for (const std::uint16_t port : ports) {
          ASSERT_EQ(passes(ours, source, destination, protocol, port),
                    passes(answer.passages, source, destination, protocol, port))
              << where << ": " << source.text() << " to " << destination.text() << " protocol " << int{protocol}
              << " port " << port << " (left: the oracle)";
        }
      }
    }
  }
}

void compare_logins(const Policy& policy, const Tailnet& tailnet, const Node& node, const NodeAnswer& answer,
                    const std::string& where) {
  std::set<std::string> names = {"root", "ubuntu", "nobody", "tag:foo"};
  for (const User& user : tailnet.users) names.insert(user.login.substr(0, user.login.find('@')));
  for (const SshRule& rule : policy.ssh) names.insert(rule.users.begin(), rule.users.end());
  for (const Node& source : tailnet.nodes) {
    for (const std::string& name : names) {
      for (const Address& address : source.addresses) {
        ASSERT_EQ(text(ssh(policy, tailnet, source, node, name)), text(ssh(answer.ssh, address, name)))
            << where << ": ssh from " << source.name << " as " << name;
      }
    }
  }
}

void compare_views(const Policy& policy, const Tailnet& tailnet, const Openings& openings, const Node& node,
                   const NodeAnswer& answer, const std::string& where) {
  std::set<std::string> peers;
  for (const Node& other : tailnet.nodes) {
    if (&other == &node || !sees(openings, node, other)) continue;
    peers.insert(other.name);
    const auto routes = answer.peer_primary_routes.find(other.name);
    EXPECT_EQ(texts(shown_routes(openings, node, other)),
              routes == answer.peer_primary_routes.end() ? std::set<std::string>() : routes->second)
        << where << ": routes of " << other.name;
    EXPECT_EQ(texts(allowed_ips(policy, tailnet, openings, node, other)), allowed_of(answer, other))
        << where << ": addresses of " << other.name;
  }
  EXPECT_EQ(texts(allowed_ips(policy, tailnet, openings, node, node)), own_allowed(answer, node)) << where;
  EXPECT_EQ(peers, answer.peers) << where << ": peers";
  EXPECT_EQ(texts(primary_routes(tailnet, node)), answer.primary_routes) << where;
}

class Recorded : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = std::filesystem::path(ACL_SHARED_DIR) / "conformance";
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "SKIPPED: no recorded cases in " << folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".json") files_.push_back(entry.path());
    }
    std::sort(files_.begin(), files_.end());
  }

  // compare(policy, tailnet, openings, node, what the node received, where)
  template <class Compare>
  void for_each_node(bool reliable_only, Compare compare) {
    int cases = 0;
    for (const auto& path : files_) {
      std::ifstream file(path);
      const Json recorded = Json::parse(file);
      const Json& expected = recorded.at("expect");
      if (!expected.at("accepted").get<bool>() || (reliable_only && recorded.contains("unreliable"))) continue;
      const Policy policy = read_policy(recorded.at("policy").get<std::string>());
      const Tailnet tailnet = with_approvals(policy, read_recorded_inventory(recorded.at("inventory").dump()));
      const Openings all = openings(policy, tailnet);
      for (const Node& node : tailnet.nodes) {
        if (!expected.at("nodes").contains(node.name)) continue;
        const NodeAnswer answer = read_node_answer(expected.at("nodes").at(node.name).dump());
        EXPECT_THAT(answer.faults, testing::IsEmpty());
        compare(policy, tailnet, all, node, answer, path.stem().string() + "/" + node.name);
      }
      ++cases;
    }
    std::printf("%d recorded cases\n", cases);
  }

 private:
  std::vector<std::filesystem::path> files_;
};

TEST_F(Recorded, FiltersLetInWhatTheOracleLetsIn) {
  for_each_node(false, [](const Policy& policy, const Tailnet& tailnet, const Openings&, const Node& node,
                          const NodeAnswer& answer, const std::string& where) {
    compare_filters(answer, passages(policy, tailnet, node), awards(policy, tailnet, node), tailnet, where);
  });
}

TEST_F(Recorded, LoginsAreThoseOfTheOracle) {
  for_each_node(false, [](const Policy& policy, const Tailnet& tailnet, const Openings&, const Node& node,
                          const NodeAnswer& answer,
                          const std::string& where) { compare_logins(policy, tailnet, node, answer, where); });
}

TEST_F(Recorded, NodesSeeWhomTheOracleSays) { for_each_node(true, compare_views); }

}  // namespace
}  // namespace acl::oracle
