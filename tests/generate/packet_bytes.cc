#include "tests/generate/packet_bytes.h"

#include <algorithm>
#include <cstddef>

namespace acl::generate {
namespace {

void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_address(Bytes& out, const Address& address) {
  const auto put64 = [&out](std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  if (address.is_v4()) {
    put64(address.low(), 4);
  } else {
    put64(address.high(), 8);
    put64(address.low(), 8);
  }
}

void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes ipv4(const IpFields& f, const Bytes& payload) {
  Bytes out{0x45, 0};
  put16(out, static_cast<std::uint32_t>(20 + payload.size()));
  put16(out, 7);  // identification
  put16(out, static_cast<std::uint32_t>(f.fragment_offset / 8) | (f.fragments_follow ? 0x2000U : 0U));
  out.push_back(64);
  out.push_back(f.protocol);
  put16(out, 0);
  put_address(out, f.source);
  put_address(out, f.destination);
  append(out, payload);
  return out;
}

Bytes ipv6(const IpFields& f, const Bytes& payload) {
  const bool fragment = f.fragment_offset != 0 || f.fragments_follow || f.atomic_fragment;
  std::vector<std::uint8_t> headers = f.extensions;
  if (fragment) headers.push_back(44);
  headers.push_back(f.protocol);
  Bytes rest;
  for (std::size_t i = 0; i + 1 < headers.size(); ++i) {
    const std::uint8_t length = i == 0 && headers[i] != 44 ? f.extension_length : std::uint8_t{0};
    rest.push_back(headers[i + 1]);
    rest.push_back(length);
    if (headers[i] == 44) {
      put16(rest, f.fragment_offset | (f.fragments_follow ? 1U : 0U));
      append(rest, {0, 0, 0, 7});
    } else {
      append(rest, {1, 4, 0, 0, 0, 0});  // PadN
      rest.resize(rest.size() + std::size_t{8} * length);
    }
  }
  append(rest, payload);
  Bytes out{0x60, 0, 0, 0};
  put16(out, static_cast<std::uint32_t>(rest.size()));
  out.push_back(headers.front());
  out.push_back(64);
  put_address(out, f.source);
  put_address(out, f.destination);
  append(out, rest);
  return out;
}

Bytes whole(const Address& source, const Address& destination, std::uint8_t protocol, const Bytes& payload) {
  IpFields fields;
  fields.source = source;
  fields.destination = destination;
  fields.protocol = protocol;
  return ip_packet(fields, payload);
}

Bytes icmp(const Address& source, const Address& destination, const Bytes& payload) {
  return whole(source, destination, source.is_v4() ? 1 : 58, payload);
}

}  // namespace

Bytes ip_packet(const IpFields& fields, const Bytes& payload) {
  return fields.source.is_v4() ? ipv4(fields, payload) : ipv6(fields, payload);
}

Bytes tcp_header(std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t flags) {
  Bytes out;
  put16(out, source_port);
  put16(out, destination_port);
  append(out, {0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0});
  return out;
}

Bytes udp_header(std::uint16_t source_port, std::uint16_t destination_port) {
  Bytes out;
  put16(out, source_port);
  put16(out, destination_port);
  append(out, {0, 8, 0, 0});
  return out;
}

Bytes sctp_header(std::uint16_t source_port, std::uint16_t destination_port) {
  Bytes out;
  put16(out, source_port);
  put16(out, destination_port);
  append(out, {0, 0, 0, 1, 0, 0, 0, 0});
  return out;
}

Bytes icmp_header(std::uint8_t type, std::uint8_t code, std::uint16_t identifier) {
  Bytes out{type, code, 0, 0};
  put16(out, identifier);
  put16(out, 1);
  return out;
}

Bytes tcp(const Address& source, std::uint16_t source_port, const Address& destination, std::uint16_t destination_port,
          std::uint8_t flags) {
  return whole(source, destination, 6, tcp_header(source_port, destination_port, flags));
}

Bytes udp(const Address& source, std::uint16_t source_port, const Address& destination,
          std::uint16_t destination_port) {
  return whole(source, destination, 17, udp_header(source_port, destination_port));
}

Bytes sctp(const Address& source, std::uint16_t source_port, const Address& destination,
           std::uint16_t destination_port) {
  return whole(source, destination, 132, sctp_header(source_port, destination_port));
}

Bytes echo_request(const Address& source, const Address& destination, std::uint16_t identifier) {
  return icmp(source, destination, icmp_header(source.is_v4() ? 8 : 128, 0, identifier));
}

Bytes echo_reply(const Address& source, const Address& destination, std::uint16_t identifier) {
  return icmp(source, destination, icmp_header(source.is_v4() ? 0 : 129, 0, identifier));
}

Bytes portless(const Address& source, const Address& destination, std::uint8_t protocol) {
  return whole(source, destination, protocol, Bytes(12));
}

Bytes unreachable(const Address& source, const Address& destination, const Bytes& quoted, std::size_t quoted_bytes) {
  Bytes payload = icmp_header(source.is_v4() ? 3 : 1, 1, 0);
  payload.insert(payload.end(), quoted.begin(),
                 quoted.begin() + static_cast<std::ptrdiff_t>(std::min(quoted_bytes, quoted.size())));
  return icmp(source, destination, payload);
}

Bytes ethernet(const Bytes& packet) {
  Bytes out(12, 2);
  put16(out, !packet.empty() && packet[0] >> 4 == 6 ? 0x86dd : 0x0800);
  append(out, packet);
  return out;
}

namespace {

// The special prefixes and the addresses beside them.
constexpr std::uint32_t odd_v4[] = {0x00000000, 0x00ffffff, 0x01000000, 0x7effffff, 0x7f000001, 0x80000000,
                                    0xa9fdffff, 0xa9fe0001, 0xa9ff0000, 0xdfffffff, 0xe0000001, 0xffffffff};
constexpr std::uint64_t odd_v6[][2] = {{0, 0},
                                       {0, 1},
                                       {0, 0x01020304},
                                       {0, 0x0000fffe01020304},
                                       {0, 0x0000ffff64400105},
                                       {0, 0x0001000000000000},
                                       {1, 0},
                                       {0xfe7fffffffffffff, 9},
                                       {0xfe80000000000000, 9},
                                       {0xfebfffffffffffff, 9},
                                       {0xfec0000000000000, 9},
                                       {0xff02000000000000, 1}};

}  // namespace

Address PacketSource::local(bool v4) {
  constexpr std::uint8_t lasts[] = {1, 2, 7};
  const std::uint8_t last = lasts[below(3)];
  return v4 ? Address::v4(0x64400000 + last) : Address::v6(0xfd7a115ca1e00000, last);
}

Address PacketSource::remote(bool v4) {
  const std::uint32_t last = 16 + below(6);
  return v4 ? Address::v4(0x64400100 + last) : Address::v6(0xfd7a115ca1e00001, last);
}

Address PacketSource::end(bool is_local, bool v4) {
  if (one_in(60)) return v4 ? Address::v4(odd_v4[below(12)]) : Address::v6(odd_v6[below(12)][0], odd_v6[below(12)][1]);
  if (one_in(40)) is_local = !is_local;
  return is_local ? local(v4) : remote(v4);
}

std::uint16_t PacketSource::port() {
  return one_in(50) ? static_cast<std::uint16_t>(below(65536)) : static_cast<std::uint16_t>(22 + below(3));
}

IpFields PacketSource::fields(bool out, bool v4) {
  IpFields f;
  f.source = end(out, v4);
  f.destination = end(!out, v4);
  constexpr std::uint8_t usual[] = {6, 17, 132, 1, 58};
  f.protocol = one_in(8) ? static_cast<std::uint8_t>(below(256)) : usual[below(5)];
  if (f.protocol == 1 || f.protocol == 58) f.protocol = one_in(30) ? f.protocol : v4 ? 1 : 58;
  if (one_in(8)) {
    f.fragments_follow = !one_in(3);
    f.fragment_offset = one_in(3) ? 0 : static_cast<std::uint16_t>(8 * below(one_in(3) ? 8192 : 8));
    f.atomic_fragment = one_in(2);
  }
  if (!v4 && one_in(4)) {
    constexpr std::uint8_t headers[] = {0, 60, 60, 60, 43, 44, 59};
    const std::uint32_t count = 1 + below(one_in(3) ? 5 : 2);
    if (one_in(4)) f.extension_length = static_cast<std::uint8_t>(below(10));
    for (std::uint32_t i = 0; i < count; ++i)
      f.extensions.push_back(headers[one_in(8) ? below(7) : i == 0 ? below(4) : 1]);
  }
  return f;
}

Bytes PacketSource::transport(std::uint8_t protocol, bool v4) {
  const std::uint16_t from = port();
  const std::uint16_t to = port();
  switch (protocol) {
    case 6: {
      constexpr std::uint8_t flags[] = {tcp_syn, tcp_syn,           tcp_syn | tcp_ack, tcp_ack,
                                        tcp_ack, tcp_fin | tcp_ack, tcp_rst,           tcp_rst | tcp_ack};
      return tcp_header(from, to, one_in(20) ? static_cast<std::uint8_t>(below(256)) : flags[below(8)]);
    }
    case 17: return udp_header(from, to);
    case 132: return sctp_header(from, to);
    case 1:
    case 58: {
      const std::uint32_t which = below(8);
      const std::uint32_t type = which < 4 ? (v4 ? 8U : 128U) : which < 7 ? (v4 ? 0U : 129U) : below(256);
      return icmp_header(static_cast<std::uint8_t>(type), 0, static_cast<std::uint16_t>(1 + below(2)));
    }
    default: return Bytes(below(30));
  }
}

// About a packet that went the other way, whole or cut, to its source or to anybody.
Bytes PacketSource::error(const Sent& quoted, bool out) {
  const bool v4 = quoted.source.is_v4();
  constexpr std::uint8_t types_v4[] = {3, 11, 12, 4, 5};
  constexpr std::uint8_t types_v6[] = {1, 2, 3, 4, 5};
  const std::uint32_t which = one_in(10) ? 3 + below(2) : below(3);
  Bytes payload = icmp_header(v4 ? types_v4[which] : types_v6[which], 0, 0);
  const std::size_t size = quoted.bytes.size();
  const std::size_t count = one_in(4) ? below(static_cast<std::uint32_t>(size + 1)) : size;
  payload.insert(payload.end(), quoted.bytes.begin(), quoted.bytes.begin() + static_cast<std::ptrdiff_t>(count));
  IpFields f;
  f.source = end(out, v4);
  f.destination = one_in(12) ? end(!out, v4) : quoted.source;
  f.protocol = v4 ? 1 : 58;
  return ip_packet(f, payload);
}

void PacketSource::spoil(Bytes& packet) {
  if (packet.empty()) return;
  const auto size = static_cast<std::uint32_t>(packet.size());
  switch (below(5)) {
    case 0:  // any bit of the headers
      packet[below(std::min(size, 96U))] ^= static_cast<std::uint8_t>(1U << below(8));
      break;
    case 1:  // version and header length
      packet[0] = static_cast<std::uint8_t>(one_in(2) ? 0x40 + below(16) : below(256));
      break;
    case 2:  // total length
      if (size >= 6) packet[packet[0] >> 4 == 6 ? 5 : 3] = static_cast<std::uint8_t>(below(80));
      break;
    case 3: packet.resize(below(size)); break;
    default: packet.insert(packet.end(), below(20), 0xee); break;  // bytes behind the packet
  }
}

Bytes PacketSource::next(bool out) {
  const std::vector<Sent>& other = sent_[out ? 0 : 1];
  Sent sent;
  if (!other.empty() && one_in(6)) {
    sent.bytes = error(other[below(static_cast<std::uint32_t>(other.size()))], out);
    if (one_in(8)) spoil(sent.bytes);
    return sent.bytes;
  }
  const IpFields f = fields(out, one_in(2));
  Bytes payload = transport(f.protocol, f.source.is_v4());
  payload.resize(payload.size() + std::size_t{8} * below(4) + (one_in(3) ? below(8) : 0));
  sent.source = f.source;
  sent.bytes = ip_packet(f, payload);
  if (one_in(8)) spoil(sent.bytes);
  std::vector<Sent>& past = sent_[out ? 1 : 0];
  if (past.size() < 16) {
    past.push_back(sent);
  } else {
    past[below(16)] = sent;
  }
  return sent.bytes;
}

}  // namespace acl::generate
