// Who gets what, against recorded answers of the hosted service: every recorded member of every node, lists in their order.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "compiler/emit/wire.h"
#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/resolve/resolve.h"
#include "tests/conformance/cases.h"

namespace acl {
namespace {

using nlohmann::json;

// What a member is where it is left out.
json default_of(const std::string& member, const json& node, const json& inventory_node) {
  static_cast<void>(node);
  if (member == "self_allowed_ips") {
    return json::array(
        {inventory_node.at("ipv4").get<std::string>() + "/32", inventory_node.at("ipv6").get<std::string>() + "/128"});
  }
  const bool map = member == "peer_allowed_ips" || member == "peer_primary_routes" || member == "peer_caps";
  return map ? json::object() : json::array();
}

TEST(Conformance, EveryNodeGetsWhatTheServiceGaveIt) {
  const std::vector<Case> cases = read_cases();
  if (cases.empty()) GTEST_SKIP() << "SKIPPED: no recorded cases in " << ACL_SHARED_DIR << "/conformance";
  struct Count {
    int cases = 0, exact = 0, nodes = 0, exact_nodes = 0;
  };
  std::map<std::string, Count> table;
  for (const Case& c : cases) {
    if (!c.accepted()) continue;
    const policy::Loaded loaded = policy::load_policy(c.id, c.policy);
    const SourceText text("inventory", c.inventory.dump());
    const inventory::LoadedInventory inventory = inventory::load_inventory({&text});
    ASSERT_TRUE(inventory.ok()) << c.id << ": " << inventory.diagnostics.at(0).message;
    const resolve::Resolved resolved = resolve::resolve(*loaded.file, inventory.inventory);
    const resolve::Views views(resolved);
    Count& count = table[c.category];
    ++count.cases;
    bool exact = true;
    for (const auto& [name, expected] : c.expect.at("nodes").items()) {
      const auto& nodes = inventory.inventory.nodes;
      const auto found =
          std::find_if(nodes.begin(), nodes.end(), [&, n = name](const auto& node) { return node.name == n; });
      ASSERT_NE(found, nodes.end());
      const json got = json::parse(emit::wire_node(views, static_cast<resolve::NodeId>(found - nodes.begin())));
      json inventory_node;
      for (const json& node : c.inventory.at("nodes")) {
        if (node.at("name") == name) inventory_node = node;
      }
      std::vector<std::string> members = {"packet_filter_rules", "ssh_rules",           "peers",
                                          "peer_allowed_ips",    "peer_primary_routes", "peer_caps",
                                          "self_allowed_ips",    "primary_routes"};
      if (expected.contains("self_caps")) members.push_back("self_caps");
      bool exact_node = true;
      for (const std::string& member : members) {
        if (std::find(c.unreliable.begin(), c.unreliable.end(), member) != c.unreliable.end()) continue;
        const json fallback = default_of(member, expected, inventory_node);
        const json want = expected.value(member, fallback);
        const json have = got.value(member, fallback);
        if (want != have) {
          exact_node = false;
          ADD_FAILURE() << c.id << ": " << name << ": " << member << "\n  want " << want.dump().substr(0, 1500)
                        << "\n  have " << have.dump().substr(0, 1500);
        }
      }
      ++count.nodes;
      count.exact_nodes += exact_node ? 1 : 0;
      exact = exact && exact_node;
    }
    count.exact += exact ? 1 : 0;
  }
  std::printf("%-12s %7s %7s %7s %7s\n", "category", "cases", "exact", "nodes", "exact");
  for (const auto& [category, count] : table) {
    std::printf("%-12s %7d %7d %7d %7d\n", category.c_str(), count.cases, count.exact, count.nodes, count.exact_nodes);
  }
}

TEST(Conformance, CheckWithInventorySaysWhatTheServiceSaid) {
  const std::vector<Case> cases = read_cases();
  if (cases.empty()) GTEST_SKIP() << "SKIPPED: no recorded cases in " << ACL_SHARED_DIR << "/conformance";
  std::map<std::string, std::pair<int, int>> table;
  for (const Case& c : cases) {
    const SourceText text("inventory", c.inventory.dump());
    const inventory::LoadedInventory inventory = inventory::load_inventory({&text});
    ASSERT_TRUE(inventory.ok()) << c.id;
    const policy::Loaded loaded =
        questions::full_check(c.id, c.policy, policy::Dialect::tailscale, inventory.inventory);
    const std::string message = loaded.accepted() ? "" : *loaded.message();
    EXPECT_EQ(message, c.message()) << c.id << (loaded.accepted() ? "" : "\n  " + loaded.diagnostics[0].message);
    auto& [all, exact] = table[c.category];
    ++all;
    exact += message == c.message() ? 1 : 0;
  }
  std::printf("%-12s %7s %7s\n", "category", "cases", "exact");
  for (const auto& [category, count] : table)
    std::printf("%-12s %7d %7d\n", category.c_str(), count.first, count.second);
}

}  // namespace
}  // namespace acl
