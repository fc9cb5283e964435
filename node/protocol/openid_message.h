// Messages between aclnode and the aclnode-net that talks to the OpenID provider (`aclnode-net openid`), and which is legal when.
// docs/protocol.md has every byte.
//
// Pure functions, and a small class for each side that keeps the states. Decoding any bytes gives a message within its bounds or E1361, never
// reads beyond them and allocates no more than they hold. Texts of the other side are for people: shown() before they get near a terminal
// or a log. What is broken ends the process at the other end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "engine/net/diagnostic.h"
#include "node/protocol/conversation.h"
#include "node/protocol/message.h"
#include "node/protocol/verify_message.h"

namespace acl::node::protocol {

inline constexpr std::size_t longest_url = 1024;
inline constexpr std::size_t longest_user_code = 64;
// Authorizations under way, at most.
inline constexpr std::size_t most_authorizations = 16;

// Who the provider is, once. Text without zero bytes.
struct Provider {
  std::string issuer;                         // "https://login.example.com": discovery unless both endpoints are given
  std::string device_authorization_endpoint;  // https
  std::string token_endpoint;                 // https
  std::string client_id;
  std::string client_secret;  // itself, not its file; perhaps empty
  std::string scope = "openid email";
  std::string ca_file;  // empty: the system's
  std::string prompt;   // "login", as a parameter of the device authorization request; empty: left out
};

// Authorize somebody (RFC 8628 section 3.1). Numbers only grow.
struct Authorize {
  std::uint64_t id = 0;
  std::uint32_t left_ms = 0;  // until nobody waits for it any more
  std::uint32_t max_age_s =
      0;  // since the person last logged in at the provider, a parameter of the request; 0: left out
};

// Nobody waits for it any more.
struct Forget {
  std::uint64_t id = 0;
};

using ToOpenid = std::variant<Provider, Authorize, Forget>;

// What the person is to do (RFC 8628 section 3.2). At most once for each number, before its end.
struct UserCode {
  std::uint64_t id = 0;
  std::string verification_uri;           // https
  std::string verification_uri_complete;  // https; perhaps empty
  std::string user_code;
  std::uint32_t expires_s = 0;
};

// The person has logged in: the ID token, which nobody has looked at. Ends its number.
struct IdToken {
  std::uint64_t id = 0;
  std::string token;
};

// It came to nothing: in words. Ends its number.
struct NotAuthorized {
  std::uint64_t id = 0;
  std::string words;
};

using FromOpenid = std::variant<UserCode, IdToken, NotAuthorized>;

// E1361 names a value that is too long or holds a zero byte.
Expected<Bytes> encode(const ToOpenid& message);
Expected<ToOpenid> decode_to_openid(ByteView bytes);
Expected<Bytes> encode(const FromOpenid& message);
Expected<FromOpenid> decode_from_openid(ByteView bytes);

// aclnode's side: what one aclnode-net may answer.
class Authorizations {
 public:
  // The number of a new one; nothing while most_authorizations are open.
  std::optional<std::uint64_t> begin();
  void forget(std::uint64_t id) { open_.erase(id); }
  Judged hear(const FromOpenid& message, std::int64_t now_ms);
  [[nodiscard]] bool is_open(std::uint64_t id) const { return open_.count(id) == 1; }
  [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }

 private:
  std::map<std::uint64_t, bool> open_;  // whether its code has come
  std::uint64_t next_ = 1;
  std::int64_t span_began_ms_ = 0;
  unsigned late_ = 0;
};

// aclnode-net's side: what aclnode may ask: who the provider is first and once, then numbers that grow, at most most_authorizations
// at a time.
class Asks {
 public:
  Judged hear(const ToOpenid& message);
  void answered(std::uint64_t id) { open_.erase(id); }
  [[nodiscard]] bool is_open(std::uint64_t id) const { return open_.count(id) == 1; }

 private:
  std::set<std::uint64_t> open_;
  std::uint64_t last_ = 0;
  bool provided_ = false;
};

}  // namespace acl::node::protocol
