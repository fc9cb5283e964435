// What a person pastes as a signature. The first byte says what the rest is: the text itself; the bytes inside the armour; or a line of the
// inventory's keys, beside a signature that is good for none.
//
// Nothing crashes or overreads, and nothing is verified: the keys are fixed, and no seed holds a signature by them over this message.
#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node/verify/sshsig.h"

namespace {

std::string base64(const std::string& bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return out;
}

std::string ssh_string(const std::string& bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift);
  return out + bytes;
}

// The Ed25519 key of a seed of zeros, and P-256's generator.
std::string ed25519_blob() {
  std::array<unsigned char, 32> seed{}, key{};
  std::array<unsigned char, 64> secret{};
  crypto_sign_seed_keypair(key.data(), secret.data(), seed.data());
  return ssh_string("sk-ssh-ed25519@openssh.com") + ssh_string(std::string(key.begin(), key.end())) +
         ssh_string("ssh:");
}
std::string ecdsa_blob() {
  std::array<unsigned char, 65> point{};
  sodium_hex2bin(point.data(), point.size(),
                 "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                 "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
                 130, nullptr, nullptr, nullptr);
  return ssh_string("sk-ecdsa-sha2-nistp256@openssh.com") + ssh_string("nistp256") +
         ssh_string(std::string(point.begin(), point.end())) + ssh_string("ssh:");
}

std::string armoured(const std::string& bytes) {
  return "-----BEGIN SSH SIGNATURE-----\n" + base64(bytes) + "\n-----END SSH SIGNATURE-----\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string ed25519 = "sk-ssh-ed25519@openssh.com " + base64(ed25519_blob());
  static const std::string ecdsa = "sk-ecdsa-sha2-nistp256@openssh.com " + base64(ecdsa_blob());
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  acl::node::protocol::SignatureToVerify question{rest, "message", "aclnode-check@example.com", {ed25519, ecdsa}};
  if (data[0] % 3 == 1) question.pasted = armoured(rest);
  if (data[0] % 3 == 2) {
    question.keys = {rest};
    question.pasted =
        armoured("SSHSIG" + std::string("\0\0\0\1", 4) + ssh_string(ed25519_blob()) + ssh_string(question.name_space) +
                 ssh_string("") + ssh_string("sha512") + ssh_string(""));
  }
  if (acl::node::verify::verify_signature(question)) {
    std::fputs("sshsig_fuzz: a signature that nobody made\n", stderr);
    std::abort();
  }
  return 0;
}
