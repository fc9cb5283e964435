#include "node/ssh/host_key.h"

#include <gtest/gtest.h>
#include <libssh/libssh.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <array>

namespace acl::node::ssh {
namespace {

using HostKey = protocol::Welcome::HostKey;

Bytes raw_public(EVP_PKEY* key) {
  std::size_t size = 0;
  EVP_PKEY_get_raw_public_key(key, nullptr, &size);
  Bytes point(size);
  EVP_PKEY_get_raw_public_key(key, point.data(), &size);
  return point;
}

Bytes point_of(EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  Bytes point(encoded, encoded + size);
  OPENSSL_free(encoded);
  return point;
}

struct Made {
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> secret;
  HostKey shown;
};

Made ed25519() {
  Made made{{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free}, {"ssh-ed25519", {}}};
  made.shown.blob = PacketWriter().string("ssh-ed25519").string(raw_public(made.secret.get())).take();
  return made;
}

Made ecdsa(const char* curve, const std::string& name) {
  Made made{{EVP_EC_gen(curve), EVP_PKEY_free}, {"ecdsa-sha2-" + name, {}}};
  made.shown.blob = PacketWriter().string("ecdsa-sha2-" + name).string(name).string(point_of(made.secret.get())).take();
  return made;
}

Bytes sign(EVP_PKEY* key, const EVP_MD* digest, ByteView data) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, digest, nullptr, key);
  std::size_t size = 0;
  EVP_DigestSign(context, nullptr, &size, data.data(), data.size());
  Bytes made(size);
  EVP_DigestSign(context, made.data(), &size, data.data(), data.size());
  made.resize(size);
  EVP_MD_CTX_free(context);
  return made;
}

// What libssh shows of a key to clients.
Bytes shown_by_libssh(const Key& key) {
  char* text = nullptr;
  ssh_pki_export_pubkey_base64(key.get(), &text);
  Bytes blob(EVP_DECODE_LENGTH(std::char_traits<char>::length(text)));
  const int size = EVP_DecodeBlock(blob.data(), reinterpret_cast<unsigned char*>(text),
                                   static_cast<int>(std::char_traits<char>::length(text)));
  std::size_t padding = 0;
  for (std::string_view left = text; left.ends_with('='); left.remove_suffix(1)) ++padding;
  blob.resize(static_cast<std::size_t>(size) - padding);
  ssh_string_free_char(text);
  return blob;
}

TEST(HostKey, ShowsTheTruePublicHalfAndCountsAsPrivate) {
  for (const Made& made :
       {ed25519(), ecdsa("P-256", "nistp256"), ecdsa("P-384", "nistp384"), ecdsa("P-521", "nistp521")}) {
    const auto key = stand_in(made.shown);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_TRUE(ssh_key_is_private(key->get())) << made.shown.type;
    EXPECT_EQ(shown_by_libssh(*key), made.shown.blob) << made.shown.type;
  }
}

TEST(HostKey, WhatIsNoKeyOfItsTypeIsRefused) {
  const HostKey good = ed25519().shown;
  HostKey longer = good;
  longer.blob.push_back(0);
  HostKey shorter = good;
  shorter.blob.pop_back();
  const HostKey off_the_curve{
      "ecdsa-sha2-nistp256",
      PacketWriter().string("ecdsa-sha2-nistp256").string("nistp256").string(Bytes(65, 4)).take()};
  for (const HostKey& bad : {longer, shorter, off_the_curve, HostKey{"ssh-rsa", good.blob}, HostKey{"", {}},
                             HostKey{"ecdsa-sha2-nistp256", good.blob}, HostKey{"ssh-ed25519", {}}}) {
    const auto key = stand_in(bad);
    ASSERT_FALSE(key) << bad.type;
    EXPECT_EQ(key.error().code, Code::E1402);
  }
}

TEST(HostKey, ASignatureOfOpensslBecomesTheBlobOfItsType) {
  const std::array<std::uint8_t, 32> hash{1, 2, 3};
  const Made edwards = ed25519();
  const Bytes raw = sign(edwards.secret.get(), nullptr, hash);
  const auto blob = signature_blob("ssh-ed25519", raw);
  ASSERT_TRUE(blob);
  PacketReader reader(*blob);
  EXPECT_EQ(reader.string(), "ssh-ed25519");
  const ByteView inner = reader.bytes();
  EXPECT_EQ(Bytes(inner.begin(), inner.end()), raw);
  EXPECT_TRUE(reader.done());
}

// Any length of its two numbers: they have a zero byte in front half of the time, and are shorter now and then.
TEST(HostKey, AnEcdsaSignatureHasTheTwoNumbersOfItsDer) {
  const std::array<std::uint8_t, 32> hash{1, 2, 3};
  const Made made = ecdsa("P-521", "nistp521");
  for (int round = 0; round < 50; ++round) {
    const Bytes der = sign(made.secret.get(), EVP_sha512(), hash);
    const auto blob = signature_blob(made.shown.type, der);
    ASSERT_TRUE(blob);
    PacketReader outer(*blob);
    EXPECT_EQ(outer.string(), made.shown.type);
    PacketReader numbers(outer.bytes());
    const ByteView r = numbers.bytes();
    const ByteView s = numbers.bytes();
    EXPECT_TRUE(numbers.done() && outer.done());
    const unsigned char* from = der.data();
    ECDSA_SIG* const truth = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size()));
    BIGNUM* const ours_r = BN_bin2bn(r.data(), static_cast<int>(r.size()), nullptr);
    BIGNUM* const ours_s = BN_bin2bn(s.data(), static_cast<int>(s.size()), nullptr);
    EXPECT_EQ(BN_cmp(ours_r, ECDSA_SIG_get0_r(truth)), 0);
    EXPECT_EQ(BN_cmp(ours_s, ECDSA_SIG_get0_s(truth)), 0);
    EXPECT_TRUE(r[0] < 0x80 && s[0] < 0x80);
    BN_free(ours_r);
    BN_free(ours_s);
    ECDSA_SIG_free(truth);
  }
}

TEST(HostKey, BytesThatAreNoSignatureGiveNone) {
  EXPECT_FALSE(signature_blob("ssh-ed25519", Bytes(63)));
  EXPECT_FALSE(signature_blob("ssh-ed25519", Bytes()));
  EXPECT_FALSE(signature_blob("ecdsa-sha2-nistp256", Bytes()));
  EXPECT_FALSE(signature_blob("ecdsa-sha2-nistp256", Bytes{0x30, 4, 2, 1, 1, 2}));
  EXPECT_FALSE(signature_blob("ecdsa-sha2-nistp256", Bytes{0x30, 6, 2, 1, 1, 2, 1, 1, 0}));
}

}  // namespace
}  // namespace acl::node::ssh
