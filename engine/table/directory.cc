#include "engine/table/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/table/cursor.h"

namespace acl::table {
namespace {

constexpr std::uint32_t magic = 0x444c4341;  // "ACLD"
constexpr std::uint8_t flag_unbound = 1;
constexpr std::uint8_t flag_shared = 2;
constexpr std::uint8_t flag_host_keys = 4;
constexpr std::uint8_t flag_check = 8;

tl::unexpected<Diagnostic> bad(const std::string& what) {
  return fail(Code::E1204, fmt::format("a chunk of the directory cannot be used: {}", what),
              "fetch the release again; if its digests are right, it was made by a faulty or hostile compiler");
}

bool read_address(Cursor& cursor, net::Address& out) {
  std::uint8_t family = 0;
  if (!cursor.number(family)) return false;
  std::array<std::uint8_t, 16> bytes{};
  const std::size_t size = family == 4 ? 4 : 16;
  if ((family != 4 && family != 6) || !cursor.bytes(std::span(bytes).first(size))) return false;
  std::uint64_t high = 0, low = 0;
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t& half = size == 16 && i < 8 ? high : low;
    half = half << 8 | bytes[i];
  }
  out = family == 4 ? net::Address::v4(static_cast<std::uint32_t>(low)) : net::Address::v6(high, low);
  return true;
}

void put_address(std::vector<std::uint8_t>& out, const net::Address& address) {
  put_number(out, address.is_v4() ? std::uint8_t{4} : std::uint8_t{6});
  const int bytes = address.is_v4() ? 4 : 16;
  for (int i = bytes - 1; i >= 0; --i) {
    const std::uint64_t half = i >= 8 ? address.high() : address.low();
    out.push_back(static_cast<std::uint8_t>(half >> (i % 8 * 8)));
  }
}

// They are written into files of clients, a line each: nothing but what a key is made of.
bool is_host_key(std::string_view text) {
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  return !text.empty() && std::all_of(text.begin(), text.end(), printable) &&
         std::count(text.begin(), text.end(), ' ') == 1;
}

bool read_host_keys(Cursor& cursor, Identity& out) {
  std::uint8_t count = 0;
  if (!cursor.number(count) || count == 0) return false;
  for (unsigned i = 0; i < count; ++i) {
    if (!cursor.text(out.host_keys.emplace_back()) || !is_host_key(out.host_keys.back())) return false;
  }
  return true;
}

bool is_security_key(std::string_view text) {
  return is_host_key(text) && text.size() <= longest_security_key &&
         (text.starts_with("sk-ssh-ed25519@openssh.com ") || text.starts_with("sk-ecdsa-sha2-nistp256@openssh.com "));
}

bool read_check(Cursor& cursor, Identity& out) {
  std::uint8_t count = 0;
  if (!cursor.text(out.sub) || out.sub.size() > longest_sub || !cursor.number(count) || count > most_security_keys ||
      (count == 0 && out.sub.empty()))
    return false;
  for (unsigned i = 0; i < count; ++i) {
    if (!cursor.text(out.security_keys.emplace_back()) || !is_security_key(out.security_keys.back())) return false;
  }
  return true;
}

bool can_check(const Identity& one) { return !one.sub.empty() || !one.security_keys.empty(); }

bool read_identity(Cursor& cursor, Identity& out) {
  std::uint8_t flags = 0, addresses = 0;
  std::uint16_t routes = 0, tags = 0;
  if (!cursor.bytes(out.key) || !cursor.number(flags) || !cursor.number(addresses) || !cursor.number(routes) ||
      !cursor.number(tags) || flags > (flag_unbound | flag_shared | flag_host_keys | flag_check))
    return false;
  out.unbound = (flags & flag_unbound) != 0;
  out.shared = (flags & flag_shared) != 0;
  if (!cursor.text(out.name) || !cursor.text(out.login)) return false;
  for (unsigned i = 0; i < tags; ++i) {
    if (!cursor.text(out.tags.emplace_back())) return false;
  }
  for (unsigned i = 0; i < addresses; ++i) {
    if (!read_address(cursor, out.addresses.emplace_back())) return false;
  }
  for (unsigned i = 0; i < routes; ++i) {
    net::Address first;
    std::uint8_t length = 0;
    if (!read_address(cursor, first) || !cursor.number(length) || length > first.width()) return false;
    out.routes.emplace_back(first, length);
    if (out.routes.back().first() != first) return false;  // host bits
  }
  if ((flags & flag_host_keys) != 0 && !read_host_keys(cursor, out)) return false;
  return (flags & flag_check) == 0 || read_check(cursor, out);
}

}  // namespace

Expected<std::vector<Identity>> parse_chunk(std::span<const std::uint8_t> bytes) {
  Cursor cursor(bytes);
  std::uint32_t found = 0;
  std::uint8_t version = 0, zero = 0;
  std::uint16_t count = 0;
  if (!cursor.number(found) || !cursor.number(version) || !cursor.number(zero) || !cursor.number(count))
    return bad("it is too short");
  if (found != magic) return bad("it does not begin with ACLD");
  if (version != 1 || zero != 0) return bad(fmt::format("version \"{}\" is not \"1\"", version));
  if (count > acl_chunk_identities)
    return bad(fmt::format("{} identities are more than {}", count, acl_chunk_identities));
  std::vector<Identity> out;
  for (unsigned i = 0; i < count; ++i) {
    if (!read_identity(cursor, out.emplace_back())) return bad(fmt::format("identity {} is malformed", i));
  }
  if (cursor.left() != 0) return bad(fmt::format("{} bytes follow its identities", cursor.left()));
  return out;
}

std::vector<std::uint8_t> encode_chunk(std::span<const Identity> identities) {
  std::vector<std::uint8_t> out;
  put_number(out, magic);
  put_number(out, std::uint8_t{1});
  put_number(out, std::uint8_t{0});
  put_number(out, static_cast<std::uint16_t>(identities.size()));
  for (const Identity& one : identities) {
    out.insert(out.end(), one.key.begin(), one.key.end());
    put_number(out, static_cast<std::uint8_t>((one.unbound ? flag_unbound : 0) | (one.shared ? flag_shared : 0) |
                                              (one.host_keys.empty() ? 0 : flag_host_keys) |
                                              (can_check(one) ? flag_check : 0)));
    put_number(out, static_cast<std::uint8_t>(one.addresses.size()));
    put_number(out, static_cast<std::uint16_t>(one.routes.size()));
    put_number(out, static_cast<std::uint16_t>(one.tags.size()));
    put_text(out, one.name);
    put_text(out, one.login);
    for (const std::string& tag : one.tags) put_text(out, tag);
    for (const net::Address& address : one.addresses) put_address(out, address);
    for (const net::Prefix& route : one.routes) {
      put_address(out, route.first());
      put_number(out, static_cast<std::uint8_t>(route.length()));
    }
    if (!one.host_keys.empty()) {
      put_number(out, static_cast<std::uint8_t>(one.host_keys.size()));
      for (const std::string& key : one.host_keys) put_text(out, key);
    }
    if (!can_check(one)) continue;
    put_text(out, one.sub);
    put_number(out, static_cast<std::uint8_t>(one.security_keys.size()));
    for (const std::string& key : one.security_keys) put_text(out, key);
  }
  return out;
}

Directory::Directory(std::vector<Numbered> known) : known_(std::move(known)) {
  for (std::uint32_t i = 0; i < known_.size(); ++i) {
    for (const net::Address& address : known_[i].identity.addresses) by_address_.push_back({address, i});
    for (const net::Prefix& route : known_[i].identity.routes) by_route_.push_back({route, i});
  }
  std::sort(by_address_.begin(), by_address_.end(), [](const Place& a, const Place& b) {
    return a.address != b.address ? a.address < b.address : a.index < b.index;
  });
  std::sort(by_route_.begin(), by_route_.end(), [](const RoutePlace& a, const RoutePlace& b) {
    if (a.prefix.length() != b.prefix.length()) return a.prefix.length() > b.prefix.length();
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return a.index < b.index;
  });
}

const Directory::Numbered* Directory::whois(const net::Address& source) const noexcept {
  const auto place =
      std::lower_bound(by_address_.begin(), by_address_.end(), source,
                       [](const Place& one, const net::Address& wanted) { return one.address < wanted; });
  return place != by_address_.end() && place->address == source ? &known_[place->index] : nullptr;
}

std::vector<const Directory::Numbered*> Directory::routers(const net::Address& source) const {
  std::vector<const Numbered*> out;
  // One search for each length that occurs, longest first.
  for (auto it = by_route_.begin(); it != by_route_.end();) {
    const unsigned length = it->prefix.length();
    const auto end =
        std::find_if(it, by_route_.end(), [&](const RoutePlace& r) { return r.prefix.length() != length; });
    const net::Prefix wanted(source, length);
    auto place = std::lower_bound(it, end, wanted,
                                  [](const RoutePlace& one, const net::Prefix& prefix) { return one.prefix < prefix; });
    for (; place != end && place->prefix == wanted; ++place) out.push_back(&known_[place->index]);
    if (!out.empty()) return out;
    it = end;
  }
  return out;
}

Directory::Binding Directory::binding(const net::Address& source) const {
  Binding out;
  const auto add = [&](const Numbered& one) {
    if (one.identity.unbound) {
      out.unbound = true;
    } else {
      out.keys.push_back(one.identity.key);
    }
  };
  if (const Numbered* own = whois(source)) {
    add(*own);
  } else {
    for (const Numbered* router : routers(source)) add(*router);
  }
  return out;
}

}  // namespace acl::table
