// The capabilities that the control plane puts on a node: those of every node, those of its owner's role, and nodeAttrs.
#include <algorithm>
#include <map>

#include "compiler/resolve/view.h"

namespace acl::resolve {
namespace {

// Values as JSON texts; none of them: null.
using Map = std::map<std::string, std::vector<std::string>>;

void add_attribute(Map& out, std::string_view attribute) {
  out.try_emplace(std::string(attribute));
  if (attribute == "funnel") {
    out.try_emplace("https://tailscale.com/cap/funnel-ports?ports=443,8443,10000");
    out.try_emplace("https://tailscale.com/cap/warn-funnel-no-https");
  }
}

// What every node has, and what its owner's role gives.
void add_defaults(Map& out, const inventory::Inventory& inventory, const inventory::Node& device) {
  for (const char* name : {"https://tailscale.com/cap/file-sharing", "https://tailscale.com/cap/ssh",
                           "https://tailscale.com/cap/tailnet-lock", "probe-udp-lifetime", "ssh-behavior-v1",
                           "ssh-env-vars", "store-appc-routes"}) {
    out.try_emplace(name);
  }
  out["tailnet-display-name"] = {hujson::quote(inventory.tailnet)};
  out["default-auto-update"] = {inventory.settings.devices_auto_updates_on ? "true" : "false"};
  const bool tagged = !device.tags.empty();
  const bool owned = !tagged && device.user != inventory::none;
  const auto role = owned ? inventory.users[device.user].role : inventory::Role::member;
  if (tagged || role == inventory::Role::owner) out.try_emplace("https://tailscale.com/cap/is-owner");
  if (role == inventory::Role::owner || role == inventory::Role::admin) {
    out.try_emplace("https://tailscale.com/cap/is-admin");
  }
}

std::string list_text(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "[" : ",") + value;
  return text.empty() ? text : text + "]";
}

}  // namespace

Capabilities Views::self_capabilities(NodeId node) const {
  const policy::Policy& policy = resolved_.file->policy;
  Map map;
  add_defaults(map, *resolved_.inventory, resolved_.inventory->nodes[node]);
  if (policy.randomize_client_port) map.try_emplace("randomize-client-port");
  for (std::size_t i = 0; i < policy.node_attrs.size(); ++i) {
    const NodeSet& targets = resolved_.attr_targets[i];
    if (!targets.everything && !std::binary_search(targets.nodes.begin(), targets.nodes.end(), node)) continue;
    for (const policy::Text& attribute : policy.node_attrs[i].attr) add_attribute(map, attribute.value);
    for (const policy::Capability& app : policy.node_attrs[i].app) {
      auto& values = map[std::string(app.name.value)];
      const hujson::Value list(resolved_.file->tree, app.node);
      for (const hujson::Value value : list) values.push_back(hujson::minimize(value));
    }
  }
  Capabilities out;
  for (const auto& [name, values] : map) out.emplace_back(name, list_text(values));
  return out;
}

}  // namespace acl::resolve
