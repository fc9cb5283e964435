// The `inventory` object of a recorded case: users by name, the order of joining as ranks.
#include <fmt/format.h>

#include <charconv>

#include "compiler/inventory/shapes.h"

namespace acl::inventory {
namespace {

using hujson::Kind;
using hujson::Value;

struct File {
  Parts& parts;
  Draft& draft;
};

struct SettingsDraft {
  bool magic_dns = false;
  bool devices_auto_updates_on = false;
};

constexpr Fields<SettingsDraft, 2> settings_fields{{
    {"magic_dns", [](Reader& r, Value v, SettingsDraft& s) { s.magic_dns = r.boolean(v); }},
    {"devices_auto_updates_on", [](Reader& r, Value v, SettingsDraft& s) { s.devices_auto_updates_on = r.boolean(v); }},
}};

constexpr Fields<File, 5> file_fields{{
    {"tailnet", [](Reader& r, Value v, File& f) { f.draft.inventory.tailnet = r.name(v); }},
    {"domains",
     [](Reader& r, Value v, File& f) {
       f.draft.domains_listed = true;
       for (const std::string& domain : r.texts(v)) f.draft.add_domain(domain);
     }},
    {"users", [](Reader&, Value v, File& f) { f.parts.users = v; }},
    {"nodes", [](Reader&, Value v, File& f) { f.parts.nodes = v; }},
    {"settings",
     [](Reader& r, Value v, File& f) {
       SettingsDraft settings;
       r.object(v, settings_fields, "\"settings\"", Manner::foreign, settings);
       f.draft.inventory.settings = {settings.magic_dns, settings.devices_auto_updates_on};
     }},
}};

struct UserDraft {
  User user;
  std::string_view email;
};

constexpr Fields<UserDraft, 3> user_fields{{
    {"name", [](Reader& r, Value v, UserDraft& u) { u.user.name = r.name(v); }},
    {"email", [](Reader& r, Value v, UserDraft& u) { u.email = r.name(v); }},
    {"role",
     [](Reader& r, Value v, UserDraft& u) {
       const std::string_view word = r.text(v);
       if (const auto role = parse_role(word)) {
         u.user.role = *role;
       } else {
         r.report(Code::E0815, v.span(), fmt::format("the role \"{}\" does not exist", word));
       }
     }},
}};

// The rank counts as so many seconds after 1970: all that a time of joining is for is the order.
void read_rank(Reader& r, Value value, NodeDraft& n) {
  if (!r.expect(value, Kind::number, "a number")) return;
  const std::string_view text = value.text();
  std::uint32_t rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error == std::errc{} && end == text.data() + text.size()) {
    n.node.created = rank;
  } else {
    r.report(Code::E0203, value.span(), fmt::format("\"created_rank\" must be a whole number, not {}", text));
  }
}

void read_address(Reader& r, Value value, NodeDraft& n) {
  r.address(value, n.node.addresses);
  if (n.addresses == 0) n.addresses = value.index();
}

constexpr Fields<NodeDraft, 8> node_fields{{
    {"name",
     [](Reader& r, Value v, NodeDraft& n) {
       n.node.name = r.name(v);
       n.name_span = v.span();
     }},
    {"user",
     [](Reader& r, Value v, NodeDraft& n) {
       n.user = r.name(v);
       n.user_span = v.span();
     }},
    {"tags", [](Reader& r, Value v, NodeDraft& n) { r.tags(v, n.tags); }},
    {"created_rank", read_rank},
    {"ipv4", read_address},
    {"ipv6", read_address},
    {"routable_ips", [](Reader& r, Value v, NodeDraft& n) { r.routes(v, n.node.advertised_routes); }},
    {"approved_routes", [](Reader& r, Value v, NodeDraft& n) { r.routes(v, n.node.approved_routes); }},
}};

void read_parts(Reader& r, Parts& parts, Draft& draft) {
  File file{parts, draft};
  r.object(parts.root, file_fields, "a recorded inventory", Manner::foreign, file);
  draft.users_listed = draft.users_listed || parts.users.has_value();
  draft.nodes_listed = draft.nodes_listed || parts.nodes.has_value();
}

void read_users(Reader& r, Parts& parts, Draft& draft) {
  if (!parts.users) return;
  r.objects(*parts.users, "an array of objects", [&](Value element) {
    UserDraft user;
    r.object(element, user_fields, "a user", Manner::foreign, user);
    user.user.login = user.email.empty() ? user.user.name : user.email;
    if (user.user.login.empty()) {
      r.report(Code::E0804, element.span(), "a user has neither name nor email", "add \"name\" and \"email\"");
      return;
    }
    const std::string name = user.user.name;
    const std::uint32_t position = draft.add_user(r, std::move(user.user), element.span());
    parts.user_names.insert(hash_text(name), position,
                            [&](std::uint32_t i) { return draft.inventory.users[i].name == name; });
  });
}

void read_nodes(Reader& r, Parts& parts, Draft& draft) {
  if (!parts.nodes) return;
  r.objects(*parts.nodes, "an array of objects", [&](Value element) {
    NodeDraft node;
    node.node.span = element.span();
    node.node.file = r.file();
    node.name_span = element.span();
    r.object(element, node_fields, "a node", Manner::foreign, node);
    if (!node.user.empty()) {
      const std::uint32_t position = parts.user_names.find(
          hash_text(node.user), [&](std::uint32_t i) { return draft.inventory.users[i].name == node.user; });
      if (position != HashIndex::absent) node.position = position;
    }
    // Of ipv4 and ipv6, whichever stands first.
    if (node.node.addresses.size() == 2 && node.node.addresses[1].is_v4()) {
      std::swap(node.node.addresses[0], node.node.addresses[1]);
    }
    draft.prepare(node);
    draft.add_node(r, node, Owner::listed, Manner::own);
  });
}

}  // namespace

const Steps case_steps{read_parts, read_users, read_nodes, nullptr};

}  // namespace acl::inventory
