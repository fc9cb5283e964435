// Head: the small text that a release's signatures are over, head/<v>.<gen>. Text in, value out; one form, one parser.
//
//   aclc head 1
//   trust 2 9c3f…                        version and digest of the trust set that its signers belong to
//   generation 17
//   created 2026-11-26T15:55:55Z
//   expires 2026-12-26T15:55:55Z
//   on-expiry ssh-restricted             keep, ssh-restricted, deny
//   grace 259200                         seconds from `expires` to the day `on-expiry` takes effect
//   root 5e0a… 588                       digest and length of the tree's first page
//   directory 77b1… 35184                … of the index of the tailnet's identity directory, a blob
//   rules 1c9d… 90210                    … of the provenance blob that all nodes share
//   policy 0f4e…                         digest of the policy
//   inventory d2a7…                      digest of the inventory
//
// The trust digest ties a head to one network even where two networks share their keys. With trust version 0 (compiled where
// there is no trust set yet) it is all zeros; such a head can never be signed. Parsing any bytes: E1001 with the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/names.h"
#include "engine/release/time.h"

namespace acl::release {

inline constexpr std::size_t head_limit = 1024;

// What a node does once the release has expired and the grace is over.
enum class OnExpiry : std::uint8_t {
  keep,            // goes on, and says so loudly
  ssh_restricted,  // packets go on; logins as root and `check` logins are denied
  deny,            // nothing passes but what the node's own break-glass section says
};

std::string_view on_expiry_name(OnExpiry action) noexcept;  // "ssh-restricted"
std::optional<OnExpiry> parse_on_expiry(std::string_view text) noexcept;

// The longest grace and, for `renew` and `compile`, the longest validity: ten years. More is a mistake in the unit.
inline constexpr std::int64_t longest_duration = std::int64_t{3650} * 86400;

// What a release holds; two heads of equal contents enforce the same.
struct Contents {
  Reference root;
  Reference directory;
  Reference rules;
  Digest policy;
  Digest inventory;

  friend bool operator==(const Contents&, const Contents&) = default;
};

struct Head {
  Generation generation;
  Digest trust;  // of trust/<generation.trust>, zeros for version 0
  Time created = 0;
  Time expires = 0;  // later than created
  OnExpiry on_expiry = OnExpiry::ssh_restricted;
  std::int64_t grace = 0;  // seconds
  Contents contents;

  friend bool operator==(const Head&, const Head&) = default;
};

Expected<Head> parse_head(std::string_view text, std::string_view name);
// The one text of a head; parse_head gives the same head back.
std::string print_head(const Head& head);

}  // namespace acl::release
