#include "node/verify/sshsig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/verify/testing.h"

namespace acl::node::verify {
namespace {

using ::testing::HasSubstr;
using testing::SecurityKeyPair;
using testing::ssh_string;
using testing::SshSignature;

constexpr std::string_view message = "aclnode check as root on db from laptop: 5f1a";

const SecurityKeyPair& ed25519() {
  static const SecurityKeyPair pair = SecurityKeyPair::ed25519();
  return pair;
}
const SecurityKeyPair& ecdsa() {
  static const SecurityKeyPair pair = SecurityKeyPair::ecdsa();
  return pair;
}

Expected<std::size_t> verify(std::string pasted, std::vector<std::string> keys, std::string_view over = message) {
  return verify_signature({std::move(pasted), std::string(over), "aclnode-check@example.com", std::move(keys)});
}

std::string refusal(const SshSignature& signature, const SecurityKeyPair& by = ed25519()) {
  const auto verified = verify(signature.armoured(by, message), {ed25519().line(), ecdsa().line()});
  if (verified) return "verified";
  EXPECT_EQ(verified.error().code, Code::E1432);
  return verified.error().message;
}

TEST(Sshsig, OfEachKindOfKeyAndHashIsVerifiedAndSaysByWhichKey) {
  const std::vector<std::string> keys = {ed25519().line(), ecdsa().line() + " a comment"};
  for (const char* const hash : {"sha256", "sha512"}) {
    SshSignature signature;
    signature.hash = hash;
    EXPECT_EQ(verify(signature.armoured(ed25519(), message), keys), 0U);
    EXPECT_EQ(verify(signature.armoured(ecdsa(), message), keys), 1U);
  }
}

TEST(Sshsig, WithPinOrOtherFlagsBesideTheTouchIsVerified) {
  SshSignature signature;
  signature.flags = 0x05;
  EXPECT_EQ(refusal(signature), "verified");
}

TEST(Sshsig, SurvivesWhatTerminalsDoToBlanksAndLineEnds) {
  std::string pasted = SshSignature{}.armoured(ed25519(), message);
  std::string carriage, joined = pasted, spaced;
  for (const char c : pasted) carriage += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::erase(joined, '\n');
  for (const char c : pasted) spaced += c == '\n' ? ' ' : c;
  for (const std::string& each : {carriage, joined, "  " + spaced + "\n\n"})
    EXPECT_EQ(verify(each, {ed25519().line()}), 0U) << each;
}

TEST(Sshsig, ForAnotherNamespaceIsRefused) {
  SshSignature signature;
  signature.name_space = "aclnode-check@example.org";
  EXPECT_THAT(refusal(signature), HasSubstr("namespace \"aclnode-check@example.org\""));
  signature.name_space = "file";
  EXPECT_THAT(refusal(signature), HasSubstr("namespace \"file\""));
}

// A signature for another login, host or time: its text is another.
TEST(Sshsig, OverAnotherMessageIsRefused) {
  for (const SecurityKeyPair* const key : {&ed25519(), &ecdsa()}) {
    const auto verified = verify(SshSignature{}.armoured(*key, "another text"), {key->line()});
    ASSERT_FALSE(verified);
    EXPECT_THAT(verified.error().message, HasSubstr("not over the text"));
  }
}

TEST(Sshsig, WithoutTheUserPresenceFlagIsRefused) {
  SshSignature signature;
  for (const char flags : {'\0', '\x04'}) {
    signature.flags = flags;
    EXPECT_THAT(refusal(signature), HasSubstr("nobody touched"));
  }
}

TEST(Sshsig, WithAFlagThatWasNotSignedIsRefused) {
  SshSignature signature;
  signature.flags = 0;
  std::string binary = signature.binary(ed25519(), message);
  binary[binary.size() - 5] = 1;
  const auto verified =
      verify("-----BEGIN SSH SIGNATURE-----" + testing::base64(binary, sodium_base64_VARIANT_ORIGINAL) +
                 "-----END SSH SIGNATURE-----",
             {ed25519().line()});
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, HasSubstr("not over the text"));
}

TEST(Sshsig, ByAKeyThatIsNotAllowedIsRefused) {
  EXPECT_THAT(refusal(SshSignature{}, SecurityKeyPair::ed25519()), HasSubstr("not among this user's"));
  EXPECT_FALSE(verify(SshSignature{}.armoured(ed25519(), message), {}));
}

// The allowed key's blob with another key's signature.
TEST(Sshsig, ThatOnlyNamesAnAllowedKeyIsRefused) {
  SshSignature signature;
  signature.blob = ed25519().blob;
  EXPECT_THAT(refusal(signature, SecurityKeyPair::ed25519()), HasSubstr("not over the text"));
  signature.blob = ecdsa().blob;
  EXPECT_THAT(refusal(signature, SecurityKeyPair::ecdsa()), HasSubstr("not over the text"));
}

TEST(Sshsig, ByAKeyInAFileIsRefusedEvenIfItIsListed) {
  SecurityKeyPair plain = SecurityKeyPair::ed25519();
  plain.type = "ssh-ed25519";
  plain.blob = ssh_string(plain.type) + ssh_string(std::string(32, 'k'));
  const auto verified = verify(SshSignature{}.armoured(plain, message), {plain.line()});
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, HasSubstr("not by a key on a FIDO2 device"));
}

TEST(Sshsig, OfAnotherTypeThanItsKeyIsRefused) {
  SshSignature signature;
  signature.type = "sk-ecdsa-sha2-nistp256@openssh.com";
  EXPECT_THAT(refusal(signature), HasSubstr("form of its key"));
  signature.type = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
  EXPECT_THAT(refusal(signature, ecdsa()), HasSubstr("form of its key"));
}

TEST(Sshsig, WithAnotherHashIsRefused) {
  SshSignature signature;
  for (const char* const hash : {"sha1", "md5", "SHA512", ""}) {
    signature.hash = hash;
    EXPECT_THAT(refusal(signature), HasSubstr("neither sha256 nor sha512"));
  }
}

TEST(Sshsig, OfAnotherVersionOrMagicIsRefused) {
  SshSignature signature;
  signature.version = 2;
  EXPECT_THAT(refusal(signature), HasSubstr("version 2"));
  signature.magic = "SSHSIH";
  EXPECT_THAT(refusal(signature), HasSubstr("no signature of ssh-keygen"));
}

TEST(Sshsig, WithBytesAfterItIsRefused) {
  SshSignature signature;
  signature.rest = std::string(1, '\0');
  EXPECT_THAT(refusal(signature), HasSubstr("something follows"));
  SshSignature inner;
  inner.inner_rest = std::string(1, '\0');
  EXPECT_THAT(refusal(inner), HasSubstr("form of its key"));
}

TEST(Sshsig, WithTextBesideTheBlockIsRefused) {
  const std::string good = SshSignature{}.armoured(ed25519(), message);
  for (const std::string& each : {"x" + good, good + "x", good + good, good.substr(0, good.size() - 10), std::string()})
    EXPECT_FALSE(verify(each, {ed25519().line()})) << each;
}

TEST(Sshsig, ThatIsBrokenAnywhereIsRefused) {
  const std::string binary = SshSignature{}.binary(ecdsa(), message);
  for (std::size_t at = 0; at < binary.size(); ++at) {
    std::string broken = binary;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    // The counter and the touch are signed as well, so that no byte is free.
    for (const std::string& each : {broken, binary.substr(0, at)})
      EXPECT_FALSE(verify("-----BEGIN SSH SIGNATURE-----" + testing::base64(each, sodium_base64_VARIANT_ORIGINAL) +
                              "-----END SSH SIGNATURE-----",
                          {ecdsa().line()}))
          << at;
  }
}

TEST(Sshsig, IsNotVerifiedByLinesThatAreNoSecurityKeys) {
  const std::string good = SshSignature{}.armoured(ed25519(), message);
  const std::string line = ed25519().line();
  for (const std::string& each :
       {std::string("sk-ssh-ed25519@openssh.com"), std::string("sk-ssh-ed25519@openssh.com AAAA"),
        "sk-ecdsa-sha2-nistp256@openssh.com" + line.substr(line.find(' ')), line.substr(line.find(' ') + 1)})
    EXPECT_FALSE(verify(good, {each})) << each;
}

RC_GTEST_PROP(Sshsig, NeverOfAnyBytes, (const std::vector<std::uint8_t>& bytes)) {
  const std::string text(bytes.begin(), bytes.end());
  RC_ASSERT(!verify(text, {ed25519().line()}));
  RC_ASSERT(!verify("-----BEGIN SSH SIGNATURE-----" + testing::base64("SSHSIG" + text, sodium_base64_VARIANT_ORIGINAL) +
                        "-----END SSH SIGNATURE-----",
                    {ed25519().line()}));
}

}  // namespace
}  // namespace acl::node::verify
