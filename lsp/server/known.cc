#include "lsp/server/known.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "compiler/policy/language.h"

namespace acl::lsp {

using policy::Autogroup;
using policy::Selector;
using policy::SelectorKind;

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct CaselessHash {
  std::size_t operator()(std::string_view text) const noexcept {
    std::size_t hash = 1469598103934665603ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(lower(c))) * 1099511628211ULL;
    return hash;
  }
};
struct CaselessEqual {
  bool operator()(std::string_view a, std::string_view b) const noexcept { return policy::equal_ignoring_case(a, b); }
};
using Logins = std::unordered_set<std::string_view, CaselessHash, CaselessEqual>;

// The logins in a group of the policy or of the identity provider; false if there is no such group.
bool members_of_group(const Known& known, std::string_view name, std::vector<std::string_view>& out) {
  if (known.policy != nullptr) {
    for (const policy::Group& group : known.policy->policy.groups) {
      if (group.name.value != name) continue;
      for (const Selector& member : group.members) out.push_back(member.text);
      return true;
    }
  }
  if (known.inventory != nullptr) {
    for (const inventory::SyncedGroup& group : known.inventory->synced_groups) {
      if (group.name != name) continue;
      out.insert(out.end(), group.members.begin(), group.members.end());
      return true;
    }
  }
  return false;
}

bool has_role(const inventory::User& user, Autogroup role) noexcept {
  using inventory::Role;
  switch (role) {
    case Autogroup::owner: return user.role == Role::owner;
    case Autogroup::admin: return user.role == Role::admin || user.role == Role::owner;
    case Autogroup::it_admin: return user.role == Role::it_admin;
    case Autogroup::network_admin: return user.role == Role::network_admin;
    case Autogroup::billing_admin: return user.role == Role::billing_admin;
    case Autogroup::auditor: return user.role == Role::auditor;
    default: return false;
  }
}

// Which users the selector means; false if it means none.
bool mark_people(const Known& known, const Selector& selector, std::vector<bool>& marked) {
  const auto& users = known.inventory->users;
  marked.assign(users.size(), false);
  const auto mark = [&](auto fits) {
    for (std::size_t i = 0; i < users.size(); ++i) marked[i] = fits(users[i]);
    return true;
  };
  switch (selector.kind) {
    case SelectorKind::user:
      return mark([&](const auto& user) { return policy::equal_ignoring_case(user.login, selector.text); });
    case SelectorKind::user_domain:
      return mark([&](const auto& user) { return inventory::login_domain(user.login) == selector.name; });
    case SelectorKind::group: {
      std::vector<std::string_view> members;
      members_of_group(known, selector.text, members);
      const Logins logins(members.begin(), members.end());
      return mark([&](const auto& user) { return logins.count(user.login) != 0; });
    }
    case SelectorKind::autogroup:
      if (selector.autogroup == Autogroup::member) return mark([](const auto&) { return true; });
      if (!policy::is_role(selector.autogroup)) return false;
      return mark([&](const auto& user) { return has_role(user, selector.autogroup); });
    default: return false;
  }
}

template <class Fits>
void add_nodes(const Known& known, Members& members, Fits fits) {
  const auto& nodes = known.inventory->nodes;
  members.counted = true;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (fits(nodes[i])) members.nodes.push_back(i);
  }
}

// Of the marked users: untagged, and not shared in.
void add_devices_of(const Known& known, const std::vector<bool>& marked, Members& members) {
  members.counted = true;
  for (std::size_t user = 0; user < marked.size(); ++user) {
    if (!marked[user]) continue;
    for (const std::uint32_t node : known.tailnet->nodes_of_user[user]) {
      if (!known.inventory->nodes[node].shared) members.nodes.push_back(node);
    }
  }
  std::sort(members.nodes.begin(), members.nodes.end());
}

// What an ipset comes to is known where a rule of an accepted policy uses it.
void add_ipset(const Known& known, const Selector& selector, Members& members) {
  if (known.understanding == nullptr) return;
  const resolve::Resolved& resolved = known.understanding->resolved;
  for (const resolve::SelectorSet& set : resolved.selectors) {
    if (set.text != selector.text) continue;
    for (const resolve::EntryId id : set.literals)
      members.literals.push_back(resolve::entry_text(resolved.entries[id]));
    return;
  }
}

const policy::Host* find_host(const Known& known, std::string_view name) {
  if (known.policy == nullptr) return nullptr;
  for (const policy::Host& host : known.policy->policy.hosts) {
    if (host.name.value == name) return &host;
  }
  return nullptr;
}

void add_inside(const Known& known, const net::Prefix& prefix, Members& members) {
  if (known.inventory == nullptr) return;
  add_nodes(known, members, [&](const inventory::Node& node) {
    return std::any_of(node.addresses.begin(), node.addresses.end(),
                       [&](const net::Address& a) { return prefix.contains(a); });
  });
}

std::string plural(std::size_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

// "`laptop` (100.64.0.1)"
std::vector<std::string> node_items(const Known& known, const std::vector<std::uint32_t>& nodes) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < nodes.size() && i <= 10; ++i) {
    const inventory::Node& node = known.inventory->nodes[nodes[i]];
    std::string item = markdown_code(node.name);
    if (!node.addresses.empty()) item += fmt::format(" ({})", node.addresses[0].text());
    items.push_back(std::move(item));
  }
  items.resize(nodes.size());
  return items;
}

std::string_view what_it_is(const Selector& selector) noexcept {
  switch (selector.kind) {
    case SelectorKind::wildcard:
      return "Everything. As a source: the tailnet's own addresses and its approved subnet routes, not the internet. "
             "As a destination: "
             "any address at all.";
    case SelectorKind::user: return "The untagged devices of this person.";
    case SelectorKind::user_domain:
      return "The untagged devices of everyone whose login is in this domain, people invited from outside excepted.";
    case SelectorKind::group: return "The untagged devices of the group's people.";
    case SelectorKind::tag: return "Every device with this tag.";
    case SelectorKind::ipset: return "A named set of addresses.";
    case SelectorKind::service:
      return "The virtual addresses of a service. They accept connections and never start any.";
    case SelectorKind::address: return "One address; not the other addresses of the same device.";
    case SelectorKind::prefix: return "Every address in this prefix.";
    case SelectorKind::range: return "Every address from the first to the last.";
    case SelectorKind::host: return "A name for an address or a prefix.";
    case SelectorKind::posture: return "A condition on devices.";
    case SelectorKind::localpart: return "The local account named as the person's login is before the `@`.";
    default: return "";
  }
}

void say_operations(const Known& known, const Selector& selector, std::string& out) {
  if (known.policy == nullptr) return;
  for (const policy::Ipset& ipset : known.policy->policy.ipsets) {
    if (ipset.name.value != selector.text) continue;
    std::vector<std::string> items;
    for (const policy::IpsetOperation& operation : ipset.operations) {
      items.push_back(
          markdown_code(std::string(operation.remove ? "remove " : "add ") + std::string(operation.target.text)));
    }
    if (!items.empty()) out += "\n\nMade by " + listed(items) + ".";
  }
}

}  // namespace

Known known_of(const Snapshot& file, const Snapshot* policy, const Understanding* understanding) {
  Known known;
  if (file.kind == FileKind::policy) policy = &file;
  known.understanding = understanding;
  if (policy != nullptr) {
    known.policy = policy->file.get();
  } else if (understanding != nullptr) {
    known.policy = understanding->snapshot->file.get();
  }
  // A text that is too broken to tell its names has those of the last one that could be understood.
  if (known.policy != nullptr && known.policy->tree.nodes.empty() && understanding != nullptr) {
    known.policy = understanding->snapshot->file.get();
  }
  known.dialect = known.policy != nullptr ? known.policy->policy.dialect : file.file->policy.dialect;
  for (const Snapshot* snapshot : {&file, policy}) {
    if (known.inventory != nullptr || snapshot == nullptr || snapshot->inventory == nullptr) continue;
    known.inventory = &snapshot->inventory->inventory;
    known.facts = &snapshot->inventory->facts;
    known.tailnet = &snapshot->inventory->tailnet;
  }
  return known;
}

Members members_of(const Known& known, const Selector& selector) {
  Members members;
  switch (selector.kind) {
    case SelectorKind::wildcard: members.everything = true; return members;
    case SelectorKind::address:
      members.literals.push_back(selector.prefix.first().text());
      add_inside(known, selector.prefix, members);
      return members;
    case SelectorKind::prefix:
      if (selector.fault == policy::SelectorFault::prefix) return members;
      members.literals.push_back(selector.prefix.text());
      add_inside(known, selector.prefix, members);
      return members;
    case SelectorKind::range:
      members.literals.push_back(selector.prefix.first().text() + "-" + selector.range_last.text());
      return members;
    case SelectorKind::host:
      if (const policy::Host* host = find_host(known, selector.name); host != nullptr && host->prefix) {
        members.literals.push_back(host->prefix->is_single() ? host->prefix->first().text() : host->prefix->text());
        add_inside(known, *host->prefix, members);
      }
      return members;
    case SelectorKind::ipset: add_ipset(known, selector, members); return members;
    case SelectorKind::service:
      if (known.inventory == nullptr) return members;
      for (const inventory::Service& service : known.inventory->services) {
        if (service.name != selector.text) continue;
        for (const net::Address& address : service.addresses) members.literals.push_back(address.text());
      }
      return members;
    case SelectorKind::tag: {
      if (known.tailnet == nullptr) return members;
      members.counted = true;
      const std::uint32_t tag = known.tailnet->tag(policy::lower_case(selector.text));
      if (tag != inventory::none) members.nodes = known.tailnet->nodes_of_tag[tag];
      return members;
    }
    default: break;
  }
  if (selector.kind == SelectorKind::group) members_of_group(known, selector.text, members.people);
  if (known.inventory == nullptr) return members;
  if (selector.autogroup == Autogroup::tagged || selector.autogroup == Autogroup::shared) {
    const bool shared = selector.autogroup == Autogroup::shared;
    add_nodes(known, members, [&](const inventory::Node& node) { return shared ? node.shared : !node.tags.empty(); });
    return members;
  }
  std::vector<bool> marked;
  if (!mark_people(known, selector, marked)) return members;
  add_devices_of(known, marked, members);
  if (selector.kind == SelectorKind::group) return members;  // its people are those that are listed
  for (std::size_t i = 0; i < marked.size(); ++i) {
    if (marked[i]) members.people.push_back(known.inventory->users[i].login);
  }
  return members;
}

std::string counts(const Members& members) {
  std::string out;
  if (members.counted) out = plural(members.nodes.size(), "node", "nodes");
  if (!members.people.empty()) out += (out.empty() ? "" : ", ") + plural(members.people.size(), "person", "people");
  if (out.empty() && !members.literals.empty()) out = plural(members.literals.size(), "range", "ranges");
  return out;
}

std::string about_selector(const Known& known, const Selector& selector) {
  std::string out = markdown_code(selector.text);
  const Members members = members_of(known, selector);
  const std::string counted = counts(members);
  const bool literal = selector.kind == SelectorKind::address || selector.kind == SelectorKind::prefix ||
                       selector.kind == SelectorKind::range || selector.kind == SelectorKind::host;
  if (!counted.empty() && !literal) out += " · " + counted;
  const std::string_view about =
      selector.kind == SelectorKind::autogroup ? policy::about_autogroup(selector.name) : what_it_is(selector);
  if (!about.empty()) out += "\n\n" + std::string(about);
  if (!members.literals.empty()) {
    std::vector<std::string> items;
    for (const std::string& text : members.literals) items.push_back(markdown_code(text));
    out += "\n\nAddresses: " + listed(items) + ".";
  }
  if (selector.kind == SelectorKind::ipset) say_operations(known, selector, out);
  if (!members.people.empty() && selector.kind != SelectorKind::user) {
    std::vector<std::string> items;
    for (const std::string_view login : members.people) {
      if (items.size() > 10) break;
      items.push_back(markdown_text(login));
    }
    items.resize(members.people.size());
    out += "\n\nPeople: " + listed(items) + ".";
  }
  if (members.counted && !members.nodes.empty()) {
    out += "\n\nNodes: " + listed(node_items(known, members.nodes)) + ".";
  } else if (members.counted && !literal) {
    out += "\n\nNo node of the inventory: it selects nothing today.";
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += ' ';
      continue;
    }
    // All of ASCII's punctuation may be escaped (CommonMark 0.30, section 2.4); what may be read as markup is.
    if (std::string_view("\\`*_{}[]<>()#+-!|&~").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_code(std::string_view text) {
  std::size_t longest = 0, run = 0;
  std::string inside;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    inside += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  const std::string fence(longest + 1, '`');
  const bool pad = longest != 0 || inside.empty() || inside.front() == ' ' || inside.back() == ' ';
  return fence + (pad ? " " : "") + inside + (pad ? " " : "") + fence;
}

std::string listed(const std::vector<std::string>& items, std::size_t most) {
  std::string out;
  const std::size_t shown = items.size() > most ? most : items.size();
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) out += i + 1 == items.size() ? " and " : ", ";
    out += items[i];
  }
  if (shown < items.size()) out += fmt::format(" and {} more", items.size() - shown);
  return out;
}

}  // namespace acl::lsp
