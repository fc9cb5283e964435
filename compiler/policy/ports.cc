#include "compiler/policy/ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "compiler/policy/selector.h"

namespace acl::policy {
namespace {

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected<std::string>(std::move(text)); }

// A decimal number of 16 bits, as Go's ParseUint(text, 10, 16) reads it: leading zeros allowed, no sign.
std::optional<std::uint16_t> parse_number(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
    if (value > 65535) return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};

// The first name of a number is the one it is printed with.
constexpr std::array protocol_names = {
    ProtocolName{"icmp", 1},     ProtocolName{"icmpv4", 1},     ProtocolName{"igmp", 2},    ProtocolName{"ipv4", 4},
    ProtocolName{"ip-in-ip", 4}, ProtocolName{"tcp", 6},        ProtocolName{"egp", 8},     ProtocolName{"igp", 9},
    ProtocolName{"udp", 17},     ProtocolName{"dccp", 33},      ProtocolName{"gre", 47},    ProtocolName{"esp", 50},
    ProtocolName{"ah", 51},      ProtocolName{"ipv6-icmp", 58}, ProtocolName{"icmpv6", 58}, ProtocolName{"tsmp", 99},
    ProtocolName{"sctp", 132},
};

std::string_view trim_spaces(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

PortExpected<PortRange> parse_port_range(std::string_view text) {
  if (text == "*") return PortRange{};
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  if (dash != std::string_view::npos && text.find('-', dash + 1) != std::string_view::npos) {
    return wrong(fmt::format("port range \"{}\": too many dashes(-)", text));
  }
  if (!first) return wrong(fmt::format("port range \"{}\": invalid first integer", text));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!last) return wrong(fmt::format("port range \"{}\": invalid last integer", text));
  if (*first == 0) {
    return wrong(fmt::format("port range \"{}\": first port must be >0, or use '*' for wildcard", text));
  }
  if (*first > *last) return wrong(fmt::format("port range \"{}\": first port must be >= last port", text));
  return PortRange{*first, *last};
}

PortExpected<PortList> parse_port_list(std::string_view text) {
  if (text.empty()) return wrong("invalid port list: \"\"");
  PortList list;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view item = text.substr(begin, comma - begin);
    const std::string_view trimmed = trim_spaces(item);
    list.spaces = list.spaces || trimmed.size() != item.size();
    const auto range = parse_port_range(trimmed);
    if (!range) return wrong(range.error());
    list.ranges.push_back(*range);
    begin = comma + 1;
  }
  const auto all = [](const PortRange& range) { return range.is_all(); };
  if (list.ranges.size() > 1 && std::any_of(list.ranges.begin(), list.ranges.end(), all)) {
    list.wildcard = true;
    list.ranges = {PortRange{}};
  }
  return list;
}

PortExpected<std::uint8_t> parse_protocol(std::string_view text, ProtocolNames names) {
  const std::string name = lower_case(text);
  const bool headscale = names == ProtocolNames::headscale;
  if (headscale && name == "fc") return std::uint8_t{133};
  for (const auto& entry : protocol_names) {
    if (entry.name == name && !(headscale && name == "tsmp")) return entry.number;
  }
  const auto number = parse_number(name);
  const bool leading_zero = name.size() > 1 && name[0] == '0';
  if (number && *number <= 255 && !(headscale && leading_zero)) return static_cast<std::uint8_t>(*number);
  return wrong(fmt::format("proto name \"{}\" not known; use protocol number 0-255", text));
}

bool protocol_has_ports(std::uint8_t protocol) noexcept { return protocol == 6 || protocol == 17 || protocol == 132; }

std::string protocol_name(std::uint8_t protocol) {
  for (const auto& entry : protocol_names) {
    if (entry.number == protocol) return std::string(entry.name);
  }
  return std::to_string(protocol);
}

namespace {

// The ports of an entry. A list is read as one only where every item of it is a range; the message names the whole otherwise.
PortExpected<PortList> parse_entry_ports(std::string_view text) {
  if (text.empty()) return parse_port_list(text);
  const auto list = parse_port_list(text);
  if (list) return list;
  return wrong(parse_port_range(text).error());
}

}  // namespace

// Faults are told in the order of the client library: a comma in the protocol, the ports, then the protocol.
PortExpected<IpEntry> parse_ip_entry(std::string_view original, ProtocolNames names) {
  if (original.empty()) return wrong("empty string");
  const std::string text = lower_case(original);
  const std::size_t colon = text.rfind(':');
  const bool bare = colon == std::string::npos;
  const std::string_view protocol = bare ? std::string_view("*") : std::string_view(text).substr(0, colon);
  const std::string_view ports = bare ? std::string_view(text) : std::string_view(text).substr(colon + 1);
  if (protocol.find(',') != std::string_view::npos) return wrong("host cannot contain a comma (\",\")");
  const auto list = parse_entry_ports(ports);
  if (!list) return wrong(list.error());
  IpEntry entry;
  entry.ports = list->ranges;
  entry.list = ports.find(',') != std::string_view::npos;
  if (protocol.empty()) return wrong("empty protocol");
  if (protocol == "*") return entry;
  const auto number = parse_protocol(protocol, names);
  if (!number) return wrong(number.error());
  entry.has_protocol = true;
  entry.protocol = *number;
  return entry;
}

}  // namespace acl::policy
