// State: what a node must remember of its releases to be safe from rollback: a plain value that the caller stores.
//
// It begins with a trust set that a person put there, and only ever moves forward: the trust set along the chain of signatures,
// the accepted head along (trust version, generation), the time. Text form, written and read as a whole:
//
//   aclc state 1
//   time 2026-11-26T15:55:55Z
//   trust 512            length of the text that follows, then trust/<v> to the byte
//   head 700             … head/<v>.<gen>; 0 if none was accepted yet
//   checksum 3f0c…       BLAKE2b-256 of all lines before
//
// The checksum finds a torn or damaged file, not a forged one: who can write it owns the node. Parsing any bytes: E1010.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/head.h"
#include "engine/release/trust.h"

namespace acl::release {

inline constexpr std::size_t state_limit = trust_limit + head_limit + 512;

struct State {
  TrustSet trust;
  std::optional<Head> accepted;
  Time last_time = 0;  // the latest time known to have passed

  // No release at or below this is new. A trust set of a later version than the accepted head's starts over.
  [[nodiscard]] Generation floor() const noexcept {
    return accepted && accepted->generation.trust == trust.version ? accepted->generation
                                                                   : Generation{trust.version, 0};
  }

  friend bool operator==(const State&, const State&) = default;
};

State first_state(TrustSet trust);

std::string print_state(const State& state);
Expected<State> parse_state(std::string_view text, std::string_view name);

// Time never runs back: the greatest of the clock, the stored time and the accepted head's `created`. A clock that was set back,
// or a machine that boots in 1970, does not bring an expired release to life.
Time known_time(const State& state, Time clock) noexcept;

enum class Standing : std::uint8_t {
  none,     // nothing accepted yet: deny all but what the node's own break-glass section says
  current,  // not expired
  grace,    // expired, still enforced as it is, with a loud status
  expired,  // the accepted head's on_expiry is in force
};
Standing standing(const State& state, Time clock) noexcept;

}  // namespace acl::release
