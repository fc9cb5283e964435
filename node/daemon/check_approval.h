// CheckApprovalText: an approval that somebody else than root of the node gives: a small text, signed as releases are (minisign), by one key of
// the trust set. It takes the place of a check, for one person at one source on one node, while it lasts; whom policy names it cannot change.
//
//   aclnode check approval 1
//   node <WireGuard key of the node that is to believe it, base64>
//   source <WireGuard key of the person's node>
//   user ann@example.com
//   not-before 2026-11-26T15:55:55Z
//   expires 2026-11-26T16:55:55Z
//
// Pure. No other text that these keys sign begins so. Reading any bytes: E1424, which says what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "engine/release/trust.h"
#include "node/daemon/checks.h"

namespace acl::node {

struct CheckApprovalText {
  Key node{};
  CheckSubject subject;
  release::Time from = 0, until = 0;
};

inline constexpr std::size_t approval_limit = 1024;

std::string print_approval(const CheckApprovalText& approval);
Expected<CheckApprovalText> parse_approval(std::string_view text);

struct SignedApproval {
  CheckSubject subject;
  CheckApproval approval;  // by: the number of the key
};
// The approval that counts on this node now, if it is signed so: by a key of the trust set, for `node`, within its time, which is no longer than
// Checks::longest_period.
Expected<SignedApproval> read_approval(std::string_view text, std::string_view signature,
                                       const release::TrustSet& trust, const Key& node, release::Time now);

}  // namespace acl::node
