#include "compiler/inventory/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/inventory/texts.h"
#include "compiler/policy/selector.h"
#include "engine/net/suggest.h"

namespace acl::inventory {

using hujson::Kind;
using hujson::Value;

namespace {

bool is_ascii(std::string_view text) noexcept {
  std::uint64_t all = 0;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    all |= word;
  }
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return (all & 0x8080808080808080U) == 0;
}

bool has_capitals(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

std::string_view Reader::string(Value value) {
  const std::string_view literal = value.text();
  const std::string_view inner = literal.substr(1, literal.size() - 2);
  // The parser passes raw bytes; only unquote() makes valid UTF-8 of them.
  if (!value.node().escaped && is_ascii(inner)) return inner;
  return keep(hujson::unquote(literal));
}

bool Reader::expect(Value value, Kind kind, std::string_view wanted) {
  if (value.is(kind)) return true;
  std::string help;
  if (kind == Kind::array && (value.is(Kind::string) || value.is(Kind::object))) {
    help = "put it in brackets: [ … ]";
  } else if (kind == Kind::string && (value.is(Kind::number) || value.is(Kind::boolean))) {
    help = fmt::format("put it in double quotes: \"{}\"", value.text());
  }
  report(Code::E0203, value.span(),
         fmt::format("{} must be {}, not {}", field_.empty() ? "the inventory" : fmt::format("\"{}\"", field_), wanted,
                     hujson::kind_name(value.kind())),
         std::move(help));
  return false;
}

std::string_view Reader::text(Value value) {
  return expect(value, Kind::string, "a string") ? string(value) : std::string_view{};
}

std::string_view Reader::name(Value value) {
  const std::string_view written = text(value);
  if (!has_control_characters(written)) return written;
  report(Code::E0817, value.span(), fmt::format("{}: control characters in \"{}\"", value.text(), field_),
         "write it without line ends and control characters");
  return {};
}

bool Reader::boolean(Value value) { return expect(value, Kind::boolean, "true or false") && value.text() == "true"; }

std::vector<std::string> Reader::texts(Value value) {
  std::vector<std::string> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (expect(element, Kind::string, "an array of strings")) out.emplace_back(string(element));
  }
  return out;
}

std::vector<std::string> Reader::host_keys(Value value) {
  constexpr std::size_t most = 16;
  std::vector<std::string> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (!expect(element, Kind::string, "an array of strings")) continue;
    if (out.size() == most) {
      report(Code::E0823, element.span(), fmt::format("more than {} host keys of one node", most),
             "give those that clients shall believe now");
      return out;
    }
    const std::string_view written = string(element);
    const std::string_view key = ssh_public_key(written);
    if (key.empty()) {
      report(Code::E0823, element.span(), fmt::format("\"{}\" is no SSH public key", written),
             "a host key looks like \"ssh-ed25519 AAAAC3Nz…\": the first two words of ssh_host_ed25519_key.pub");
    } else {
      out.emplace_back(key);
    }
  }
  return out;
}

std::vector<std::string> Reader::security_keys(Value value) {
  constexpr std::size_t most = 16, longest = 1024;  // what a directory chunk takes
  std::vector<std::string> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (!expect(element, Kind::string, "an array of strings")) continue;
    if (out.size() == most) {
      report(Code::E0824, element.span(), fmt::format("more than {} security keys of one user", most),
             "give those that are in use");
      return out;
    }
    const std::string_view written = string(element);
    const std::string_view key = security_key(written);
    if (key.empty() || key.size() > longest) {
      report(Code::E0824, element.span(), fmt::format("\"{}\" is no public key on a FIDO2 device", written),
             "it looks like \"sk-ssh-ed25519@openssh.com AAAAGnNr…\": the first two words of the file that `ssh-keygen "
             "-t ed25519-sk` makes");
    } else {
      out.emplace_back(key);
    }
  }
  return out;
}

void Reader::address(Value value, std::vector<net::Address>& out) {
  if (!expect(value, Kind::string, "a string")) return;
  const std::string_view written = string(value);
  if (const auto address = net::Address::parse(written)) {
    out.push_back(*address);
    return;
  }
  std::string help = "an address looks like 100.64.0.7 or fd7a:115c:a1e0::7; DNS names are not looked up";
  if (const auto prefix = net::Prefix::parse(written);
      prefix.error == net::PrefixError::none || prefix.error == net::PrefixError::host_bits) {
    help = fmt::format("write the address without a length: \"{}\"", written.substr(0, written.find('/')));
  }
  report(Code::E0809, value.span(), fmt::format("\"{}\" is no address", written), std::move(help));
}

void Reader::addresses(Value value, std::vector<net::Address>& out) {
  if (!expect(value, Kind::array, "an array of addresses")) return;
  for (const Value element : value) address(element, out);
  const auto is_v4 = [](const net::Address& each) { return each.is_v4(); };
  if (!std::is_partitioned(out.begin(), out.end(), is_v4)) std::stable_partition(out.begin(), out.end(), is_v4);
}

void Reader::routes(Value value, std::vector<net::Prefix>& out) {
  if (!expect(value, Kind::array, "an array of prefixes")) return;
  for (const Value element : value) {
    if (!expect(element, Kind::string, "an array of prefixes")) continue;
    const std::string_view written = string(element);
    const auto parsed = net::Prefix::parse(written);
    if (parsed.error == net::PrefixError::none) {
      out.push_back(parsed.prefix);
      continue;
    }
    std::string message = fmt::format("\"{}\" is no prefix", written);
    std::string help = "a route looks like 10.0.0.0/16 or fd00:1::/48";
    if (parsed.error == net::PrefixError::host_bits) {
      message = fmt::format("\"{}\" has bits set beyond its length", written);
      help = fmt::format("write \"{}\" for the network, or \"{}\" for the single address",
                         parsed.prefix.text_with_length(), written.substr(0, written.find('/')));
    }
    report(Code::E0811, element.span(), std::move(message), std::move(help));
  }
}

std::string_view Reader::number(Value value) { return value.is(Kind::number) ? value.text() : name(value); }

void Reader::tags(Value value, std::vector<std::string_view>& out) {
  if (!expect(value, Kind::array, "an array of tags")) return;
  for (const Value element : value) {
    if (!expect(element, Kind::string, "an array of tags")) continue;
    const std::string_view tag = lower_case(string(element));
    if (is_tag(tag)) {
      out.push_back(tag);
      continue;
    }
    const bool bare = tag.find(':') == std::string_view::npos && is_tag(fmt::format("tag:{}", tag));
    report(
        Code::E0309, element.span(), fmt::format("\"{}\" is no tag", tag),
        bare ? fmt::format("write \"tag:{}\"", tag) : "a tag is tag: and a letter, then letters, digits and hyphens");
  }
}

std::string_view Reader::lower_case(std::string_view text) {
  return has_capitals(text) ? keep(policy::lower_case(text)) : text;
}

void Reader::time(Value value, std::optional<std::int64_t>& out) {
  if (!expect(value, Kind::string, "a time")) return;
  const std::string_view written = string(value);
  const auto seconds = parse_time(written);
  if (!seconds) {
    report(Code::E0812, value.span(), fmt::format("\"{}\" is no time", written),
           "a time looks like 2026-01-01T00:00:00Z or 2026-01-01T01:00:00+01:00");
  } else if (*seconds != go_zero_time) {
    out = seconds;
  }
}

std::size_t Reader::odd_field(std::string_view written, Span span, std::string_view what,
                              const std::vector<std::string_view>& known) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!policy::equal_ignoring_case(known[i], written)) continue;
    report(Code::W0803, span, fmt::format("\"{}\" is documented as \"{}\"", written, known[i]),
           fmt::format("write \"{}\": not every tool ignores case", known[i]));
    return i;
  }
  std::string help;
  if (written.substr(0, 2) == "//" || written.substr(0, 1) == "#" || policy::equal_ignoring_case(written, "comment")) {
    help = "an inventory may have comments: write // and the text on a line of its own";
  } else if (const auto suggestion = nearest(written, known)) {
    help = fmt::format("did you mean \"{}\"?", *suggestion);
  } else {
    help = fmt::format("{} has the keys {}", what, fmt::join(known, ", "));
  }
  report(Code::E0802, span, fmt::format("{} has no key \"{}\"", what, written), std::move(help));
  return known.size();
}

void Reader::report_repeated_key(std::string_view written, Span span, Span first) {
  Diagnostic& found = report(Code::E0202, span, fmt::format("duplicate key \"{}\"", written),
                             "a key may stand only once in an object: join the two, or remove one");
  findings_.relate(found, "first defined here", first);
}

}  // namespace acl::inventory
