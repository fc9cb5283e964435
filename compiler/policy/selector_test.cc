// Selectors are told apart by their form alone, in a fixed order.
#include "compiler/policy/selector.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace acl::policy {
namespace {

using Kind = SelectorKind;
using Fault = SelectorFault;

Kind kind(std::string_view text) { return parse_selector(text, {}).kind; }
Fault fault(std::string_view text) { return parse_selector(text, {}).fault; }
std::string_view name(std::string_view text) { return parse_selector(text, {}).name; }

TEST(Selector, EachFormHasItsKind) {
  EXPECT_EQ(kind(""), Kind::empty);
  EXPECT_EQ(kind("*"), Kind::wildcard);
  EXPECT_EQ(kind("group:eng"), Kind::group);
  EXPECT_EQ(kind("tag:web"), Kind::tag);
  EXPECT_EQ(kind("autogroup:member"), Kind::autogroup);
  EXPECT_EQ(kind("ipset:dc"), Kind::ipset);
  EXPECT_EQ(kind("svc:wiki"), Kind::service);
  EXPECT_EQ(kind("user:*@example.com"), Kind::user_domain);
  EXPECT_EQ(kind("localpart:*@example.com"), Kind::localpart);
  EXPECT_EQ(kind("posture:managed"), Kind::posture);
  EXPECT_EQ(kind("host:vault"), Kind::host);
  EXPECT_EQ(kind("100.64.0.7"), Kind::address);
  EXPECT_EQ(kind("fd7a:115c:a1e0::7"), Kind::address);
  EXPECT_EQ(kind("10.0.0.0/8"), Kind::prefix);
  EXPECT_EQ(kind("fd7a::/48"), Kind::prefix);
  EXPECT_EQ(kind("10.0.0.1-10.0.0.9"), Kind::range);
  EXPECT_EQ(kind("fd7a::1-fd7a::9"), Kind::range);
  EXPECT_EQ(kind("ana@example.com"), Kind::user);
  EXPECT_EQ(kind("ana@github"), Kind::user);
  EXPECT_EQ(kind("ana@"), Kind::user);
  EXPECT_EQ(kind("vault"), Kind::host);
}

// A group that an identity provider synchronises has an @ and is a group all the same: the word comes first.
TEST(Selector, TheWordBeforeTheColonDecidesBeforeAnythingElse) {
  EXPECT_EQ(kind("group:eng@example.com"), Kind::group);
  EXPECT_EQ(kind("tag:10.0.0.1"), Kind::tag);
  EXPECT_EQ(kind("posture:*"), Kind::posture);
  EXPECT_EQ(kind("groups:eng"), Kind::host);
  EXPECT_EQ(kind(":group:eng"), Kind::host);
}

TEST(Selector, TheNameStandsBehindTheColon) {
  EXPECT_EQ(name("group:eng"), "eng");
  EXPECT_EQ(name("tag:a:b"), "a:b");
  EXPECT_EQ(name("user:*@example.com"), "example.com");
  EXPECT_EQ(name("host:vault"), "vault");
  EXPECT_EQ(name("vault"), "vault");
  EXPECT_TRUE(parse_selector("host:vault", {}).prefixed);
  EXPECT_FALSE(parse_selector("vault", {}).prefixed);
}

TEST(Selector, AWordWithoutANameIsMalformed) {
  for (const std::string_view text : {"group:", "tag:", "autogroup:", "ipset:", "svc:", "posture:", "host:"}) {
    EXPECT_EQ(fault(text), Fault::name) << text;
  }
}

TEST(Selector, UserDomainsAreStarAtDomainAndNothingElse) {
  EXPECT_EQ(fault("user:*@example.com"), Fault::none);
  for (const std::string_view text : {"user:", "user:*@", "user:ana@example.com", "user:a*@example.com", "user:*"}) {
    EXPECT_EQ(fault(text), Fault::user_pattern) << text;
  }
}

TEST(Selector, LoginsHaveNoWildcards) {
  EXPECT_EQ(fault("*@example.com"), Fault::wildcard);
  EXPECT_EQ(fault("ana@*"), Fault::wildcard);
  EXPECT_EQ(fault("ana@example.com"), Fault::none);
}

TEST(Selector, PrefixesAreMaskedAndTold) {
  const Selector selector = parse_selector("10.1.2.3/24", {});
  EXPECT_EQ(selector.kind, Kind::prefix);
  EXPECT_EQ(selector.fault, Fault::host_bits);
  EXPECT_EQ(selector.prefix.text(), "10.1.2.0/24");
  EXPECT_EQ(fault("10.1.2.0/24"), Fault::none);
  EXPECT_EQ(fault("10.1.2.3/32"), Fault::none);
  EXPECT_EQ(kind("10.1.2.3/32"), Kind::prefix);
}

TEST(Selector, AnAddressAndASlashIsAPrefixEvenIfItsLengthIsWrong) {
  for (const std::string_view text : {"10.0.0.0/33", "fd7a::/129", "10.0.0.0/", "10.0.0.0/08"}) {
    EXPECT_EQ(kind(text), Kind::prefix) << text;
    EXPECT_EQ(fault(text), Fault::prefix) << text;
  }
}

TEST(Selector, RangesHaveEndsOfOneFamilyInOrder) {
  EXPECT_EQ(fault("10.0.0.1-10.0.0.9"), Fault::none);
  EXPECT_EQ(fault("10.0.0.1-10.0.0.1"), Fault::none);
  EXPECT_EQ(fault("10.0.0.9-10.0.0.1"), Fault::range);
  EXPECT_EQ(fault("10.0.0.1-fd7a::1"), Fault::range);
  EXPECT_EQ(parse_selector("10.0.0.1-10.0.0.9", {}).range_last.text(), "10.0.0.9");
}

TEST(Selector, WhatIsNoAddressIsAHost) {
  for (const std::string_view text : {"10.0.0", "256.1.1.1", "10.0.0.01", "db-1", "web.example.com", "cafe", "a-b"}) {
    EXPECT_EQ(kind(text), Kind::host) << text;
  }
}

TEST(Selector, WordsInCapitalsAreReadAndNoted) {
  EXPECT_EQ(kind("Tag:web"), Kind::tag);
  EXPECT_TRUE(parse_selector("Tag:web", {}).odd_case);
  EXPECT_FALSE(parse_selector("tag:Web", {}).odd_case);
}

TEST(Selector, AutogroupsAreKnownByName) {
  const auto autogroup = [](std::string_view text) { return parse_selector(text, {}).autogroup; };
  EXPECT_EQ(autogroup("autogroup:member"), Autogroup::member);
  EXPECT_EQ(autogroup("autogroup:members"), Autogroup::member);
  EXPECT_TRUE(parse_selector("autogroup:members", {}).plural);
  EXPECT_FALSE(parse_selector("autogroup:member", {}).plural);
  EXPECT_EQ(autogroup("autogroup:danger-all"), Autogroup::danger_all);
  EXPECT_EQ(autogroup("autogroup:bogus"), Autogroup::unknown);
  EXPECT_EQ(autogroup("member"), Autogroup::none);
  for (const std::string_view role : {"owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor"}) {
    EXPECT_TRUE(is_role(autogroup("autogroup:" + std::string(role)))) << role;
  }
  for (const std::string_view other :
       {"member", "tagged", "self", "internet", "shared", "danger-all", "nonroot", "x"}) {
    EXPECT_FALSE(is_role(autogroup("autogroup:" + std::string(other)))) << other;
  }
}

TEST(Selector, PlaceholdersOfTemplateLanguagesAreSeen) {
  for (const std::string_view text : {"${var.tag}", "tag:{{ name }}", "%{ if x }"}) {
    EXPECT_TRUE(looks_like_template(text)) << text;
  }
  for (const std::string_view text : {"$HOME", "{name}", "100%", "tag:web"}) {
    EXPECT_FALSE(looks_like_template(text)) << text;
  }
}

TEST(Selector, CaseIsThatOfAscii) {
  EXPECT_TRUE(equal_ignoring_case("tagOwners", "TAGOWNERS"));
  EXPECT_FALSE(equal_ignoring_case("tag", "tags"));
  EXPECT_FALSE(equal_ignoring_case("\xc3\xa9", "\xc3\x89"));  // é, É
  EXPECT_EQ(lower_case("Tag:WEB-1"), "tag:web-1");
}

TEST(SelectorProperty, AnyTextIsSomeSelectorWithinItself) {
  EXPECT_TRUE(rc::check([] {
    static const std::vector<std::string> parts = {"tag:",    "group:", "user:", "*", "@", "10.0.0.1", "/",     "-",
                                                   "fd7a::1", "x",      ":",     "[", "]", "24",       "host:", "\xff"};
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(parts))) text += part;
    const Selector selector = parse_selector(text, {3, 9});
    RC_ASSERT(selector.text == text);
    RC_ASSERT(selector.name.data() >= selector.text.data());
    RC_ASSERT(selector.name.data() + selector.name.size() == selector.text.data() + selector.text.size());
    RC_ASSERT((selector.span == Span{3, 9}));
    RC_ASSERT((selector.kind == Kind::empty) == text.empty());
  }));
}

}  // namespace
}  // namespace acl::policy
