#include "engine/net/suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace acl {
namespace {

using Names = std::vector<std::string_view>;

std::string suggestion(std::string_view word, const Names& names) {
  return std::string(nearest(word, names).value_or("(none)"));
}

TEST(Nearest, OneMistakeOfEachKind) {
  const Names names = {"autogroup:member", "tag:server", "group:admins"};
  EXPECT_EQ(suggestion("tag:servr", names), "tag:server");    // a letter missing
  EXPECT_EQ(suggestion("tag:serrver", names), "tag:server");  // one too many
  EXPECT_EQ(suggestion("tag:servir", names), "tag:server");   // another one
  EXPECT_EQ(suggestion("tag:sevrer", names), "tag:server");   // two swapped
  EXPECT_EQ(suggestion("tga:server", names), "tag:server");   // in the prefix
  EXPECT_EQ(suggestion("server", Names{"servers"}), "servers");
}

TEST(Nearest, LetterCaseIsNoDistance) {
  EXPECT_EQ(suggestion("tagowners", Names{"tests", "tagOwners"}), "tagOwners");
  EXPECT_EQ(suggestion("IP", Names{"id", "ip"}), "ip");
}

TEST(Nearest, TheNearestWinsAndOfEquallyNearOnesTheFirst) {
  EXPECT_EQ(suggestion("production", Names{"productive", "productions", "predictions"}), "productions");
  EXPECT_EQ(suggestion("hosts", Names{"posts", "costs"}), "posts");
}

TEST(Nearest, AtMostAThirdOfTheNameMayDiffer) {
  EXPECT_EQ(suggestion("abcdef", Names{"abcdxy"}), "abcdxy");
  EXPECT_EQ(suggestion("abcdef", Names{"abcxyz"}), "(none)");
  EXPECT_EQ(suggestion("acl", Names{"acls"}), "acls");
  EXPECT_EQ(suggestion("ip", Names{"id"}), "(none)");
  EXPECT_EQ(suggestion("grants", Names{"ssh", "hosts"}), "(none)");
}

// What all tags begin with says nothing about which tag was meant.
TEST(Nearest, ASharedPrefixCountsForNothing) {
  EXPECT_EQ(suggestion("tag:a", Names{"tag:b", "tag:c"}), "(none)");
  EXPECT_EQ(suggestion("autogroup:tagged", Names{"autogroup:admin"}), "(none)");
  EXPECT_EQ(suggestion("autogroup:memeber", Names{"autogroup:members", "autogroup:member"}), "autogroup:member");
}

TEST(Nearest, TheWordItselfIsNoSuggestion) {
  EXPECT_EQ(suggestion("tag:server", Names{"tag:server"}), "(none)");
  EXPECT_EQ(suggestion("tag:server", Names{"tag:server", "tag:servers"}), "tag:servers");
}

TEST(Nearest, NothingToChooseFrom) {
  EXPECT_EQ(suggestion("word", {}), "(none)");
  EXPECT_EQ(suggestion("", Names{""}), "(none)");
  EXPECT_EQ(suggestion("", Names{"a", "ab"}), "(none)");
}

TEST(Nearest, OverlongNamesAreNotCompared) {
  const std::string hundred(100, 'a');
  const std::string more(101, 'a');
  EXPECT_EQ(suggestion(more, Names{hundred}), "(none)");
  EXPECT_EQ(suggestion(hundred, Names{more}), "(none)");
  const std::string other = std::string(99, 'a') + "b";
  EXPECT_EQ(suggestion(hundred, Names{other}), other);
}

TEST(Nearest, BytesThatAreNoTextAreOnlyBytes) {
  EXPECT_EQ(suggestion("tag:\xff\xfe\x80ing", Names{"tag:\xff\xfe\x81ing"}), "tag:\xff\xfe\x81ing");
}

}  // namespace
}  // namespace acl
