// TrustSet: whose signatures make a release, and how many of them: trust/<v>. Text in, value out; one form, one parser.
//
//   aclc trust 1
//   network 5f1d0a…                 32 hexadecimal digits, random, the same in all versions: which network this is
//   version 2
//   created 2026-11-26T15:55:55Z
//   threshold 2
//   key RWQ…(56 characters) alice   one line per key, by key id; the rest of the line is a label, for people
//
// Version 1 is signed by its own threshold; version n+1 by the threshold of version n and by its own. Each signature is a
// file of its own, over the exact bytes of trust/<v>. A key counts once, by its number and by its bytes, so that one secret
// never makes two signatures. Parsing any bytes: E1002 with the line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/minisign.h"
#include "engine/release/time.h"

namespace acl::release {

inline constexpr std::size_t trust_limit = 8192;
inline constexpr std::size_t most_keys = 32;
inline constexpr std::size_t longest_label = 64;

struct TrustedKey {
  PublicKey key;
  std::string label;  // printable ASCII without spaces, 1 to 64

  friend bool operator==(const TrustedKey&, const TrustedKey&) = default;
};

struct TrustSet {
  std::array<std::uint8_t, 16> network{};
  std::uint64_t version = 0;
  Time created = 0;
  std::uint32_t threshold = 0;
  std::vector<TrustedKey> keys;  // by id

  [[nodiscard]] const TrustedKey* find(const KeyId& id) const noexcept;

  friend bool operator==(const TrustSet&, const TrustSet&) = default;
};

// Nothing if the set keeps the rules: 1 to 32 distinct keys in order, labels, 1 <= threshold <= keys; else what is wrong.
std::string trust_fault(const TrustSet& trust);

Expected<TrustSet> parse_trust(std::string_view text, std::string_view name);
// The one text of a set without fault; parse_trust gives the same set back.
std::string print_trust(const TrustSet& trust);

// How many distinct keys of `trust` signed the message, at most one signature per key. Signatures of others do not count.
std::uint32_t count_valid(const TrustSet& trust, ByteView message, const std::vector<Signature>& signatures);

// Whether `next` may follow `last`: the same network, the next version. Signatures are another matter (follow_trust).
std::string succession_fault(const TrustSet& last, const TrustSet& next);

// `text` (the bytes of trust/<v+1>) as the successor of `last`, with enough of the given signatures by both thresholds.
// E1002 malformed, E1030 no successor, E1014 too few signatures.
Expected<TrustSet> follow_trust(const TrustSet& last, std::string_view text, const std::vector<Signature>& signatures);

}  // namespace acl::release
