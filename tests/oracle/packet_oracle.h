// The packet oracle: docs/packet-semantics.md read naively, one packet after the other. Slow, obvious, and written apart from
// engine/table/packet.h and flow.h, whose judge it is.
//
// In: the bytes of a packet, its direction, the time in nanoseconds, and the table's answers as functions. Out: a verdict; the
// records and marks are there to look at. Every rule stands where the document has it, section by section.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "engine/net/address.h"

namespace acl::oracle {

using net::Address;

// --- section 2: kinds ---

enum class PacketKind : std::uint8_t {
  malformed,
  tcp_syn,
  tcp,
  udp,
  sctp,
  echo_request,
  echo_reply,
  icmp_error,
  other_icmp,
  portless,
  later_fragment,
};

struct QuotedPacket {
  PacketKind kind = PacketKind::malformed;  // tcp_syn never: the flags may be cut off
  Address source;
  Address destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;  // of echo, the identifier
  std::uint16_t destination_port = 0;
};

struct PacketView {
  PacketKind kind = PacketKind::malformed;
  Address source;
  Address destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;  // of echo, the identifier
  std::uint16_t destination_port = 0;
  bool ack = false;
  bool syn = false;
  bool rst = false;
  std::optional<QuotedPacket> quote;  // of an ICMP error, if usable
};

// `link_header`: the bytes begin with an Ethernet header.
PacketView read_packet(std::span<const std::uint8_t> bytes, bool link_header);

// --- section 3: the table ---

struct PacketTable {
  std::function<bool(const Address&)> known;
  std::function<bool(const Address&)> bound;
  std::function<bool(const Address&)> own;
  // The rule that lets a packet in; without a port, any entry of the pair for the protocol.
  std::function<std::optional<std::uint32_t>(const Address& source, const Address& destination, std::uint8_t protocol,
                                             std::optional<std::uint16_t> port)>
      rule;
};

// --- sections 4 to 6: verdicts and flow state ---

struct Verdict {
  bool pass = false;
  std::optional<std::uint32_t> rule;  // if it passes by a rule
};

struct Tuple {
  Address local;
  Address remote;
  std::uint8_t protocol = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  bool pair = false;  // local, remote and protocol only

  friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

class PacketFilter {
 public:
  // `coarse`: which of the 4,096 stamps is that of a remote address and protocol.
  PacketFilter(std::size_t record_capacity, std::size_t mark_capacity,
               std::function<std::uint32_t(const Address&, std::uint8_t)> coarse);

  Verdict in(const PacketView& packet, const PacketTable& table, std::uint64_t now);
  Verdict out(const PacketView& packet, std::uint64_t now);
  // The table no longer has the address, or gives it to another key.
  void forget(const Address& address);
  void sweep(std::uint64_t now);

  struct Written {
    std::uint64_t time;
    std::uint64_t order;  // of all writes, to tell which of two at the same time was later
  };
  std::map<Tuple, Written> records;
  std::map<Tuple, std::uint64_t> marks;
  std::map<std::uint32_t, std::uint64_t> coarse_marks;

 private:
  [[nodiscard]] bool fresh_record(const Tuple& tuple, std::uint64_t now) const;
  [[nodiscard]] bool fresh_mark(const Tuple& tuple, std::uint64_t now) const;
  void set_record(const Tuple& tuple, std::uint64_t now);
  void write_record(const Tuple& tuple, std::uint64_t now);
  void set_mark(const Tuple& tuple, std::uint64_t now);

  std::size_t record_capacity_;
  std::size_t mark_capacity_;
  std::function<std::uint32_t(const Address&, std::uint8_t)> coarse_;
  std::uint64_t writes_ = 0;
};

}  // namespace acl::oracle
