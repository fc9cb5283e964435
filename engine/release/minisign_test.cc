// Keys and signatures, also against minisign itself where it is installed (Debian: minisign).
#include "engine/release/minisign.h"

#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "engine/net/file.h"
#include "engine/release/base64.h"
#include "engine/release/quorum.h"
#include "engine/release/secret_key.h"
#include "engine/release/testing.h"

namespace acl::release {
namespace {

using testing::must;
using testing::Network;

SecretBytes secret_of(std::string_view text) {
  SecretBytes out(text.size());
  std::memcpy(out.data(), text.data(), text.size());
  return out;
}

std::string text_of(const SecretBytes& bytes) { return std::string(as_text({bytes.data(), bytes.size()})); }

TEST(Base64, HasOneTextForEachValue) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 3> out{};
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'A', static_cast<char>(c), 'A', 'A'};
    EXPECT_EQ(decode_base64(text, out), alphabet.find(static_cast<char>(c)) != std::string::npos) << c;
    if (decode_base64(text, out)) {
      EXPECT_EQ(encode_base64(out), text);
    }
  }
  std::array<std::uint8_t, 2> two{};
  EXPECT_TRUE(decode_base64("AAA=", two));
  for (const char* const text : {"AAB=", "AAA", "AAAA", "AA==", "AAA= ", " AAA=", "A=A=", "===="}) {
    EXPECT_FALSE(decode_base64(text, two)) << text;
  }
}

TEST(Signature, IsOfOneMessageByOneKey) {
  const SecretKey key = must(SecretKey::generate()), other = must(SecretKey::generate());
  const Signature signature = key.sign(as_bytes("message"), "comment");
  EXPECT_TRUE(verify(signature, key.public_key(), as_bytes("message")));
  EXPECT_FALSE(verify(signature, key.public_key(), as_bytes("Message")));
  EXPECT_FALSE(verify(signature, other.public_key(), as_bytes("message")));
  PublicKey renamed = other.public_key();
  renamed.id = key.public_key().id;
  EXPECT_FALSE(verify(signature, renamed, as_bytes("message")));
  Signature moved = signature;
  moved.trusted_comment = "Comment";
  EXPECT_FALSE(verify(moved, key.public_key(), as_bytes("message"))) << "the trusted comment is signed, too";
}

TEST(Signature, GoesThroughItsFileUnchanged) {
  const SecretKey key = must(SecretKey::generate());
  const std::string file = print_signature(key.sign(as_bytes("m"), "timestamp:1\tfile:head/1.1"));
  const Signature parsed = must(parse_signature(file, "s"));
  EXPECT_EQ(print_signature(parsed), file);
  EXPECT_TRUE(verify(parsed, key.public_key(), as_bytes("m")));
  EXPECT_LE(print_signature(key.sign(as_bytes("m"), std::string(2000, 'x'))).size(), signature_limit);
}

TEST(Signature, TrustedCommentCannotEndItsLine) {
  const SecretKey key = must(SecretKey::generate());
  const Signature signature = key.sign(as_bytes("m"), "a\nb\rc\x01 d\te\xc3\xa9");
  EXPECT_EQ(signature.trusted_comment, "a?b?c? d\te\xc3\xa9");
  EXPECT_TRUE(verify(must(parse_signature(print_signature(signature), "s")), key.public_key(), as_bytes("m")));
}

TEST(Signature, OfAnotherFormIsRefused) {
  const std::string file = print_signature(must(SecretKey::generate()).sign(as_bytes("m"), "c"));
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto cut = parse_signature(file.substr(0, size), "s");
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Code::E1007);
  }
  EXPECT_FALSE(parse_signature(file + "\n", "s"));
  std::string legacy = file;
  legacy.replace(legacy.find("\nRU"), 3, "\nRW");  // "Ed": over the message itself
  EXPECT_FALSE(parse_signature(legacy, "s"));
}

TEST(PublicKey, GoesThroughItsFileUnchanged) {
  const PublicKey key = must(SecretKey::generate()).public_key();
  const std::string file = print_public_key(key);
  EXPECT_EQ(parse_public_key(file, "k").value(), key);
  EXPECT_EQ(parse_public_key(file.substr(0, file.size() - 1), "k").value(), key);
  EXPECT_EQ(KeyId::parse(key.id.text()), key.id);
  for (const std::string& bad :
       {std::string(), std::string("x"), file + "x", file.substr(0, 60), std::string("untrusted comment: x\nRWQ\n")}) {
    const auto parsed = parse_public_key(bad, "k");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::E1005);
  }
}

// Somebody gives the secret key where the public one is asked for: the message must not repeat it.
TEST(PublicKey, MessageNeverHoldsASecretKey) {
  const SecretKey key = must(SecretKey::generate());
  const std::string secret = text_of(must(LockedKey::print(key, {})));
  const auto parsed = parse_public_key(secret, "k");
  ASSERT_FALSE(parsed);
  const std::string line = secret.substr(secret.find('\n') + 1, 40);
  EXPECT_EQ(parsed.error().message.find(line), std::string::npos);
  EXPECT_EQ(parsed.error().help.find(line), std::string::npos);
}

TEST(SecretKey, OpensWithItsPassphraseOnly) {
  const SecretKey key = must(SecretKey::generate());
  const std::string file = text_of(must(LockedKey::print(key, secret_of("right"), PassphraseCost::interactive)));
  const LockedKey locked = must(LockedKey::parse(file, "k"));
  EXPECT_FALSE(locked.is_open());
  EXPECT_EQ(must(locked.unlock(secret_of("right"))).public_key(), key.public_key());
  for (const char* const wrong : {"", "Right", "right "}) {
    EXPECT_EQ(locked.unlock(secret_of(wrong)).error().code, Code::E1008) << wrong;
  }
}

TEST(SecretKey, WithoutPassphraseOpensAtOnce) {
  const SecretKey key = must(SecretKey::generate());
  const LockedKey locked = must(LockedKey::parse(text_of(must(LockedKey::print(key, {}))), "k"));
  EXPECT_TRUE(locked.is_open());
  const SecretKey again = must(locked.unlock({}));
  EXPECT_TRUE(verify(again.sign(as_bytes("m"), ""), key.public_key(), as_bytes("m")));
}

// Signing with a public half that is not the secret's own would give the secret away.
TEST(SecretKey, WithAForeignPublicHalfIsRefused) {
  std::string file = text_of(must(LockedKey::print(must(SecretKey::generate()), {})));
  const std::size_t line = file.find('\n') + 1;
  Bytes bytes(158);
  ASSERT_TRUE(decode_base64(file.substr(line, 212), bytes));
  bytes[100] ^= 1;
  file.replace(line, 212, encode_base64(bytes));
  EXPECT_EQ(must(LockedKey::parse(file, "k")).unlock({}).error().code, Code::E1006);
}

TEST(SecretKey, ThatAsksForMoreMemoryThanMinisignDoesIsRefused) {
  std::string file =
      text_of(must(LockedKey::print(must(SecretKey::generate()), secret_of("p"), PassphraseCost::interactive)));
  const std::size_t line = file.find('\n') + 1;
  Bytes bytes(158);
  ASSERT_TRUE(decode_base64(file.substr(line, 212), bytes));
  bytes[46 + 5] = 1;  // 2^40 bytes
  file.replace(line, 212, encode_base64(bytes));
  EXPECT_EQ(LockedKey::parse(file, "k").error().code, Code::E1006);
}

TEST(SecretKey, OfAnotherFormIsRefused) {
  const std::string file = text_of(must(LockedKey::print(must(SecretKey::generate()), {})));
  for (std::size_t size = 0; size + 1 < file.size(); ++size) {
    EXPECT_FALSE(LockedKey::parse(file.substr(0, size), "k")) << size;
  }
  EXPECT_TRUE(LockedKey::parse(file.substr(0, file.size() - 1), "k")) << "the last line end may be missing";
  EXPECT_FALSE(LockedKey::parse(file + "\n", "k"));
}

// The signatures asked for are as many as are needed, and others only where those fail.
TEST(Quorum, AsksForAsManySignaturesAsAreNeeded) {
  Network network(5, 2);
  const std::string text = "text";
  Quorum quorum(text, network.trust);
  std::vector<KeyId> asked = quorum.ask();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_TRUE(quorum.ask().empty());
  const auto file_of = [&](const KeyId& id) {
    for (const SecretKey& key : network.keys) {
      if (key.public_key().id == id) return print_signature(key.sign(as_bytes(text), ""));
    }
    return std::string();
  };
  quorum.answer(asked[0], file_of(asked[0]));
  quorum.answer(asked[1], "not a signature");
  EXPECT_FALSE(quorum.met());
  EXPECT_FALSE(quorum.hopeless());
  asked = quorum.ask();
  ASSERT_EQ(asked.size(), 1U);
  quorum.answer(asked[0], file_of(asked[0]));
  quorum.answer(asked[0], file_of(asked[0]));  // again: not asked for
  EXPECT_TRUE(quorum.met());
}

TEST(Quorum, IsHopelessOnceNobodyIsLeft) {
  Network network(3, 2);
  Quorum quorum("text", network.trust);
  std::size_t asked = 0;
  while (!quorum.hopeless()) {
    const std::vector<KeyId> keys = quorum.ask();
    ASSERT_FALSE(keys.empty());
    asked += keys.size();
    for (const KeyId& key : keys) quorum.answer(key, std::nullopt);
  }
  EXPECT_EQ(asked, 3U);
  EXPECT_EQ(quorum.account(), "0 of 2 signatures of trust version 1 are valid");
}

// Against minisign itself.
class Tool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v minisign >/dev/null 2>&1") != 0) GTEST_SKIP() << "minisign is not installed";
    std::string name = (std::filesystem::temp_directory_path() / "aclc-minisign-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] int run(const std::string& command) const {
    const int status = std::system(("cd '" + folder_.string() + "' && " + command + " >/dev/null 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::filesystem::path folder_;
};

TEST_F(Tool, AcceptsOurSignaturesAndNoOthers) {
  const SecretKey key = must(SecretKey::generate());
  ASSERT_TRUE(replace_file(path("k.pub"), print_public_key(key.public_key())));
  ASSERT_TRUE(replace_file(path("m"), "message\n"));
  ASSERT_TRUE(replace_file(path("m.minisig"), print_signature(key.sign(as_bytes("message\n"), "comment"))));
  EXPECT_EQ(run("minisign -V -p k.pub -m m"), 0);
  EXPECT_EQ(run("minisign -V -H -p k.pub -m m"), 0) << "prehashed";
  EXPECT_EQ(run("minisign -V -P " + print_public_key_line(key.public_key()) + " -m m"), 0);
  ASSERT_TRUE(replace_file(path("m"), "Message\n"));
  EXPECT_NE(run("minisign -V -p k.pub -m m"), 0);
}

TEST_F(Tool, MakesKeysAndSignaturesThatWeRead) {
  ASSERT_EQ(run("minisign -G -W -p k.pub -s k.key"), 0);
  ASSERT_TRUE(replace_file(path("m"), "message\n"));
  ASSERT_EQ(run("minisign -S -s k.key -m m"), 0);
  const PublicKey key = must(parse_public_key(must(read_file(path("k.pub"))), "k.pub"));
  const Signature signature = must(parse_signature(must(read_file(path("m.minisig"))), "m.minisig"));
  EXPECT_TRUE(verify(signature, key, as_bytes("message\n")));
  const SecretKey secret = must(must(LockedKey::parse(must(read_file(path("k.key"))), "k.key")).unlock({}));
  EXPECT_EQ(secret.public_key(), key);
}

TEST_F(Tool, SignsWithOurKeysWithAndWithoutPassphrase) {
  const SecretKey key = must(SecretKey::generate());
  ASSERT_TRUE(replace_file(path("k.pub"), print_public_key(key.public_key())));
  ASSERT_TRUE(replace_file(path("m"), "message\n"));
  for (const std::string& passphrase : {std::string(), std::string("secret")}) {
    const SecretBytes file = must(LockedKey::print(key, secret_of(passphrase), PassphraseCost::interactive));
    ASSERT_TRUE(replace_file(path("k.key"), text_of(file)));
    ASSERT_EQ(run("rm -f m.minisig && echo '" + passphrase + "' | minisign -S -s k.key -m m"), 0) << passphrase;
    EXPECT_TRUE(verify(must(parse_signature(must(read_file(path("m.minisig"))), "m")), key.public_key(),
                       as_bytes("message\n")));
  }
}

}  // namespace
}  // namespace acl::release
