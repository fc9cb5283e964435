// For the tests of this folder: a small tailnet, put under a policy, and what its nodes then get, as short texts.
//
//   auto net = Net{}.node("laptop", "ana@example.com").node("db", "tag:db");
//   net.under(R"("grants":[{"src":["*"],"dst":["tag:db"],"ip":["tcp:22"]}])").rules("db")
//
// The first node has 100.64.0.1 and fd7a:115c:a1e0::1 and is the oldest, the second has ::2, and so on. Texts name a node
// where all of its addresses stand, and say `laptop.v4` where one does; wire() has the addresses themselves.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/resolve/view.h"

namespace acl::resolve {

using Strings = std::vector<std::string>;

inline std::string join(const Strings& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

inline std::string join(const std::vector<net::Prefix>& prefixes) {
  Strings texts;
  for (const net::Prefix& prefix : prefixes) texts.push_back(prefix.text());
  return join(texts, " ");
}

// A tailnet under a policy.
class World {
 public:
  World(const std::string& inventory, const std::string& policy) : state_(std::make_shared<State>(inventory, policy)) {}

  [[nodiscard]] const Resolved& resolved() const { return state_->resolved; }
  [[nodiscard]] const Views& views() const { return *state_->views; }
  [[nodiscard]] NodeId id(std::string_view name) const {
    const auto& nodes = state_->inventory.inventory.nodes;
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == name; });
    if (found == nodes.end()) ADD_FAILURE() << "no node " << name;
    return static_cast<NodeId>(found - nodes.begin());
  }

  // "laptop,phone -> db:22 db:80 tcp"; "laptop => db example.com/cap/x=[{"a":1}]". `(tailnet)` is the three ranges of a `*`,
  // `(internet)` the seven of autogroup:internet.
  [[nodiscard]] Strings rules(std::string_view node) const { return filter(node, true); }
  // The same with all addresses in their order.
  [[nodiscard]] Strings wire(std::string_view node) const { return filter(node, false); }
  // All nodes with rules: "db: laptop -> db:22".
  [[nodiscard]] Strings everyone() const {
    Strings out;
    for (const auto& node : state_->inventory.inventory.nodes) {
      for (const std::string& rule : rules(node.name)) out.push_back(node.name + ": " + rule);
    }
    return out;
  }

  // "accept laptop -> *,!root": any name but root. "ubuntu" is the requested and the local name.
  [[nodiscard]] Strings ssh(std::string_view node) const {
    Strings out;
    for (const SshRuleView& view : views().ssh_rules(id(node))) {
      Strings users;
      for (const auto& [requested, local] : view.users) {
        const bool same = requested == local || (requested == "*" && local == "=");
        users.push_back(same ? requested : local.empty() ? "!" + requested : requested + "=" + local);
      }
      std::string text = view.check ? "check " : "accept ";
      text += join(named(view.principals), ",") + " -> " + join(users, ",");
      for (const policy::Text& pattern : view.rule->accept_env) text += " env:" + std::string(pattern.value);
      out.push_back(std::move(text));
    }
    return out;
  }

  // By name.
  [[nodiscard]] std::string peers(std::string_view node) const {
    Strings names;
    for (const NodeId peer : views().peers(id(node))) names.push_back(name(peer));
    return join(names, " ");
  }
  // "router: 10.0.0.0/16", for each peer with routes in the viewer's eyes.
  [[nodiscard]] Strings routes(std::string_view viewer) const {
    Strings out;
    for (const PeerView& view : views().peer_views(id(viewer))) {
      if (!view.primary_routes.empty()) out.push_back(name(view.node) + ": " + join(view.primary_routes));
    }
    return out;
  }
  // What WireGuard takes from and sends to the peer; the viewer itself may be asked about.
  [[nodiscard]] std::string allowed(std::string_view viewer, std::string_view peer) const {
    if (viewer == peer) return join(views().self_allowed(id(viewer)));
    for (const PeerView& view : views().peer_views(id(viewer))) {
      if (view.node == id(peer)) return join(view.allowed);
    }
    return "no peer";
  }
  [[nodiscard]] std::string approved(std::string_view node) const { return join(resolved().approved_routes[id(node)]); }
  // Which routes it is primary for.
  [[nodiscard]] std::string primary(std::string_view node) const { return join(views().primary_routes(id(node))); }
  // Names and values; "null" for none.
  [[nodiscard]] std::map<std::string, std::string> capabilities(std::string_view node) const {
    std::map<std::string, std::string> out;
    for (const auto& [key, value] : views().self_capabilities(id(node))) out[key] = value.empty() ? "null" : value;
    return out;
  }

  // Everything that can be asked, for comparisons of whole worlds.
  [[nodiscard]] std::string everything() const {
    std::map<std::string, std::string> nodes;
    for (const auto& node : state_->inventory.inventory.nodes) {
      std::string& text = nodes[node.name];
      const auto add = [&](const char* title, const Strings& lines) {
        text += std::string("  ") + title + ": " + join(lines, "\n    ") + "\n";
      };
      add("rules", wire(node.name));
      add("ssh", ssh(node.name));
      add("approved", {approved(node.name), primary(node.name), allowed(node.name, node.name)});
      for (const PeerView& peer : views().peer_views(id(node.name))) {
        add("peer", {name(peer.node), join(peer.allowed), join(peer.primary_routes)});
      }
      for (const auto& [key, value] : capabilities(node.name)) add("capability", {key, value});
    }
    std::string out;
    for (const auto& [key, text] : nodes) out += key + "\n" + text;
    return out;
  }

 private:
  struct State {
    State(const std::string& inventory_text, const std::string& policy_text)
        : source("inventory.hujson", inventory_text),
          inventory(inventory::load_inventory({&source})),
          policy(policy::load_policy("policy.hujson", policy_text)) {
      for (const Diagnostic& found : inventory.diagnostics) {
        if (!inventory.ok()) ADD_FAILURE() << "inventory: " << found.message << "\n" << inventory_text;
      }
      if (!policy.accepted()) ADD_FAILURE() << "policy: " << policy.diagnostics.at(0).message << "\n" << policy_text;
      resolved = resolve(*policy.file, inventory.inventory);
      views = std::make_unique<Views>(resolved);
    }
    SourceText source;
    inventory::LoadedInventory inventory;
    policy::Loaded policy;
    Resolved resolved;
    std::unique_ptr<Views> views;
  };

  // An address, prefix, range or `*`, and the ports that belong to it.
  struct Item {
    std::string text;
    std::string ports;
  };

  [[nodiscard]] const std::string& name(NodeId node) const { return state_->inventory.inventory.nodes[node].name; }

  // The items with those replaced that together are one node, or a well-known set.
  [[nodiscard]] Strings named(std::vector<Item> items) const {
    static const Strings internet{"0.0.0.0-9.255.255.255",
                                  "11.0.0.0-100.63.255.255",
                                  "100.128.0.0-169.253.255.255",
                                  "169.255.0.0-172.15.255.255",
                                  "172.32.0.0-192.167.255.255",
                                  "192.169.0.0-255.255.255.255",
                                  "2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    static const Strings tailnet{"100.64.0.0-100.115.91.255", "100.115.94.0-100.127.255.255", "fd7a:115c:a1e0::/48"};
    // The first item that is in `set` becomes `set_name`, and one each of the others goes, for as long as all are there.
    const auto replace = [&](const Strings& set, const std::string& set_name) {
      for (std::size_t at = 0; at < items.size(); ++at) {
        if (std::find(set.begin(), set.end(), items[at].text) == set.end()) continue;
        std::vector<std::size_t> found;
        for (const std::string& wanted : set) {
          for (std::size_t i = at; i < items.size(); ++i) {
            if (items[i].text != wanted || items[i].ports != items[at].ports) continue;
            found.push_back(i);
            break;
          }
        }
        if (found.size() != set.size()) continue;
        items[at].text = set_name;
        std::sort(found.rbegin(), found.rend());
        for (const std::size_t i : found) {
          if (i != at) items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
    };
    replace(internet, "(internet)");
    replace(tailnet, "(tailnet)");
    for (const auto& node : state_->inventory.inventory.nodes) {
      Strings addresses;
      for (const net::Address& address : node.addresses) addresses.push_back(address.text());
      replace(addresses, node.name);
      for (const net::Address& address : node.addresses) {
        replace({address.text()}, node.name + (address.is_v4() ? ".v4" : ".v6"));
      }
    }
    Strings out;
    for (const Item& item : items) out.push_back(item.text + item.ports);
    return out;
  }
  [[nodiscard]] Strings named(const Strings& texts) const {
    std::vector<Item> items;
    for (const std::string& text : texts) items.push_back({text, ""});
    return named(std::move(items));
  }

  static std::string ports_text(const policy::PortRange& ports) {
    if (ports.first == 0 && ports.last == 65535) return ":*";
    const std::string first = ":" + std::to_string(ports.first);
    return ports.first == ports.last ? first : first + "-" + std::to_string(ports.last);
  }
  static std::string protocol_text(std::int16_t protocol) {
    static const std::map<int, std::string> names{{-1, ""}, {1, " icmp"}, {6, " tcp"}, {17, " udp"}};
    const auto found = names.find(protocol);
    return found == names.end() ? " protocol " + std::to_string(protocol) : found->second;
  }

  [[nodiscard]] Strings filter(std::string_view node, bool by_name) const {
    Strings out;
    for (const RuleView& view : views().rules(id(node))) {
      Strings sources;
      for (const EntryId entry : view.sources->entries) sources.push_back(entry_text(resolved().entries[entry]));
      std::string text = join(by_name ? named(sources) : sources, ",");
      if (text.empty()) text = "(nobody)";
      if (view.rule->kind == RuleKind::ports) {
        std::vector<Item> items;
        Strings plain;
        for (const DstPort& dst : view.dst_ports) {
          items.push_back({entry_text(resolved().entries[dst.entry]), ports_text(dst.ports)});
          plain.push_back(items.back().text + items.back().ports);
        }
        text += " -> " + join(by_name ? named(items) : plain, " ") + protocol_text(view.rule->protocol);
      } else {
        text += " =>";
        for (const CapGrant& grant : view.cap_grants) {
          Strings prefixes;
          for (const net::Prefix& prefix : grant.dsts) prefixes.push_back(prefix.text());
          text += " " + join(by_name ? named(prefixes) : prefixes, ",");
        }
        for (const CapabilityValue& value : resolved().capability_maps[view.rule->capabilities]) {
          text += " " + std::string(value.name) + "=";
          text += value.value == none ? "null" : hujson::minimize({resolved().file->tree, value.value});
        }
      }
      out.push_back(std::move(text));
    }
    return out;
  }

  std::shared_ptr<const State> state_;
};

// A tailnet in the making; what says something of a node is said of the last one.
class Net {
 public:
  // Owners of nodes become members by themselves, in the order of the nodes; only what is special needs to be said before.
  Net& user(const std::string& login, const std::string& role = "member", const std::string& more = "") {
    users_.push_back({login, R"({"login":")" + login + R"(","role":")" + role + "\"" + more + "}"});
    return *this;
  }
  // `owner` is a login, one tag or several with commas between, or "": neither.
  Net& node(const std::string& name, const std::string& owner) {
    Node made;
    made.name = name;
    made.number = nodes_.size() + 1;
    made.joined = made.number;
    if (owner.compare(0, 4, "tag:") == 0) {
      std::string tags = "\"";
      for (const char c : owner) tags += c == ',' ? "\",\"" : std::string(1, c);
      made.members.push_back("\"tags\":[" + tags + "\"]");
    } else if (!owner.empty()) {
      made.members.push_back("\"user\":\"" + owner + "\"");
      const bool known = std::any_of(users_.begin(), users_.end(), [&](const auto& one) { return one.first == owner; });
      if (!known) user(owner);
    }
    nodes_.push_back(std::move(made));
    return *this;
  }
  // Lists as they stand between brackets: R"("10.0.0.0/16","0.0.0.0/0")".
  Net& advertises(const std::string& routes) { return member("\"advertisedRoutes\":[" + routes + "]"); }
  Net& approved(const std::string& routes) { return advertises(routes).member("\"approvedRoutes\":[" + routes + "]"); }
  Net& addresses(const std::string& list) {
    nodes_.back().addresses = list;
    return *this;
  }
  // Its place by age: 1 is the oldest.
  Net& joined(std::size_t rank) {
    nodes_.back().joined = rank;
    return *this;
  }
  Net& posture(const std::string& attributes) { return member("\"posture\":{" + attributes + "}"); }
  Net& shared() { return member("\"shared\":true"); }
  // A member of the inventory: R"("services":[…])".
  Net& also(const std::string& section) {
    sections_.push_back(section);
    return *this;
  }

  // The tailnet with that policy, given without its outer braces. Tags need no owners here: all that are named get some.
  [[nodiscard]] World under(const std::string& policy) const {
    return {inventory(), "{" + tag_owners(policy) + policy + "}"};
  }

  // The inventory, for reordering.
  template <class Shuffle>
  Net& reorder_nodes(Shuffle shuffle) {
    shuffle(nodes_);
    for (Node& one : nodes_) shuffle(one.members);
    shuffle(sections_);
    return *this;
  }
  template <class Shuffle>
  Net& reorder_users(Shuffle shuffle) {
    shuffle(users_);
    return *this;
  }
  [[nodiscard]] std::string inventory() const {
    Strings nodes, users;
    for (const auto& [login, text] : users_) users.push_back(text);
    for (const Node& node : nodes_) {
      const std::string number = std::to_string(node.number);
      std::string hex;
      for (std::size_t n = node.number; n != 0; n /= 16) hex.insert(hex.begin(), "0123456789abcdef"[n % 16]);
      std::string addresses = node.addresses;
      if (addresses.empty()) addresses = R"("100.64.0.)" + number + R"(","fd7a:115c:a1e0::)" + hex + "\"";
      const std::string minute = (node.joined < 10 ? "0" : "") + std::to_string(node.joined);
      Strings members = node.members;
      members.push_back("\"name\":\"" + node.name + "\"");
      members.push_back("\"addresses\":[" + addresses + "]");
      members.push_back("\"created\":\"2026-01-01T00:" + minute + ":00Z\"");
      nodes.push_back("{" + join(members, ",") + "}");
    }
    Strings sections = sections_;
    sections.push_back("\"users\":[" + join(users, ",") + "]");
    sections.push_back("\"nodes\":[" + join(nodes, ",") + "]");
    return "{" + join(sections, ",\n") + "}";
  }

 private:
  struct Node {
    std::string name;
    std::size_t number = 0;
    std::size_t joined = 0;
    std::string addresses;
    Strings members;
  };

  Net& member(const std::string& text) {
    nodes_.back().members.push_back(text);
    return *this;
  }
  static std::string tag_owners(const std::string& policy) {
    std::set<std::string> tags;
    for (std::size_t at = policy.find("tag:"); at != std::string::npos; at = policy.find("tag:", at + 1)) {
      const std::size_t end = policy.find_first_of("\":", at + 4);
      tags.insert("\"" + policy.substr(at, end - at) + "\":[]");
    }
    return "\"tagOwners\":{" + join(Strings(tags.begin(), tags.end()), ",") + "},";
  }

  std::vector<std::pair<std::string, std::string>> users_;
  std::vector<Node> nodes_;
  Strings sections_;
};

// The whole policy of one rule. Lists are given as they stand between brackets; `more` holds further members, each with a
// comma in front.
inline std::string acl(const std::string& src, const std::string& dst, const std::string& more = "") {
  return R"("acls":[{"action":"accept","src":[)" + src + R"(],"dst":[)" + dst + "]" + more + "}]";
}
inline std::string grant(const std::string& src, const std::string& dst, const std::string& more = R"(,"ip":["*"])") {
  return R"("grants":[{"src":[)" + src + R"(],"dst":[)" + dst + "]" + more + "}]";
}
inline std::string ssh(const std::string& src, const std::string& dst, const std::string& users,
                       const std::string& more = "", const std::string& action = "accept") {
  return R"("ssh":[{"action":")" + action + R"(","src":[)" + src + R"(],"dst":[)" + dst + R"(],"users":[)" + users +
         "]" + more + "}]";
}

// Who `src` is: the sources of a rule with it.
inline std::string sources_of(const Net& net, const std::string& src, const std::string& sections = "") {
  const Strings rules = net.under(sections + acl(src, R"("*:*")")).everyone();
  if (rules.empty()) return "(nobody)";
  const std::string& rule = rules.front();
  const std::size_t begin = rule.find(": ") + 2;
  return rule.substr(begin, rule.find(" -> ") - begin);
}

}  // namespace acl::resolve
