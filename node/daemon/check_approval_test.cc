#include "node/daemon/check_approval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/release/testing.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;

constexpr release::Time noon = 1'800'000'000, hour = 3600;

struct World {
  World() {
    trust.version = 1;
    trust.threshold = 1;
    trust.keys.push_back({signer.public_key(), "ann"});
    node[0] = 2;
    approval = {node, {Key{1}, "ann@example.com"}, noon, noon + hour};
  }
  [[nodiscard]] std::string signature(std::string_view text) const {
    return release::print_signature(signer.sign(release::as_bytes(text), "approval"));
  }
  // Of the approval as it is, signed; what is wrong with it.
  [[nodiscard]] std::string fault(release::Time now = noon) const {
    const std::string text = print_approval(approval);
    const auto read = read_approval(text, signature(text), trust, node, now);
    return read ? "" : std::string(code_name(read.error().code)) + ": " + read.error().message;
  }

  release::SecretKey signer = release::testing::key_of_signer(1);
  release::TrustSet trust;
  Key node{};
  CheckApprovalText approval;
};

TEST(SignedApprovals, OfATrustedKeyForThisNodeCountWithinTheirTime) {
  const World world;
  const std::string text = print_approval(world.approval);
  const auto read = read_approval(text, world.signature(text), world.trust, world.node, noon);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->subject, world.approval.subject);
  EXPECT_EQ(read->approval.from, noon);
  EXPECT_EQ(read->approval.until, noon + hour);
  EXPECT_EQ(read->approval.by, world.signer.public_key().id.text());
}

TEST(SignedApprovals, BeforeAndAfterTheirTimeCountForNothing) {
  const World world;
  EXPECT_EQ(world.fault(noon + hour - 1), "");
  EXPECT_THAT(world.fault(noon - 1), HasSubstr("E1424: the approval does not count: it begins at"));
  EXPECT_THAT(world.fault(noon + hour), HasSubstr("it ended at"));
}

TEST(SignedApprovals, ForAnotherNodeCountForNothing) {
  World world;
  world.approval.node[0] = 9;
  EXPECT_THAT(world.fault(), HasSubstr("another node"));
}

TEST(SignedApprovals, ThatLastForeverCountForNothing) {
  World world;
  world.approval.until = noon + Checks::longest_period + 1;
  EXPECT_THAT(world.fault(), HasSubstr("lasts longer"));
  world.approval.until = noon;
  EXPECT_THAT(world.fault(), HasSubstr("or not at all"));
}

TEST(SignedApprovals, OfAKeyThatIsNotTrustedCountForNothing) {
  World world;
  world.trust.keys.clear();
  EXPECT_THAT(world.fault(), HasSubstr("none of the trust set"));
  // With the number of a trusted key, and another key's signature.
  const release::SecretKey other = release::testing::key_of_signer(2);
  world.trust.keys.push_back({{world.signer.public_key().id, other.public_key().key}, "mallory"});
  EXPECT_THAT(world.fault(), HasSubstr("signature is of another text"));
}

TEST(SignedApprovals, OfAnotherTextCountForNothing) {
  World world;
  const std::string signature = world.signature(print_approval(world.approval));
  world.approval.subject.person = "bob@example.com";
  const auto read = read_approval(print_approval(world.approval), signature, world.trust, world.node, noon);
  EXPECT_THAT(read.error().message, HasSubstr("signature is of another text"));
}

RC_GTEST_PROP(SignedApprovals, OfAnyBytesAreReadOrRefused, (const std::string& bytes)) {
  const auto read = parse_approval("aclnode check approval 1\n" + bytes);
  if (!read) RC_ASSERT(read.error().code == Code::E1424);
}

TEST(SignedApprovals, ReadBackAsTheyWereWritten) {
  const World world;
  const std::string text = print_approval(world.approval);
  const auto read = parse_approval(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(print_approval(*read), text);
  EXPECT_FALSE(parse_approval(text + "more\n"));
  EXPECT_FALSE(parse_approval(text.substr(0, text.size() - 1)));
  EXPECT_FALSE(parse_approval(text + std::string(approval_limit, '\n')));
}

}  // namespace
}  // namespace acl::node
