// The SSH rules that one node receives.
#include <algorithm>

#include "compiler/resolve/resolver.h"
#include "compiler/resolve/view.h"

namespace acl::resolve {
namespace {

// `{"root": "" or "root", accounts…}`: root is refused unless it is listed.
std::vector<std::pair<std::string, std::string>> account_map(const SshRule& rule) {
  std::vector<std::pair<std::string, std::string>> users;
  if (rule.nonroot) users.emplace_back("*", "=");
  for (const std::string_view account : rule.accounts) users.emplace_back(account, account);
  users.emplace_back("root", rule.root ? "root" : "");
  make_set(users);
  return users;
}

}  // namespace

bool localpart_fits(const Resolved& resolved, const SshRule& rule, std::uint32_t user) {
  if (user == none) return false;
  const std::string_view login = resolved.inventory->users[user].login;
  const std::size_t at = login.rfind('@');
  if (at == std::string_view::npos) return false;
  return std::any_of(rule.localpart_domains.begin(), rule.localpart_domains.end(), [&](std::string_view domain) {
    return policy::equal_ignoring_case(domain, login.substr(at + 1));
  });
}

void Views::add_principals(SshRuleView& view, const std::vector<NodeId>& nodes) const {
  for (const NodeId node : nodes) {
    for (const net::Address& address : resolved_.inventory->nodes[node].addresses) {
      view.principals.push_back(address.text());
    }
  }
  std::sort(view.principals.begin(), view.principals.end());
}

std::vector<SshRuleView> Views::ssh_rules(NodeId node) const {
  std::vector<SshRuleView> out;
  const inventory::Node& device = resolved_.inventory->nodes[node];
  const std::uint32_t owner = device.tags.empty() ? device.user : none;
  for (const SshRule& rule : resolved_.ssh) {
    const bool destination = std::binary_search(rule.destinations.begin(), rule.destinations.end(), node);
    std::vector<NodeId> sources;
    if (destination) {
      sources = rule.sources;
      sources.insert(sources.end(), rule.repeated.begin(), rule.repeated.end());
    } else if (rule.self && owner != none) {
      for (const NodeId source : devices_of_[owner]) {
        if (std::binary_search(rule.sources.begin(), rule.sources.end(), source)) sources.push_back(source);
      }
    } else if (!rule.localpart_domains.empty() && std::binary_search(rule.sources.begin(), rule.sources.end(), node)) {
      // The service sends a localpart rule to its sources, too: a person's own devices, or the tagged ones.
      for (const NodeId source : rule.sources) {
        const inventory::Node& from = resolved_.inventory->nodes[source];
        const std::uint32_t person = from.tags.empty() ? from.user : none;
        if (person == owner) sources.push_back(source);
      }
    }
    if (sources.empty()) continue;
    const policy::SshRule* origin = &resolved_.file->policy.ssh[rule.index];
    const auto add = [&](const std::vector<NodeId>& nodes, std::vector<std::pair<std::string, std::string>> users) {
      SshRuleView view{{}, std::move(users), rule.check, origin, rule.index};
      add_principals(view, nodes);
      out.push_back(std::move(view));
    };
    if (rule.localpart_domains.empty()) {
      add(sources, account_map(rule));
      continue;
    }
    // Split by person, in the order of the users; tagged sources together.
    std::stable_sort(sources.begin(), sources.end(), [&](NodeId a, NodeId b) {
      const auto person = [&](NodeId id) {
        const inventory::Node& from = resolved_.inventory->nodes[id];
        return from.tags.empty() ? from.user : none;
      };
      return person(a) < person(b);
    });
    for (std::size_t first = 0; first < sources.size();) {
      const inventory::Node& from = resolved_.inventory->nodes[sources[first]];
      const std::uint32_t person = from.tags.empty() ? from.user : none;
      std::vector<NodeId> nodes;
      std::size_t last = first;
      for (; last < sources.size(); ++last) {
        const inventory::Node& other = resolved_.inventory->nodes[sources[last]];
        if ((other.tags.empty() ? other.user : none) != person) break;
        nodes.push_back(sources[last]);
      }
      add(nodes, account_map(rule));
      if (person != none) {
        const std::string& login = resolved_.inventory->users[person].login;
        const std::string local = login.substr(0, login.rfind('@'));
        const bool fits = localpart_fits(resolved_, rule, person);
        if (fits) add(nodes, {{local, local}});
      }
      first = last;
    }
  }
  return out;
}

}  // namespace acl::resolve
