// The answers of the hosted service's devices and users APIs (https://tailscale.com/api): {"devices": […]}, {"users": […]}.
#include <fmt/format.h>

#include "compiler/inventory/shapes.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

using hujson::Value;

// --- devices ----------------------------------------------------------------------------------------------------------

struct Device {
  NodeDraft draft;
  std::string_view dns_name;
  std::string_view host_name;
  std::string_view number;  // the old id
  bool authorized = true;
  bool routes = false;  // said something of routes
};

void add_attribute(Device& d, std::string_view name, std::string_view value) {
  if (!value.empty()) d.draft.node.posture.emplace_back(name, Attribute(std::string(value)));
}

constexpr Fields<Device, 15> device_fields{{
    {"addresses",
     [](Reader& r, Value v, Device& d) {
       r.addresses(v, d.draft.node.addresses);
       d.draft.addresses = v.index();
     }},
    {"id", [](Reader& r, Value v, Device& d) { d.number = r.number(v); }},
    {"nodeId", [](Reader& r, Value v, Device& d) { d.draft.node.id = r.name(v); }},
    {"user",
     [](Reader& r, Value v, Device& d) {
       d.draft.user = r.name(v);
       d.draft.user_span = v.span();
     }},
    {"name", [](Reader& r, Value v, Device& d) { d.dns_name = r.name(v); }},
    {"hostname", [](Reader& r, Value v, Device& d) { d.host_name = r.name(v); }},
    // "1.88.1-t0123abcd-gfedcba98": the attribute has the number alone.
    {"clientVersion",
     [](Reader& r, Value v, Device& d) {
       const std::string_view version = r.text(v);
       add_attribute(d, "node:tsVersion", version.substr(0, version.find('-')));
     }},
    {"os", [](Reader& r, Value v, Device& d) { add_attribute(d, "node:os", r.lower_case(r.text(v))); }},
    {"tags", [](Reader& r, Value v, Device& d) { r.tags(v, d.draft.tags); }},
    {"created",
     [](Reader& r, Value v, Device& d) {
       if (!v.is(hujson::Kind::string) || !r.text(v).empty()) r.time(v, d.draft.node.created);
     }},
    {"authorized", [](Reader& r, Value v, Device& d) { d.authorized = r.boolean(v); }},
    {"isExternal", [](Reader& r, Value v, Device& d) { d.draft.node.shared = r.boolean(v); }},
    {"nodeKey",
     [](Reader& r, Value v, Device& d) {
       if (auto key = wireguard_key(r.text(v))) d.draft.node.key = std::move(*key);
     }},
    {"enabledRoutes",
     [](Reader& r, Value v, Device& d) {
       d.routes = true;
       r.routes(v, d.draft.node.approved_routes);
     }},
    {"advertisedRoutes",
     [](Reader& r, Value v, Device& d) {
       d.routes = true;
       r.routes(v, d.draft.node.advertised_routes);
     }},
}};

void read_device(Reader& r, Value value, Draft& draft, bool& routes) {
  Device d;
  Node& node = d.draft.node;
  node.span = value.span();
  node.file = r.file();
  d.draft.name_span = value.span();
  r.object(value, device_fields, "a device", Manner::foreign, d);
  routes = routes || d.routes;
  // Names are unique within a tailnet; a device from another one keeps that one's name.
  node.name = d.dns_name.empty() ? d.host_name : node.shared ? d.dns_name : d.dns_name.substr(0, d.dns_name.find('.'));
  if (node.id.empty()) node.id = d.number;
  if (!d.authorized) {
    draft.gap(r, value.span(), fmt::format("device \"{}\" is not authorized and is left out", node.name),
              "authorize it, then import again");
    return;
  }
  const bool shared = node.shared;
  const bool known = draft.find_user(d.draft.user) != none;
  draft.prepare(d.draft);
  draft.add_node(r, d.draft, Owner::made, Manner::foreign);
  if (known || !shared) return;
  // An owner whom only this device told of; none where it is tagged or was left out.
  if (const std::uint32_t user = draft.find_user(d.draft.user); user != none) draft.set_external(user);
}

void read_devices_parts(Reader&, Parts& parts, Draft& draft) {
  parts.nodes = parts.root.find("devices");
  draft.nodes_listed = true;
}

void read_devices(Reader& r, Parts& parts, Draft& draft) {
  bool routes = false;
  std::size_t count = 0;
  r.objects(*parts.nodes, "an array of objects", [&](Value device) {
    ++count;
    read_device(r, device, draft, routes);
  });
  if (count != 0 && !routes) {
    draft.gap(r, {}, "the devices say nothing of their routes", "ask the API for all fields: devices?fields=all");
  }
  if (!draft.roles_listed) {
    draft.gap(r, {}, "the devices API tells no roles: every user counts as a member",
              "add the answer of the users API, or roles by hand");
  }
  draft.gap(r, {},
            "the devices API tells neither the tailnet's name and mail domains nor posture attributes besides node:os "
            "and node:tsVersion",
            "add \"tailnet\", \"domains\" and \"posture\" by hand; without domains those of the logins are taken");
}

// --- users ------------------------------------------------------------------------------------------------------------

struct Account {
  User user;
  std::string_view role;
  std::string_view type;
  std::string_view status;
};

constexpr Fields<Account, 5> account_fields{{
    {"displayName", [](Reader& r, Value v, Account& a) { a.user.name = r.text(v); }},
    {"loginName", [](Reader& r, Value v, Account& a) { a.user.login = r.name(v); }},
    {"type", [](Reader& r, Value v, Account& a) { a.type = r.text(v); }},
    {"role", [](Reader& r, Value v, Account& a) { a.role = r.text(v); }},
    {"status", [](Reader& r, Value v, Account& a) { a.status = r.text(v); }},
}};

void read_users_parts(Reader&, Parts& parts, Draft& draft) {
  parts.users = parts.root.find("users");
  draft.roles_listed = true;
}

void read_users(Reader& r, Parts& parts, Draft& draft) {
  r.objects(*parts.users, "an array of objects", [&](Value element) {
    Account account;
    r.object(element, account_fields, "a user", Manner::foreign, account);
    if (account.user.login.empty()) {
      draft.gap(r, element.span(), "a user without a login is left out");
      return;
    }
    if (const auto role = parse_role(account.role)) {
      account.user.role = *role;
    } else if (!account.role.empty()) {
      draft.gap(
          r, element.span(),
          fmt::format("the role \"{}\" is not known: \"{}\" counts as a member", account.role, account.user.login));
    }
    account.user.suspended = account.status == "suspended";
    const std::uint32_t user = draft.merge_user(r, std::move(account.user), element.span());
    if (account.type == "shared") draft.set_external(user);
  });
}

}  // namespace

const Steps devices_steps{read_devices_parts, nullptr, read_devices, nullptr};
const Steps api_users_steps{read_users_parts, read_users, nullptr, nullptr};

}  // namespace acl::inventory
