#include "compiler/inventory/inventory.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "compiler/policy/selector.h"

namespace acl::inventory {
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 7> role_names{{
    {"member", Role::member},
    {"owner", Role::owner},
    {"admin", Role::admin},
    {"network-admin", Role::network_admin},
    {"it-admin", Role::it_admin},
    {"billing-admin", Role::billing_admin},
    {"auditor", Role::auditor},
}};

}  // namespace

std::optional<Role> parse_role(std::string_view text) noexcept {
  for (const auto& [name, role] : role_names) {
    if (policy::equal_ignoring_case(name, text)) return role;
  }
  return std::nullopt;
}

std::string_view role_name(Role role) noexcept {
  for (const auto& [name, each] : role_names) {
    if (each == role) return name;
  }
  return "member";
}

std::string_view login_domain(std::string_view login) noexcept {
  const std::size_t at = login.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view domain = login.substr(at + 1);
  // Without a dot it names whoever vouches for the person.
  return domain.find('.') == std::string_view::npos ? std::string_view{} : domain;
}

std::vector<std::uint32_t> ages(const std::vector<Node>& nodes) {
  // The keys beside the positions: a comparison that had to look into the nodes would miss the cache every time.
  struct Joined {
    std::int64_t created;
    std::uint32_t position;
  };
  std::vector<Joined> order(nodes.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = {nodes[i].created.value_or(never), i};
  const auto older = [&](const Joined& a, const Joined& b) {
    if (a.created != b.created) return a.created < b.created;
    return nodes[a.position].name < nodes[b.position].name;
  };
  if (!std::is_sorted(order.begin(), order.end(), older)) std::sort(order.begin(), order.end(), older);
  std::vector<std::uint32_t> age(nodes.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) age[order[i].position] = i;
  return age;
}

bool same(const Inventory& a, const Inventory& b) {
  const auto users = [](const User& x, const User& y) {
    return x.login == y.login && x.name == y.name && x.role == y.role && x.suspended == y.suspended &&
           x.security_keys == y.security_keys && x.sub == y.sub;
  };
  const auto nodes = [](const Node& x, const Node& y) {
    return x.name == y.name && x.id == y.id && x.user == y.user && x.tags == y.tags && x.addresses == y.addresses &&
           x.advertised_routes == y.advertised_routes && x.approved_routes == y.approved_routes &&
           x.created == y.created && x.key == y.key && x.endpoint == y.endpoint && x.ssh_host_keys == y.ssh_host_keys &&
           x.posture == y.posture && x.shared == y.shared && x.bound == y.bound;
  };
  const auto services = [](const Service& x, const Service& y) {
    return x.name == y.name && x.addresses == y.addresses && x.hosts == y.hosts;
  };
  const auto groups = [](const SyncedGroup& x, const SyncedGroup& y) {
    return x.name == y.name && x.members == y.members;
  };
  const auto equal = [](const auto& x, const auto& y, auto each) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), each);
  };
  return a.tailnet == b.tailnet && a.domains == b.domains && a.tags == b.tags && a.age == b.age &&
         a.settings.magic_dns == b.settings.magic_dns &&
         a.settings.devices_auto_updates_on == b.settings.devices_auto_updates_on && equal(a.users, b.users, users) &&
         equal(a.nodes, b.nodes, nodes) && equal(a.services, b.services, services) &&
         equal(a.synced_groups, b.synced_groups, groups);
}

}  // namespace acl::inventory
