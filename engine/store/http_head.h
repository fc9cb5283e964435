// The part of an HTTP reply before its body, as far as a store needs it. Header lines in, one value out; pure, for any bytes.
//
// A client that asked for no encoding (RFC 9110 section 12.5.3) and gets one anyway would hand on compressed bytes, or unpack a
// bomb: `encoded` says so, and the reply is refused. An entity tag that is not in the form of RFC 9110 section 8.8.3 is dropped,
// because it is sent back later in a header of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace acl::store {

// All header lines of one reply, of interim ones (100, 103) too.
inline constexpr std::size_t http_head_limit = std::size_t{32} * 1024;

struct HttpHead {
  int status = 0;
  std::string etag;      // with its quotes: "abc", W/"abc"; empty without a proper one
  std::string location;  // of a redirect, as it came
  std::optional<std::uint64_t> length;
  bool encoded = false;
  std::size_t size = 0;  // bytes of all lines
};

// Takes one line, with or without its line end. A status line begins anew. False: this reply must not be read on, because its
// head is too long, a status line is none, or two lengths disagree (RFC 9112 section 6.3).
bool read_head_line(HttpHead& head, std::string_view line);

}  // namespace acl::store
