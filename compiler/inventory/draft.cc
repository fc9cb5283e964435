#include "compiler/inventory/draft.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/inventory/texts.h"
#include "compiler/policy/selector.h"
#include "engine/net/suggest.h"

namespace acl::inventory {

using policy::equal_ignoring_case;

namespace {

// What two files say of one node.
void complete(Node& node, Node& more) {
  unite(node.advertised_routes, more.advertised_routes);
  unite(node.approved_routes, more.approved_routes);
  if (!node.created) node.created = more.created;
  if (node.key.empty()) node.key = std::move(more.key);
  if (node.ssh_host_keys.empty()) node.ssh_host_keys = std::move(more.ssh_host_keys);
  if (node.posture.empty()) node.posture = std::move(more.posture);
}

}  // namespace

void unite(std::vector<net::Prefix>& to, const std::vector<net::Prefix>& from) {
  std::vector<net::Prefix> known = to;
  std::sort(known.begin(), known.end());
  for (const net::Prefix& prefix : from) {
    if (!std::binary_search(known.begin(), known.end(), prefix)) to.push_back(prefix);
  }
}

// --- users ------------------------------------------------------------------------------------------------------------

std::uint32_t Draft::find_user(std::string_view login, std::uint32_t hash) const {
  return users_.find(hash, [&](std::uint32_t i) {
    const std::uint32_t begin = i == 0 ? 0 : login_ends_[i - 1];
    const std::string_view known = std::string_view(logins_).substr(begin, login_ends_[i] - begin);
    return known == login || equal_ignoring_case(known, login);
  });
}

std::uint32_t Draft::make_user(Reader& r, std::string_view login, Span span) {
  const std::uint32_t known = find_user(login);
  if (known != none) return known;
  User user;
  user.login = login;
  return add_user(r, std::move(user), span);
}

std::uint32_t Draft::add_user(Reader& r, User user, Span span) {
  const std::uint32_t known = find_user(user.login);
  if (known == none || user_origins_[known].source != &r.source()) return merge_user(r, std::move(user), span);
  Diagnostic& found = r.report(Code::E0805, span, fmt::format("the login \"{}\" stands twice", user.login),
                               "a login is one user: join the two, or remove one");
  relate(found, "first here", user_origins_[known]);
  return known;
}

std::uint32_t Draft::merge_user(Reader& r, User user, Span span) {
  const auto position = static_cast<std::uint32_t>(inventory.users.size());
  const std::uint32_t known = find_user(user.login);
  if (known == none) {
    if (user.login.find('@') == std::string::npos) {
      r.report(Code::W0821, span, fmt::format("the login \"{}\" has no @", user.login),
               fmt::format("no rule can name it; a local user of Headscale is written \"{}@\"", user.login));
    }
    users_.add(hash_text(user.login), position);
    logins_ += user.login;
    login_ends_.push_back(static_cast<std::uint32_t>(logins_.size()));
    user_origins_.push_back({&r.source(), span});
    external_.push_back(false);
    inventory.users.push_back(std::move(user));
    return position;
  }
  User& old = inventory.users[known];
  if (old.name.empty()) old.name = std::move(user.name);
  if (old.role == Role::member) old.role = user.role;
  if (old.security_keys.empty()) old.security_keys = std::move(user.security_keys);
  if (old.sub.empty()) old.sub = std::move(user.sub);
  old.suspended = old.suspended || user.suspended;
  return known;
}

void Draft::gap(Reader& r, Span span, std::string message, std::string help) {
  constexpr std::size_t most = 100;
  if (gaps.size() >= most) return;
  gaps.push_back(make_diagnostic(Code::W0822, std::move(message), std::move(help)));
  gaps.back().place = r.findings().place(span);
}

void Draft::set_external(std::uint32_t user) { external_[user] = true; }

// --- nodes ------------------------------------------------------------------------------------------------------------

std::uint32_t Draft::tag(std::string_view name) {
  const auto position = static_cast<std::uint32_t>(inventory.tags.size());
  const std::uint32_t known =
      tags_.insert(hash_text(name), position, [&](std::uint32_t i) { return inventory.tags[i] == name; });
  if (known != HashIndex::absent) return known;
  inventory.tags.emplace_back(name);
  tag_marks_.push_back(0);
  return position;
}

std::uint32_t Draft::find_node(std::string_view name, std::uint32_t hash) const {
  return nodes_.find(hash, [&](std::uint32_t i) { return inventory.nodes[i].name == name; });
}

void Draft::prepare(NodeDraft& draft) const {
  const Node& node = draft.node;
  draft.name_hash = hash_text(node.name);
  nodes_.prefetch(draft.name_hash);
  if (!draft.user.empty()) {
    draft.user_hash = hash_text(draft.user);
    users_.prefetch(draft.user_hash);
  }
  if (!node.key.empty()) {
    draft.key_hash = hash_text(node.key);
    keys_.prefetch(draft.key_hash);
  }
  // More than a few addresses would only push each other out again.
  const std::size_t few = std::min<std::size_t>(node.addresses.size(), 4);
  for (std::size_t i = 0; i < few; ++i) address_index_.prefetch(hash_address(node.addresses[i]));
}

void Draft::reserve_nodes(hujson::Value list) {
  // No more than the text has room for, so that a list of anything else does not cost memory.
  constexpr std::size_t shortest = 32;  // {"name":"a","addresses":["::1"]}
  // Counting them all would fetch the whole tree once more: the first ones tell how long one is.
  constexpr std::size_t sample = 64;
  std::size_t sampled = 0;
  std::size_t end = list.node().begin;
  for (const hujson::Value element : list) {
    end = element.node().end;
    if (++sampled == sample) break;
  }
  const std::size_t each = std::max((end - list.node().begin) / std::max<std::size_t>(sampled, 1), shortest);
  const std::size_t length = list.node().end - list.node().begin;
  const std::size_t count = inventory.nodes.size() + length / each + length / each / 16 + 1;
  inventory.nodes.reserve(count);
  node_origins_.reserve(count);
  starts_.reserve(count);
  nodes_.reserve(count);
  keys_.reserve(count);
  address_index_.reserve(count * 2);
}

void Draft::set_owner(Reader& r, NodeDraft& draft, Owner owner, Manner manner) {
  Node& node = draft.node;
  const bool owned = !draft.user.empty() || draft.position != none;
  const auto number = static_cast<std::uint32_t>(inventory.nodes.size()) + 1;
  for (const std::string_view name : draft.tags) {
    const std::uint32_t position = tag(name);
    if (tag_marks_[position] == number) {
      if (manner == Manner::own)
        r.report(Code::W0820, node.span, fmt::format("node \"{}\" has the tag \"{}\" twice", node.name, name),
                 "remove one of the two");
      continue;
    }
    tag_marks_[position] = number;
    node.tags.push_back(position);
  }
  if (!node.tags.empty()) {
    // The control planes go on naming the one who tagged the node; only in our own format it is a contradiction.
    if (owned && manner == Manner::own) {
      r.report(Code::W0807, draft.user_span, fmt::format("node \"{}\" has both user and tags", node.name),
               "a tagged node belongs to nobody: remove \"user\", which is ignored");
    }
    return;
  }
  if (!owned) {
    r.report(Code::W0808, draft.name_span, fmt::format("node \"{}\" has neither user nor tags", node.name),
             "only * and its address select it: add \"user\" or \"tags\"");
    return;
  }
  node.user = draft.position != none ? draft.position : find_user(draft.user, draft.user_hash);
  if (node.user != none) return;
  if (owner == Owner::made) {
    node.user = make_user(r, draft.user, draft.user_span);
    return;
  }
  std::vector<std::string_view> known;
  if (suggestions_ != 0) {
    for (const User& user : inventory.users) known.push_back(user.login);
  }
  r.report(Code::E0806, draft.user_span, fmt::format("no user has the login \"{}\"", draft.user),
           suggest(draft.user, known));
}

void Draft::add_node(Reader& r, NodeDraft& draft, Owner owner, Manner manner) {
  Node& node = draft.node;
  const auto position = static_cast<std::uint32_t>(inventory.nodes.size());
  if (node.name.empty() || node.addresses.empty()) {
    const std::string_view missing = node.name.empty() ? "name" : "addresses";
    if (manner == Manner::foreign) {
      gap(r, node.span,
          node.name.empty() ? "a node without a name is left out"
                            : fmt::format("node \"{}\" has no addresses and is left out", node.name));
      return;
    }
    r.report(Code::E0804, node.name.empty() ? node.span : draft.name_span,
             node.name.empty() ? "a node has no name" : fmt::format("node \"{}\" has no addresses", node.name),
             fmt::format("add \"{}\"", missing));
    return;
  }
  if (const std::uint32_t known = find_node(node.name, draft.name_hash); known != none) {
    Node& old = inventory.nodes[known];
    if (manner == Manner::foreign && !node.id.empty() && old.id == node.id && old.file != r.file()) {
      complete(old, node);
      return;
    }
    Diagnostic& found = r.report(Code::E0805, draft.name_span, fmt::format("the name \"{}\" stands twice", node.name),
                                 "each node needs a name of its own");
    relate(found, "first here", node_origins_[known]);
    return;
  }
  set_owner(r, draft, owner, manner);
  claim_addresses(r, node.addresses, draft.addresses);
  if (!node.key.empty()) {
    const std::uint32_t other =
        keys_.insert(draft.key_hash, position, [&](std::uint32_t i) { return inventory.nodes[i].key == node.key; });
    if (other != HashIndex::absent) {
      Diagnostic& found =
          r.report(Code::W0814, draft.name_span,
                   fmt::format("nodes \"{}\" and \"{}\" have the same key", inventory.nodes[other].name, node.name),
                   "each node makes a key of its own: wg genkey");
      relate(found, "the other one", node_origins_[other]);
    }
  }
  nodes_.add(draft.name_hash, position);
  node_origins_.push_back({&r.source(), draft.name_span});
  inventory.nodes.push_back(std::move(node));
}

Node* Draft::node_of_key(std::string_view key) {
  const std::uint32_t known =
      keys_.find(hash_text(key), [&](std::uint32_t i) { return inventory.nodes[i].key == key; });
  return known == HashIndex::absent ? nullptr : &inventory.nodes[known];
}

// --- addresses --------------------------------------------------------------------------------------------------------

// Addresses are numbered through all nodes and services in their order, so that the index needs no copy of them.

std::uint32_t Draft::owner_of(std::uint32_t ordinal) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), ordinal);
  return static_cast<std::uint32_t>(after - starts_.begin()) - 1;
}

const net::Address& Draft::address_of(std::uint32_t ordinal) const {
  const std::uint32_t owner = owner_of(ordinal);
  const std::size_t offset = ordinal - starts_[owner];
  const std::size_t nodes = inventory.nodes.size();
  return owner < nodes ? inventory.nodes[owner].addresses[offset] : inventory.services[owner - nodes].addresses[offset];
}

std::string Draft::owner_name(std::uint32_t owner) const {
  const std::size_t nodes = inventory.nodes.size();
  return owner < nodes ? fmt::format("node \"{}\"", inventory.nodes[owner].name)
                       : fmt::format("service \"{}\"", inventory.services[owner - nodes].name);
}

Draft::Origin Draft::owner_origin(std::uint32_t owner) const {
  const std::size_t nodes = inventory.nodes.size();
  return owner < nodes ? node_origins_[owner] : service_origins_[owner - nodes];
}

Span Draft::address_span(hujson::Value value, const net::Address& address) {
  if (!value.is(hujson::Kind::array) || exact_places_ == 0) return value.span();
  --exact_places_;
  Span last = value.span();
  std::string buffer;
  for (const hujson::Value element : value) {
    if (!element.is(hujson::Kind::string) || net::Address::parse(element.string(buffer)) != address) continue;
    last = element.span();
  }
  return last;
}

// Leaves in `addresses` those that nobody had before; they become the next one's.
void Draft::claim_addresses(Reader& r, std::vector<net::Address>& addresses, std::uint32_t value) {
  const std::uint32_t start = addresses_;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const net::Address address = addresses[i];
    const std::uint32_t hash = hash_address(address);
    const std::uint32_t known = address_index_.find(hash, [&](std::uint32_t ordinal) {
      return (ordinal < start ? address_of(ordinal) : addresses[ordinal - start]) == address;
    });
    if (known == HashIndex::absent) {
      address_index_.add(hash, addresses_++);
      addresses[kept++] = address;
      continue;
    }
    if (known >= start) {
      r.report(Code::W0820, address_span(r.value(value), address),
               fmt::format("the address {} stands twice", address.text()), "remove one of the two");
      continue;
    }
    const std::uint32_t owner = owner_of(known);
    Diagnostic& found = r.report(Code::E0810, address_span(r.value(value), address),
                                 fmt::format("the address {} belongs to {} already", address.text(), owner_name(owner)),
                                 "an address identifies one node: give each its own");
    relate(found, owner_name(owner), owner_origin(owner));
  }
  addresses.resize(kept);
  starts_.push_back(start);
}

// --- the rest ---------------------------------------------------------------------------------------------------------

void Draft::add_service(Reader& r, Service service, Span name, hujson::Value addresses,
                        const std::vector<std::pair<std::string_view, Span>>& hosts) {
  const auto position = static_cast<std::uint32_t>(inventory.services.size());
  const std::uint32_t known = services_.insert(
      hash_text(service.name), position, [&](std::uint32_t i) { return inventory.services[i].name == service.name; });
  if (known != HashIndex::absent) {
    Diagnostic& found = r.report(Code::E0805, name, fmt::format("the service \"{}\" stands twice", service.name),
                                 "join the two, or remove one");
    relate(found, "first here", service_origins_[known]);
    return;
  }
  claim_addresses(r, service.addresses, addresses.index());
  for (const auto& [host, span] : hosts) {
    const std::uint32_t node = find_node(host, hash_text(host));
    if (node != none) {
      service.hosts.push_back(node);
      continue;
    }
    std::vector<std::string_view> names;
    if (suggestions_ != 0) {
      for (const Node& each : inventory.nodes) names.push_back(each.name);
    }
    r.report(Code::E0816, span, fmt::format("no node has the name \"{}\"", host), suggest(host, names));
  }
  service_origins_.push_back({&r.source(), name});
  inventory.services.push_back(std::move(service));
}

void Draft::add_synced_group(Reader& r, SyncedGroup group, Span name) {
  const auto position = static_cast<std::uint32_t>(inventory.synced_groups.size());
  const std::uint32_t known = groups_.insert(
      hash_text(group.name), position, [&](std::uint32_t i) { return inventory.synced_groups[i].name == group.name; });
  if (known != HashIndex::absent) {
    Diagnostic& found = r.report(Code::E0805, name, fmt::format("the group \"{}\" stands twice", group.name),
                                 "join the two, or remove one");
    relate(found, "first here", group_origins_[known]);
    return;
  }
  group_origins_.push_back({&r.source(), name});
  inventory.synced_groups.push_back(std::move(group));
}

void Draft::add_domain(std::string_view domain) {
  const auto position = static_cast<std::uint32_t>(inventory.domains.size());
  const std::uint32_t known = domains_.insert(
      hash_text(domain), position, [&](std::uint32_t i) { return equal_ignoring_case(inventory.domains[i], domain); });
  if (known == HashIndex::absent) inventory.domains.push_back(policy::lower_case(domain));
}

void Draft::finish() {
  if (!domains_listed) {
    for (std::size_t i = 0; i < inventory.users.size(); ++i) {
      const std::string_view domain = login_domain(inventory.users[i].login);
      if (!external_[i] && !domain.empty()) add_domain(domain);
    }
  }
  inventory.age = ages(inventory.nodes);
}

std::string Draft::suggest(std::string_view word, const std::vector<std::string_view>& known) {
  if (suggestions_ == 0) return {};
  --suggestions_;
  const auto suggestion = nearest(word, known);
  return suggestion ? fmt::format("did you mean \"{}\"?", *suggestion) : std::string{};
}

void Draft::relate(Diagnostic& diagnostic, std::string message, const Origin& origin) {
  diagnostic.related.push_back({std::move(message), origin.source->place(origin.span)});
}

}  // namespace acl::inventory
