// minisign's files, from any bytes: public keys, signatures, secret keys that need no passphrase (with one, scrypt alone would
// take all the time; what is behind it has a checksum and is reached through the unencrypted form).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/release/minisign.h"
#include "engine/release/secret_key.h"

namespace {

using namespace acl;           // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::release;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "minisign_fuzz: %s\n", what);
  std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = parse_public_key(text, "key")) {
    require(parse_public_key_line(print_public_key_line(*key)) == *key, "a public key that changes on its way");
    require(parse_public_key(print_public_key(*key), "key").value() == *key, "a public key that changes on its way");
  }
  if (const auto signature = parse_signature(text, "signature")) {
    const auto again = parse_signature(print_signature(*signature), "signature");
    require(again && again->id == signature->id && again->signature == signature->signature &&
                again->trusted_comment == signature->trusted_comment &&
                again->comment_signature == signature->comment_signature,
            "a signature that changes on its way");
    PublicKey key;
    key.id = signature->id;
    require(!verify(*signature, key, as_bytes("message")), "a signature by a key that is all zeros");
  }
  const auto locked = LockedKey::parse(text, "secret");
  if (locked && locked->is_open()) {
    const auto key = locked->unlock({});
    if (key) {
      const Signature signature = key->sign(as_bytes("message"), "comment");
      require(verify(signature, key->public_key(), as_bytes("message")), "a key whose signatures are not its own");
    }
  }
  return 0;
}
