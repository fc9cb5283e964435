// Packets as bytes, for tests: built field by field, and at random (valid, odd, malformed), by a seed.
//
// Checksums are 0: the filter does not read them.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "engine/net/address.h"

namespace acl::generate {

using Bytes = std::vector<std::uint8_t>;
using net::Address;

// Of an IP packet, what is not derived from its payload.
struct IpFields {
  Address source;
  Address destination;
  std::uint8_t protocol = 0;          // what follows the last header
  std::uint16_t fragment_offset = 0;  // bytes, a multiple of 8
  bool fragments_follow = false;      // IPv6: the packet has a fragment header if this or the offset is set
  bool atomic_fragment = false;       // IPv6: a fragment header all the same
  // IPv6: hop-by-hop (0), destination options (60), routing (43), of eight bytes each; the first has that many times eight more.
  std::vector<std::uint8_t> extensions;
  std::uint8_t extension_length = 0;
};

Bytes ip_packet(const IpFields& fields, const Bytes& payload);

enum : std::uint8_t { tcp_fin = 1, tcp_syn = 2, tcp_rst = 4, tcp_ack = 16 };

Bytes tcp_header(std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t flags);
Bytes udp_header(std::uint16_t source_port, std::uint16_t destination_port);
Bytes sctp_header(std::uint16_t source_port, std::uint16_t destination_port);
Bytes icmp_header(std::uint8_t type, std::uint8_t code, std::uint16_t identifier);

// Whole packets.
Bytes tcp(const Address& source, std::uint16_t source_port, const Address& destination, std::uint16_t destination_port,
          std::uint8_t flags);
Bytes udp(const Address& source, std::uint16_t source_port, const Address& destination, std::uint16_t destination_port);
Bytes sctp(const Address& source, std::uint16_t source_port, const Address& destination,
           std::uint16_t destination_port);
Bytes echo_request(const Address& source, const Address& destination, std::uint16_t identifier);
Bytes echo_reply(const Address& source, const Address& destination, std::uint16_t identifier);
Bytes portless(const Address& source, const Address& destination, std::uint8_t protocol);
// "Unreachable", about `quoted` (an IP packet), of which `quoted_bytes` are quoted.
Bytes unreachable(const Address& source, const Address& destination, const Bytes& quoted,
                  std::size_t quoted_bytes = 60);
// Behind an Ethernet header of the type that the version says.
Bytes ethernet(const Bytes& packet);

// Random packets out of few addresses and ports, so that flows meet again: `local` and `remote` ends of both families, and now
// and then special addresses and their neighbours. Own addresses end in .1 and .2.
class PacketSource {
 public:
  explicit PacketSource(std::uint64_t seed) : random_(seed) {}

  // A packet on its way in or out. Of five, about one is odd or malformed.
  Bytes next(bool out);
  // A number below `bound`.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() >> 32) % bound; }
  bool one_in(std::uint32_t count) { return below(count) == 0; }
  // One of the addresses that packets have as ends.
  Address local(bool v4);
  Address remote(bool v4);

 private:
  struct Sent {
    Address source;
    Bytes bytes;
  };

  std::uint16_t port();
  Address end(bool local, bool v4);
  Bytes transport(std::uint8_t protocol, bool v4);
  Bytes error(const Sent& quoted, bool out);
  IpFields fields(bool out, bool v4);
  void spoil(Bytes& packet);

  std::mt19937_64 random_;
  std::vector<Sent> sent_[2];  // the last ones in and out, errors aside, to quote
};

}  // namespace acl::generate
