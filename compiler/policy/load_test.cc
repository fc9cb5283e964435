// What must hold of any policy, however broken, renamed, reordered or large.
#include "compiler/policy/load.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

// Every section, every kind of selector, no error.
constexpr std::string_view rich = R"({
  // People and machines.
  "groups": {"group:eng": ["ana@example.com", "bo@github"], "group:ops": ["cy@example.com"]},
  "hosts": {"vault": "10.20.0.9", "lan": "10.20.0.0/16", "six": "fd7a::/48"},
  "ipsets": {"ipset:dc": ["add 10.8.0.0/14", "remove host:vault", "add 10.0.0.1-10.0.0.9"], "ipset:all": ["ipset:dc"]},
  "tagOwners": {"tag:server": ["group:eng"], "tag:db": ["tag:server", "autogroup:admin"], "tag:router": []},
  "postures": {"posture:managed": ["node:os IN ['macos', 'linux']", "node:tsVersion >= '1.70'", "custom:x IS SET"]},
  "defaultSrcPosture": ["posture:managed"],
  "grants": [
    {"src": ["group:eng", "user:*@example.com"], "dst": ["tag:server", "lan"], "ip": ["tcp:443", "udp:1-9", "icmp:*"]},
    {"src": ["autogroup:member"], "dst": ["autogroup:internet"], "ip": ["*"], "via": ["tag:router"]},
    {"src": ["*"], "dst": ["tag:db"], "app": {"example.com/cap/x": [{"role": "r", "n": [1, null, true]}]}},
    {"src": ["group:ops"], "dst": ["autogroup:self", "svc:wiki"], "ip": ["22"], "srcPosture": ["posture:managed"]},
  ],
  "acls": [
    {"action": "accept", "src": ["group:eng", "vault", "ipset:all"], "dst": ["tag:db:5432,6432", "[fd7a::5]:22"]},
    {"action": "accept", "proto": "tcp", "src": ["autogroup:danger-all"], "dst": ["10.0.0.0/8:*", "six:1-65535"]},
    {"action": "accept", "src": ["ana@example.com"], "dst": ["autogroup:self:*"], "srcPosture": []},
  ],
  "ssh": [
    {"action": "check", "src": ["group:ops"], "dst": ["tag:db"], "users": ["root"], "checkPeriod": "1h30m"},
    {"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"],
     "users": ["autogroup:nonroot", "localpart:*@example.com"], "acceptEnv": ["GIT_*"]},
    {"action": "accept", "src": ["tag:server"], "dst": ["tag:db"], "users": ["backup"], "recorder": ["tag:router"]},
  ],
  "autoApprovers": {"routes": {"10.0.0.0/8": ["tag:router"]}, "exitNode": ["group:ops"],
                    "services": {"svc:wiki": ["tag:db"]}},
  "nodeAttrs": [{"target": ["*", "tag:db"], "attr": ["funnel", "nextdns:x"], "ipPool": ["100.81.0.0/16"]}],
  "tests": [{"src": "group:eng", "accept": ["tag:db:5432"], "deny": ["vault:22"], "proto": "tcp"}],
  "sshTests": [{"src": "cy@example.com", "dst": ["tag:db"], "check": ["root"], "deny": ["nobody"]}],
  "randomizeClientPort": true, "disableIPv4": false, "OneCGNATRoute": "mac-always",
  "derpMap": {"OmitDefaultRegions": false,
              "Regions": {"901": {"RegionID": 901, "RegionCode": "x", "Nodes": []}, "1": null}},
}
)";

TEST(Load, TheRichPolicyIsRight) {
  const Checked c = checked(std::string(rich));
  EXPECT_EQ(c.codes(), "") << c.summary();
}

// --- invariants of every answer ---

void expect_sound(const Checked& c) {
  const auto& list = c.loaded->diagnostics;
  bool any_error = false;
  for (const Diagnostic& d : list) any_error = any_error || d.severity == Severity::error;
  RC_ASSERT(c.accepted() == !any_error);
  RC_ASSERT((c.loaded->message() == nullptr) == !any_error);
  if (any_error) {
    RC_ASSERT(list.front().severity == Severity::error);
    RC_ASSERT(c.message() == list.front().service_message());
  }
  RC_ASSERT(list.size() <= 1001U);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Diagnostic& d = list[i];
    RC_ASSERT(!d.message.empty());
    RC_ASSERT(d.severity == code_severity(d.code));
    std::vector<Place> places;
    if (d.place) places.push_back(*d.place);
    for (const Related& related : d.related) places.push_back(related.place);
    for (const Place& place : places) {
      RC_ASSERT(place.bytes.begin <= place.bytes.end && place.bytes.end <= c.text.size());
      RC_ASSERT(place.start == c.loaded->file->source.position(place.bytes.begin));
      RC_ASSERT(place.end == c.loaded->file->source.position(place.bytes.end));
    }
    const bool both = i > 1 && d.place && list[i - 1].place;
    if (both) RC_ASSERT(list[i - 1].place->bytes.begin <= d.place->bytes.begin);
  }
}

// Deletes, doubles, swaps in and breaks pieces of the rich policy.
rc::Gen<std::string> mutated() {
  return rc::gen::exec([] {
    static const std::vector<std::string> pieces = {"\"\"",
                                                    "null",
                                                    "[]",
                                                    "{}",
                                                    "1",
                                                    "true",
                                                    "\"*\"",
                                                    "\"tag:x\"",
                                                    "\"group:\"",
                                                    "\"a@b\"",
                                                    "\"10.0.0.1/8\"",
                                                    "\"${x}\"",
                                                    "\\u0041",
                                                    ",",
                                                    ":",
                                                    "\"",
                                                    "autogroup:self",
                                                    "autogroup:bogus",
                                                    "-",
                                                    "0",
                                                    "\xff",
                                                    "\n",
                                                    " ",
                                                    "// c\n",
                                                    "svc:",
                                                    "host:"};
    std::string text(rich);
    const int changes = *rc::gen::inRange(1, 6);
    for (int i = 0; i < changes && !text.empty(); ++i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
      const auto length = std::min(*rc::gen::inRange<std::size_t>(0, 60), text.size() - at);
      switch (*rc::gen::inRange(0, 4)) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, text.substr(at, length)); break;
        case 2: text.replace(at, length, *rc::gen::elementOf(pieces)); break;
        default: {  // a whole string for another one
          const std::size_t open = text.find('"', at);
          const std::size_t close = open == std::string::npos ? open : text.find('"', open + 1);
          if (close != std::string::npos) text.replace(open, close + 1 - open, *rc::gen::elementOf(pieces));
        }
      }
    }
    return text;
  });
}

TEST(LoadProperty, AnyTextGetsASoundAnswerAndTheSameOneTwice) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *mutated();
    for (const Dialect dialect : {Dialect::tailscale, Dialect::headscale}) {
      const Checked once = checked(text, dialect);
      const Checked twice = checked(text, dialect);
      expect_sound(once);
      RC_ASSERT(once.summary() == twice.summary());
      RC_ASSERT(once.loaded->skipped == twice.loaded->skipped);
      if (dialect == Dialect::tailscale) {
        const bool syntax = !once.errors().empty() && once.errors().substr(0, 3) == "E01";
        RC_CLASSIFY(syntax, "no HuJSON");
        RC_CLASSIFY(!syntax && !once.accepted(), "refused");
        RC_CLASSIFY(once.accepted(), "accepted");
      }
    }
  }));
}

// Layout means nothing.
TEST(LoadProperty, FormattingChangesNoCodes) {
  EXPECT_TRUE(rc::check([] {
    const Checked before = checked(*mutated());
    if (before.loaded->file->tree.nodes.empty() || !hujson::parse_strict(before.text)) return;
    const Checked after = checked(hujson::format(before.loaded->file->tree));
    RC_ASSERT(after.accepted() == before.accepted());
    RC_ASSERT(after.message() == before.message());
  }));
}

// --- renaming ---

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(LoadProperty, ConsistentRenamingChangesNoCodes) {
  static const std::vector<std::string> names = {
      "group:eng", "group:ops", "vault", "lan", "ipset:dc", "tag:db", "tag:router", "tag:server", "posture:managed"};
  EXPECT_TRUE(rc::check([] {
    std::string text(rich);
    // Some mistakes, so that there are codes to keep.
    const auto broken = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
        std::vector<std::string>{"\"accept\"", "\"tag:db\"", "\"*\"", "\"22\"", "\"root\"", "\"group:eng\""}));
    for (const std::string& piece : broken) {
      const std::size_t at = text.find(piece, *rc::gen::inRange<std::size_t>(0, text.size()));
      if (at != std::string::npos) text.replace(at, piece.size(), "\"nowhere-at-all\"");
    }
    const Checked before = checked(text);
    std::string renamed = text;
    for (const std::string& name : names) {
      const std::string suffix = "zz" + std::to_string(*rc::gen::inRange(0, 1000));
      renamed = replace_all(renamed, name, name + suffix);
    }
    RC_ASSERT(checked(renamed).codes() == before.codes());
  }));
}

// --- reordering ---

TEST(LoadProperty, TheOrderOfSectionsAndOfNamesMeansNothing) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *mutated();
    const auto tree = hujson::parse_strict(text);
    if (!tree || !tree->root().is(hujson::Kind::object)) return;
    std::vector<std::string> sections;
    for (auto it = tree->root().begin(); it != tree->root().end(); ++it) {
      std::string section((*it).text());
      ++it;
      sections.push_back(section + ":" + std::string((*it).text()));
    }
    // Seeded, so that a failure can be repeated.
    std::vector<std::string> shuffled = sections;
    for (std::size_t i = shuffled.size(); i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[*rc::gen::inRange<std::size_t>(0, i)]);
    }
    std::string reordered = "{";
    for (const std::string& section : shuffled) reordered += section + ",\n";
    const Checked before = checked(text);
    const Checked after = checked(reordered + "}");
    if (before.has(Code::E0202)) return;  // which of two sections counts depends on their order
    RC_ASSERT(after.accepted() == before.accepted());
    auto sorted = [](std::string codes) {
      std::vector<std::string> out;
      for (std::size_t at = 0; at < codes.size(); at += 6) out.push_back(codes.substr(at, 5));
      std::sort(out.begin(), out.end());
      return out;
    };
    RC_ASSERT(sorted(after.codes()) == sorted(before.codes()));
  }));
}

// --- size ---

std::string numbered(std::size_t count, const std::string& before, const std::string& after) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + before + std::to_string(i) + after;
  return out;
}

std::string repeated(std::size_t count, const std::string& item) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + item;
  return out;
}

// Shapes that would cost the square of their size if anything compared all with all. Each is a few hundred kilobytes,
// and the bound is far above what it takes, even without optimisation.
TEST(Load, TimeIsLinearInTheSizeOfThePolicy) {
  constexpr std::size_t n = 10'000;
  const std::string pad(80, 'x');
  std::string chain = "\"tag:t0\":[]";
  std::string sets = "\"ipset:s0\":[]";
  for (std::size_t i = n; i-- > 1;) {
    const std::string next = std::to_string(i - 1);
    chain = chain + ",\"tag:t" + std::to_string(i) + "\":[\"tag:t" + next + "\"]";
    sets = sets + ",\"ipset:s" + std::to_string(i) + "\":[\"ipset:s" + next + "\"]";
  }
  const std::string login = R"("src":["a@b.c"],"dst":["autogroup:self"],"users":[)";
  const std::vector<std::string> policies = {
      "\"tagOwners\":{" + chain + "}",
      "\"ipsets\":{" + sets + "}",
      "\"groups\":{\"group:" + std::string(500'000, 'x') + "\":[" + repeated(n * 5, "\"*\"") + "]}",
      "\"tagOwners\":{\"tag:" + std::string(500'000, 'x') + "\":[" + repeated(n * 5, "\"a@b\"") + "]}",
      "\"hosts\":{" + numbered(n, "\"h", "\":\"10.0.0.0/8\"") + "},\"tests\":[{\"src\":\"a@b.c\",\"accept\":[" +
          repeated(n, "\"h1:22\"") + "]}]",
      "\"sshTests\":[{\"src\":\"a@b.c\",\"dst\":[\"a@b.c\"],\"accept\":[" + repeated(n * 3, "\"root\"") +
          "],\"deny\":[" + repeated(n * 3, "\"root\"") + "]}]",
      "\"ssh\":[{\"action\":\"accept\"," + login + numbered(n, "\"u", "\"") + "]},{\"action\":\"check\"," + login +
          numbered(n, "\"u", "\"") + "]}]",
      "\"ssh\":[" + repeated(999, "{\"action\":\"accept\"," + login + numbered(50, "\"u", "\"") + "]}") + "]",
      "\"ssh\":[{\"action\":\"accept\",\"src\":[" + repeated(n, "\"a@b.c\"") + "],\"dst\":[" +
          repeated(n, "\"autogroup:self\"") + "],\"users\":[\"root\"]}]",
      "\"grants\":[{\"src\":[" + repeated(n, "\"a@b.c\"") + "],\"dst\":[" + repeated(n, "\"autogroup:self\"") +
          "],\"ip\":[\"*\"]}]",
      "\"tagOwners\":{" + numbered(n / 2, "\"tag:a" + pad, "\":[]") + "},\"grants\":[{\"src\":[" +
          numbered(n / 2, "\"tag:b" + pad, "\"") + "],\"dst\":[\"*\"],\"ip\":[\"*\"]}]",
      numbered(n, "\"k", "\":1"),
  };
  for (const std::string& policy : policies) {
    for (const Dialect dialect : {Dialect::tailscale, Dialect::headscale}) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_LE(checked("{" + policy + "}", dialect).loaded->diagnostics.size(), 1001U);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      EXPECT_LT(took.count(), 10) << policy.substr(0, 60);
    }
  }
}

}  // namespace
}  // namespace acl::policy
