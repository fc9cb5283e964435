#include "compiler/emit/wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::emit {

using resolve::NodeId;
using resolve::RuleView;
using resolve::Views;

namespace {

// Writes JSON members and elements with their commas.
class Writer {
 public:
  std::string out;

  void open(char bracket) {
    separate();
    out += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    separate();
    out += hujson::quote(name);
    out += ':';
    first_ = true;
  }
  void raw(std::string_view json) {
    separate();
    out += json;
  }
  void string(std::string_view text) { raw(hujson::quote(text)); }
  // Text that needs no escapes: addresses.
  void plain(std::string_view text) {
    separate();
    out += '"';
    out += text;
    out += '"';
  }

 private:
  void separate() {
    if (!first_) out += ',';
    first_ = false;
  }
  bool first_ = true;
};

void write_prefixes(Writer& w, const std::vector<net::Prefix>& prefixes) {
  w.open('[');
  for (const net::Prefix& prefix : prefixes) w.plain(prefix.text_with_length());
  w.close(']');
}

void write_capability_map(Writer& w, const resolve::Resolved& resolved, std::uint32_t index) {
  w.open('{');
  for (const resolve::CapabilityValue& value : resolved.capability_maps[index]) {
    w.key(value.name);
    w.raw(value.value == resolve::none ? "null" : hujson::minimize({resolved.file->tree, value.value}));
  }
  w.close('}');
}

void write_rule(Writer& w, const resolve::Resolved& resolved, const RuleView& view) {
  w.open('{');
  w.key("SrcIPs");
  w.open('[');
  for (const resolve::EntryId id : view.sources->entries) w.plain(resolve::entry_text(resolved.entries[id]));
  w.close(']');
  if (view.rule->protocol >= 0) {
    w.key("IPProto");
    w.raw(fmt::format("[{}]", view.rule->protocol));
  }
  if (view.rule->kind == resolve::RuleKind::ports) {
    w.key("DstPorts");
    w.open('[');
    for (const resolve::DstPort& dst : view.dst_ports) {
      w.raw(fmt::format("{{\"IP\":\"{}\",\"Ports\":{{\"First\":{},\"Last\":{}}}}}",
                        resolve::entry_text(resolved.entries[dst.entry]), dst.ports.first, dst.ports.last));
    }
    w.close(']');
  } else {
    w.key("CapGrant");
    w.open('[');
    for (const resolve::CapGrant& grant : view.cap_grants) {
      w.open('{');
      w.key("Dsts");
      write_prefixes(w, grant.dsts);
      w.key("CapMap");
      write_capability_map(w, resolved, view.rule->capabilities);
      w.close('}');
    }
    w.close(']');
  }
  w.close('}');
}

void write_ssh_rule(Writer& w, const resolve::SshRuleView& view) {
  w.open('{');
  w.key("principals");
  w.open('[');
  for (const std::string& principal : view.principals) {
    w.open('{');
    w.key("nodeIP");
    w.plain(principal);
    w.close('}');
  }
  w.close(']');
  w.key("sshUsers");
  w.open('{');
  for (const auto& [requested, local] : view.users) {
    w.key(requested);
    w.string(local);
  }
  w.close('}');
  w.key("action");
  if (view.check) {
    w.raw(
        "{\"holdAndDelegate\":\"https://unused/machine/ssh/action/$SRC_NODE_ID/to/"
        "$DST_NODE_ID?local_user=$LOCAL_USER\"}");
  } else {
    w.raw(
        "{\"accept\":true,\"allowAgentForwarding\":true,\"allowLocalPortForwarding\":true,"
        "\"allowRemotePortForwarding\":true}");
  }
  if (!view.rule->accept_env.empty()) {
    w.key("acceptEnv");
    w.open('[');
    for (const policy::Text& pattern : view.rule->accept_env) w.string(pattern.value);
    w.close(']');
  }
  w.close('}');
}

void write_peers(Writer& w, const Views& views, NodeId node) {
  const auto peers = views.peer_views(node);
  const auto& nodes = views.resolved().inventory->nodes;
  w.key("peers");
  w.open('[');
  for (const auto& peer : peers) w.string(nodes[peer.node].name);
  w.close(']');
  const auto members = [&](std::string_view name, auto wanted, auto write) {
    if (std::none_of(peers.begin(), peers.end(), wanted)) return;
    w.key(name);
    w.open('{');
    for (const auto& peer : peers) {
      if (!wanted(peer)) continue;
      w.key(nodes[peer.node].name);
      write(peer);
    }
    w.close('}');
  };
  members(
      "peer_allowed_ips", [](const auto& peer) { return !peer.only_addresses; },
      [&](const auto& peer) { write_prefixes(w, peer.allowed); });
  members(
      "peer_primary_routes", [](const auto& peer) { return !peer.primary_routes.empty(); },
      [&](const auto& peer) { write_prefixes(w, peer.primary_routes); });
  members(
      "peer_caps", [&](const auto& peer) { return views.resolved().exit_node[peer.node]; },
      [&](const auto&) { w.raw("{\"suggest-exit-node\":null}"); });
}

}  // namespace

std::string wire_node(const Views& views, NodeId node) {
  const resolve::Resolved& resolved = views.resolved();
  Writer w;
  w.open('{');
  w.key("packet_filter_rules");
  w.open('[');
  for (const RuleView& view : views.rules(node)) write_rule(w, resolved, view);
  w.close(']');
  if (const auto ssh = views.ssh_rules(node); !ssh.empty()) {
    w.key("ssh_rules");
    w.open('[');
    for (const auto& view : ssh) write_ssh_rule(w, view);
    w.close(']');
  }
  write_peers(w, views, node);
  std::vector<net::Prefix> own;
  for (const net::Address& address : resolved.inventory->nodes[node].addresses) own.emplace_back(address);
  std::sort(own.begin(), own.end());
  if (const auto allowed = views.self_allowed(node); allowed != own) {
    w.key("self_allowed_ips");
    write_prefixes(w, allowed);
  }
  if (const auto routes = views.primary_routes(node); !routes.empty()) {
    w.key("primary_routes");
    write_prefixes(w, routes);
  }
  w.key("self_caps");
  w.open('{');
  for (const auto& [name, value] : views.self_capabilities(node)) {
    w.key(name);
    w.raw(value.empty() ? "null" : value);
  }
  w.close('}');
  w.close('}');
  return w.out;
}

std::string wire_nodes(const Views& views, std::span<const NodeId> nodes) {
  std::vector<NodeId> sorted(nodes.begin(), nodes.end());
  std::sort(sorted.begin(), sorted.end(),
            [&](NodeId a, NodeId b) { return views.name_order()[a] < views.name_order()[b]; });
  std::string out = "{\"nodes\":{";
  for (const NodeId node : sorted) {
    if (out.back() != '{') out += ',';
    out += hujson::quote(views.resolved().inventory->nodes[node].name) + ":" + wire_node(views, node);
  }
  return out + "}}\n";
}

}  // namespace acl::emit
