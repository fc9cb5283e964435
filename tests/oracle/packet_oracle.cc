#include "tests/oracle/packet_oracle.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "engine/net/prefix.h"

namespace acl::oracle {
namespace {

using Bytes = std::vector<std::uint8_t>;

// --- section 2 ---

std::uint32_t number(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value * 256 + bytes.at(at + i);
  return value;
}

Address address_at(const Bytes& bytes, std::size_t at, bool v4) {
  if (v4) return Address::v4(number(bytes, at, 4));
  const auto half = [&bytes](std::size_t i) {
    return (static_cast<std::uint64_t>(number(bytes, i, 4)) << 32) | number(bytes, i + 4, 4);
  };
  return Address::v6(half(at), half(at + 8));
}

Bytes after(const Bytes& bytes, std::size_t count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(count), bytes.end()};
}

// What is behind the network header, and what that says.
struct Datagram {
  Address source;
  Address destination;
  std::uint8_t protocol = 0;
  std::size_t fragment_offset = 0;
  bool more = false;
  Bytes payload;
};

bool is_walked_or_refused(std::uint8_t header) { return std::set<int>{0, 43, 44, 59, 60}.contains(header); }

// The chain: takes headers off `datagram.payload` as long as there are some. False: the chain is not one that is walked.
bool take_extension_headers(Datagram& datagram) {
  int headers = 0;
  bool after_fragment = false;
  while (is_walked_or_refused(datagram.protocol)) {
    const std::uint8_t header = datagram.protocol;
    const Bytes& bytes = datagram.payload;
    ++headers;
    if (headers > 4 || after_fragment) return false;
    if (header == 43 || header == 59) return false;
    if (header == 0 && headers != 1) return false;
    if (bytes.size() < 8) return false;
    std::size_t length = 8;
    if (header == 44) {
      after_fragment = true;
      datagram.fragment_offset = number(bytes, 2, 2) / 8 * std::size_t{8};
      datagram.more = number(bytes, 2, 2) % 2 == 1;
    } else {
      length = (bytes[1] + std::size_t{1}) * 8;
    }
    if (length > 64 || length > bytes.size()) return false;
    datagram.protocol = bytes[0];
    datagram.payload = after(bytes, length);
  }
  return true;
}

std::optional<Datagram> read_v4(const Bytes& bytes, bool cut) {
  if (bytes.size() < 20) return std::nullopt;
  const std::size_t header = (bytes[0] % 16) * std::size_t{4};
  const std::size_t total = cut ? bytes.size() : number(bytes, 2, 2);
  if (header != 20 || total < header || total > bytes.size()) return std::nullopt;
  Datagram datagram;
  datagram.source = address_at(bytes, 12, true);
  datagram.destination = address_at(bytes, 16, true);
  datagram.protocol = bytes[9];
  datagram.fragment_offset = number(bytes, 6, 2) % 8192 * std::size_t{8};
  datagram.more = number(bytes, 6, 2) / 8192 % 2 == 1;
  datagram.payload = after(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(total)), header);
  return datagram;
}

std::optional<Datagram> read_v6(const Bytes& bytes, bool cut) {
  if (bytes.size() < 40) return std::nullopt;
  const std::size_t total = cut ? bytes.size() : 40 + number(bytes, 4, 2);
  if (total > bytes.size()) return std::nullopt;
  Datagram datagram;
  datagram.source = address_at(bytes, 8, false);
  datagram.destination = address_at(bytes, 24, false);
  datagram.protocol = bytes[6];
  datagram.payload = after(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(total)), 40);
  if (!take_extension_headers(datagram)) return std::nullopt;
  return datagram;
}

// `cut`: a quoted packet, whose total length is not compared.
std::optional<Datagram> read_datagram(const Bytes& bytes, bool cut) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] / 16 == 4) return read_v4(bytes, cut);
  if (bytes[0] / 16 == 6) return read_v6(bytes, cut);
  return std::nullopt;
}

bool fragment_is_sound(const Datagram& datagram) {
  if (datagram.fragment_offset == 0 && !datagram.more) return true;  // none
  if (datagram.payload.empty()) return false;
  if (datagram.more && datagram.payload.size() % 8 != 0) return false;
  if (datagram.fragment_offset + datagram.payload.size() > 65535) return false;
  return datagram.fragment_offset == 0 || datagram.fragment_offset >= 24;
}

PacketKind icmp_kind(std::uint8_t type, bool v4) {
  if (type == (v4 ? 8 : 128)) return PacketKind::echo_request;
  if (type == (v4 ? 0 : 129)) return PacketKind::echo_reply;
  if (v4 ? std::set<int>{3, 11, 12}.contains(type) : std::set<int>{1, 2, 3, 4}.contains(type)) {
    return PacketKind::icmp_error;
  }
  return PacketKind::other_icmp;
}

std::optional<QuotedPacket> read_quote(const Bytes& bytes, bool v4) {
  const auto datagram = read_datagram(bytes, true);
  if (!datagram || datagram->source.is_v4() != v4 || datagram->fragment_offset != 0) return std::nullopt;
  QuotedPacket quote;
  quote.source = datagram->source;
  quote.destination = datagram->destination;
  quote.protocol = datagram->protocol;
  const Bytes& payload = datagram->payload;
  const std::map<int, PacketKind> with_ports{{6, PacketKind::tcp}, {17, PacketKind::udp}, {132, PacketKind::sctp}};
  if (const auto found = with_ports.find(quote.protocol); found != with_ports.end()) {
    if (payload.size() < 8) return std::nullopt;
    quote.kind = found->second;
    quote.source_port = static_cast<std::uint16_t>(number(payload, 0, 2));
    quote.destination_port = static_cast<std::uint16_t>(number(payload, 2, 2));
  } else if (quote.protocol == 1 || quote.protocol == 58) {
    if (quote.protocol != (v4 ? 1 : 58) || payload.size() < 8) return std::nullopt;
    quote.kind = icmp_kind(payload[0], v4);
    if (quote.kind != PacketKind::echo_request && quote.kind != PacketKind::echo_reply) return std::nullopt;
    quote.source_port = static_cast<std::uint16_t>(number(payload, 4, 2));
  } else {
    quote.kind = PacketKind::portless;
  }
  return quote;
}

PacketView read_transport(const Datagram& datagram) {
  const bool v4 = datagram.source.is_v4();
  const Bytes& payload = datagram.payload;
  PacketView packet;
  packet.source = datagram.source;
  packet.destination = datagram.destination;
  packet.protocol = datagram.protocol;
  const auto read_ports = [&packet, &payload](PacketKind kind) {
    packet.kind = kind;
    packet.source_port = static_cast<std::uint16_t>(number(payload, 0, 2));
    packet.destination_port = static_cast<std::uint16_t>(number(payload, 2, 2));
  };
  switch (datagram.protocol) {
    case 6:
      if (payload.size() < 20 || payload[12] / 16 < 5 || payload.size() < payload[12] / 16 * std::size_t{4}) return {};
      packet.syn = payload[13] / 2 % 2 == 1;
      packet.rst = payload[13] / 4 % 2 == 1;
      packet.ack = payload[13] / 16 % 2 == 1;
      read_ports(packet.syn && !packet.ack ? PacketKind::tcp_syn : PacketKind::tcp);
      return packet;
    case 17:
      if (payload.size() < 8) return {};
      read_ports(PacketKind::udp);
      return packet;
    case 132:
      if (payload.size() < 12) return {};
      read_ports(PacketKind::sctp);
      return packet;
    case 1:
    case 58:
      if (v4 != (datagram.protocol == 1) || payload.size() < 8) return {};
      packet.kind = icmp_kind(payload[0], v4);
      if (packet.kind == PacketKind::icmp_error) packet.quote = read_quote(after(payload, 8), v4);
      if (packet.kind == PacketKind::echo_request || packet.kind == PacketKind::echo_reply) {
        packet.source_port = static_cast<std::uint16_t>(number(payload, 4, 2));
      }
      return packet;
    default: packet.kind = PacketKind::portless; return packet;
  }
}

bool is_special(const Address& address) {
  const auto prefix = [](const char* text) { return net::Prefix::parse(text).prefix; };
  static const std::array prefixes{prefix("0.0.0.0/8"),   prefix("127.0.0.0/8"), prefix("169.254.0.0/16"),
                                   prefix("224.0.0.0/3"), prefix("::/96"),       prefix("::ffff:0:0/96"),
                                   prefix("fe80::/10"),   prefix("ff00::/8")};
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const net::Prefix& each) { return each.contains(address); });
}

}  // namespace

PacketView read_packet(std::span<const std::uint8_t> frame, bool link_header) {
  Bytes bytes(frame.begin(), frame.end());
  if (link_header) {
    if (bytes.size() < 15) return {};
    const std::uint32_t type = number(bytes, 12, 2);
    bytes = after(bytes, 14);
    if (type != (bytes[0] / 16 == 4 ? 0x0800U : 0x86ddU)) return {};
  }
  const auto datagram = read_datagram(bytes, false);
  if (!datagram || !fragment_is_sound(*datagram)) return {};
  if (datagram->fragment_offset != 0) {
    PacketView packet;
    packet.kind = PacketKind::later_fragment;
    packet.source = datagram->source;
    packet.destination = datagram->destination;
    packet.protocol = datagram->protocol;
    return packet;
  }
  return read_transport(*datagram);
}

namespace {

// --- section 6: times ---

constexpr std::uint64_t second = 1'000'000'000;

std::uint64_t lifetime(std::uint8_t protocol) {
  if (protocol == 6) return 7440 * second;
  if (protocol == 17 || protocol == 132) return 300 * second;
  return 60 * second;  // ICMP echo
}

std::uint64_t age(std::uint64_t time, std::uint64_t now) { return time > now ? 0 : now - time; }

bool is_fresh(std::uint8_t protocol, std::uint64_t time, std::uint64_t now) {
  return age(time, now) <= lifetime(protocol);
}

bool has_ports(PacketKind kind) {
  return kind == PacketKind::tcp_syn || kind == PacketKind::tcp || kind == PacketKind::udp || kind == PacketKind::sctp;
}

Tuple tuple_in(const PacketView& packet) {
  return {packet.destination,
          packet.source,
          packet.protocol,
          has_ports(packet.kind) ? packet.destination_port : packet.source_port,
          has_ports(packet.kind) ? packet.source_port : std::uint16_t{0},
          false};
}

Tuple tuple_out(const PacketView& packet) {
  return {packet.source,
          packet.destination,
          packet.protocol,
          packet.source_port,
          has_ports(packet.kind) ? packet.destination_port : std::uint16_t{0},
          false};
}

}  // namespace

PacketFilter::PacketFilter(std::size_t record_capacity, std::size_t mark_capacity,
                           std::function<std::uint32_t(const Address&, std::uint8_t)> coarse)
    : record_capacity_(record_capacity), mark_capacity_(mark_capacity), coarse_(std::move(coarse)) {}

bool PacketFilter::fresh_record(const Tuple& tuple, std::uint64_t now) const {
  const auto found = records.find(tuple);
  return found != records.end() && is_fresh(tuple.protocol, found->second.time, now);
}

bool PacketFilter::fresh_mark(const Tuple& tuple, std::uint64_t now) const {
  const auto mark = marks.find(tuple);
  if (mark != marks.end() && is_fresh(tuple.protocol, mark->second, now)) return true;
  const auto coarse = coarse_marks.find(coarse_(tuple.remote, tuple.protocol));
  return coarse != coarse_marks.end() && is_fresh(tuple.protocol, coarse->second, now);
}

void PacketFilter::write_record(const Tuple& tuple, std::uint64_t now) {
  if (!records.contains(tuple) && records.size() >= record_capacity_) {
    const auto oldest = std::min_element(records.begin(), records.end(),
                                         [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
    records.erase(oldest);
  }
  records[tuple] = {now, ++writes_};
}

void PacketFilter::set_record(const Tuple& tuple, std::uint64_t now) {
  const auto found = records.find(tuple);
  if (found != records.end() && age(found->second.time, now) < second) return;
  write_record(tuple, now);
  write_record({tuple.local, tuple.remote, tuple.protocol, 0, 0, true}, now);
}

void PacketFilter::set_mark(const Tuple& tuple, std::uint64_t now) {
  const auto found = marks.find(tuple);
  if (found != marks.end() && age(found->second, now) < second) return;
  if (found != marks.end() || marks.size() < mark_capacity_) {
    marks[tuple] = now;
  } else {
    coarse_marks[coarse_(tuple.remote, tuple.protocol)] = now;
  }
}

void PacketFilter::forget(const Address& address) {
  std::erase_if(
      records, [&address](const auto& entry) { return entry.first.local == address || entry.first.remote == address; });
}

void PacketFilter::sweep(std::uint64_t now) {
  std::erase_if(marks, [now](const auto& entry) { return !is_fresh(entry.first.protocol, entry.second, now); });
}

// --- section 4 ---

Verdict PacketFilter::in(const PacketView& packet, const PacketTable& table, std::uint64_t now) {
  const Verdict drop{false, std::nullopt};
  const Verdict pass_by_record{true, std::nullopt};
  if (packet.kind == PacketKind::malformed) return drop;
  if (is_special(packet.source) || is_special(packet.destination)) return drop;
  if (table.own(packet.source)) return drop;
  if (!table.known(packet.source)) return drop;
  if (!table.bound(packet.source)) return drop;
  if (packet.kind == PacketKind::other_icmp) return drop;

  if (packet.kind == PacketKind::icmp_error) {
    if (!packet.quote || packet.quote->source != packet.destination) return drop;
    const QuotedPacket& quote = *packet.quote;
    if (!table.known(quote.destination) || !table.bound(quote.destination) || table.own(quote.destination)) return drop;
    std::optional<std::uint16_t> port;
    if (has_ports(quote.kind)) port = quote.source_port;
    if (const auto rule = table.rule(quote.destination, quote.source, quote.protocol, port)) return {true, rule};
    if (!has_ports(quote.kind) && quote.kind != PacketKind::echo_request) return drop;
    const Tuple tuple{quote.source,      quote.destination,      quote.protocol,
                      quote.source_port, quote.destination_port, false};
    return fresh_record(tuple, now) ? pass_by_record : drop;
  }

  std::optional<std::uint16_t> port;
  if (has_ports(packet.kind)) port = packet.destination_port;
  const auto rule = table.rule(packet.source, packet.destination, packet.protocol, port);
  const Verdict pass_by_rule{true, rule};
  const Tuple tuple = tuple_in(packet);
  switch (packet.kind) {
    case PacketKind::tcp_syn:
    case PacketKind::portless: return rule ? pass_by_rule : drop;
    case PacketKind::tcp:
    case PacketKind::echo_reply:
      if (rule) return pass_by_rule;
      return fresh_record(tuple, now) ? pass_by_record : drop;
    case PacketKind::udp:
    case PacketKind::sctp:
      if (rule) {
        if (!fresh_record(tuple, now)) set_mark(tuple, now);
        return pass_by_rule;
      }
      if (fresh_record(tuple, now)) return pass_by_record;
      if (fresh_mark(tuple, now)) set_mark(tuple, now);
      return drop;
    case PacketKind::echo_request:
      if (rule) {
        if (!fresh_record(tuple, now)) set_mark(tuple, now);
        return pass_by_rule;
      }
      if (!fresh_record(tuple, now) && fresh_mark(tuple, now)) set_mark(tuple, now);
      return drop;
    case PacketKind::later_fragment:
      if (rule) return pass_by_rule;
      return fresh_record({packet.destination, packet.source, packet.protocol, 0, 0, true}, now) ? pass_by_record
                                                                                                 : drop;
    default: return drop;
  }
}

// --- section 5 ---

Verdict PacketFilter::out(const PacketView& packet, std::uint64_t now) {
  const Verdict pass{true, std::nullopt};
  if (packet.kind == PacketKind::malformed || is_special(packet.source) || is_special(packet.destination)) return pass;
  const Tuple tuple = tuple_out(packet);
  switch (packet.kind) {
    case PacketKind::tcp_syn: set_record(tuple, now); break;
    case PacketKind::tcp:
      if (packet.syn && packet.ack) {
        records.erase(tuple);
      } else if (!packet.rst && fresh_record(tuple, now)) {
        set_record(tuple, now);
      }
      break;
    case PacketKind::udp:
    case PacketKind::sctp:
    case PacketKind::echo_request:
      if (!fresh_record(tuple, now) && fresh_mark(tuple, now)) {
        set_mark(tuple, now);
      } else {
        set_record(tuple, now);  // renewed, or this side starts
      }
      break;
    default: break;
  }
  return pass;
}

}  // namespace acl::oracle
