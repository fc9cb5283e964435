// What is shown beside the text: outline, links, tokens, hints, lenses.
#include <algorithm>
#include <functional>

#include "lsp/server/code_lens.h"
#include "lsp/server/inlay_hints.h"
#include "lsp/server/links.h"
#include "lsp/server/outline.h"
#include "lsp/server/reached.h"
#include "lsp/server/semantic_tokens.h"
#include "lsp/server/testing.h"

namespace acl::lsp {
namespace {

const std::string policy = R"({
  "groups": {"group:eng": ["ana@example.com", "bo@example.com"]},
  "tagOwners": {"tag:db": []},
  "acls": [
    {"action": "accept", "src": ["group:eng"], "dst": ["tag:db:5432"]},
    {"action": "accept", "src": ["*"], "dst": ["autogroup:internet:*"]},
  ],
  "grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}],
  "ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"]}],
  "tests": [
    {"src": "group:eng", "accept": ["tag:db:5432"], "deny": ["tag:db:22"]},
    {"src": "group:eng", "accept": ["tag:db:80"]},
  ],
}
)";

std::shared_ptr<const InventoryState> inventory() {
  return inventory_state("/net/inventory.hujson", R"({
    "users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}, {"login": "cy@example.com"}],
    "nodes": [{"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
              {"name": "phone", "user": "ana@example.com", "addresses": ["100.64.0.2"]},
              {"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.3"]},
              {"name": "db-1", "tags": ["tag:db"], "addresses": ["100.64.0.4"]}]})");
}

// --- outline ----------------------------------------------------------------------------------------------------------

void list(const std::vector<Symbol>& symbols, const std::string& indent, std::vector<std::string>& out) {
  for (const Symbol& symbol : symbols) {
    out.push_back(indent + symbol.name + (symbol.detail.empty() ? "" : " | " + symbol.detail));
    list(symbol.children, indent + " ", out);
  }
}

TEST(Outline, TellsSectionsNamesAndRules) {
  std::vector<std::string> lines;
  list(outline(*snapshot_of(policy)), "", lines);
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "groups | 1 entry", " group:eng | 2 people", "tagOwners | 1 entry", " tag:db | 0 owners",
                       "acls | 2 entries", " acls[0] | group:eng → tag:db:5432", " acls[1] | * → autogroup:internet:*",
                       "grants | 1 entry", " grants[0] | autogroup:member → autogroup:self on *", "ssh | 1 entry",
                       " ssh[0] | ana@example.com → tag:db as root", "tests | 2 entries",
                       " tests[0] | group:eng → tag:db:5432", " tests[1] | group:eng → tag:db:80"}));
}

TEST(Outline, IsThereForABrokenText) {
  std::vector<std::string> lines;
  list(outline(*snapshot_of("{\"groups\": {\"group:a\": [], \"acls\": [{\"src\": [\"x\"")), "", lines);
  EXPECT_FALSE(lines.empty());
}

TEST(Outline, NamesLieInTheirSymbols) {
  const std::function<void(const std::vector<Symbol>&, Span)> check = [&](const std::vector<Symbol>& symbols,
                                                                          Span around) {
    for (const Symbol& symbol : symbols) {
      EXPECT_TRUE(around.begin <= symbol.span.begin && symbol.span.end <= around.end) << symbol.name;
      EXPECT_TRUE(symbol.span.begin <= symbol.name_span.begin && symbol.name_span.end <= symbol.span.end)
          << symbol.name;
      check(symbol.children, symbol.span);
    }
  };
  check(outline(*snapshot_of(policy)), {0, 100000});
}

// --- links ------------------------------------------------------------------------------------------------------------

TEST(Links, LeadFromAFixtureToItsFilesAndFromACommentToACodesPage) {
  const auto fixture =
      snapshot_of("{\"policy\": \"../p.hujson\", \"inventory\": \"inventory.hujson\"}", "/net/tests/a.test.hujson");
  const auto found = links(*fixture);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].path, "/net/p.hujson");
  EXPECT_EQ(slice(*fixture, found[0].span), "../p.hujson");
  EXPECT_EQ(found[1].path, "/net/tests/inventory.hujson");
  const auto commented = snapshot_of("{ // see W0322, not E9999 or XE0301\n\"acls\": []}\n");
  const auto codes = links(*commented);
  ASSERT_EQ(codes.size(), 1U);
  EXPECT_EQ(slice(*commented, codes[0].span), "W0322");
  EXPECT_NE(codes[0].url.find("codes.md"), std::string::npos);
}

// --- tokens -----------------------------------------------------------------------------------------------------------

std::vector<std::string> tokens(const Snapshot& snapshot, const Snapshot* of = nullptr) {
  std::vector<std::string> out;
  for (const Token& token : semantic_tokens(snapshot, of, {0, 1U << 30})) {
    std::string line =
        slice(snapshot, token.span) + " " + std::string(token_types[static_cast<std::size_t>(token.type)]);
    for (std::size_t i = 0; i < token_modifiers.size(); ++i) {
      if ((token.modifiers >> i & 1) != 0) line += " " + std::string(token_modifiers[i]);
    }
    out.push_back(line);
  }
  return out;
}

TEST(SemanticTokens, FollowTheMeaning) {
  EXPECT_EQ(
      tokens(*snapshot_of(
          R"({"tagOwners": {"tag:db": [], "tag:x": []}, "acls": [{"action": "accept", "users": ["tag:b", "autogroup:member"], "dst": ["tag:db:22,80"]}], "ipsets": {"ipset:a": ["add 10.0.0.1"]}, "odd": 1})")),
      (std::vector<std::string>{"tagOwners property", "tag:db type definition", "tag:x type definition unused",
                                "acls property", "action property", "accept keyword", "users property deprecated",
                                "tag:b type unknown", "autogroup:member macro defaultLibrary", "dst property",
                                "tag:db type", "22,80 number", "ipsets property", "ipset:a struct definition unused",
                                "add keyword", "10.0.0.1 number", "odd property unknown"}));
}

TEST(SemanticTokens, OfAFixtureAskItsPolicy) {
  const auto fixture = snapshot_of(R"({"tests": [{"src": "group:eng", "deny": ["tag:no:22"]}]})", "/net/a.test.hujson");
  const auto with = tokens(*fixture, snapshot_of(policy).get());
  EXPECT_NE(std::find(with.begin(), with.end(), "group:eng class"), with.end());
  EXPECT_NE(std::find(with.begin(), with.end(), "tag:no type unknown"), with.end());
  const auto without = tokens(*fixture);
  EXPECT_NE(std::find(without.begin(), without.end(), "tag:no type"), without.end());
}

TEST(SemanticTokens, AreEncodedRelativeToTheOneBefore) {
  const auto snapshot = snapshot_of("{\n  \"groups\": {\"group:é\": [\"a@b.c\"]}}");
  const auto all = semantic_tokens(*snapshot, nullptr, {0, 1000});
  EXPECT_EQ(encode(all, snapshot->text(), snapshot->lines, Encoding::utf16),
            (std::vector<std::uint32_t>{1, 3, 6, 0, 0, 0, 11, 7, 1, 17, 0, 12, 5, 6, 0}));
  EXPECT_EQ(encode(all, snapshot->text(), snapshot->lines, Encoding::utf8)[7], 8U);
}

// --- hints ------------------------------------------------------------------------------------------------------------

TEST(InlayHints, TellHowManyNodesASelectorStandsFor) {
  const auto snapshot = snapshot_of(policy, "/net/policy.hujson", inventory());
  const auto understanding = understanding_of(snapshot);
  std::vector<std::string> out;
  for (const InlayHint& hint : inlay_hints(*snapshot, understanding.get(), {0, 1U << 30})) {
    const std::size_t from = snapshot->text().rfind('"', hint.offset - 2);
    out.push_back(slice(*snapshot, {static_cast<std::uint32_t>(from), hint.offset}) + " " + hint.label);
  }
  EXPECT_EQ(out, (std::vector<std::string>{"\"] 2 people, 3 nodes", "\": [] 1 node", "\"group:eng\" 3 nodes",
                                           "\"tag:db:5432\" 1 node", "\"*\" 4 nodes", "\"autogroup:member\" 3 nodes",
                                           "\"ana@example.com\" 2 nodes", "\"tag:db\" 1 node"}));
  EXPECT_TRUE(inlay_hints(*snapshot, nullptr, {0, 1U << 30}).empty());
}

TEST(InlayHints, AreThereForATextThatIsBeingEdited) {
  const auto understanding = understanding_of(snapshot_of(policy, "/net/policy.hujson", inventory()));
  const auto broken = snapshot_of("{\"acls\": [{\"src\": [\"group:eng\", \"tag:db\"");
  std::vector<std::string> labels;
  for (const InlayHint& hint : inlay_hints(*broken, understanding.get(), {0, 1000})) labels.push_back(hint.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"3 nodes", "1 node"}));
}

// --- lenses -----------------------------------------------------------------------------------------------------------

std::vector<std::string> titles(const Snapshot& snapshot, const Understanding& understanding) {
  std::vector<std::string> out;
  const auto all = code_lenses(snapshot);
  const auto outcomes = outcome_titles(snapshot, all, {understanding.tests, understanding.tested});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto title = is_test(all[i]) ? outcomes[i] : reach_title(snapshot, all[i], understanding);
    out.push_back(all[i].section + "[" + std::to_string(all[i].index) + "] " + title.value_or("?"));
  }
  return out;
}

TEST(CodeLens, TellsWhoIsReachedAndWhatTestsCameTo) {
  const auto snapshot = snapshot_of(policy, "/net/policy.hujson", inventory());
  EXPECT_EQ(titles(*snapshot, *understanding_of(snapshot)),
            (std::vector<std::string>{"acls[0] 2 people, 3 nodes → 1 node", "acls[1] 2 people, all 4 nodes → nothing",
                                      "grants[0] 2 people, 3 nodes → 3 nodes, people their own",
                                      "ssh[0] 1 person, 2 nodes → 1 node", "tests[0] ✓ 2 passed",
                                      "tests[1] ✗ group:eng -> tag:db:80: expected accept, got deny"}));
}

TEST(CodeLens, FindsARuleAgainWhereAnotherOneWasPutInFront) {
  const auto old = understanding_of(snapshot_of(policy, "/net/policy.hujson", inventory()));
  std::string text = policy;
  text.insert(text.find("{\"action\""), "{\"action\": \"accept\", \"src\": [\"tag:db\"], \"dst\": [\"*:1\"]},\n    ");
  const auto now = titles(*snapshot_of(text), *old);
  EXPECT_EQ(now[0], "acls[0] ?");
  EXPECT_EQ(now[1], "acls[1] 2 people, 3 nodes → 1 node");
  EXPECT_EQ(now[5], "tests[0] ✓ 2 passed");
}

}  // namespace
}  // namespace acl::lsp
