#include "node/daemon/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/net/address.h"

namespace acl::node {

using nlohmann::json;

namespace {

struct Peer {
  std::string name;
  std::vector<std::string> addresses, host_keys;
};

bool is_word(std::string_view text) {
  return !text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

bool is_key(std::string_view text) {
  return std::count(text.begin(), text.end(), ' ') == 1 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> out;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return out;
  for (const json& one : *list) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
  return out;
}

// What both files can name.
std::vector<Peer> peers_of(std::string_view text) {
  std::vector<Peer> out;
  const json answer = json::parse(text, nullptr, false);
  if (!answer.is_object()) return out;
  const auto list = answer.find("peers");
  if (list == answer.end() || !list->is_array()) return out;
  for (const json& one : *list) {
    if (!one.is_object()) continue;
    const auto name = one.find("name");
    Peer peer;
    if (name != one.end() && name->is_string()) peer.name = name->get<std::string>();
    for (std::string& address : texts_of(one, "addresses")) {
      if (net::Address::parse(address)) peer.addresses.push_back(std::move(address));
    }
    for (std::string& key : texts_of(one, "host_keys")) {
      if (is_key(key)) peer.host_keys.push_back(std::move(key));
    }
    if (is_word(peer.name) && !peer.addresses.empty() && !peer.host_keys.empty()) out.push_back(std::move(peer));
  }
  return out;
}

}  // namespace

std::string peers_json(const table::Directory& directory) {
  json list = json::array();
  for (const table::Directory::Numbered& one : directory.identities()) {
    if (one.identity.host_keys.empty()) continue;
    json addresses = json::array();
    for (const net::Address& address : one.identity.addresses) addresses.push_back(address.text());
    list.push_back({{"name", one.identity.name}, {"addresses", addresses}, {"host_keys", one.identity.host_keys}});
  }
  return json{{"peers", list}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string known_hosts_text(std::string_view text) {
  std::string out;
  for (const Peer& peer : peers_of(text)) {
    for (const std::string& key : peer.host_keys)
      out += fmt::format("{},{} {}\n", peer.name, fmt::join(peer.addresses, ","), key);
  }
  return out;
}

std::string ssh_config_text(std::string_view text, std::string_view known_hosts) {
  std::string out;
  for (const Peer& peer : peers_of(text)) {
    out += fmt::format("Host {}\n  HostName {}\n  HostKeyAlias {}\n", peer.name, peer.addresses[0], peer.name);
    if (!known_hosts.empty()) out += fmt::format("  UserKnownHostsFile \"{}\"\n", known_hosts);
    out += "  StrictHostKeyChecking yes\n";
  }
  return out;
}

}  // namespace acl::node
