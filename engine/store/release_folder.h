// Releases in a folder: which heads and trust sets are there, who signed them, what the next head is. What `compile`, `sign`,
// `renew`, `trust`, `verify` and `publish` share.
//
// The current trust set is the one of the highest version in the folder, complete or not. All functions read the folder anew;
// errors are those of folder.h, and those of the parsers for objects that are damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/head.h"
#include "engine/release/trust.h"
#include "engine/store/folder.h"

namespace acl::store {

struct StoredHead {
  release::Head head;
  std::string text;  // what signatures are over
};

struct StoredTrust {
  release::TrustSet trust;
  std::string text;
};

// Nothing if there is no such object. A head whose text names another generation than its file is E1001, a trust set E1002.
Expected<std::optional<StoredHead>> read_head(const Folder& folder, const release::Generation& generation);
Expected<std::optional<StoredTrust>> read_trust(const Folder& folder, std::uint64_t version);

// The trust set of the highest version; nothing if there is none.
Expected<std::optional<StoredTrust>> current_trust(const Folder& folder);
// The head of the highest generation number of any trust version, of the greatest version among equals.
Expected<std::optional<StoredHead>> newest_head(const Folder& folder);
// The head of the highest generation under this trust version.
Expected<std::optional<StoredHead>> newest_head(const Folder& folder, std::uint64_t trust_version);

// The keys of `trust` that signed, with valid signatures only, in the order of the set.
Expected<std::vector<release::TrustedKey>> head_signers(const Folder& folder, const StoredHead& head,
                                                        const release::TrustSet& trust);
// The valid signatures of trust/<v> by the keys of `by`.
Expected<std::vector<release::TrustedKey>> trust_signers(const Folder& folder, const StoredTrust& trust,
                                                         const release::TrustSet& by);

// What trust/<v> still lacks: signatures by the version before it and by itself. Zero and zero: complete.
struct Lacking {
  std::uint32_t by_last = 0;  // version 1 has no last
  std::uint32_t by_own = 0;
  [[nodiscard]] bool none() const noexcept { return by_last == 0 && by_own == 0; }
};
Expected<Lacking> trust_lacks(const Folder& folder, const StoredTrust& trust);

// Every step of the chain from `from` (a copy of trust/<n> that the caller trusts) to trust/<version>, which is returned.
// E1013 a missing version, E1014 too few signatures, E1030 no successor, E1015 `from` is later than `version`.
Expected<StoredTrust> follow_chain(const Folder& folder, const std::string& from, std::uint64_t version);

struct Validity {
  release::Time created = 0;  // now
  std::int64_t valid = 0;     // seconds from created to expires
  std::int64_t grace = 0;     // seconds
  release::OnExpiry on_expiry = release::OnExpiry::ssh_restricted;
};

// The head that put_next_head would write now.
Expected<StoredHead> next_head(const Folder& folder, const release::Contents& contents, const Validity& validity);
// Writes head/<v>.<gen> with the next generation (the highest in the folder + 1, first 1) and the current trust version (0 if
// there is none), after settling what was put before. Leaves `latest` alone. E1001: a validity that no head may have.
Expected<StoredHead> put_next_head(Folder& folder, const release::Contents& contents, const Validity& validity);

// Moves `latest` to the head if its signatures meet the threshold, its trust set is complete and `latest` is not there or beyond
// already. False if it did not move; then `why` says why.
Expected<bool> advance_latest(Folder& folder, const StoredHead& head, std::string& why);

}  // namespace acl::store
