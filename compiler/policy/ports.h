// Protocols and ports as policies write them.
//
// The words of the errors are those of the control plane's client library, which the hosted service answers with
// (tailscale/tailscale, tailcfg/proto_port_range.go and types/ipproto/ipproto.go).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace acl::policy {

// Inclusive. `*` is 0-65535, which is not the same on the wire as 1-65535.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  [[nodiscard]] bool is_all() const noexcept { return first == 0 && last == 65535; }
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// The text of an error, without a place.
template <class T>
using PortExpected = tl::expected<T, std::string>;

// "*", "22", "8000-8010".
PortExpected<PortRange> parse_port_range(std::string_view text);

struct PortList {
  std::vector<PortRange> ranges;
  bool spaces = false;    // white space around an item, ignored
  bool wildcard = false;  // a `*` among other items
};

// The part behind the colon of an ACL destination: one or more ranges with commas between them.
PortExpected<PortList> parse_port_list(std::string_view text);

// A protocol's number from its name (case ignored) or from "0" to "255". Headscale also knows "fc", but neither "tsmp" nor
// leading zeros.
enum class ProtocolNames : std::uint8_t { hosted, headscale };
PortExpected<std::uint8_t> parse_protocol(std::string_view text, ProtocolNames names);

// TCP, UDP and SCTP; every other protocol takes `*` only.
bool protocol_has_ports(std::uint8_t protocol) noexcept;

// "tcp", "icmp", … or the number.
std::string protocol_name(std::uint8_t protocol);

// An entry of a grant's `ip`. Without a protocol the default set is meant: TCP, UDP, ICMP, ICMPv6.
struct IpEntry {
  bool has_protocol = false;
  std::uint8_t protocol = 0;
  std::vector<PortRange> ports;
  bool list = false;  // several ranges: a form that not every control plane takes
};
PortExpected<IpEntry> parse_ip_entry(std::string_view text, ProtocolNames names);

}  // namespace acl::policy
