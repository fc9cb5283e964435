// Provenance: from the id of a rule to its place in the policy.
#include "engine/table/provenance.h"

#include "engine/table/testing.h"

namespace acl::table {
namespace {

Provenance sample() {
  return {"policy.hujson",
          {{5, RuleSection::grants, 0, 12}, {9, RuleSection::acls, 3, 40}, {1ULL << 63, RuleSection::ssh, 1, 7}}};
}

void expect_bad(const Bytes& bytes, const std::string& words) {
  const auto rules = parse_provenance(bytes);
  ASSERT_FALSE(rules) << words;
  EXPECT_EQ(rules.error().code, Code::E1203);
  EXPECT_THAT(rules.error().message, testing::HasSubstr(words));
}

Bytes with(std::size_t place, std::uint8_t value) {
  Bytes bytes = encode_provenance(sample());
  bytes.at(place) = value;
  return bytes;
}

constexpr std::size_t first_rule = 4 + 2 + 2 + 13 + 4;

TEST(Provenance, ComesBackAsItWas) { EXPECT_EQ(parse_provenance(encode_provenance(sample())), sample()); }

TEST(Provenance, FindsARuleByItsId) {
  const Provenance provenance = sample();
  for (const RulePlace& rule : provenance.rules) EXPECT_EQ(provenance.find(rule.id), &rule);
  for (const std::uint64_t id : {0ULL, 6ULL, ~0ULL}) EXPECT_EQ(provenance.find(id), nullptr);
}

TEST(Provenance, NamesRulesAsPeopleDo) {
  EXPECT_EQ(rule_name({1, RuleSection::grants, 0, 1}), "grants[0]");
  EXPECT_EQ(rule_name({1, RuleSection::acls, 3, 1}), "acls[3]");
  EXPECT_EQ(rule_name({1, RuleSection::ssh, 12, 1}), "ssh[12]");
  EXPECT_EQ(rule_name({1, RuleSection::allow_all, 0, 0}), "*");
}

TEST(Provenance, AnyShorterTextIsRefused) {
  const Bytes whole = encode_provenance(sample());
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_provenance(std::span(whole).first(length))) << length;
}

TEST(Provenance, IsRefusedWithWordsForEachFault) {
  expect_bad({}, "it is too short");
  expect_bad(with(0, 'X'), "it does not begin with ACLP");
  expect_bad(with(4, 2), "version \"2\" is not \"1\"");
  expect_bad(with(5, 1), "is not \"1\"");
  expect_bad(with(first_rule - 4, 4), "4 rules do not fit 51 bytes");
  expect_bad(with(first_rule - 1, 255), "do not fit");
  expect_bad(with(first_rule + 8, 0), "there is no section \"0\"");
  expect_bad(with(first_rule + 8, 5), "there is no section \"5\"");
  expect_bad(with(first_rule, 9), "its rules do not ascend");
}

}  // namespace
}  // namespace acl::table
