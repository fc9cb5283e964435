// The output of `tailscale status --json` (ipn/ipnstate/ipnstate.go in github.com/tailscale/tailscale, Status): the node it
// was run on, the peers that this node sees, and their users.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/inventory/shapes.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

using hujson::Kind;
using hujson::Value;

// The pseudo-user of all tagged nodes.
constexpr std::string_view tagged_devices = "tagged-devices";

struct Status {
  std::optional<Value> self, peers, users;
  std::string_view tailnet;
  bool magic_dns = false;
};

constexpr Fields<Status, 2> tailnet_fields{{
    {"Name", [](Reader& r, Value v, Status& s) { s.tailnet = r.name(v); }},
    {"MagicDNSEnabled", [](Reader& r, Value v, Status& s) { s.magic_dns = r.boolean(v); }},
}};

constexpr Fields<Status, 4> status_fields{{
    {"Self", [](Reader&, Value v, Status& s) { s.self = v; }},
    {"CurrentTailnet",
     [](Reader& r, Value v, Status& s) { r.object(v, tailnet_fields, "\"CurrentTailnet\"", Manner::foreign, s); }},
    {"Peer", [](Reader&, Value v, Status& s) { s.peers = v; }},
    {"User", [](Reader&, Value v, Status& s) { s.users = v; }},
}};

struct Profile {
  std::string_view login;
  std::string_view name;
};

constexpr Fields<Profile, 2> profile_fields{{
    {"LoginName", [](Reader& r, Value v, Profile& p) { p.login = r.name(v); }},
    {"DisplayName", [](Reader& r, Value v, Profile& p) { p.name = r.text(v); }},
}};

struct Peer {
  NodeDraft draft;
  std::string_view user;  // its number
  std::string_view dns_name;
  std::string_view host_name;
  std::vector<net::Prefix> allowed;
  bool exit = false;
  bool owner = false;
  bool admin = false;
};

void read_capability(std::string_view name, Peer& p) {
  p.owner = p.owner || name == "https://tailscale.com/cap/is-owner";
  p.admin = p.admin || name == "https://tailscale.com/cap/is-admin";
}

constexpr Fields<Peer, 18> peer_fields{{
    {"ID", [](Reader& r, Value v, Peer& p) { p.draft.node.id = r.name(v); }},
    {"PublicKey",
     [](Reader& r, Value v, Peer& p) {
       if (auto key = wireguard_key(r.text(v))) p.draft.node.key = std::move(*key);
     }},
    {"HostName", [](Reader& r, Value v, Peer& p) { p.host_name = r.name(v); }},
    {"DNSName", [](Reader& r, Value v, Peer& p) { p.dns_name = r.name(v); }},
    {"OS",
     [](Reader& r, Value v, Peer& p) {
       const std::string_view os = r.lower_case(r.text(v));
       if (!os.empty()) p.draft.node.posture.emplace_back("node:os", Attribute(std::string(os)));
     }},
    {"UserID",
     [](Reader& r, Value v, Peer& p) {
       p.user = r.number(v);
       p.draft.user_span = v.span();
     }},
    {"TailscaleIPs",
     [](Reader& r, Value v, Peer& p) {
       r.addresses(v, p.draft.node.addresses);
       p.draft.addresses = v.index();
     }},
    {"AllowedIPs", [](Reader& r, Value v, Peer& p) { r.routes(v, p.allowed); }},
    {"Tags", [](Reader& r, Value v, Peer& p) { r.tags(v, p.draft.tags); }},
    {"PrimaryRoutes", [](Reader& r, Value v, Peer& p) { r.routes(v, p.draft.node.approved_routes); }},
    {"Created", [](Reader& r, Value v, Peer& p) { r.time(v, p.draft.node.created); }},
    {"ExitNodeOption", [](Reader& r, Value v, Peer& p) { p.exit = r.boolean(v); }},
    {"sshHostKeys", [](Reader& r, Value v, Peer& p) { p.draft.node.ssh_host_keys = r.host_keys(v); }},
    {"SSH_HostKeys", [](Reader& r, Value v, Peer& p) { p.draft.node.ssh_host_keys = r.host_keys(v); }},
    {"ShareeNode", [](Reader& r, Value v, Peer& p) { p.draft.node.shared = p.draft.node.shared || r.boolean(v); }},
    {"AltSharerUserID",
     [](Reader& r, Value v, Peer& p) { p.draft.node.shared = p.draft.node.shared || r.number(v) != "0"; }},
    {"CapMap",
     [](Reader& r, Value v, Peer& p) {
       r.members(v, "an object of capabilities", [&](Value key, Value) { read_capability(r.text(key), p); });
     }},
    {"Capabilities",
     [](Reader& r, Value v, Peer& p) {
       for (const std::string& name : r.texts(v)) read_capability(name, p);
     }},
}};

std::string_view without_dot(std::string_view name) noexcept {
  return !name.empty() && name.back() == '.' ? name.substr(0, name.size() - 1) : name;
}

// What it routes: all it may send from but its own addresses.
void set_routes(Peer& p) {
  Node& node = p.draft.node;
  std::vector<net::Address> own = node.addresses;
  std::sort(own.begin(), own.end());
  std::vector<net::Prefix> routes;
  for (const net::Prefix& prefix : p.allowed) {
    if (!prefix.is_single() || !std::binary_search(own.begin(), own.end(), prefix.first())) routes.push_back(prefix);
  }
  if (p.exit) {
    routes.emplace_back(net::Address::v4(0), 0);
    routes.emplace_back(net::Address::v6(0, 0), 0);
  }
  unite(node.approved_routes, routes);
  node.advertised_routes = node.approved_routes;
}

void read_peer(Reader& r, Value value, Parts& parts, Draft& draft) {
  Peer p;
  Node& node = p.draft.node;
  node.span = value.span();
  node.file = r.file();
  r.object(value, peer_fields, "a peer", Manner::foreign, p);
  p.draft.name_span = value.span();
  const std::string_view dns_name = without_dot(p.dns_name);
  // Names are unique within a tailnet; a node from another one keeps that one's name.
  node.name = dns_name.empty() ? p.host_name : node.shared ? dns_name : dns_name.substr(0, dns_name.find('.'));
  set_routes(p);
  if (const auto user = parts.user_ids.find(p.user); user != parts.user_ids.end()) {
    p.draft.position = user->second;
    if (node.shared) draft.set_external(user->second);
    Role& role = draft.inventory.users[user->second].role;
    if (p.draft.tags.empty() && role == Role::member && (p.owner || p.admin))
      role = p.owner ? Role::owner : Role::admin;
  }
  draft.prepare(p.draft);
  draft.add_node(r, p.draft, Owner::made, Manner::foreign);
}

void read_parts(Reader& r, Parts& parts, Draft& draft) {
  Status status;
  r.object(parts.root, status_fields, "a status", Manner::foreign, status);
  parts.users = status.users;
  parts.nodes = status.self;
  parts.peers = status.peers;
  draft.nodes_listed = true;
  if (draft.inventory.tailnet.empty()) draft.inventory.tailnet = status.tailnet;
  draft.inventory.settings.magic_dns = draft.inventory.settings.magic_dns || status.magic_dns;
}

void read_users(Reader& r, Parts& parts, Draft& draft) {
  if (!parts.users) return;
  r.members(*parts.users, "an object of users", [&](Value key, Value member) {
    Profile profile;
    r.object(member, profile_fields, "a user", Manner::foreign, profile);
    if (profile.login.empty() || profile.login == tagged_devices) return;
    User user;
    user.login = profile.login;
    user.name = profile.name;
    parts.user_ids.insert_or_assign(std::string(r.text(key)), draft.merge_user(r, std::move(user), key.span()));
  });
}

void read_nodes(Reader& r, Parts& parts, Draft& draft) {
  const std::size_t before = draft.inventory.nodes.size();
  if (parts.nodes) read_peer(r, *parts.nodes, parts, draft);
  std::string self = "this node";
  if (draft.inventory.nodes.size() > before) self = fmt::format("\"{}\"", draft.inventory.nodes[before].name);
  draft.gap(r, {}, fmt::format("a status tells only the nodes that {} sees", self),
            "import the status of several nodes together, or the answer of the devices API");
  draft.gap(
      r, {},
      "a status tells no roles but those of owners' and admins' own nodes, and no posture attribute but the system",
      "add the answer of the users API, or roles by hand");
  draft.gap(
      r, {},
      "a status tells no routes that are advertised but not approved, and node keys that change when they are renewed");
  if (!parts.peers) return;
  r.members(*parts.peers, "an object of peers", [&](Value, Value peer) { read_peer(r, peer, parts, draft); });
}

}  // namespace

const Steps status_steps{read_parts, read_users, read_nodes, nullptr};

}  // namespace acl::inventory
