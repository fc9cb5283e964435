#include "lsp/server/snapshot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/generate/hujson_text.h"

namespace acl::lsp {
namespace {

std::shared_ptr<const Snapshot> policy_of(std::string text) {
  return make_snapshot("/p/policy.hujson", 1, FileKind::policy, std::move(text), policy::Dialect::tailscale, nullptr);
}

TEST(Snapshot, KindsAreToldByTheName) {
  EXPECT_EQ(kind_of("/a/policy.hujson"), FileKind::policy);
  EXPECT_EQ(kind_of("/a/access.test.hujson"), FileKind::fixture);
  EXPECT_EQ(kind_of("/a/inventory.json"), FileKind::inventory);
  EXPECT_EQ(kind_of("untitled:Untitled-1"), FileKind::policy);
}

TEST(Snapshot, OfATextWithASyntaxErrorHoldsWhatCouldBeRecovered) {
  const auto snapshot =
      policy_of("{\n\"groups\": {\"group:a\": [\"x@example.com\"], },\n\"hosts\": {\"h\": \"10.0.0.1\",\n\"acls\": [");
  EXPECT_FALSE(snapshot->whole);
  EXPECT_FALSE(snapshot->accepted);
  ASSERT_EQ(snapshot->file->policy.groups.size(), 1U);
  EXPECT_EQ(snapshot->file->policy.groups[0].name.value, "group:a");
}

TEST(Snapshot, OfATextWithoutErrorsIsAccepted) {
  const auto snapshot = policy_of("{\"acls\": []}\n");
  EXPECT_TRUE(snapshot->whole);
  EXPECT_TRUE(snapshot->accepted);
}

TEST(Snapshot, MembersWithoutANameAreLeftOutOfARecoveredTree) {
  const auto snapshot = policy_of("{groups: {\"group:a\": []}, {\"x\": 1}: 2, \"acls\": [], 3: 4}");
  const hujson::Tree& tree = snapshot->file->tree;
  ASSERT_FALSE(tree.nodes.empty());
  std::size_t names = 0;
  for (auto it = tree.root().begin(); it != tree.root().end(); ++it) {
    EXPECT_TRUE((*it).is(hujson::Kind::string));
    ++it;
    ++names;
  }
  EXPECT_EQ(names, 1U);
}

// Every object of a snapshot's tree has strings for names, each with a value, and each node ends within the one around it.
void expect_sound(const hujson::Value& value) {
  if (!value.is(hujson::Kind::object) && !value.is(hujson::Kind::array)) return;
  for (auto it = value.begin(); it != value.end(); ++it) {
    RC_ASSERT((*it).index() < value.node().next);
    if (value.is(hujson::Kind::object)) {
      RC_ASSERT((*it).is(hujson::Kind::string));
      ++it;
      RC_ASSERT((*it).index() < value.node().next);
    }
    expect_sound(*it);
  }
}

RC_GTEST_PROP(Snapshot, AnyCutOfATextHasASoundTree,
              (const std::vector<std::uint8_t>& choices, std::uint32_t a, std::uint32_t b)) {
  std::string text = generate::hujson_text(choices);
  if (!text.empty()) text.erase(a % text.size(), b % text.size());
  for (const char* path : {"/p/policy.hujson", "/p/a.test.hujson", "/p/inventory.hujson"}) {
    const auto snapshot = make_snapshot(path, 1, kind_of(path), text, policy::Dialect::tailscale, nullptr);
    if (!snapshot->file->tree.nodes.empty()) expect_sound(snapshot->file->tree.root());
  }
}

RC_GTEST_PROP(Snapshot, AnyBytesGiveOne, (const std::string& bytes)) { RC_ASSERT(policy_of(bytes)->text() == bytes); }

}  // namespace
}  // namespace acl::lsp
