#include "lsp/server/first_look.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "engine/net/file.h"
#include "lsp/server/testing.h"

namespace acl::lsp {
namespace {

constexpr std::string_view policy = R"({
	"groups": {
		"group:eng": ["ana@example.com"],
		"group:ops": ["bob@example.com"],
	},
	"tagOwners": {"tag:web": ["group:ops"]},
	"acls": [
		{"action": "accept", "src": ["group:eng"], "dst": ["tag:web:443"]},
		{"action": "accept", "src": ["group:nobody"], "dst": ["tag:web:22"]},
		{"action": "accept", "src": ["group:ops"], "dst": ["*:22"]},
	],
}
)";

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  out.replace(out.find(what), what.size(), by);
  return out;
}

// What is said, and of which words.
std::vector<std::string> words(const std::vector<Diagnostic>& diagnostics, std::string_view text) {
  std::vector<std::string> out;
  for (const Diagnostic& one : diagnostics) {
    const Span at = one.place ? one.place->bytes : Span{};
    out.push_back(std::string(code_name(one.code)) + " " + std::string(text.substr(at.begin, at.end - at.begin)));
  }
  return out;
}

std::vector<std::string> told(std::string_view before, std::string_view after) {
  const auto look = first_look(*snapshot_of(std::string(before)), after);
  return look ? words(*look, after) : std::vector<std::string>{"nothing"};
}

TEST(FirstLook, ARuleThatIsMadeWrongIsMarkedAndOthersKeepTheirMarksWhereTheyStandNow) {
  const auto after = replaced(policy, "[\"group:eng\"], \"dst\"", "[\"group:engine\", \"tag:x\"], \"dst\"");
  EXPECT_EQ(told(policy, after),
            (std::vector<std::string>{"E0302 \"group:engine\"", "E0301 \"tag:x\"", "E0302 \"group:nobody\""}));
}

TEST(FirstLook, AMistakeThatIsMendedIsMarkedNoMore) {
  EXPECT_EQ(told(policy, replaced(policy, "group:nobody", "group:ops")), std::vector<std::string>{});
}

TEST(FirstLook, AChangeThatIsTakenBackLeavesAllAsItWas) {
  EXPECT_EQ(told(policy, policy), std::vector<std::string>{"E0302 \"group:nobody\""});
}

TEST(FirstLook, AMemberOfAGroupIsJudgedInItsPlace) {
  const auto after = replaced(policy, "[\"bob@example.com\"]", "[\"bob@example.com\", \"tag:web\"]");
  EXPECT_EQ(told(policy, after).front().substr(0, 1), "E");
  EXPECT_NE(told(policy, after).front().find("tag:web"), std::string::npos);
}

TEST(FirstLook, ARuleIsCalledByItsOwnPlace) {
  const auto before = snapshot_of(std::string(policy));
  const auto after = replaced(policy, "[\"*:22\"]", "[]");
  const auto look = first_look(*before, after);
  ASSERT_TRUE(look);
  const auto found =
      std::find_if(look->begin(), look->end(), [](const Diagnostic& one) { return one.code == Code::W0413; });
  ASSERT_NE(found, look->end());
  EXPECT_NE(found->message.find("acls[2]"), std::string::npos) << found->message;
}

TEST(FirstLook, WhatIsSaidOfAPlaceBecauseOfOthersStaysUntilTheWholeIsLookedAt) {
  const auto before = replaced(policy, "\"group:nobody\"], \"dst\": [\"tag:web:22\"]",
                               "\"group:ops\"], \"dst\": [\"*:22\"]");  // acls[2] repeats acls[1]
  const auto after =
      replaced(before, "[\"group:ops\"], \"dst\": [\"*:22\"]},\n\t]", "[\"group:ops\"], \"dst\": [\"*:223\"]},\n\t]");
  const auto look = told(before, after);
  ASSERT_EQ(look.size(), 1U);
  EXPECT_EQ(look[0].substr(0, 5), "W0414");
}

TEST(FirstLook, AChangeThatIsInNoOneUnitIsNotLookedAtFirst) {
  const std::vector<std::string> nothing{"nothing"};
  EXPECT_EQ(told(policy, replaced(policy, "\"group:ops\": [", "\"group:op\": [")), nothing);
  EXPECT_EQ(told(policy, replaced(policy, "\t],\n}", "\t],\n\t\"ssh\": [],\n}")), nothing);
  EXPECT_EQ(told(policy, replaced(policy, "\"dst\": [\"*:22\"]},", "\"dst\": [\"*:22\"]}, {},")), nothing);
  EXPECT_EQ(told(policy, ""), nothing);
  EXPECT_EQ(told("[1, 2]", "[1, 23]"), nothing);
}

TEST(FirstLook, AUnitThatIsNoValueAnyMoreIsNotLookedAtFirst) {
  const std::vector<std::string> nothing{"nothing"};
  EXPECT_EQ(told(policy, replaced(policy, "[\"group:eng\"], \"dst\"", "[\"group:eng], \"dst\"")), nothing);
  EXPECT_EQ(told(policy, replaced(policy, "[\"group:eng\"], \"dst\"", "[\"group:eng\"]}, {\"dst\"")), nothing);
}

TEST(FirstLook, ABrokenTextBeforeIsNothingToCompareWith) {
  const auto before = replaced(policy, "[\"*:22\"]}", "[\"*:22\"}");
  EXPECT_EQ(told(before, policy), std::vector<std::string>{"nothing"});
}

// --- against the whole check ------------------------------------------------------------------------------------------

using Told = std::tuple<Code, std::uint32_t, std::uint32_t, std::string>;

// Codes of the whole, and those that are told at the first place of many, which may be another by now.
bool may_differ(Code code) {
  static const std::set<Code> codes = {Code::W0207, Code::W0208, Code::W0209, Code::W0322, Code::W0323,
                                       Code::W0324, Code::I0325, Code::W0326, Code::W0330, Code::W0414,
                                       Code::W0517, Code::W0343, Code::W0211};
  return codes.count(code) != 0;
}

std::multiset<Told> settled(const std::vector<Diagnostic>& diagnostics, std::optional<Span> inside) {
  std::multiset<Told> out;
  for (const Diagnostic& one : diagnostics) {
    const Span at = one.place ? one.place->bytes : Span{};
    if (may_differ(one.code) || (inside && (at.begin < inside->begin || at.end > inside->end))) continue;
    out.emplace(one.code, at.begin, at.end, one.message);
  }
  return out;
}

// The element of a list of the top level, or the value of a name in an object of it, that has the place in it.
std::optional<std::pair<Span, bool>> unit_at(const hujson::Tree& tree, std::uint32_t place) {
  const auto has = [&](hujson::Value value) { return value.span().begin < place && place < value.span().end; };
  for (const hujson::Value section : tree.root()) {
    if (!has(section)) continue;
    for (const hujson::Value child : section) {
      if (has(child)) return std::pair(child.span(), section.is(hujson::Kind::array));
    }
  }
  return std::nullopt;
}

// Small changes anywhere in the examples: where there is a first look, the text is whole, and it says of the unit what the whole check
// says; where the unit is a rule, of all other places, too.
TEST(FirstLook, SaysOfTheUnitWhatTheWholeCheckSays) {
  std::mt19937 random(20261127);
  const std::vector<std::string_view> typed = {"x", "7", ":", "\"", ",",    "\"tag:web\",",
                                               "{", "}", "*", " ",  "null", "@"};
  std::size_t looks = 0, differences = 0;
  for (const char* name : {"homelab", "startup", "company", "plain-wireguard"}) {
    const std::string folder = std::string(ACL_SOURCE_DIR "/examples/policies/") + name;
    const auto text = read_file(folder + "/policy.hujson");
    const auto inventory = read_file(folder + "/inventory.hujson");
    ASSERT_TRUE(text && inventory);
    const auto state = inventory_state("inventory.hujson", *inventory);
    const auto before = snapshot_of(*text, "/net/policy.hujson", state);
    for (int i = 0; i < 1500; ++i) {
      std::string after = *text;
      const std::size_t at = random() % after.size();
      after.replace(at, random() % 3, typed[random() % typed.size()]);
      const auto look = first_look(*before, after);
      if (!look || after == *text) continue;
      const auto whole = snapshot_of(after, "/net/policy.hujson", state);
      ASSERT_TRUE(whole->whole) << after;
      // The change may stand in a repeated text: any place of it that differs tells the unit.
      const auto first = std::mismatch(text->begin(), text->end(), after.begin(), after.end()).second - after.begin();
      const auto unit = unit_at(whole->file->tree, static_cast<std::uint32_t>(first));
      ASSERT_TRUE(unit) << after;
      ++looks;
      differences += whole->diagnostics.size() != before->diagnostics.size() ? 1 : 0;
      EXPECT_EQ(settled(*look, unit->first), settled(whole->diagnostics, unit->first)) << after;
      if (unit->second) {
        EXPECT_EQ(settled(*look, std::nullopt), settled(whole->diagnostics, std::nullopt)) << after;
      }
    }
  }
  EXPECT_GT(looks, 1000U);
  EXPECT_GT(differences, 300U);
}

}  // namespace
}  // namespace acl::lsp
