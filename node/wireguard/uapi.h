// The answer of a user-space WireGuard to "get=1" (https://www.wireguard.com/xplatform/), bytes → Reading.
//
// Lines "key=value": first the interface's own, then for each peer "public_key=" and what follows of it, at last "errno=" and an
// empty line. Only private_key, public_key, allowed_ip and errno are read; other keys come and go with versions and are
// passed over. The protocol gives no public key of the interface, only its private key: the public one is derived from it at
// once (X25519, RFC 7748), and every copy this parser made of the line is wiped. What the caller received it wipes itself.
//
// Fed in pieces of any size. In: any bytes. Out: a Reading, or E1322 with the place (line) and the bad value, except where that is a
// secret. Bounded: a line has at most 1,023 bytes, an answer most_allowed_ips prefixes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "node/wireguard/device.h"

namespace acl::node {

class UapiParser {
 public:
  // Appends to `into`, which the caller has cleared and which outlives the parser.
  explicit UapiParser(Reading& into) noexcept : into_(&into) {}
  UapiParser(const UapiParser&) = delete;
  UapiParser& operator=(const UapiParser&) = delete;
  ~UapiParser();

  // True: the answer is whole, and further bytes are an error. After an error the parser is of no further use.
  Expected<bool> feed(std::span<const char> bytes);

 private:
  Expected<void> line(std::string_view text);
  Expected<void> own_key(std::string_view hex);
  Expected<void> peer(std::string_view hex);
  Expected<void> allowed_ip(std::string_view text);
  Expected<void> error_number(std::string_view text);
  [[nodiscard]] tl::unexpected<Diagnostic> refuse(std::string_view what) const;

  Reading* into_;
  Key peer_{};
  std::size_t lines_ = 0;
  std::array<char, 1024> partial_{};  // the beginning of a line whose end has not come yet
  std::size_t partial_size_ = 0;
  bool in_peer_ = false;
  bool answered_ = false;  // "errno=0" was there
  bool done_ = false;
};

// A whole answer.
Expected<Reading> parse_uapi(std::string_view answer);

}  // namespace acl::node
