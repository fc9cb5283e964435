// Names in questions: what a person types for a source or a destination, as ends of packets.
//
// A name is the name of a node, or any selector that may stand for devices: a login, group, tag, autogroup, host, address. A
// target is `DST[:PORT[/PROTO]]`: what follows the last colon is the port part only if it is `*`, a number or a range, else
// all is DST; IPv6 with a port is `[v6]:22/tcp`; no PROTO means tcp, no PORT every port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/questions/reach.h"

namespace acl::questions {

// Places a packet may come from or go to that a name stands for: each is a node with its addresses, or an address without one.
struct Party {
  std::string text;                       // as written
  std::string kind;                       // "node", "user", "group", "tag", … for people
  std::vector<std::vector<End>> members;  // each: the ends of one node, or one address
};

// An unknown name is an error (E0901) with the nearest known one.
Expected<Party> find_party(const resolve::Resolved& resolved, std::string_view name);

struct Target {
  std::string name;
  std::optional<policy::PortRange> ports;  // nothing: every port
  std::uint8_t protocol = 6;
  bool has_protocol = false;
};

Expected<Target> parse_target(std::string_view text);

}  // namespace acl::questions
