// Packet: the bytes of one IP packet → its kind, addresses and ports, as docs/packet-semantics.md section 2 has it.
//
// Restricted C that is also C++20: the same source is part of the eBPF program and of user space. In: the packet's bytes, at
// least min(length, l2 + ACL_PACKET_HEADERS) of them in one piece, and where its IP header begins. Out: a struct acl_packet,
// filled as far as its kind goes, by value and without pointers into the bytes. No allocation, no loop without a bound, no read outside
// [data, end) for any bytes whatever; what cannot be read is malformed, which is refused. Nothing here can fail.
//
// The verifier follows packet pointers only where every access lies behind a comparison with `end` of the same register and a
// constant length, hence acl_bytes(). Lengths are compared as numbers before that, since a frame may be longer than its IP
// packet, and the packet longer than what of it lies in one piece. A program should call acl_parse() from a global function
// (not static, not inlined; Linux 5.6): it is then verified once, in some 6,000 steps, and not again for each path behind it.
#ifndef ACL_ENGINE_TABLE_PACKET_H
#define ACL_ENGINE_TABLE_PACKET_H

#include <stdint.h>

#define ACL_INLINE static inline __attribute__((always_inline))

// An address as two numbers. IPv4 a.b.c.d is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), which no packet that passes has as an
// IPv6 address, so that no family is needed beside it; its 32 bits are (uint32_t)low.
struct acl_address {
  uint64_t high;
  uint64_t low;
};

#define ACL_V4_LOW ((uint64_t)0xffff << 32)

enum acl_kind {
  ACL_MALFORMED = 0,  // so that a packet nobody filled in is refused
  ACL_TCP_SYN,        // SYN without ACK
  ACL_TCP,            // every other segment
  ACL_UDP,
  ACL_SCTP,
  ACL_ECHO_REQUEST,
  ACL_ECHO_REPLY,
  ACL_ICMP_ERROR,
  ACL_ICMP_OTHER,
  ACL_PORTLESS,
  ACL_LATER_FRAGMENT,
};

// Why a packet is malformed.
enum acl_malformed {
  ACL_WELL_FORMED = 0,
  ACL_BAD_SHORT,
  ACL_BAD_VERSION,
  ACL_BAD_HEADER_LENGTH,
  ACL_BAD_TOTAL_LENGTH,
  ACL_BAD_OPTIONS,    // IPv4 options
  ACL_BAD_CHAIN,      // IPv6 extension headers
  ACL_BAD_FRAGMENT,   // empty, uneven, too far out, or over the transport header
  ACL_BAD_TRANSPORT,  // the transport header is not whole, or of the other family
};

enum acl_fragment { ACL_WHOLE = 0, ACL_FIRST_FRAGMENT, ACL_REST_FRAGMENT };

enum acl_special { ACL_SPECIAL_SOURCE = 1, ACL_SPECIAL_DESTINATION = 2 };

enum acl_protocol {
  ACL_PROTOCOL_ICMP = 1,
  ACL_PROTOCOL_TCP = 6,
  ACL_PROTOCOL_UDP = 17,
  ACL_PROTOCOL_ICMPV6 = 58,
  ACL_PROTOCOL_SCTP = 132,
};

enum acl_tcp_flag { ACL_TCP_FLAG_SYN = 0x02, ACL_TCP_FLAG_RST = 0x04, ACL_TCP_FLAG_ACK = 0x10 };

// The packet that an ICMP error is about. Of one that is not usable only kind counts, which is ACL_MALFORMED.
struct acl_quote {
  struct acl_address source;
  struct acl_address destination;
  uint16_t source_port;       // of echo, both are the identifier
  uint16_t destination_port;  // 0 without ports
  uint8_t kind;               // ACL_TCP (SYN or not: the quote may end before the flags), UDP, SCTP, ECHO_…, PORTLESS
  uint8_t protocol;
  uint8_t zero[2];
};

// Of a malformed packet only kind and `malformed` count.
struct acl_packet {
  struct acl_address source;
  struct acl_address destination;
  uint16_t source_port;       // of echo, both are the identifier
  uint16_t destination_port;  // 0 without ports
  uint8_t kind;               // enum acl_kind
  uint8_t malformed;          // enum acl_malformed
  uint8_t family;             // 4 or 6
  uint8_t protocol;           // of an IPv6 packet, what the chain of headers ends with
  uint8_t fragment;           // enum acl_fragment
  uint8_t special;            // enum acl_special, both bits
  uint8_t tcp_flags;
  uint8_t icmp_type;
  uint8_t icmp_code;
  uint8_t zero[3];
  struct acl_quote quote;  // of ACL_ICMP_ERROR; of no other kind is it written
};

#define ACL_CHAIN_HEADERS 4
#define ACL_CHAIN_HEADER_BYTES 64
// The bytes from the IP header on within which everything lies that is read: twice an IPv6 header, a chain and eight bytes.
#define ACL_PACKET_HEADERS (2 * (40 + ACL_CHAIN_HEADERS * ACL_CHAIN_HEADER_BYTES + 8))

// The smallest offset of a later fragment: behind any transport header that is read (RFC 1858, RFC 3128).
#define ACL_FRAGMENT_OFFSET_MIN 24

struct acl_bytes_view {
  const uint8_t* data;
  const uint8_t* end;
  uint64_t limit;  // offset from data of the first byte that is no longer part of the packet
};

// The `count` bytes at `offset`, or null. `offset` is at most a few hundred, so that the verifier can bound it.
ACL_INLINE const uint8_t* acl_bytes(const struct acl_bytes_view* view, uint64_t offset, uint64_t count) {
  if (offset > 1023 || offset + count > view->limit) return 0;
#ifdef __bpf__
  const uint8_t* bytes = view->data + offset;
  __asm__ volatile("" : "+r"(bytes));  // one register from here on, or the verifier loses the comparison
  if (bytes + count > view->end) return 0;
  return bytes;
#else
  const uint64_t there = (uint64_t)(view->end - view->data);
  return offset + count > there ? (const uint8_t*)0 : view->data + offset;
#endif
}

// Numbers in network byte order. The kernel's machines read unaligned words of a packet; byte by byte costs the program twice
// the instructions, since clang for BPF never joins loads.
#ifdef __bpf__
ACL_INLINE uint16_t acl_load16(const uint8_t* p) { return __builtin_bswap16(*(const uint16_t*)p); }
ACL_INLINE uint32_t acl_load32(const uint8_t* p) { return __builtin_bswap32(*(const uint32_t*)p); }
ACL_INLINE uint64_t acl_load64(const uint8_t* p) { return __builtin_bswap64(*(const uint64_t*)p); }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the decision table is little-endian, and so is every machine it is for"
#endif
#else
ACL_INLINE uint16_t acl_load16(const uint8_t* p) { return (uint16_t)(((uint32_t)p[0] << 8) | p[1]); }
ACL_INLINE uint32_t acl_load32(const uint8_t* p) { return ((uint32_t)acl_load16(p) << 16) | acl_load16(p + 2); }
ACL_INLINE uint64_t acl_load64(const uint8_t* p) { return ((uint64_t)acl_load32(p) << 32) | acl_load32(p + 4); }
#endif

ACL_INLINE struct acl_address acl_load_v4(const uint8_t* p) {
  struct acl_address address = {0, ACL_V4_LOW | acl_load32(p)};
  return address;
}

ACL_INLINE struct acl_address acl_load_v6(const uint8_t* p) {
  struct acl_address address = {acl_load64(p), acl_load64(p + 8)};
  return address;
}

ACL_INLINE int acl_same_address(const struct acl_address* a, const struct acl_address* b) {
  return a->high == b->high && a->low == b->low;
}

// Unspecified, loopback, link-local, multicast, reserved: never an end of a flow between nodes.
ACL_INLINE int acl_special_v4(const struct acl_address* address) {
  const uint32_t bits = (uint32_t)address->low;
  const uint32_t top = bits >> 24;
  return top - 1 >= 223 || top == 127 || (bits >> 16) == 0xa9fe;  // 0 and from 224 on: 0 - 1 is large
}

ACL_INLINE int acl_special_v6(const struct acl_address* address) {
  if (address->high == 0) return (address->low >> 32) == 0 || (address->low >> 32) == 0xffff;  // ::/96, ::ffff:0:0/96
  return (address->high >> 54) == (0xfe80 >> 6) || (address->high >> 56) == 0xff;              // fe80::/10, ff00::/8
}

// Where the transport header is, and what the network header says of it.
struct acl_network {
  uint64_t transport;  // offset
  uint32_t fragment_offset;
  uint8_t fragments_follow;
  uint8_t protocol;
};

ACL_INLINE int acl_is_extension(uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 59 || protocol == 60;
}

// Follows the extension headers from network->transport on. Nothing but what section 2 of the document walks.
ACL_INLINE int acl_walk_chain(const struct acl_bytes_view* view, struct acl_network* network) {
#pragma GCC unroll 4
  for (int i = 0; i < ACL_CHAIN_HEADERS; ++i) {
    const uint8_t protocol = network->protocol;
    if (!acl_is_extension(protocol)) return ACL_WELL_FORMED;
    if (protocol == 44) {
      const uint8_t* bytes = acl_bytes(view, network->transport, 8);
      if (!bytes) return ACL_BAD_CHAIN;
      const uint16_t field = acl_load16(bytes + 2);
      network->protocol = bytes[0];
      network->fragment_offset = field & 0xfff8U;
      network->fragments_follow = field & 1;
      network->transport += 8;
      return acl_is_extension(network->protocol) ? ACL_BAD_CHAIN : ACL_WELL_FORMED;
    }
    if (protocol != 60 && (protocol != 0 || i != 0)) return ACL_BAD_CHAIN;
    const uint8_t* bytes = acl_bytes(view, network->transport, 8);
    if (!bytes || bytes[1] >= ACL_CHAIN_HEADER_BYTES / 8) return ACL_BAD_CHAIN;
    network->protocol = bytes[0];
    network->transport += ((uint64_t)bytes[1] + 1) * 8;
    if (network->transport > view->limit) return ACL_BAD_CHAIN;
  }
  return acl_is_extension(network->protocol) ? ACL_BAD_CHAIN : ACL_WELL_FORMED;
}

ACL_INLINE int acl_parse_v4(struct acl_bytes_view* view, uint64_t at, struct acl_packet* out,
                            struct acl_network* network) {
  const uint8_t* ip = acl_bytes(view, at, 20);
  if (!ip) return ACL_BAD_SHORT;
  const uint32_t header = (ip[0] & 15U) * 4;
  if (header < 20) return ACL_BAD_HEADER_LENGTH;
  const uint32_t total = acl_load16(ip + 2);
  if (total < header || at + total > view->limit) return ACL_BAD_TOTAL_LENGTH;
  if (header != 20) return ACL_BAD_OPTIONS;
  view->limit = at + total;
  const uint16_t field = acl_load16(ip + 6);
  network->fragment_offset = (field & 0x1fffU) * 8;
  network->fragments_follow = (field >> 13) & 1;
  network->transport = at + 20;
  network->protocol = ip[9];
  out->source = acl_load_v4(ip + 12);
  out->destination = acl_load_v4(ip + 16);
  out->special = (uint8_t)((acl_special_v4(&out->source) ? ACL_SPECIAL_SOURCE : 0) |
                           (acl_special_v4(&out->destination) ? ACL_SPECIAL_DESTINATION : 0));
  return ACL_WELL_FORMED;
}

ACL_INLINE int acl_parse_v6(struct acl_bytes_view* view, uint64_t at, struct acl_packet* out,
                            struct acl_network* network) {
  const uint8_t* ip = acl_bytes(view, at, 40);
  if (!ip) return ACL_BAD_SHORT;
  const uint32_t total = 40U + acl_load16(ip + 4);
  if (at + total > view->limit) return ACL_BAD_TOTAL_LENGTH;
  view->limit = at + total;
  network->transport = at + 40;
  network->protocol = ip[6];
  out->source = acl_load_v6(ip + 8);
  out->destination = acl_load_v6(ip + 24);
  out->special = (uint8_t)((acl_special_v6(&out->source) ? ACL_SPECIAL_SOURCE : 0) |
                           (acl_special_v6(&out->destination) ? ACL_SPECIAL_DESTINATION : 0));
  return acl_walk_chain(view, network);
}

ACL_INLINE int acl_judge_fragment(const struct acl_bytes_view* view, const struct acl_network* network) {
  if (network->fragment_offset == 0 && !network->fragments_follow) return ACL_WELL_FORMED;
  const uint64_t payload = view->limit - network->transport;
  if (payload == 0 || network->fragment_offset + payload > 65535) return ACL_BAD_FRAGMENT;
  if (network->fragments_follow && payload % 8 != 0) return ACL_BAD_FRAGMENT;
  if (network->fragment_offset != 0 && network->fragment_offset < ACL_FRAGMENT_OFFSET_MIN) return ACL_BAD_FRAGMENT;
  return ACL_WELL_FORMED;
}

// ICMP or ICMPv6 type → kind. `v6` says which of the two it is.
ACL_INLINE uint8_t acl_icmp_kind(uint8_t type, int v6) {
  if (type == (v6 ? 128 : 8)) return ACL_ECHO_REQUEST;
  if (type == (v6 ? 129 : 0)) return ACL_ECHO_REPLY;
  if (v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12) return ACL_ICMP_ERROR;
  return ACL_ICMP_OTHER;
}

// Protocols of which a quote needs eight bytes.
ACL_INLINE int acl_has_quoted_header(uint8_t protocol) {
  return protocol == ACL_PROTOCOL_TCP || protocol == ACL_PROTOCOL_UDP || protocol == ACL_PROTOCOL_SCTP ||
         protocol == ACL_PROTOCOL_ICMP || protocol == ACL_PROTOCOL_ICMPV6;
}

// The kind of a quoted packet, and its ports, from the first eight bytes of its payload.
ACL_INLINE void acl_quote_transport(const uint8_t* bytes, int v6, struct acl_quote* quote) {
  if (quote->protocol == ACL_PROTOCOL_ICMP || quote->protocol == ACL_PROTOCOL_ICMPV6) {
    const uint8_t kind = acl_icmp_kind(bytes[0], v6);
    if (kind != ACL_ECHO_REQUEST && kind != ACL_ECHO_REPLY) return;
    quote->kind = kind;
    quote->source_port = quote->destination_port = acl_load16(bytes + 4);
    return;
  }
  quote->kind = (uint8_t)(quote->protocol == ACL_PROTOCOL_TCP   ? ACL_TCP
                          : quote->protocol == ACL_PROTOCOL_UDP ? ACL_UDP
                                                                : ACL_SCTP);
  quote->source_port = acl_load16(bytes);
  quote->destination_port = acl_load16(bytes + 2);
}

ACL_INLINE int acl_quote_v4(const struct acl_bytes_view* view, uint64_t at, struct acl_network* network,
                            struct acl_quote* quote) {
  const uint8_t* ip = acl_bytes(view, at, 20);
  if (!ip || ip[0] != 0x45 || (acl_load16(ip + 6) & 0x1fffU) != 0) return 0;
  network->transport = at + 20;
  network->protocol = ip[9];
  quote->source = acl_load_v4(ip + 12);
  quote->destination = acl_load_v4(ip + 16);
  return 1;
}

ACL_INLINE int acl_quote_v6(const struct acl_bytes_view* view, uint64_t at, struct acl_network* network,
                            struct acl_quote* quote) {
  const uint8_t* ip = acl_bytes(view, at, 40);
  if (!ip || ip[0] >> 4 != 6) return 0;
  network->transport = at + 40;
  network->protocol = ip[6];
  quote->source = acl_load_v6(ip + 8);
  quote->destination = acl_load_v6(ip + 24);
  return acl_walk_chain(view, network) == ACL_WELL_FORMED && network->fragment_offset == 0;
}

// The packet quoted at `at`; quote->kind stays ACL_MALFORMED if it is not usable. Its total length is not compared: routers
// cut quotes (RFC 792: eight bytes of the payload).
ACL_INLINE void acl_parse_quote(const struct acl_bytes_view* view, uint64_t at, int v6, struct acl_quote* quote) {
  struct acl_network network = {0, 0, 0, 0};
  __builtin_memset(quote, 0, sizeof *quote);
  if (!(v6 ? acl_quote_v6(view, at, &network, quote) : acl_quote_v4(view, at, &network, quote))) return;
  quote->protocol = network.protocol;
  if (network.protocol == (v6 ? ACL_PROTOCOL_ICMP : ACL_PROTOCOL_ICMPV6)) return;
  if (!acl_has_quoted_header(network.protocol)) {
    quote->kind = ACL_PORTLESS;
    return;
  }
  const uint8_t* bytes = acl_bytes(view, network.transport, 8);
  if (bytes) acl_quote_transport(bytes, v6, quote);
}

ACL_INLINE void acl_parse_ports(const uint8_t* bytes, uint8_t kind, struct acl_packet* out) {
  out->kind = kind;
  out->source_port = acl_load16(bytes);
  out->destination_port = acl_load16(bytes + 2);
}

ACL_INLINE int acl_parse_tcp(const struct acl_bytes_view* view, uint64_t at, struct acl_packet* out) {
  const uint8_t* tcp = acl_bytes(view, at, 20);
  if (!tcp) return ACL_BAD_TRANSPORT;
  const uint64_t header = (uint64_t)(tcp[12] >> 4) * 4;
  if (header < 20 || at + header > view->limit) return ACL_BAD_TRANSPORT;
  out->tcp_flags = tcp[13];
  const int syn = (tcp[13] & (ACL_TCP_FLAG_SYN | ACL_TCP_FLAG_ACK)) == ACL_TCP_FLAG_SYN;
  acl_parse_ports(tcp, syn ? ACL_TCP_SYN : ACL_TCP, out);
  return ACL_WELL_FORMED;
}

ACL_INLINE int acl_parse_icmp(const struct acl_bytes_view* view, uint64_t at, struct acl_packet* out) {
  const uint8_t* icmp = acl_bytes(view, at, 8);
  if (!icmp) return ACL_BAD_TRANSPORT;
  const int v6 = out->family == 6;
  out->icmp_type = icmp[0];
  out->icmp_code = icmp[1];
  out->kind = acl_icmp_kind(icmp[0], v6);
  if (out->kind == ACL_ECHO_REQUEST || out->kind == ACL_ECHO_REPLY) {
    out->source_port = out->destination_port = acl_load16(icmp + 4);
  } else if (out->kind == ACL_ICMP_ERROR) {
    acl_parse_quote(view, at + 8, v6, &out->quote);
  }
  return ACL_WELL_FORMED;
}

// Each protocol reads by a pointer of its own with a constant length, or the verifier no longer knows which of them it has.
ACL_INLINE int acl_parse_transport(const struct acl_bytes_view* view, uint64_t at, struct acl_packet* out) {
  if (out->protocol == ACL_PROTOCOL_TCP) return acl_parse_tcp(view, at, out);
  if (out->protocol == ACL_PROTOCOL_UDP) {
    const uint8_t* udp = acl_bytes(view, at, 8);
    if (!udp) return ACL_BAD_TRANSPORT;
    acl_parse_ports(udp, ACL_UDP, out);
    return ACL_WELL_FORMED;
  }
  if (out->protocol == ACL_PROTOCOL_SCTP) {
    const uint8_t* sctp = acl_bytes(view, at, 12);
    if (!sctp) return ACL_BAD_TRANSPORT;
    acl_parse_ports(sctp, ACL_SCTP, out);
    return ACL_WELL_FORMED;
  }
  if (out->protocol == (out->family == 6 ? ACL_PROTOCOL_ICMPV6 : ACL_PROTOCOL_ICMP))
    return acl_parse_icmp(view, at, out);
  if (out->protocol == ACL_PROTOCOL_ICMP || out->protocol == ACL_PROTOCOL_ICMPV6) return ACL_BAD_TRANSPORT;
  out->kind = ACL_PORTLESS;
  return ACL_WELL_FORMED;
}

// The link-layer header, where there is one, names the protocol that the version says.
ACL_INLINE int acl_parse_version(const struct acl_bytes_view* view, uint64_t l2, struct acl_packet* out) {
  const uint8_t* bytes = acl_bytes(view, l2, 1);
  if (!bytes) return ACL_BAD_SHORT;
  out->family = bytes[0] >> 4;
  if (out->family != 4 && out->family != 6) return ACL_BAD_VERSION;
  if (l2 == 0) return ACL_WELL_FORMED;
  const uint8_t* type = acl_bytes(view, l2 - 2, 2);
  return type && acl_load16(type) == (out->family == 4 ? 0x0800 : 0x86dd) ? ACL_WELL_FORMED : ACL_BAD_VERSION;
}

ACL_INLINE int acl_parse_ip(struct acl_bytes_view* view, uint64_t l2, struct acl_packet* out) {
  struct acl_network network = {0, 0, 0, 0};
  int bad = acl_parse_version(view, l2, out);
  if (bad) return bad;
  bad = out->family == 4 ? acl_parse_v4(view, l2, out, &network) : acl_parse_v6(view, l2, out, &network);
  if (bad) return bad;
  bad = acl_judge_fragment(view, &network);
  if (bad) return bad;
  out->protocol = network.protocol;
  if (network.fragment_offset != 0) {
    out->fragment = ACL_REST_FRAGMENT;
    out->kind = ACL_LATER_FRAGMENT;
    return ACL_WELL_FORMED;
  }
  out->fragment = network.fragments_follow ? ACL_FIRST_FRAGMENT : ACL_WHOLE;
  return acl_parse_transport(view, network.transport, out);
}

// The whole of it. `length`: bytes of the frame, of which [data, end) lie in one piece. `l2`: 0 on WireGuard and TUN
// interfaces, 14 behind an Ethernet header, nothing else. `out` is zero but for its quote, as acl_parse() makes it; a program, whose
// verifier asks for it, has it so already.
ACL_INLINE void acl_parse_into_zero(const uint8_t* data, const uint8_t* end, uint64_t length, uint64_t l2,
                                    struct acl_packet* out) {
  struct acl_bytes_view view = {data, end, length};
  out->malformed = (uint8_t)acl_parse_ip(&view, l2, out);
  if (out->malformed) out->kind = ACL_MALFORMED;
}

ACL_INLINE void acl_parse(const uint8_t* data, const uint8_t* end, uint64_t length, uint64_t l2,
                          struct acl_packet* out) {
  __builtin_memset(out, 0, sizeof *out - sizeof out->quote);
  acl_parse_into_zero(data, end, length, l2, out);
}

#endif
