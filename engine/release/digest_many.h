// digest_many: the digests of many messages. In: messages of any lengths. Out: of each what digest_of() says.
//
// BLAKE2b (RFC 7693) is a chain within one message: each step waits for the one before, and a processor with wide registers has nothing
// to do in most of each. Four messages are four chains: where the processor has AVX2, they take their steps together, one in each quarter
// of a register, and as soon as one message ends, the next takes its place. Elsewhere each is digested by itself, by libsodium.
// Nothing here allocates beyond a list of the messages, and nothing can fail.
#pragma once

#include <span>

#include "engine/release/digest.h"

namespace acl::release {

// `digests` is as long as `messages`.
void digest_many(std::span<const ByteView> messages, std::span<Digest> digests);

}  // namespace acl::release
