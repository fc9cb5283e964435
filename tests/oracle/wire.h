// The hosted control plane's wire form of filter and SSH rules, read literally: what a node does with what it is sent.
//
// Both recorded answers and a compiler's output can be brought into this form and asked the oracle's questions.
// https://github.com/tailscale/tailscale, tailcfg/tailcfg.go (FilterRule, SSHPolicy) and ssh/tailssh/tailssh.go
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/oracle/oracle.h"

namespace acl::oracle {

// "*", an address, a prefix, or a range "a-b" as in SrcIPs; nothing if it is none of these.
std::optional<Ranges> parse_wire_addresses(std::string_view text);

struct WireSshRule {
  std::vector<Address> principals;
  std::vector<std::pair<std::string, std::string>> users;  // requested name → local name
  bool check = false;
};

// The first rule that has the source among its principals and knows the name.
Login ssh(const std::vector<WireSshRule>& rules, const Address& source, std::string_view requested);

// The addresses worth asking about: those given, the ends of the ranges, and the neighbours of all. Sorted, each once.
std::vector<Address> probes(const Ranges& ranges);

}  // namespace acl::oracle
