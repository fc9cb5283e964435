#include "node/wireguard/uapi.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "node/wireguard/shown.h"

namespace acl::node {
namespace {

// -1: no hexadecimal digit. A table, since branches on the digits of keys are never foretold.
constexpr auto hex_values = [] {
  std::array<std::int16_t, 256> values{};
  for (auto& value : values) value = -1;
  for (unsigned i = 0; i < 16; ++i) {
    values[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<std::int16_t>(i);
  }
  return values;
}();

bool decode_key(std::string_view hex, Key& out) noexcept {
  if (hex.size() != out.size() * 2) return false;
  int bad = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_values[static_cast<unsigned char>(hex[2 * i])];
    const int low = hex_values[static_cast<unsigned char>(hex[2 * i + 1])];
    bad |= high | low;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return bad >= 0;
}

std::optional<net::Prefix> parse_prefix(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  // "10.0.0.0/8" and "fd00::/48" as WireGuard prints them; it masks what it is given, so host bits never come, but would
  // mean the same network.
  const auto parsed = net::Prefix::parse(text);
  if (parsed.error != net::PrefixError::none && parsed.error != net::PrefixError::host_bits) return std::nullopt;
  return parsed.prefix;
}

}  // namespace

UapiParser::~UapiParser() { sodium_memzero(partial_.data(), partial_.size()); }

tl::unexpected<Diagnostic> UapiParser::refuse(std::string_view what) const {
  return fail(Code::E1322, fmt::format("WireGuard's answer, line {}: {}", lines_, what),
              "is the socket that of a WireGuard program? See https://www.wireguard.com/xplatform/");
}

Expected<void> UapiParser::own_key(std::string_view hex) {
  if (in_peer_ || into_->own) return refuse("a second private key");
  Key secret{};
  const bool whole = decode_key(hex, secret);
  // All zeros: none is set.
  const bool set = whole && sodium_is_zero(secret.data(), secret.size()) == 0;
  if (set) {
    Key own{};
    crypto_scalarmult_base(own.data(), secret.data());  // fails for no key
    into_->own = own;
  }
  sodium_memzero(secret.data(), secret.size());
  if (!whole) return refuse("the private key is not 64 hexadecimal digits");
  return {};
}

Expected<void> UapiParser::peer(std::string_view hex) {
  if (!decode_key(hex, peer_)) return refuse(fmt::format("\"{}\" is no key of 64 hexadecimal digits", shown(hex)));
  if (++into_->peers > most_peers) return refuse(fmt::format("more than {} peers", most_peers));
  in_peer_ = true;
  return {};
}

Expected<void> UapiParser::allowed_ip(std::string_view text) {
  if (!in_peer_) return refuse("an allowed_ip before the first public_key");
  const auto prefix = parse_prefix(text);
  if (!prefix) return refuse(fmt::format("\"{}\" is no prefix", shown(text)));
  if (into_->allowed.size() == most_allowed_ips)
    return refuse(fmt::format("more than {} allowed-ips", most_allowed_ips));
  into_->allowed.push_back({*prefix, peer_});
  return {};
}

Expected<void> UapiParser::error_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return refuse(fmt::format("errno \"{}\" is no number", shown(text)));
  if (number != 0) return refuse(fmt::format("refused with errno {}", number));
  answered_ = true;
  return {};
}

Expected<void> UapiParser::line(std::string_view text) {
  ++lines_;
  if (text.empty()) {
    if (!answered_) return refuse("the answer ends without \"errno=\"");
    done_ = true;
    return {};
  }
  if (answered_) return refuse("more behind \"errno=\"");
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return refuse("no \"=\" in it");  // not shown: it might be a torn secret
  const std::string_view key = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  if (key == "allowed_ip") return allowed_ip(value);
  if (key == "public_key") return peer(value);
  if (key == "private_key") return own_key(value);
  if (key == "errno") return error_number(value);
  return {};
}

Expected<bool> UapiParser::feed(std::span<const char> bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    if (done_) return refuse("more behind its end");
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    const char* const stop = newline != nullptr ? newline : end;
    const auto size = static_cast<std::size_t>(stop - at);
    if (partial_size_ + size >= partial_.size()) {
      ++lines_;
      return refuse(fmt::format("longer than {} bytes", partial_.size() - 1));
    }
    if (newline != nullptr && partial_size_ == 0) {
      if (auto read = line({at, size}); !read) return tl::unexpected(std::move(read.error()));
    } else {
      std::memcpy(partial_.data() + partial_size_, at, size);
      partial_size_ += size;
      if (newline != nullptr) {
        const auto read = line({partial_.data(), partial_size_});
        sodium_memzero(partial_.data(), partial_size_);
        partial_size_ = 0;
        if (!read) return tl::unexpected(read.error());
      }
    }
    at = newline != nullptr ? stop + 1 : end;
  }
  return done_;
}

Expected<Reading> parse_uapi(std::string_view answer) {
  Reading reading;
  UapiParser parser(reading);
  const auto whole = parser.feed(answer);
  if (!whole) return tl::unexpected(whole.error());
  if (!*whole) return fail(Code::E1322, "WireGuard's answer is cut off", "ask again");
  return reading;
}

}  // namespace acl::node
