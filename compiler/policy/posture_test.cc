// Posture assertions: their grammar, and what is known of attributes.
#include "compiler/policy/posture.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace acl::policy {
namespace {

using Op = PostureOperator;
using Operands = std::vector<PostureOperand>;

PostureAssertion parsed(std::string_view text) {
  const auto assertion = parse_assertion(text);
  if (assertion) return *assertion;
  ADD_FAILURE() << text << ": " << assertion.error().message;
  return {};
}

bool refused(std::string_view text) { return !parse_assertion(text).has_value(); }

TEST(Posture, AnAssertionIsAttributeOperatorOperand) {
  const PostureAssertion assertion = parsed("node:os == 'linux'");
  EXPECT_EQ(assertion.attribute, "node:os");
  EXPECT_EQ(assertion.op, Op::equal);
  EXPECT_EQ(assertion.operands, (Operands{std::string("linux")}));
}

TEST(Posture, EveryOperatorIsKnown) {
  EXPECT_EQ(parsed("custom:n == 1").op, Op::equal);
  EXPECT_EQ(parsed("custom:n != 1").op, Op::not_equal);
  EXPECT_EQ(parsed("custom:n < 1").op, Op::less);
  EXPECT_EQ(parsed("custom:n <= 1").op, Op::at_most);
  EXPECT_EQ(parsed("custom:n > 1").op, Op::greater);
  EXPECT_EQ(parsed("custom:n >= 1").op, Op::at_least);
  EXPECT_EQ(parsed("custom:n IN [1]").op, Op::in);
  EXPECT_EQ(parsed("custom:n NOT IN [1]").op, Op::not_in);
  EXPECT_EQ(parsed("custom:n IS SET").op, Op::is_set);
  EXPECT_EQ(parsed("custom:n NOT SET").op, Op::not_set);
}

// Lower case `in` stands in documents.
TEST(Posture, WordsMayBeInLowerCase) {
  EXPECT_EQ(parsed("node:os in ['linux']").op, Op::in);
  EXPECT_EQ(parsed("node:os not in ['linux']").op, Op::not_in);
  EXPECT_EQ(parsed("custom:n is set").op, Op::is_set);
}

TEST(Posture, OperandsAreStringsNumbersAndBooleans) {
  EXPECT_EQ(parsed("custom:x == 'gold'").operands, (Operands{std::string("gold")}));
  EXPECT_EQ(parsed("custom:x == ''").operands, (Operands{std::string()}));
  EXPECT_EQ(parsed("custom:x == 75").operands, (Operands{75.0}));
  EXPECT_EQ(parsed("custom:x == -1.5").operands, (Operands{-1.5}));
  EXPECT_EQ(parsed("custom:x == true").operands, (Operands{true}));
  EXPECT_EQ(parsed("custom:x == false").operands, (Operands{false}));
}

TEST(Posture, ListsHoldOneOperandOrMore) {
  EXPECT_EQ(parsed("node:os IN ['macos', 'windows']").operands,
            (Operands{std::string("macos"), std::string("windows")}));
  EXPECT_EQ(parsed("custom:x IN [1,true,'a']").operands, (Operands{1.0, true, std::string("a")}));
  for (const std::string_view text :
       {"node:os IN []", "node:os IN ['a',]", "node:os IN ['a' 'b']", "node:os IN ['a'", "node:os IN 'a'"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Posture, SetTakesNoOperand) {
  EXPECT_TRUE(parsed("custom:x IS SET").operands.empty());
  EXPECT_TRUE(refused("custom:x IS SET 'a'"));
  EXPECT_TRUE(refused("custom:x IS"));
  EXPECT_TRUE(refused("custom:x NOT"));
  EXPECT_TRUE(refused("custom:x SETTER"));
}

TEST(Posture, AttributesAreNamespaceColonName) {
  EXPECT_EQ(parsed("custom:a_b:c == 1").attribute, "custom:a_b:c");
  for (const std::string_view text : {"os == 'linux'", ":os == 'linux'", "node: == 'linux'", "== 'linux'", ""}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Posture, StringsStandInSingleQuotesWithoutQuotesInside) {
  for (const std::string_view text :
       {"node:os == linux", "node:os == \"linux\"", "node:os == 'linux", "node:os == 'a''b'", "node:os == 'a'b"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Posture, NumbersArePlain) {
  for (const std::string_view text : {"custom:x == 1.2.3", "custom:x == 0x10", "custom:x == nan", "custom:x == inf",
                                      "custom:x == -", "custom:x =="}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Posture, OperatorsAreTheseTenOnly) {
  for (const std::string_view text : {"node:os", "node:os = 'a'", "node:os === 'a'", "node:os ~= 'a'",
                                      "node:os LIKE 'a'", "node:os == 'a' && node:os == 'b'", "node:os INSIDE ['a']"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(Posture, AFaultSaysWhereItIs) {
  const auto assertion = parse_assertion("node:os == linux");
  ASSERT_FALSE(assertion);
  EXPECT_EQ(assertion.error().offset, 11U);
  EXPECT_EQ(assertion.error().message, "\"linux\" is no value: strings stand in single quotes");
}

TEST(Posture, AttributesOfTheDeviceHaveAType) {
  EXPECT_EQ(posture_attribute_kind("node:os"), AttributeKind::string);
  EXPECT_EQ(posture_attribute_kind("node:tsReleaseTrack"), AttributeKind::string);
  EXPECT_EQ(posture_attribute_kind("ip:country"), AttributeKind::string);
  EXPECT_EQ(posture_attribute_kind("node:osVersion"), AttributeKind::version);
  EXPECT_EQ(posture_attribute_kind("node:tsVersion"), AttributeKind::version);
  EXPECT_EQ(posture_attribute_kind("node:tsAutoUpdate"), AttributeKind::boolean);
  EXPECT_EQ(posture_attribute_kind("node:tsStateEncrypted"), AttributeKind::boolean);
}

TEST(Posture, IntegrationsAndCustomAttributesAreOpen) {
  for (const std::string_view space :
       {"custom", "falcon", "intune", "jamfpro", "kandji", "kolide", "sentinelone", "fleet", "huntress"}) {
    EXPECT_EQ(posture_attribute_kind(std::string(space) + ":x"), AttributeKind::any) << space;
  }
  for (const std::string_view text : {"node:bogus", "node:OS", "ip:city", "acme:score", "node"}) {
    EXPECT_EQ(posture_attribute_kind(text), AttributeKind::unknown) << text;
  }
}

TEST(PostureProperty, AnyTextIsReadOrRefusedWithinItself) {
  EXPECT_TRUE(rc::check([] {
    static const std::vector<std::string> parts = {"node:os", "custom:", "==", "IN", "NOT",  "IS",
                                                   "SET",     "[",       "]",  ",",  "'a'",  "'",
                                                   "1",       "e",       " ",  "-",  "true", "\xff"};
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(parts))) text += part;
    const auto assertion = parse_assertion(text);
    if (!assertion) {
      RC_ASSERT(assertion.error().offset <= text.size());
      RC_ASSERT(!assertion.error().message.empty());
      return;
    }
    const bool unary = assertion->op == Op::is_set || assertion->op == Op::not_set;
    RC_ASSERT(assertion->operands.empty() == unary);
  }));
}

}  // namespace
}  // namespace acl::policy
