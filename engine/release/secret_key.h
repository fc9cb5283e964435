// Secret keys in minisign's file format: generated, read, written, used to sign.
//
//   untrusted comment: …
//   base64("Ed" kdf[2] "B2" salt[32] opslimit[8] memlimit[8] (id[8] secret[64] checksum[32]))
//
// kdf "Sc": the last 104 bytes are XORed with scrypt(passphrase, salt) of libsodium's crypto_pwhash_scryptsalsa208sha256;
// kdf two zero bytes: they stand there as they are, which is what `minisign -W` writes and what an empty passphrase makes.
// The checksum is BLAKE2b-256("Ed" || id || secret); a wrong passphrase shows in it.
//
// What is secret lives in SecretBytes alone: pages of its own that are locked in memory where the system lets us, excluded from
// core dumps, guarded on both sides and wiped when freed. A diagnostic never holds any of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/minisign.h"

namespace acl::release {

// A buffer of fixed size for secrets; moved, never copied. Empty where there is no memory (data() is null).
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);

  [[nodiscard]] std::uint8_t* data() noexcept { return memory_.get(); }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return memory_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Only what is in front counts from here on; what is behind is wiped.
  void shorten(std::size_t size) noexcept;

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::size_t size_ = 0;
};

class SecretKey {
 public:
  // A new key from the system's random numbers. E1006 where there is no memory for it.
  static Expected<SecretKey> generate();

  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_; }

  // Signs the message and the trusted comment (no line end or other control character but the tab, at most 512 bytes: others are
  // replaced by a question mark, what is beyond is cut off).
  [[nodiscard]] Signature sign(ByteView message, std::string_view trusted_comment) const;

 private:
  friend class LockedKey;
  SecretKey(PublicKey key, SecretBytes secret) : public_(key), secret_(std::move(secret)) {}

  PublicKey public_;
  SecretBytes secret_;  // 64 bytes: seed and public key, as libsodium keeps it
};

// What deriving the key from the passphrase costs. `sensitive` is what minisign uses (1 GiB, about 3 s); `interactive` (16 MiB)
// is for tests. A file states its own, which is taken up to `sensitive`.
enum class PassphraseCost : std::uint8_t { sensitive, interactive };

// A secret key's file, not yet opened.
class LockedKey {
 public:
  // E1006 with the name of the file.
  static Expected<LockedKey> parse(std::string_view text, std::string_view name);

  // Whether the file needs no passphrase.
  [[nodiscard]] bool is_open() const noexcept { return !encrypted_; }

  // E1008: the passphrase is wrong, or the file damaged. E1006: no memory for scrypt. Uses the memory the file asks for.
  [[nodiscard]] Expected<SecretKey> unlock(const SecretBytes& passphrase) const;

  // The file of a key; it is as secret as the key where the passphrase is empty.
  static Expected<SecretBytes> print(const SecretKey& key, const SecretBytes& passphrase,
                                     PassphraseCost cost = PassphraseCost::sensitive);

 private:
  std::string name_;
  SecretBytes bytes_;  // the decoded line: an unencrypted one is the secret itself
  bool encrypted_ = true;
};

}  // namespace acl::release
