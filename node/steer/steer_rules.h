// The steering rules: a table of nftables for kernels without the program (nft(8), tproxy). For steering.cc.
//
// By the interface's name, and its master's if it has one, own addresses and port: the beginning of a connection goes to our socket; if there is none, it is dropped. A
// connection from this host never comes in by that interface. E1401 with nftables' words.
#pragma once

#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"

namespace acl::node {

struct SteerRules {
  std::string table, interface, master;  // `master`: what the interface is enslaved to; empty: nothing
  std::vector<net::Address> own;
  std::uint16_t port = 22;
  std::uint16_t listener_v4 = 0, listener_v6 = 0;  // ports on the loopback addresses; 0: none
};

// As nft(8) reads it, taking the place of what was there.
std::string steer_rules_text(const SteerRules& rules);
Expected<void> put_steer_rules(const SteerRules& rules);
// Whether the chain has as many rules as these are: one that was flushed has none.
Expected<bool> has_steer_rules(const SteerRules& rules);
// No error if they are not there.
Expected<void> remove_steer_rules(const std::string& table);

}  // namespace acl::node
