#include "tests/oracle/select.h"

#include <algorithm>

namespace acl::oracle {
namespace {

bool is_listed(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Groups of the policy, and those an identity provider keeps.
std::vector<std::string> members(const Policy& policy, const Tailnet& tailnet, const std::string& group) {
  if (const auto found = policy.groups.find(group); found != policy.groups.end()) return found->second;
  if (const auto found = tailnet.synced_groups.find(group); found != tailnet.synced_groups.end()) return found->second;
  return {};
}

bool has_role(const Tailnet& tailnet, const std::string& login, const std::string& role) {
  const User* user = find_user(tailnet, login);
  if (user == nullptr) return false;
  // The owner is an admin, too.
  return user->role == role || (role == "admin" && user->role == "owner");
}

// The operations in the order written: https://tailscale.com/docs/features/tailnet-policy-file/ip-sets
Ranges ipset(const Policy& policy, const Tailnet& tailnet, const std::string& name) {
  Ranges set;
  const auto found = policy.ipsets.find(name);
  if (found == policy.ipsets.end()) return set;
  for (const IpsetOperation& operation : found->second) {
    for (const Range& range : addresses_of(policy, tailnet, operation.target)) {
      if (operation.remove) {
        set = without(set, range);
      } else {
        set.push_back(range);
      }
    }
  }
  return joined(set);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the longest run of digits (or of anything else) off the front.
std::string_view take_run(std::string_view& text, bool digits) {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size]) == digits) ++size;
  const std::string_view run = text.substr(0, size);
  text.remove_prefix(size);
  return run;
}

int sign(bool less, bool greater) { return less ? -1 : greater ? 1 : 0; }

// The order of two values, if they have one: numbers, or strings as versions.
std::optional<int> order(const Value& a, const Value& b) {
  if (a.index() != b.index()) return std::nullopt;
  if (const auto* x = std::get_if<double>(&a)) return sign(*x<std::get<double>(b), *x> std::get<double>(b));
  if (const auto* x = std::get_if<std::string>(&a)) return compare_versions(*x, std::get<std::string>(b));
  return std::nullopt;
}

// https://tailscale.com/docs/features/device-posture: an attribute that is not set fails every condition but NOT SET; so does,
// by its type, a value that cannot be compared: one that is neither like nor unlike any operand (docs/decisions/0005).
bool holds(const Condition& condition, const Node& node) {
  using Operator = Condition::Operator;
  const auto found = node.attributes.find(condition.attribute);
  const bool set = found != node.attributes.end();
  if (condition.op == Operator::is_set) return set;
  if (condition.op == Operator::not_set) return !set;
  if (!set) return false;
  const Value& value = found->second;
  const bool comparable = std::any_of(condition.operands.begin(), condition.operands.end(),
                                      [&](const Value& operand) { return operand.index() == value.index(); });
  const bool listed = std::count(condition.operands.begin(), condition.operands.end(), value) != 0;
  const std::optional<int> compared = order(value, condition.operands.at(0));
  switch (condition.op) {
    case Operator::equal:
    case Operator::in: return listed;
    case Operator::not_equal:
    case Operator::not_in: return comparable && !listed;
    case Operator::less: return compared && *compared < 0;
    case Operator::at_most: return compared && *compared <= 0;
    case Operator::greater: return compared && *compared > 0;
    case Operator::at_least: return compared && *compared >= 0;
    default: return false;
  }
}

}  // namespace

const Node* find_node(const Tailnet& tailnet, std::string_view name) {
  for (const Node& node : tailnet.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

const Node* node_of(const Tailnet& tailnet, const Address& address) {
  for (const Node& node : tailnet.nodes) {
    if (std::find(node.addresses.begin(), node.addresses.end(), address) != node.addresses.end()) return &node;
  }
  return nullptr;
}

const User* find_user(const Tailnet& tailnet, std::string_view login) {
  for (const User& user : tailnet.users) {
    if (user.login == login) return &user;
  }
  return nullptr;
}

std::string domain_of(std::string_view login) { return std::string(login.substr(login.rfind('@') + 1)); }

bool is_device_of(const Policy& policy, const Tailnet& tailnet, const Selector& selector, const Node& node) {
  // A tagged device belongs to no user: https://tailscale.com/docs/features/tags
  const bool owned = node.tags.empty() && !node.user.empty();
  // Devices shared in belong to no member, though their users can be named.
  const bool member = owned && !node.shared;
  switch (selector.kind) {
    case Kind::user: return owned && node.user == selector.name;
    case Kind::group: return owned && is_listed(members(policy, tailnet, selector.name), node.user);
    case Kind::user_domain: return member && domain_of(node.user) == selector.name;
    case Kind::member: return member;
    case Kind::role: return member && has_role(tailnet, node.user, selector.name);
    case Kind::tag: return is_listed(node.tags, selector.name);
    case Kind::tagged: return !node.tags.empty();
    case Kind::shared: return node.shared;
    default: return false;
  }
}

Ranges addresses_of(const Policy& policy, const Tailnet& tailnet, const Selector& selector) {
  switch (selector.kind) {
    case Kind::everything:
    case Kind::danger_all: return every_address();
    case Kind::internet: return internet();
    case Kind::self: return {};
    case Kind::address:
    case Kind::prefix: return {range_of(selector.prefix)};
    case Kind::range: return {{selector.prefix.first(), selector.last}};
    case Kind::host: return {range_of(policy.hosts.at(selector.name))};
    case Kind::ipset: return ipset(policy, tailnet, selector.name);
    case Kind::service: {
      Ranges ranges;
      for (const Service& service : tailnet.services) {
        if (service.name != selector.name) continue;
        for (const Address& address : service.addresses) ranges.push_back(range_of(address));
      }
      return ranges;
    }
    default: break;
  }
  Ranges ranges;
  for (const Node& node : tailnet.nodes) {
    if (!is_device_of(policy, tailnet, selector, node)) continue;
    for (const Address& address : node.addresses) ranges.push_back(range_of(address));
  }
  return ranges;
}

Ranges internet() {
  Ranges ranges = {range_of(Prefix(Address::v4(0), 0)), range_of(Prefix::parse("2000::/3").prefix)};
  for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"}) {
    ranges = without(ranges, range_of(Prefix::parse(text).prefix));
  }
  return ranges;
}

Ranges whole_tailnet(const Tailnet& tailnet) {
  Ranges ranges = {range_of(Prefix::parse("100.64.0.0/10").prefix),
                   range_of(Prefix::parse("fd7a:115c:a1e0::/48").prefix)};
  ranges = without(ranges, range_of(Prefix::parse("100.115.92.0/23").prefix));
  for (const Node& node : tailnet.nodes) {
    for (const Prefix& route : subnet_routes(node)) ranges.push_back(range_of(route));
  }
  return ranges;
}

Ranges sources_of(const Policy& policy, const Tailnet& tailnet, const std::vector<Selector>& src,
                  const std::optional<std::vector<std::string>>& posture) {
  Ranges ranges;
  for (const Selector& selector : src) {
    const bool star = selector.kind == Kind::everything;
    const Ranges more = star ? whole_tailnet(tailnet) : addresses_of(policy, tailnet, selector);
    ranges.insert(ranges.end(), more.begin(), more.end());
  }
  const auto& wanted = posture ? posture : policy.default_posture;
  if (!wanted) return ranges;
  for (const Node& node : tailnet.nodes) {
    if (meets_posture(policy, node, posture)) continue;
    for (const Address& address : node.addresses) ranges = without(ranges, range_of(address));
  }
  return ranges;
}

bool meets_posture(const Policy& policy, const Node& node, const std::optional<std::vector<std::string>>& posture) {
  const auto& wanted = posture ? posture : policy.default_posture;  // one replaces the other
  if (!wanted || wanted->empty() || node.shared) return true;
  return std::any_of(wanted->begin(), wanted->end(), [&](const std::string& name) {
    const auto& conditions = policy.postures.at(name);
    return std::all_of(conditions.begin(), conditions.end(),
                       [&](const Condition& condition) { return holds(condition, node); });
  });
}

// As the control plane's client library does (tailscale/tailscale, util/cmpver).
int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const std::string_view text_a = take_run(a, false), text_b = take_run(b, false);
    if (text_a != text_b) return sign(text_a < text_b, true);
    const std::string digits_a(take_run(a, true)), digits_b(take_run(b, true));
    const unsigned long long number_a = digits_a.empty() ? 0 : std::stoull(digits_a);
    const unsigned long long number_b = digits_b.empty() ? 0 : std::stoull(digits_b);
    if (number_a != number_b) return sign(number_a < number_b, true);
  }
  return 0;
}

bool is_exit_route(const Prefix& route) { return route.is_everything(); }

std::vector<Prefix> subnet_routes(const Node& node) {
  std::vector<Prefix> routes;
  for (const Prefix& route : node.approved) {
    if (!is_exit_route(route)) routes.push_back(route);
  }
  return routes;
}

bool is_exit_node(const Node& node) { return std::any_of(node.approved.begin(), node.approved.end(), is_exit_route); }

}  // namespace acl::oracle
