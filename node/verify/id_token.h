// Whether an ID token says that this person has just logged in: OpenID Connect Core 1.0, sections 2, 3.1.3.7 and 5.7.
//
// Pure: token, pinned keys, whom and what it must be about, and the time go in; when the person logged in comes out, or E1433 (the token), E1434 (the
// keys) in words. Any bytes may be given. What must hold, each on its own:
//
//   signature   by a pinned key (jose.h)
//   iss         the issuer, byte for byte
//   aud         the client id, alone or in a list of which `azp` then says that it is meant; any `azp` is the client id
//   exp, iat    not over yet; issued, and not in the future; neither is `nbf`, if there is one
//   nonce       the one that was asked for, if one was
//   sub         the one that the inventory has for the user; else `email` is the user's login and `email_verified` is true
//   auth_time   there, not before the oldest that counts, not in the future
//
// "In the future" allows for clocks that differ by a minute; what is over is over.
#pragma once

#include <cstdint>

#include "engine/net/diagnostic.h"
#include "node/protocol/verify_message.h"

namespace acl::node::verify {

inline constexpr std::int64_t most_skew_s = 60;

// Seconds since 1970.
Expected<std::int64_t> verify_token(const protocol::TokenToVerify& question);

}  // namespace acl::node::verify
