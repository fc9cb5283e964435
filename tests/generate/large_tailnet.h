// Large synthetic tailnets for benchmarks: a policy and an inventory of a given size, the same on every machine for the same
// seed.
//
// About 30 % of the nodes are tagged, with one to three tags; 1 % are subnet routers, some in pairs; 0.2 % exit nodes. Of the
// rules 70 % are acls, 30 % grants. The policy is accepted with its inventory, and its tests pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace acl::generate {

struct LargeShape {
  std::size_t users, nodes, rules, groups, tags, hosts, ssh, tests;
};

// "S" (100 nodes), "M" (5,000), "L" (50,000), "XL" (250,000).
std::optional<LargeShape> large_shape(std::string_view size);

struct LargeTailnet {
  std::string policy;     // HuJSON
  std::string inventory;  // native
};

LargeTailnet large_tailnet(const LargeShape& shape, std::uint64_t seed = 1);

}  // namespace acl::generate
