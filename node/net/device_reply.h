// What an OpenID provider answers in device authorization: RFC 8628 sections 3.2 and 3.5, OpenID Connect Discovery 1.0 section 4, RFC 6749
// section 5.2.
//
// Pure: status and body go in, values come out, or E1435 in words. Any bytes may come. Addresses are https:// and printable ASCII without blanks and
// quotes, since a person is to open them; codes are printable ASCII. Times are within bounds, whatever is said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl::node::net {

struct Endpoints {
  std::string device_authorization;
  std::string token;
};
// The document must be this issuer's own.
Expected<Endpoints> read_discovery(int status, std::string_view body, std::string_view issuer);

struct DeviceAuthorization {
  std::string device_code;
  std::string user_code;
  std::string verification_uri;
  std::string verification_uri_complete;  // perhaps empty
  std::uint32_t expires_s = 0;            // 1 to 3600
  std::uint32_t interval_s = 5;           // 1 to 60
};
Expected<DeviceAuthorization> read_device_authorization(int status, std::string_view body);

struct TokenReply {
  enum class State : std::uint8_t { token, pending, slow_down, failed };
  State state = State::failed;
  std::string text;  // the ID token; failed: why, in words
};
TokenReply read_token_reply(int status, std::string_view body);

// application/x-www-form-urlencoded (RFC 6749 appendix B).
std::string form_encoded(std::string_view text);

}  // namespace acl::node::net
