// common_packet: the parser's short way (packet.h) for what nearly all packets are: TCP segments and UDP datagrams, whole, behind an
// IPv4 header without options or an IPv6 header without extension headers, between addresses that are not special.
//
// In: as acl_parse(), and the family that the first four bits say. Out: 1 and a packet exactly as acl_parse() fills it, or 0, which says
// nothing about the bytes, not even that they are malformed: acl_parse() has to be asked. Restricted C that is also C++20. No allocation,
// no loop, no read outside [data, end); nothing here can fail.
//
// Why a second way. The general parser costs a program in the kernel 13 ns: one comparison with `end` for each header, and a struct
// on the stack, as it is a function of its own. Here it is one comparison, or two for TCP, and where the family is a constant and the
// struct stays in the function that has it, most of it is in registers or gone.
#ifndef ACL_ENGINE_TABLE_COMMON_PACKET_H
#define ACL_ENGINE_TABLE_COMMON_PACKET_H

#include "engine/table/packet.h"

// Whether the first `count` bytes, a constant, lie in one piece.
ACL_INLINE int acl_has_bytes(const uint8_t* data, const uint8_t* end, uint64_t count) {
#ifdef __bpf__
  return data + count <= end;
#else
  return count <= (uint64_t)(end - data);
#endif
}

// 4 or 6; 0 if it is another version, or there are fewer bytes than any common packet has.
ACL_INLINE int acl_common_family(const uint8_t* data, const uint8_t* end) {
  if (!acl_has_bytes(data, end, 20 + 8)) return 0;
  const uint8_t version = data[0] >> 4;
  return version == 4 || version == 6 ? version : 0;
}

// What the IP header says; `payload`: the bytes behind it.
ACL_INLINE int acl_common_v4(const uint8_t* ip, uint64_t room, struct acl_packet* out, uint64_t* payload) {
  const uint64_t total = acl_load16(ip + 2);
  if (ip[0] != 0x45 || (acl_load16(ip + 6) & 0x3fffU) != 0 || total < 20 || total > room) return 0;
  *payload = total - 20;
  out->source = acl_load_v4(ip + 12);
  out->destination = acl_load_v4(ip + 16);
  return !acl_special_v4(&out->source) && !acl_special_v4(&out->destination);
}

ACL_INLINE int acl_common_v6(const uint8_t* ip, uint64_t room, struct acl_packet* out, uint64_t* payload) {
  *payload = acl_load16(ip + 4);
  if (40 + *payload > room) return 0;
  out->source = acl_load_v6(ip + 8);
  out->destination = acl_load_v6(ip + 24);
  // Every special address begins with one of the bytes 0, 0xfe and 0xff; what else does goes the long way too.
  return (out->source.high >> 56) - 1 < 0xfd && (out->destination.high >> 56) - 1 < 0xfd;
}

ACL_INLINE int acl_common_network(const uint8_t* ip, uint64_t room, int family, struct acl_packet* out,
                                  uint64_t* payload) {
  return family == 4 ? acl_common_v4(ip, room, out, payload) : acl_common_v6(ip, room, out, payload);
}

// `family`: what acl_common_family() said, not 0; a constant, if it is to be quick. The bytes begin with the IP header.
ACL_INLINE int acl_parse_common(const uint8_t* data, const uint8_t* end, uint64_t length, int family,
                                struct acl_packet* out) {
  const uint64_t header = family == 4 ? 20 : 40;
  uint64_t payload = 0;
  if (!acl_has_bytes(data, end, header + 8)) return 0;
  const uint8_t protocol = data[family == 4 ? 9 : 6];
  __builtin_memset(out, 0, sizeof *out - sizeof out->quote);
  out->family = (uint8_t)family;
  if (protocol == ACL_PROTOCOL_UDP) {
    if (!acl_common_network(data, length, family, out, &payload) || payload < 8) return 0;
    out->protocol = ACL_PROTOCOL_UDP;
    acl_parse_ports(data + header, ACL_UDP, out);
    return 1;
  }
  if (protocol != ACL_PROTOCOL_TCP || !acl_has_bytes(data, end, header + 20)) return 0;
  if (!acl_common_network(data, length, family, out, &payload)) return 0;
  const uint8_t* tcp = data + header;
  const uint64_t tcp_header = (uint64_t)(tcp[12] >> 4) * 4;
  if (tcp_header < 20 || tcp_header > payload) return 0;
  out->protocol = ACL_PROTOCOL_TCP;
  out->tcp_flags = tcp[13];
  const int syn = (tcp[13] & (ACL_TCP_FLAG_SYN | ACL_TCP_FLAG_ACK)) == ACL_TCP_FLAG_SYN;
  acl_parse_ports(tcp, syn ? ACL_TCP_SYN : ACL_TCP, out);
  return 1;
}

#endif
