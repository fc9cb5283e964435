// The kernel's WireGuard over generic netlink: requests as bytes, answers bytes → Reading, and the exchange over a socket.
//
// Public source: <linux/wireguard.h> (WG_CMD_GET_DEVICE: a dump of several messages; a peer whose allowed-ips do not fit
// goes on in the next), genetlink's CTRL_CMD_GETFAMILY for the family's number. Private and preshared keys, which the kernel
// also sends, are passed over unread; read_kernel_device() wipes the bytes.
//
// In: any bytes. Out: what they say, or E1322. Nothing outside the bytes is read; nothing else is allocated than the Reading, which is
// bounded (device.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/wireguard/device.h"

namespace acl::node {

using Bytes = std::vector<std::uint8_t>;

// Asks for the number of the family "wireguard".
Bytes family_request(std::uint32_t sequence);
// Asks for the state of an interface; its name is shorter than IFNAMSIZ.
Bytes device_request(std::uint16_t family, std::string_view interface, std::uint32_t sequence);

// What the kernel says instead of an answer: an errno, as a positive number.
struct Refusal {
  int error = 0;
};

struct FamilyAnswer {
  std::uint16_t family = 0;  // 0: none yet
  Refusal refusal;
};
// One datagram.
Expected<FamilyAnswer> parse_family_answer(std::span<const std::uint8_t> datagram, std::uint32_t sequence);

struct DeviceAnswer {
  bool whole = false;    // the dump is over
  bool changed = false;  // somebody changed the interface meanwhile (NLM_F_DUMP_INTR): to be asked again
  Refusal refusal;
};
// One datagram of a dump, appended to `into` and `ifindex`.
Expected<DeviceAnswer> parse_device_answer(std::span<const std::uint8_t> datagram, std::uint32_t sequence,
                                           Reading& into, std::uint32_t& ifindex);

// The whole exchange over a netlink socket (or what a test puts in its place), at most `patience`; the kernel answers within a
// millisecond or two. `there` is false if the kernel has no WireGuard, or none of that name.
struct KernelReading {
  bool there = false;
  std::uint32_t ifindex = 0;
};
Expected<KernelReading> read_kernel_device(int socket, std::string_view interface, Reading& into,
                                           std::chrono::milliseconds patience);

// A generic netlink socket that hears nobody but the kernel. The caller closes it.
Expected<int> open_generic_netlink();

}  // namespace acl::node
