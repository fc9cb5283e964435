#include "compiler/inventory/print.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

// Writes members and elements with their commas; objects nest by calls.
class Writer {
 public:
  void open(char bracket) {
    out_ += bracket;
    first_ = true;
  }
  // On a line of its own, so that the formatter keeps its members on lines of their own, too.
  void close(char bracket) {
    if (!first_) out_ += '\n';
    out_ += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    next();
    out_ += hujson::quote(name);
    out_ += ": ";
  }
  void element() { next(); }
  void raw(std::string_view text) { out_ += text; }
  void text(std::string_view text) { out_ += hujson::quote(text); }

  void member(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    text(value);
  }
  void flag(std::string_view name, bool value) {
    if (!value) return;
    key(name);
    raw("true");
  }
  // A list on one line where it is short enough; the formatter decides.
  template <class List, class Text>
  void list(std::string_view name, const List& items, Text text_of) {
    key(name);
    out_ += '[';
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ", ";
      first = false;
      text(text_of(item));
    }
    out_ += ']';
  }
  template <class List, class Text>
  void some(std::string_view name, const List& items, Text text_of) {
    if (!items.empty()) list(name, items, text_of);
  }
  std::string take() { return std::move(out_); }

 private:
  void next() {
    if (!first_) out_ += ',';
    out_ += '\n';
    first_ = false;
  }

  std::string out_;
  bool first_ = true;
};

std::string_view same_text(const std::string& text) noexcept { return text; }
std::string address_text(const net::Address& address) { return address.text(); }
std::string route_text(const net::Prefix& prefix) { return prefix.text_with_length(); }

void write_user(Writer& w, const User& user) {
  w.element();
  w.open('{');
  w.member("login", user.login);
  w.member("name", user.name);
  if (user.role != Role::member) w.member("role", role_name(user.role));
  w.flag("suspended", user.suspended);
  w.some("securityKeys", user.security_keys, same_text);
  w.member("sub", user.sub);
  w.close('}');
}

void write_attribute(Writer& w, const Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) {
    w.text(*text);
  } else if (const auto* number = std::get_if<double>(&attribute)) {
    w.raw(fmt::format("{}", *number));
  } else {
    w.raw(std::get<bool>(attribute) ? "true" : "false");
  }
}

void write_node(Writer& w, const Node& node, const Inventory& inventory) {
  w.element();
  w.open('{');
  w.member("id", node.id);
  w.member("name", node.name);
  if (node.user != none) w.member("user", inventory.users[node.user].login);
  w.some("tags", node.tags, [&](std::uint32_t tag) -> const std::string& { return inventory.tags[tag]; });
  w.list("addresses", node.addresses, address_text);
  w.some("advertisedRoutes", node.advertised_routes, route_text);
  w.some("approvedRoutes", node.approved_routes, route_text);
  if (node.created) w.member("created", time_text(*node.created));
  w.member("key", node.key);
  w.member("endpoint", node.endpoint);
  w.some("sshHostKeys", node.ssh_host_keys, same_text);
  if (!node.posture.empty()) {
    w.key("posture");
    w.open('{');
    for (const auto& [name, value] : node.posture) {
      w.key(name);
      write_attribute(w, value);
    }
    w.close('}');
  }
  w.flag("shared", node.shared);
  if (!node.bound) w.member("binding", "none");
  w.close('}');
}

void write_service(Writer& w, const Service& service, const Inventory& inventory) {
  w.element();
  w.open('{');
  w.member("name", service.name);
  w.some("addresses", service.addresses, address_text);
  w.some("hosts", service.hosts, [&](std::uint32_t host) -> const std::string& { return inventory.nodes[host].name; });
  w.close('}');
}

void write_inventory(Writer& w, const Inventory& inventory) {
  w.open('{');
  w.member("tailnet", inventory.tailnet);
  // Left out, the domains of the logins would be taken.
  const auto has_domain = [](const User& user) { return !login_domain(user.login).empty(); };
  if (!inventory.domains.empty() || std::any_of(inventory.users.begin(), inventory.users.end(), has_domain)) {
    w.list("domains", inventory.domains, same_text);
  }
  if (!inventory.users.empty()) {
    w.key("users");
    w.open('[');
    for (const User& user : inventory.users) write_user(w, user);
    w.close(']');
  }
  w.key("nodes");
  w.open('[');
  for (const Node& node : inventory.nodes) write_node(w, node, inventory);
  w.close(']');
  if (!inventory.services.empty()) {
    w.key("services");
    w.open('[');
    for (const Service& service : inventory.services) write_service(w, service, inventory);
    w.close(']');
  }
  if (!inventory.synced_groups.empty()) {
    w.key("syncedGroups");
    w.open('{');
    for (const SyncedGroup& group : inventory.synced_groups) w.list(group.name, group.members, same_text);
    w.close('}');
  }
  if (inventory.settings.magic_dns || inventory.settings.devices_auto_updates_on) {
    w.key("settings");
    w.open('{');
    w.flag("magicDNS", inventory.settings.magic_dns);
    w.flag("devicesAutoUpdatesOn", inventory.settings.devices_auto_updates_on);
    w.close('}');
  }
  w.close('}');
}

}  // namespace

std::string print_inventory(const Inventory& inventory) {
  Writer w;
  write_inventory(w, inventory);
  const std::string text = w.take();
  const auto tree = hujson::parse_strict(text);
  return tree ? hujson::format(*tree) : text + '\n';
}

}  // namespace acl::inventory
