#include "node/daemon/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/release/base64.h"
#include "engine/release/text.h"

namespace acl::node {

using net::Address;
using release::quoted;
using table::Directory;

namespace {

constexpr std::size_t most_nearest = 5;

std::string key_text(const Key& key) { return release::encode_base64(key); }

bool is_bound(const Directory::Binding& binding, const std::optional<Key>& holder) {
  return binding.unbound ||
         (holder && std::find(binding.keys.begin(), binding.keys.end(), *holder) != binding.keys.end());
}

// "ann-laptop (ann@example.com)", "db-1 (tag:db)"
std::string person(const table::Identity& identity) {
  std::string out = quoted(identity.name);
  out = out.substr(1, out.size() - 2);
  std::string whose = identity.login;
  for (const std::string& tag : identity.tags) whose += (whose.empty() ? "" : ", ") + tag;
  if (!whose.empty()) out += fmt::format(" ({})", whose);
  return out;
}

std::string rule_text(const LoadedTable& table, std::uint64_t id) {
  const table::RulePlace* place = table.rules().find(id);
  return place != nullptr ? table::rule_name(*place) : "a rule without a line";
}

std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 58: return "ipv6-icmp";
    case 132: return "sctp";
    default: return fmt::format("protocol {}", protocol);
  }
}

bool has_ports(std::uint8_t protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

// The ranges that a pair of classes allows, as the table lists them.
struct Range {
  std::uint8_t protocol = 0;
  std::uint16_t first = 0, last = 0;
  std::uint32_t rule = 0;
};
std::vector<Range> ranges_of(const table::Hot& hot, std::uint32_t pair) {
  std::vector<Range> out;
  if (pair == 0) return out;
  const auto* words =
      reinterpret_cast<const std::uint64_t*>(hot.bytes().data() + std::size_t{hot.header().list_line} * acl_line_bytes);
  std::uint64_t first = pair >> 8, count = pair & 0xff;
  if (count == acl_long_list) count = words[first++] >> 16;
  for (std::uint64_t i = first; i < first + count; ++i) {
    const auto from = static_cast<std::uint32_t>(words[i] >> 40),
               to = static_cast<std::uint32_t>(words[i] >> 16) & 0xffffff;
    for (std::uint32_t protocol = from >> 16; protocol <= to >> 16; ++protocol) {
      out.push_back({static_cast<std::uint8_t>(protocol),
                     static_cast<std::uint16_t>(protocol == from >> 16 ? from & 0xffff : 0),
                     static_cast<std::uint16_t>(protocol == to >> 16 ? to & 0xffff : 0xffff),
                     static_cast<std::uint32_t>(words[i] & 0xffff)});
      if (out.size() > 4096) return out;
    }
  }
  return out;
}

std::string range_text(const Range& range) {
  const std::string protocol = protocol_text(range.protocol);
  if (!has_ports(range.protocol) || (range.first == 0 && range.last == 0xffff))
    return fmt::format("all of {}", protocol);
  if (range.first == range.last) return fmt::format("{}/{}", range.first, protocol);
  return fmt::format("{}-{}/{}", range.first, range.last, protocol);
}

std::uint32_t destination_class(const LoadedTable& table, const Address& destination) {
  const table::OwnAddress* own = table.header().find(destination);
  return own != nullptr ? own->hot_class : table.hot().destination_class(destination);
}

class Asking {
 public:
  Asking(const LoadedTable& table, const Owner& owner) : table_(table), owner_(owner) {}

  // True if the packets pass; `why` gets the layers of this pair.
  bool ask(const Address& source, const Address& destination, const Target& target, Why& why) const {
    why.layers.clear();
    why.nearest.clear();
    const bool known = add_known(source, why);
    const bool bound = known && add_bound(source, why);
    const std::uint32_t to = destination_class(table_, destination);
    const bool here = add_here(destination, to, why);
    if (!here) return false;
    const bool packet = add_packet(source, destination, to, target, why);
    return known && bound && packet;
  }

 private:
  bool add_known(const Address& source, Why& why) const {
    if (table_.header().find(source) != nullptr) {
      why.layers.push_back(
          {"known", false, fmt::format("{} is an address of this node, which is nobody's identity", source.text())});
      return false;
    }
    if (const auto* node = table_.directory().whois(source)) {
      why.layers.push_back({"known", true, fmt::format("{} is {}", source.text(), person(node->identity))});
      return true;
    }
    const auto routers = table_.directory().routers(source);
    if (routers.empty()) {
      why.layers.push_back(
          {"known", false, fmt::format("no node that this one knows has {} or routes it", source.text())});
      return false;
    }
    why.layers.push_back(
        {"known", true, fmt::format("{} is behind {}", source.text(), person(routers.front()->identity))});
    return true;
  }
  bool add_bound(const Address& source, Why& why) const {
    const Directory::Binding binding = table_.directory().binding(source);
    if (binding.unbound) {
      why.layers.push_back({"bound", true, "its addresses are believed without a key"});
      return true;
    }
    const std::optional<Key> holder = owner_(source);
    const bool bound = is_bound(binding, holder);
    const std::string wanted = binding.keys.empty() ? std::string("no key") : key_text(binding.keys.front());
    why.layers.push_back(
        {"bound", bound,
         bound     ? fmt::format("WireGuard gives {} to {}", source.text(), key_text(*holder))
         : !holder ? fmt::format("WireGuard's allowed-ips give {} to no peer; it belongs to {}", source.text(), wanted)
                   : fmt::format("WireGuard's allowed-ips give {} to {}; it belongs to {}", source.text(),
                                 key_text(*holder), wanted)});
    return bound;
  }
  bool add_here(const Address& destination, std::uint32_t number, Why& why) const {
    const bool own = table_.header().find(destination) != nullptr;
    const bool here = own || number != 0;
    why.layers.push_back(
        {"here", here,
         own    ? fmt::format("{} is an address of this node", destination.text())
         : here ? fmt::format("{} is behind this node", destination.text())
                : fmt::format("no rule is about {} at this node: it is neither its own address nor behind it",
                              destination.text())});
    return here;
  }

  bool add_packet(const Address& source, const Address& destination, std::uint32_t to, const Target& target,
                  Why& why) const {
    const std::uint32_t from = table_.hot().source_class(source);
    const std::uint32_t pair = acl_pair(&table_.hot().raw(), from, to);
    const std::vector<Range> ranges = ranges_of(table_.hot(), pair);
    const std::optional<std::uint32_t> rule = deciding(from, to, ranges, target);
    if (rule) {
      tell_rule(*rule, why);
      why.layers.push_back({"packet", true, fmt::format("{} allows it", why.rule)});
      return true;
    }
    why.layers.push_back({"packet", false,
                          ranges.empty()
                              ? fmt::format("no rule lets {} send anything to {}", source.text(), destination.text())
                              : fmt::format("no rule lets {} send this to {}", source.text(), destination.text())});
    for (const Range& range : ranges) {
      if (why.nearest.size() == most_nearest) break;
      const std::uint64_t id = table_.names().hot_rule_id(range.rule);
      const table::RulePlace* place = table_.rules().find(id);
      why.nearest.push_back(
          {rule_text(table_, id), place != nullptr ? place->line : 0, fmt::format("it allows {}", range_text(range))});
    }
    return false;
  }
  // The rule that allows the first port, if all of them are allowed.
  [[nodiscard]] std::optional<std::uint32_t> deciding(std::uint32_t from, std::uint32_t to,
                                                      const std::vector<Range>& ranges, const Target& target) const {
    if (!has_ports(target.protocol)) return table_.hot().decide_any(from, to, target.protocol);
    std::optional<std::uint32_t> first;
    std::uint32_t next = target.any_port ? 1 : target.first_port;  // every port; 0 is none
    for (const Range& range : ranges) {
      if (range.protocol != target.protocol || range.last < next) continue;
      if (range.first > next) return std::nullopt;
      if (!first) first = range.rule;
      if (range.last >= target.last_port) return first;
      next = range.last + 1U;
    }
    return std::nullopt;
  }
  void tell_rule(std::uint32_t rule, Why& why) const {
    const std::uint64_t id = table_.names().hot_rule_id(rule);
    why.rule = rule_text(table_, id);
    why.file = table_.rules().file;
    const table::RulePlace* place = table_.rules().find(id);
    why.line = place != nullptr ? place->line : 0;
  }

  const LoadedTable& table_;
  const Owner& owner_;
};

Expected<std::vector<Address>> destinations_of(const LoadedTable& table, const std::string& text) {
  if (const auto address = Address::parse(text)) return std::vector<Address>{*address};
  std::vector<Address> own;
  for (const table::OwnAddress& one : table.header().own) own.push_back(one.address);
  for (const Directory::Numbered& node : table.directory().identities()) {
    const auto& addresses = node.identity.addresses;
    const bool self = std::any_of(addresses.begin(), addresses.end(),
                                  [&](const Address& a) { return table.header().find(a) != nullptr; });
    if (node.identity.name == text && !self)
      return fail(Code::E1305, fmt::format("{} is another node", quoted(text)),
                  "a node answers for packets that come to itself; ask there, or `aclc can`");
    if (node.identity.name == text) return own;
  }
  if (text == "self") return own;
  return fail(Code::E1305, fmt::format("{} is no address", quoted(text)),
              "an address of this node or behind it, or \"self\"");
}

std::optional<std::uint8_t> protocol_number(std::string_view name) {
  for (const int number : {1, 6, 17, 58, 132}) {
    const auto protocol = static_cast<std::uint8_t>(number);
    if (name == protocol_text(protocol)) return protocol;
  }
  if (name == "icmpv6") return std::uint8_t{58};
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (name.empty() || error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

bool parse_port(std::string_view text, std::uint16_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// "*", "22", "8000-8100"; false if it is none of them, so that it is part of an address.
bool parse_ports(std::string_view text, Target& target) {
  if (text == "*") return true;
  const std::size_t dash = text.find('-');
  std::uint16_t first = 0, last = 0;
  if (!parse_port(text.substr(0, dash), first)) return false;
  if (!parse_port(dash == std::string_view::npos ? text : text.substr(dash + 1), last) || last < first) return false;
  target.any_port = false;
  target.first_port = first;
  target.last_port = last;
  return true;
}

}  // namespace

Expected<std::vector<Address>> addresses_of(const LoadedTable& table, std::string_view text) {
  if (const auto address = Address::parse(text)) return std::vector<Address>{*address};
  for (const Directory::Numbered& node : table.directory().identities()) {
    if (node.identity.name == text) return node.identity.addresses;
  }
  return fail(Code::E1305, fmt::format("{} is neither an address nor a node that this one knows", quoted(text)),
              "`aclc can` answers for the whole tailnet");
}

Whois whois(const LoadedTable& table, const Address& address, const Owner& owner) {
  Whois out;
  out.own = table.header().find(address) != nullptr;
  const Directory& directory = table.directory();
  const Directory::Binding binding = directory.binding(address);
  if (const Directory::Numbered* node = directory.whois(address)) {
    out.known = true;
    out.node = node->identity.name;
    out.user = node->identity.login;
    out.tags = node->identity.tags;
  } else {
    for (const Directory::Numbered* router : directory.routers(address)) out.routers.push_back(router->identity.name);
    out.known = !out.routers.empty();
  }
  if (!out.known) return out;
  if (!binding.unbound && !binding.keys.empty()) out.key = key_text(binding.keys.front());
  out.bound = !out.own && is_bound(binding, owner(address));
  if (out.own) return out;
  std::vector<std::uint16_t> classes;
  for (const table::OwnAddress& own : table.header().own) {
    if (std::find(classes.begin(), classes.end(), own.names_class) == classes.end()) classes.push_back(own.names_class);
  }
  for (const std::uint16_t number : classes) {
    for (const table::Capability& one : table.names().capabilities(address, number))
      out.capabilities.push_back({std::string(one.name), std::string(one.value), rule_text(table, one.rule_id)});
  }
  return out;
}

Expected<Target> parse_target(std::string_view text) {
  Target target;
  std::string_view rest = text;
  const auto bad = [&] {
    return fail(Code::E1305, fmt::format("{} is no DST[:PORT[/PROTO]]", quoted(text)),
                "for example 100.64.0.7:22, 100.64.0.7:*/icmp, [fd7a::7]:53/udp");
  };
  const std::size_t colon = rest.rfind(':');
  const bool bracketed = !rest.empty() && rest.front() == '[';
  if (colon != std::string_view::npos && (!bracketed || rest.find(']') < colon) && !Address::parse(rest)) {
    std::string_view ports = rest.substr(colon + 1);
    const std::size_t slash = ports.find('/');
    const std::string_view protocol = slash == std::string_view::npos ? "tcp" : ports.substr(slash + 1);
    Target parsed = target;
    if (parse_ports(ports.substr(0, slash), parsed)) {
      const auto number = protocol_number(protocol);
      if (!number) return bad();
      target = parsed;
      target.protocol = *number;
      rest = rest.substr(0, colon);
    }
  }
  if (bracketed) {
    if (rest.size() < 2 || rest.back() != ']') return bad();
    rest = rest.substr(1, rest.size() - 2);
  }
  if (rest.empty() || rest.size() > 255) return bad();
  target.name = rest;
  return target;
}

Expected<Why> why(const LoadedTable& table, std::string_view source, const Target& target, const Owner& owner) {
  const auto sources = addresses_of(table, source);
  if (!sources) return tl::unexpected(sources.error());
  const auto destinations = destinations_of(table, target.name);
  if (!destinations) return tl::unexpected(destinations.error());
  const Asking asking(table, owner);
  Why out;
  bool asked = false;
  for (const Address& from : *sources) {
    for (const Address& to : *destinations) {
      if (from.family() != to.family()) continue;
      asked = true;
      Why one;
      one.allowed = asking.ask(from, to, target, one);
      out = one;
      if (!one.allowed) {
        out.rule.clear();
        out.file = table.rules().file;
        out.line = 0;
        return out;
      }
    }
  }
  if (!asked)
    return fail(Code::E1305,
                fmt::format("{} and {} have no addresses of the same family", quoted(source), quoted(target.name)));
  return out;
}

}  // namespace acl::node
