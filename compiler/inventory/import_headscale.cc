// The output of `headscale nodes list -o json` and `headscale users list -o json`: arrays, or the REST API's {"nodes": […]}
// and {"users": […]}. Up to 0.29 in snake case with times as objects and empty values omitted, from 0.30 in camel case.
//
// A user is known to policies by mail address or, with an @ behind it, by name; so the login is the one or the other.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/inventory/shapes.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

using hujson::Kind;
using hujson::Value;

// --- users ------------------------------------------------------------------------------------------------------------

struct Account {
  std::string_view id;
  std::string_view name;
  std::string_view email;
};

constexpr Fields<Account, 3> account_fields{{
    {"id", [](Reader& r, Value v, Account& a) { a.id = r.number(v); }},
    {"name", [](Reader& r, Value v, Account& a) { a.name = r.name(v); }},
    {"email", [](Reader& r, Value v, Account& a) { a.email = r.name(v); }},
}};

User user_of(const Account& account) {
  User user;
  user.name = account.name;
  if (!account.email.empty()) {
    user.login = account.email;
  } else if (!account.name.empty()) {
    user.login = account.name.find('@') == std::string_view::npos ? fmt::format("{}@", account.name) : account.name;
  }
  return user;
}

// The position of the user, made if there is none; `none` if it has no name at all.
std::uint32_t read_account(Reader& r, Value value, Draft& draft) {
  Account account;
  r.object(value, account_fields, "a user", Manner::foreign, account);
  const auto known = draft.headscale_users.find(account.id);
  if (!account.id.empty() && known != draft.headscale_users.end()) return known->second;
  User user = user_of(account);
  if (user.login.empty()) return none;
  const std::uint32_t position = draft.merge_user(r, std::move(user), value.span());
  if (!account.id.empty()) draft.headscale_users.emplace(account.id, position);
  return position;
}

// --- nodes ------------------------------------------------------------------------------------------------------------

// "2026-01-01T00:00:00Z", or {"seconds": 1767225600, "nanos": 0}.
void read_time(Reader& r, Value value, NodeDraft& n) {
  if (!value.is(Kind::object)) {
    r.time(value, n.node.created);
    return;
  }
  const auto seconds = value.find("seconds");
  if (!seconds || !seconds->is(Kind::number)) return;
  const std::string_view text = seconds->text();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr std::int64_t last = 253402300799;  // the end of the year 9999
  if (error == std::errc{} && end == text.data() + text.size() && number > go_zero_time && number <= last) {
    n.node.created = number;
  } else {
    r.report(Code::E0812, value.span(), fmt::format("{} seconds since 1970 is no time", text));
  }
}

struct Machine {
  NodeDraft draft;
  std::string_view name;
  std::string_view given_name;
  std::optional<Value> user;
};

void read_addresses(Reader& r, Value v, Machine& m) {
  r.addresses(v, m.draft.node.addresses);
  m.draft.addresses = v.index();
}
void read_key(Reader& r, Value v, Machine& m) {
  if (auto key = wireguard_key(r.text(v))) m.draft.node.key = std::move(*key);
}
void read_created(Reader& r, Value v, Machine& m) { read_time(r, v, m.draft); }
void read_given_name(Reader& r, Value v, Machine& m) { m.given_name = r.name(v); }
void read_approved(Reader& r, Value v, Machine& m) { r.routes(v, m.draft.node.approved_routes); }
void read_available(Reader& r, Value v, Machine& m) { r.routes(v, m.draft.node.advertised_routes); }
void read_tags(Reader& r, Value v, Machine& m) { r.tags(v, m.draft.tags); }

constexpr Fields<Machine, 18> machine_fields{{
    {"id", [](Reader& r, Value v, Machine& m) { m.draft.node.id = r.number(v); }},
    {"nodeKey", read_key},
    {"node_key", read_key},
    {"ipAddresses", read_addresses},
    {"ip_addresses", read_addresses},
    {"name", [](Reader& r, Value v, Machine& m) { m.name = r.name(v); }},
    {"user",
     [](Reader&, Value v, Machine& m) {
       m.user = v;
       m.draft.user_span = v.span();
     }},
    {"createdAt", read_created},
    {"created_at", read_created},
    {"givenName", read_given_name},
    {"given_name", read_given_name},
    {"approvedRoutes", read_approved},
    {"approved_routes", read_approved},
    {"availableRoutes", read_available},
    {"available_routes", read_available},
    {"tags", read_tags},
    // Before 0.28: tags that the server gave, and those that the node asked for and may have. A node has both.
    {"forced_tags", read_tags},
    {"valid_tags", read_tags},
}};

void read_machine(Reader& r, Value value, Draft& draft) {
  Machine m;
  m.draft.node.span = value.span();
  m.draft.node.file = r.file();
  m.draft.name_span = value.span();
  r.object(value, machine_fields, "a node", Manner::foreign, m);
  m.draft.node.name = m.given_name.empty() ? m.name : m.given_name;
  // The user of a tagged node is who registered it, or a pseudo-user of all tagged nodes.
  if (m.user && m.draft.tags.empty()) m.draft.position = read_account(r, *m.user, draft);
  draft.prepare(m.draft);
  draft.add_node(r, m.draft, Owner::made, Manner::foreign);
}

// --- the whole --------------------------------------------------------------------------------------------------------

std::optional<Value> list_of(Value root, std::string_view member) {
  return root.is(Kind::array) ? root : root.find(member);
}

void nodes_parts(Reader&, Parts& parts, Draft& draft) {
  parts.nodes = list_of(parts.root, "nodes");
  draft.nodes_listed = true;
}

void read_nodes(Reader& r, Parts& parts, Draft& draft) {
  r.objects(*parts.nodes, "an array of objects", [&](Value node) { read_machine(r, node, draft); });
  draft.gap(r, {}, "Headscale tells neither roles nor posture attributes", "add \"role\" and \"posture\" by hand");
  draft.gap(r, {}, "Headscale does not tell the tailnet's name and mail domains",
            "add \"tailnet\" and \"domains\" by hand; without domains those of the logins are taken");
}

void users_parts(Reader&, Parts& parts, Draft&) { parts.users = list_of(parts.root, "users"); }

void read_users(Reader& r, Parts& parts, Draft& draft) {
  r.objects(*parts.users, "an array of objects", [&](Value user) {
    if (read_account(r, user, draft) == none) draft.gap(r, user.span(), "a user without a name is left out");
  });
}

}  // namespace

const Steps headscale_nodes_steps{nodes_parts, nullptr, read_nodes, nullptr};
const Steps headscale_users_steps{users_parts, read_users, nullptr, nullptr};

}  // namespace acl::inventory
