// The native format: docs/inventory.md, docs/inventory.schema.json.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "compiler/inventory/shapes.h"
#include "compiler/inventory/texts.h"
#include "compiler/policy/selector.h"
#include "engine/net/suggest.h"

namespace acl::inventory {
namespace {

using hujson::Kind;
using hujson::Value;

// --- the whole --------------------------------------------------------------------------------------------------------

bool read_binding(Reader& r, Value value, bool& bound) {
  const std::string_view word = r.text(value);
  if (word == "wireguard" || word == "none") {
    bound = word == "wireguard";
    return true;
  }
  if (value.is(Kind::string)) {
    r.report(Code::E0818, value.span(), fmt::format("the binding \"{}\" does not exist", word),
             "\"binding\" is \"wireguard\" or \"none\"");
  }
  return false;
}

struct SettingsDraft {
  Settings settings;
  bool bound = true;
};

constexpr Fields<SettingsDraft, 3> settings_fields{{
    {"magicDNS", [](Reader& r, Value v, SettingsDraft& s) { s.settings.magic_dns = r.boolean(v); }},
    {"devicesAutoUpdatesOn",
     [](Reader& r, Value v, SettingsDraft& s) { s.settings.devices_auto_updates_on = r.boolean(v); }},
    {"binding", [](Reader& r, Value v, SettingsDraft& s) { read_binding(r, v, s.bound); }},
}};

struct File {
  Parts& parts;
  Draft& draft;
};

constexpr Fields<File, 7> file_fields{{
    {"tailnet",
     [](Reader& r, Value v, File& f) {
       const std::string_view name = r.name(v);
       if (f.draft.inventory.tailnet.empty()) f.draft.inventory.tailnet = name;
     }},
    {"domains",
     [](Reader& r, Value v, File& f) {
       f.draft.domains_listed = true;
       for (const std::string& domain : r.texts(v)) f.draft.add_domain(domain);
     }},
    {"users", [](Reader&, Value v, File& f) { f.parts.users = v; }},
    {"nodes", [](Reader&, Value v, File& f) { f.parts.nodes = v; }},
    {"services", [](Reader&, Value v, File& f) { f.parts.services = v; }},
    {"syncedGroups", [](Reader&, Value v, File& f) { f.parts.synced_groups = v; }},
    {"settings",
     [](Reader& r, Value v, File& f) {
       SettingsDraft settings;
       r.object(v, settings_fields, "\"settings\"", Manner::own, settings);
       Settings& all = f.draft.inventory.settings;
       all.magic_dns = all.magic_dns || settings.settings.magic_dns;
       all.devices_auto_updates_on = all.devices_auto_updates_on || settings.settings.devices_auto_updates_on;
       f.parts.bound = settings.bound;
     }},
}};

// --- users ------------------------------------------------------------------------------------------------------------

constexpr Fields<User, 6> user_fields{{
    {"login", [](Reader& r, Value v, User& u) { u.login = r.name(v); }},
    {"name", [](Reader& r, Value v, User& u) { u.name = r.text(v); }},
    {"role",
     [](Reader& r, Value v, User& u) {
       const std::string_view word = r.text(v);
       if (const auto role = parse_role(word)) {
         u.role = *role;
       } else if (v.is(Kind::string)) {
         constexpr std::array<std::string_view, 7> roles{"member",   "owner",         "admin",  "network-admin",
                                                         "it-admin", "billing-admin", "auditor"};
         const auto suggestion = nearest(word, roles);
         r.report(Code::E0815, v.span(), fmt::format("the role \"{}\" does not exist", word),
                  suggestion ? fmt::format("did you mean \"{}\"?", *suggestion)
                             : fmt::format("the roles are {}", fmt::join(roles, ", ")));
       }
     }},
    {"suspended", [](Reader& r, Value v, User& u) { u.suspended = r.boolean(v); }},
    {"securityKeys", [](Reader& r, Value v, User& u) { u.security_keys = r.security_keys(v); }},
    {"sub",
     [](Reader& r, Value v, User& u) {
       constexpr std::size_t longest = 255;  // OpenID Connect Core 1.0, section 2
       u.sub = r.name(v);
       if (u.sub.size() > longest)
         r.report(Code::E0203, v.span(), fmt::format("\"sub\" must be a string of at most {} bytes", longest));
     }},
}};

// --- nodes ------------------------------------------------------------------------------------------------------------

std::optional<Attribute> read_attribute(Reader& r, Value value) {
  switch (value.kind()) {
    case Kind::string: return Attribute(std::string(r.text(value)));
    case Kind::boolean: return Attribute(value.text() == "true");
    case Kind::number: {
      const double number = std::strtod(std::string(value.text()).c_str(), nullptr);
      if (std::isfinite(number)) return Attribute(number);
      r.report(Code::E0203, value.span(), fmt::format("the number {} is too large", value.text()));
      return std::nullopt;
    }
    default:
      r.expect(value, Kind::string, "an object whose values are strings, numbers or booleans");
      return std::nullopt;
  }
}

void read_posture(Reader& r, Value value, NodeDraft& n) {
  std::vector<std::pair<std::string_view, Span>> names;
  r.members(value, "an object of posture attributes", [&](Value key, Value member) {
    names.emplace_back(r.text(key), key.span());
    if (member.is(Kind::null)) return;
    if (auto attribute = read_attribute(r, member)) {
      n.node.posture.emplace_back(names.back().first, std::move(*attribute));
    }
  });
  const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto equal = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::stable_sort(names.begin(), names.end(), less);
  for (auto it = names.begin(); (it = std::adjacent_find(it, names.end(), equal)) != names.end(); ++it) {
    Diagnostic& found = r.report(Code::E0202, (it + 1)->second, fmt::format("duplicate key \"{}\"", it->first),
                                 "a key may stand only once in an object: join the two, or remove one");
    r.findings().relate(found, "first defined here", it->second);
  }
}

constexpr Fields<NodeDraft, 14> node_fields{{
    {"id", [](Reader& r, Value v, NodeDraft& n) { n.node.id = r.name(v); }},
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
    {"addresses",
     [](Reader& r, Value v, NodeDraft& n) {
       r.addresses(v, n.node.addresses);
       n.addresses = v.index();
     }},
    {"advertisedRoutes", [](Reader& r, Value v, NodeDraft& n) { r.routes(v, n.node.advertised_routes); }},
    {"approvedRoutes", [](Reader& r, Value v, NodeDraft& n) { r.routes(v, n.node.approved_routes); }},
    {"key",
     [](Reader& r, Value v, NodeDraft& n) {
       const std::string_view key = r.text(v);
       if (is_wireguard_key(key)) {
         n.node.key = key;
       } else if (v.is(Kind::string)) {
         r.report(Code::E0813, v.span(), fmt::format("\"{}\" is no WireGuard public key", key),
                  "a key is 32 bytes in base64: 44 characters, the last of them =");
       }
     }},
    {"created", [](Reader& r, Value v, NodeDraft& n) { r.time(v, n.node.created); }},
    {"endpoint",
     [](Reader& r, Value v, NodeDraft& n) {
       const std::string_view endpoint = r.text(v);
       if (is_endpoint(endpoint)) {
         n.node.endpoint = endpoint;
       } else if (v.is(Kind::string)) {
         r.report(Code::E0819, v.span(), fmt::format("\"{}\" is no endpoint", endpoint),
                  "an endpoint looks like 198.51.100.7:51820, [2001:db8::7]:51820 or vpn.example.com:51820");
       }
     }},
    {"sshHostKeys", [](Reader& r, Value v, NodeDraft& n) { n.node.ssh_host_keys = r.host_keys(v); }},
    {"posture", read_posture},
    {"shared", [](Reader& r, Value v, NodeDraft& n) { n.node.shared = r.boolean(v); }},
    {"binding", [](Reader& r, Value v, NodeDraft& n) { read_binding(r, v, n.node.bound); }},
}};

// --- services ---------------------------------------------------------------------------------------------------------

struct ServiceDraft {
  Service service;
  Span name;
  std::uint32_t addresses = 0;
  std::vector<std::pair<std::string_view, Span>> hosts;
};

constexpr Fields<ServiceDraft, 3> service_fields{{
    {"name",
     [](Reader& r, Value v, ServiceDraft& s) {
       const std::string_view name = r.lower_case(r.text(v));
       s.name = v.span();
       if (is_service(name)) {
         s.service.name = name;
       } else if (v.is(Kind::string)) {
         r.report(Code::E0336, v.span(), fmt::format("\"{}\" is no service", name),
                  "a service is svc: and a DNS label: at most 63 letters, digits and hyphens");
       }
     }},
    {"addresses",
     [](Reader& r, Value v, ServiceDraft& s) {
       r.addresses(v, s.service.addresses);
       s.addresses = v.index();
     }},
    {"hosts",
     [](Reader& r, Value v, ServiceDraft& s) {
       if (!r.expect(v, Kind::array, "an array of names of nodes")) return;
       for (const Value host : v) {
         if (r.expect(host, Kind::string, "an array of names of nodes"))
           s.hosts.emplace_back(r.text(host), host.span());
       }
     }},
}};

void read_synced_group(Reader& r, Value key, Value members, Draft& draft) {
  constexpr std::string_view word = "group:";
  SyncedGroup group;
  group.name = r.text(key);
  if (!members.is(Kind::null)) group.members = r.texts(members);
  if (group.name.size() > word.size() && group.name.compare(0, word.size(), word) == 0) {
    draft.add_synced_group(r, std::move(group), key.span());
    return;
  }
  r.report(Code::E0310, key.span(), fmt::format("syncedGroups[\"{}\"]: a name here is group:NAME", group.name),
           fmt::format("write \"group:{}\"", group.name));
}

void read_parts(Reader& r, Parts& parts, Draft& draft) {
  File file{parts, draft};
  r.object(parts.root, file_fields, "an inventory", Manner::own, file);
  draft.users_listed = draft.users_listed || parts.users.has_value();
  draft.nodes_listed = draft.nodes_listed || parts.nodes.has_value();
}

void read_users(Reader& r, Parts& parts, Draft& draft) {
  if (!parts.users) return;
  r.objects(*parts.users, "an array of objects", [&](Value element) {
    User user;
    const std::size_t before = r.findings().errors();
    r.object(element, user_fields, "a user", Manner::own, user);
    if (!user.login.empty()) {
      const auto login = element.find("login");
      draft.add_user(r, std::move(user), login ? login->span() : element.span());
    } else if (r.findings().errors() == before) {
      r.report(Code::E0804, element.span(), "a user has no login", "add \"login\"");
    }
  });
}

void read_nodes(Reader& r, Parts& parts, Draft& draft) {
  if (!parts.nodes) return;
  if (parts.nodes->is(Kind::array)) draft.reserve_nodes(*parts.nodes);
  const Owner owner = draft.users_listed ? Owner::listed : Owner::made;
  // A node is added when some more have been read: by then the memory that its names lead to has arrived.
  constexpr std::size_t behind = 16;
  std::array<NodeDraft, behind> waiting;
  std::size_t begin = 0;
  std::size_t end = 0;
  const auto add_oldest = [&] { draft.add_node(r, waiting[begin++ % behind], owner, Manner::own); };
  r.objects(*parts.nodes, "an array of objects", [&](Value element) {
    if (end - begin == behind) add_oldest();
    NodeDraft& node = waiting[end % behind];
    node = NodeDraft{};
    node.node.span = element.span();
    node.node.file = r.file();
    node.node.bound = parts.bound;
    node.name_span = element.span();
    const std::size_t before = r.findings().errors();
    r.object(element, node_fields, "a node", Manner::own, node);
    if (r.findings().errors() == before || (!node.node.name.empty() && !node.node.addresses.empty())) {
      draft.prepare(node);
      ++end;
    }
  });
  while (begin != end) add_oldest();
}

void read_rest(Reader& r, Parts& parts, Draft& draft) {
  if (parts.services) {
    r.objects(*parts.services, "an array of objects", [&](Value element) {
      ServiceDraft service;
      service.addresses = element.index();
      const std::size_t before = r.findings().errors();
      r.object(element, service_fields, "a service", Manner::own, service);
      if (!service.service.name.empty()) {
        draft.add_service(r, std::move(service.service), service.name, r.value(service.addresses), service.hosts);
      } else if (r.findings().errors() == before) {
        r.report(Code::E0804, element.span(), "a service has no name", "add \"name\"");
      }
    });
  }
  if (parts.synced_groups) {
    r.members(*parts.synced_groups, "an object of groups",
              [&](Value key, Value members) { read_synced_group(r, key, members, draft); });
  }
}

}  // namespace

const Steps native_steps{read_parts, read_users, read_nodes, read_rest};

}  // namespace acl::inventory
