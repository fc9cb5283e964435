// Who may become whom (node/daemon/login_decision.h): the order of the questions, and what a person is told; and for every node, source and
// account of an example, that a node says what `aclc can … ssh USER@NODE` says.
#include "node/daemon/login_decision.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/questions/can.h"
#include "node/protocol/session_message.h"
#include "node/wireguard/allowed_ips.h"
#include "tests/node/example.h"

namespace acl::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Key key_of(std::uint8_t number) {
  Key key{};
  key[0] = number;
  return key;
}

std::string inventory_text() {
  const auto node = [](const char* name, int number, const std::string& whose) {
    return fmt::format(R"({{"name": "{}", "addresses": ["100.64.0.{}", "fd7a::{:x}"], "key": "{}", {}}})", name, number,
                       number, release::encode_base64(key_of(static_cast<std::uint8_t>(number))), whose);
  };
  return R"({"tailnet": "example.com", "users": [{"login": "ann@example.com"}, {"login": "bob@example.com"}], "nodes": [)" +
         node("laptop", 1, R"("user": "ann@example.com")") + "," + node("srv", 2, R"("tags": ["tag:srv"])") + "," +
         node("other", 4, R"("tags": ["tag:srv"])") + "," + node("phone", 3, R"("user": "bob@example.com")") + "]}";
}

constexpr const char* policy_text = R"({
  "tagOwners": {"tag:srv": ["autogroup:admin"], "tag:rec": ["autogroup:admin"]},
  "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22"]},
             {"src": ["bob@example.com"], "dst": ["tag:srv"], "ip": ["tcp:80"]}],
  "ssh": [
    {"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root", "deploy"], "acceptEnv": ["GIT_*"]},
    {"action": "check", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["careful"]},
    {"action": "accept", "src": ["bob@example.com"], "dst": ["tag:srv"], "users": ["deploy"]},
  ],
})";

// The server's facts, as they should be.
struct World {
  explicit World(release::OnExpiry on_expiry = release::OnExpiry::ssh_restricted, const char* policy = policy_text)
      : example(policy, inventory_text(), on_expiry) {
    for (std::uint8_t number = 1; number <= 3; ++number)
      allowed.push_back({*net::Address::parse(fmt::format("100.64.0.{}", number)),
                         *net::Address::parse(fmt::format("100.64.0.{}", number)), key_of(number)});
    facts.table = &example.table("srv");
    facts.standing = release::Standing::current;
  }
  LoginAnswer ask(const std::string& user, const char* source = "100.64.0.1", bool exists = true,
                  bool is_root = false) {
    facts.owned = allowed;
    facts.break_glass = glass;
    LoginAsked asked{*net::Address::parse(source), own, user, exists, is_root || user == "root", checked};
    asked.by_sshd = by_sshd;
    return decide_login({facts, denied, host, &checks, now, recording, allow}, asked);
  }

  LoginAnswer again(const LoginAnswer& had, const std::string& user = "deploy") {
    static_cast<void>(ask(user));  // makes the facts
    return decide_login_again({facts, denied, host, &checks, now, recording, allow},
                              {*net::Address::parse("100.64.0.1"), own, user, true, false, {}}, had);
  }

  Example example;
  std::vector<OwnedRange> allowed;
  std::vector<BreakGlass> glass;
  std::vector<std::string> denied;
  ForwardingsAllowed allow;
  std::vector<net::Address> host{*net::Address::parse("100.64.0.2")};
  net::Address own = *net::Address::parse("100.64.0.2");
  Facts facts;
  Checks checks;
  release::Time now = 0;
  RecordingSettings recording;
  bool by_sshd = false;
  std::optional<LoginAsked::Checked> checked;
};

std::vector<std::string> layers(const LoginAnswer& answer) {
  std::vector<std::string> out;
  for (const Layer& layer : answer.why.layers) out.push_back(layer.name + (layer.ok ? "" : " NO"));
  return out;
}

TEST(LoginDecision, TheQuestionsAreAskedInTheirOrder) {
  World world;
  const LoginAnswer answer = world.ask("deploy");
  EXPECT_TRUE(answer.accept) << answer.reason;
  EXPECT_THAT(layers(answer), ElementsAre("mode", "known", "bound", "here", "packet", "ssh", "account"));
  EXPECT_EQ(answer.why.rule, "ssh[0]");
  EXPECT_EQ(answer.why.file, "policy.hujson");
  EXPECT_EQ(answer.why.line, 6U);
  EXPECT_EQ(answer.node, "laptop");
  EXPECT_EQ(answer.identity, "ann@example.com");
  EXPECT_THAT(answer.patterns, ElementsAre("GIT_*"));
  EXPECT_EQ(answer.tell, "");
}

TEST(LoginDecision, WhoIsNotKnownIsToldNothing) {
  World world;
  const LoginAnswer answer = world.ask("deploy", "100.64.0.9");
  EXPECT_FALSE(answer.accept);
  EXPECT_EQ(answer.tell, "access denied");
  EXPECT_THAT(layers(answer), ElementsAre("mode", "known NO"));
}

TEST(LoginDecision, AnAddressThatWireguardHasElsewhereIsNobody) {
  World world;
  world.allowed[0].peer = key_of(9);
  const LoginAnswer moved = world.ask("deploy");
  EXPECT_FALSE(moved.accept);
  EXPECT_EQ(moved.tell, "access denied");
  EXPECT_THAT(layers(moved), ElementsAre("mode", "known", "bound NO"));
  world.allowed.clear();
  EXPECT_FALSE(world.ask("deploy").accept) << "WireGuard says nothing";
}

TEST(LoginDecision, AnAddressOfThisHostIsNobody) {
  World world;
  world.host.push_back(*net::Address::parse("192.0.2.7"));
  for (const char* own : {"100.64.0.2", "192.0.2.7", "127.0.0.1", "127.9.9.9", "::1"}) {
    const LoginAnswer answer = world.ask("deploy", own);
    EXPECT_FALSE(answer.accept) << own;
    EXPECT_EQ(answer.tell, "access denied") << own;
    EXPECT_THAT(layers(answer), ElementsAre("known NO")) << own;
  }
}

TEST(LoginDecision, AnAddressThatIsNotThisNodesLeadsNowhere) {
  World world;
  world.own = *net::Address::parse("192.0.2.7");
  EXPECT_THAT(layers(world.ask("deploy")), ElementsAre("mode", "here NO"));
}

TEST(LoginDecision, WithoutPort22NoSshRuleCounts) {
  World world;
  const LoginAnswer answer = world.ask("deploy", "100.64.0.3");
  EXPECT_FALSE(answer.accept);
  EXPECT_EQ(layers(answer).back(), "packet NO");
  EXPECT_THAT(answer.tell, HasSubstr("does not let this node reach port 22"));
}

TEST(LoginDecision, ASourceThatChangesHandsIsNotBound) {
  World world;
  const table::AddressRange range{*net::Address::parse("100.64.0.0"), *net::Address::parse("100.64.0.1")};
  world.facts.withheld = std::span(&range, 1);
  EXPECT_FALSE(world.ask("deploy").accept);
}

TEST(LoginDecision, WhomNoRuleNamesIsToldSoAndWhoeverMayAskSeesWhatTheRulesGive) {
  World world;
  const LoginAnswer answer = world.ask("backup");
  EXPECT_FALSE(answer.accept);
  EXPECT_EQ(answer.tell,
            "access denied: policy does not let ann@example.com become \"backup\" here; ask whoever keeps the policy");
  EXPECT_THAT(answer.tell, Not(HasSubstr("deploy")));
  ASSERT_EQ(answer.why.nearest.size(), 2U);
  EXPECT_EQ(answer.why.nearest[0].rule, "ssh[1]");  // check rules come first
  EXPECT_EQ(answer.why.nearest[0].failed, "it gives careful, after a check");
}

// --- check --------------------------------------------------------------------------------------------------------------------

const CheckSubject ann_at_laptop{key_of(1), "ann@example.com"};
constexpr release::Time noon = 1'800'000'000, hour = 3600;

TEST(LoginDecision, ARuleThatAsksForACheckSaysWhomAndHowRecent) {
  World world;
  const LoginAnswer answer = world.ask("careful");
  EXPECT_FALSE(answer.accept);
  EXPECT_TRUE(answer.needs_check);
  EXPECT_EQ(answer.why.rule, "ssh[1]");
  EXPECT_EQ(layers(answer).back(), "check NO");
  ASSERT_TRUE(answer.check);
  EXPECT_EQ(answer.check->subject, ann_at_laptop);
  EXPECT_EQ(answer.check->period_s, 12U * 3600) << "the default";
  EXPECT_THAT(answer.tell, HasSubstr("prove anew who you are"));
  EXPECT_FALSE(world.ask("deploy").check) << "a rule that asks for none";
}

// Nobody is asked to prove anything for what is refused all the same.
TEST(LoginDecision, TheCheckComesLast) {
  World world;
  EXPECT_FALSE(world.ask("careful", "100.64.0.1", false).needs_check) << "no such account";
  world.denied = {"careful"};
  EXPECT_FALSE(world.ask("careful").needs_check);
  world.denied.clear();
  world.facts.standing = release::Standing::expired;
  EXPECT_FALSE(world.ask("careful").needs_check) << "ssh-restricted";
}

TEST(LoginDecision, ACheckThatIsRememberedCountsForItsPeriodAndItsSource) {
  World world;
  world.checks.remember(ann_at_laptop, {noon, "fido2"});
  world.now = noon + 12 * hour - 1;
  const LoginAnswer answer = world.ask("careful");
  EXPECT_TRUE(answer.accept) << answer.reason;
  EXPECT_EQ(answer.checked, "ann@example.com");
  EXPECT_THAT(answer.checked_by, StartsWith("fido2 at 20"));
  EXPECT_THAT(layers(answer).back(), "check");
  world.now = noon + 12 * hour;
  EXPECT_TRUE(world.ask("careful").needs_check) << "over";
  world.now = noon - 1;
  EXPECT_TRUE(world.ask("careful").needs_check) << "the clock was set back";
  world.now = noon;
  world.checks = {};
  world.checks.remember({key_of(9), "ann@example.com"}, {noon, "fido2"});
  world.checks.remember({key_of(1), "bob@example.com"}, {noon, "fido2"});
  EXPECT_TRUE(world.ask("careful").needs_check) << "another key, another person";
}

constexpr const char* always = R"({
  "tagOwners": {"tag:srv": ["autogroup:admin"]},
  "grants": [{"src": ["ann@example.com", "tag:srv"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
  "ssh": [{"action": "check", "src": ["ann@example.com", "tag:srv"], "dst": ["tag:srv"], "users": ["root"], "checkPeriod": "always"}],
})";

TEST(LoginDecision, OneOfAlwaysTakesNoneThatIsRememberedAndTheOneOfThisConnection) {
  World world(release::OnExpiry::keep, always);
  world.now = noon;
  world.checks.remember(ann_at_laptop, {noon, "fido2"});
  EXPECT_TRUE(world.ask("root").needs_check);
  world.checked = {ann_at_laptop, {noon, "fido2"}, noon};
  EXPECT_TRUE(world.ask("root").accept);
  world.checked->subject.person = "bob@example.com";
  EXPECT_TRUE(world.ask("root").needs_check) << "somebody else's";
  world.checked.reset();
  ASSERT_TRUE(world.checks.approve(ann_at_laptop, {noon, noon + hour, "root"}));
  EXPECT_TRUE(world.ask("root").accept) << "approved beforehand";
}

TEST(LoginDecision, OfThisConnectionOneOfAlwaysTakesNoneFromBeforeItWasAskedFor) {
  World world(release::OnExpiry::keep, always);
  world.now = noon + 200;
  world.checked = {ann_at_laptop, {noon - 60, "openid"}, noon};
  EXPECT_TRUE(world.ask("root").accept) << "the provider's clock may be behind";
  world.checked->passed.at = noon - 61;
  EXPECT_TRUE(world.ask("root").needs_check);
}

TEST(LoginDecision, OfThisConnectionARuleTakesNoneThatIsOlderThanItsPeriod) {
  World world;
  world.now = noon;
  world.checked = {ann_at_laptop, {noon - 12 * hour + 1, "openid"}, noon};
  EXPECT_TRUE(world.ask("careful").accept);
  --world.checked->passed.at;
  EXPECT_TRUE(world.ask("careful").needs_check);
  world.checks.remember(ann_at_laptop, {noon - 5, "fido2"});
  EXPECT_TRUE(world.ask("careful").accept) << "by what is remembered";
}

TEST(LoginDecision, ATaggedSourceIsNobodyWhoCouldBeChecked) {
  World world(release::OnExpiry::keep, always);
  world.host.clear();
  world.allowed.push_back({*net::Address::parse("100.64.0.4"), *net::Address::parse("100.64.0.4"), key_of(4)});
  const LoginAnswer answer = world.ask("root", "100.64.0.4");
  EXPECT_FALSE(answer.accept);
  EXPECT_FALSE(answer.needs_check);
  EXPECT_THAT(answer.tell, HasSubstr("takes a check of a person, and this node is nobody's"));
}

TEST(LoginDecision, ALoginThatLivesKeepsTheCheckThatItWasLetInBy) {
  World world;
  world.now = noon;
  world.checks.remember(ann_at_laptop, {noon, "fido2"});
  LoginAnswer had = world.ask("careful");
  ASSERT_TRUE(had.accept);
  world.now = noon + 100 * hour;
  EXPECT_TRUE(world.again(had, "careful").accept) << "the period is for logins";
  EXPECT_EQ(world.again(had, "careful").checked, "ann@example.com");
  had.checked = "bob@example.com";
  EXPECT_FALSE(world.again(had, "careful").accept) << "the node is another person's now";
  had.checked.clear();
  EXPECT_FALSE(world.again(had, "careful").accept) << "let in by a rule that asked for none, which is gone";
}

TEST(LoginDecision, ARuleThatDemandsARecorderIsRefused) {
  World world(release::OnExpiry::keep, R"({
    "tagOwners": {"tag:srv": ["autogroup:admin"], "tag:rec": ["autogroup:admin"]},
    "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
    "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root"],
             "recorder": ["tag:rec"], "enforceRecorder": true}],
  })");
  const LoginAnswer answer = world.ask("root");
  EXPECT_FALSE(answer.accept) << answer.reason;
  EXPECT_THAT(answer.reason, HasSubstr("this node is none of these"));
  EXPECT_THAT(answer.tell, HasSubstr("no recorder here"));
}

// accepted, recorded, enforced; as a node whose server is one of the recorders or not.
std::string recording_of(const std::string& more, const RecordingSettings& settings, bool by_sshd = false) {
  World world(release::OnExpiry::keep, (R"({
    "tagOwners": {"tag:srv": ["autogroup:admin"], "tag:rec": ["autogroup:admin"]},
    "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
    "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root"])" +
                                        more + "}]}")
                                           .c_str());
  world.recording = settings;
  world.by_sshd = by_sshd;
  const LoginAnswer answer = world.ask("root");
  return fmt::format("{}{}{}", answer.accept ? "accepted" : "refused", answer.record ? " recorded" : "",
                     answer.accept && answer.enforce_recording ? " enforced" : "");
}

TEST(LoginDecision, WhatIsRecordedIsPolicysWordAndWhereALocalOne) {
  const std::string elsewhere = R"(, "recorder": ["tag:rec"])", here = R"(, "recorder": ["tag:srv"])";
  const std::string demanded = R"(, "enforceRecorder": true)";
  RecordingSettings rule, off, all, local;
  off.sessions = "off";
  all.sessions = "all";
  local.accept_local = true;
  EXPECT_EQ(recording_of("", rule), "accepted");
  EXPECT_EQ(recording_of("", all), "accepted recorded");
  EXPECT_EQ(recording_of(elsewhere, rule), "accepted");
  EXPECT_EQ(recording_of(elsewhere, local), "accepted recorded");
  EXPECT_EQ(recording_of(elsewhere, all), "accepted recorded");
  EXPECT_EQ(recording_of(here, rule), "accepted recorded");
  EXPECT_EQ(recording_of(here, off), "accepted");
  EXPECT_EQ(recording_of(here + demanded, rule), "accepted recorded enforced");
  EXPECT_EQ(recording_of(here + demanded, off), "refused");
  EXPECT_EQ(recording_of(elsewhere + demanded, rule), "refused");
  EXPECT_EQ(recording_of(elsewhere + demanded, all), "refused recorded");
  EXPECT_EQ(recording_of(elsewhere + demanded, local), "accepted recorded enforced");
  EXPECT_EQ(recording_of(here, rule, true), "accepted");
  EXPECT_EQ(recording_of(here + demanded, rule, true), "refused");
}

TEST(LoginDecision, ALoginThatIsNotRecordedEndsWhenThatIsDemanded) {
  World world(release::OnExpiry::keep, R"({
    "tagOwners": {"tag:srv": ["autogroup:admin"]},
    "grants": [{"src": ["ann@example.com"], "dst": ["tag:srv"], "ip": ["tcp:22"]}],
    "ssh": [{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:srv"], "users": ["root"],
             "recorder": ["tag:srv"], "enforceRecorder": true}],
  })");
  LoginAnswer had = world.ask("root");
  EXPECT_TRUE(world.again(had, "root").accept);
  EXPECT_TRUE(world.again(had, "root").record);
  had.record = false;
  EXPECT_FALSE(world.again(had, "root").accept);
  EXPECT_THAT(world.again(had, "root").tell, HasSubstr("demands that this session is recorded"));
}

TEST(LoginDecision, ALocalSettingNarrowsAndNeverWidens) {
  World world;
  world.denied = {"root"};
  const LoginAnswer answer = world.ask("root");
  EXPECT_FALSE(answer.accept);
  EXPECT_EQ(layers(answer).back(), "local NO");
  EXPECT_TRUE(world.ask("deploy").accept);
  // Another account with the number 0, for whom policy has to let in root.
  world.denied = {};
  EXPECT_TRUE(world.ask("deploy", "100.64.0.1", true, true).accept);
  world.denied = {"root"};
  EXPECT_FALSE(world.ask("deploy", "100.64.0.1", true, true).accept);
  EXPECT_FALSE(world.ask("backup").accept);
}

TEST(LoginDecision, SettingsTakeForwardingsAwayAndSayWhich) {
  struct Case {
    bool ForwardingsAllowed::*setting;
    bool LoginAnswer::*right;
    std::uint8_t bit;
    const char* name;
  };
  World world;
  const LoginAnswer all = world.ask("deploy");
  EXPECT_EQ(all.narrowed, 0);
  for (const Case& each :
       {Case{&ForwardingsAllowed::agent, &LoginAnswer::agent_forwarding, protocol::narrowed_agent, "allow_agent"},
        Case{&ForwardingsAllowed::local, &LoginAnswer::local_forwarding, protocol::narrowed_local, "allow_local"},
        Case{&ForwardingsAllowed::remote, &LoginAnswer::remote_forwarding, protocol::narrowed_remote, "allow_remote"},
        Case{&ForwardingsAllowed::x11, &LoginAnswer::x11_forwarding, protocol::narrowed_x11, "allow_x11"}}) {
    EXPECT_TRUE(all.*each.right) << each.name;
    world.allow = {};
    world.allow.*each.setting = false;
    const LoginAnswer answer = world.ask("deploy");
    EXPECT_TRUE(answer.accept);
    EXPECT_FALSE(answer.*each.right);
    EXPECT_EQ(answer.narrowed, each.bit);
    EXPECT_THAT(answer.why.layers.back().reason, HasSubstr(each.name));
    EXPECT_EQ(answer.agent_forwarding + answer.local_forwarding + answer.remote_forwarding + answer.x11_forwarding, 3);
    // A login that lives and has it ends; one that never had it goes on.
    EXPECT_THAT(world.again(all).tell, HasSubstr("aclnode.toml of this machine no longer gives"));
    EXPECT_TRUE(world.again(answer).accept);
  }
}

TEST(LoginDecision, ALoginThatLivesIsDeniedOnceARightItHasIsGivenNoMore) {
  World world;
  const LoginAnswer given = world.ask("deploy");
  EXPECT_TRUE(world.again(given).accept);
  LoginAnswer bare = given;
  bare.agent_forwarding = bare.local_forwarding = bare.remote_forwarding = bare.x11_forwarding = false;
  bare.patterns.clear();
  EXPECT_TRUE(world.again(bare).accept);
  EXPECT_TRUE(world.again(bare).patterns.empty()) << "what it would be given besides is not its";
  LoginAnswer more = given;
  more.patterns.push_back("LD_*");
  const LoginAnswer narrowed = world.again(more);
  EXPECT_FALSE(narrowed.accept);
  EXPECT_EQ(layers(narrowed).back(), "ssh NO");
  EXPECT_THAT(narrowed.tell, HasSubstr("policy no longer gives variables"));
  // Break-glass gives accounts alone.
  world.facts.table = nullptr;
  BreakGlass entry;
  entry.from = net::Prefix::parse("100.64.0.1").prefix;
  entry.key = key_of(1);
  entry.login = "deploy";
  world.glass = {entry};
  EXPECT_TRUE(world.again(bare).accept);
  for (bool LoginAnswer::*right : {&LoginAnswer::agent_forwarding, &LoginAnswer::local_forwarding,
                                   &LoginAnswer::remote_forwarding, &LoginAnswer::x11_forwarding}) {
    LoginAnswer had = bare;
    had.*right = true;
    EXPECT_FALSE(world.again(had).accept);
  }
}

TEST(LoginDecision, AnAccountThatIsMissingIsNamedToWhomPolicyWouldLetIn) {
  World world;
  EXPECT_THAT(world.ask("deploy", "100.64.0.1", false).tell,
              HasSubstr("there is no account \"deploy\" on this machine"));
  EXPECT_THAT(world.ask("backup", "100.64.0.1", false).tell, HasSubstr("policy does not let"));
}

TEST(LoginDecision, AnExpiredReleaseGivesWhatItsSignersChose) {
  World restricted(release::OnExpiry::ssh_restricted), keep(release::OnExpiry::keep), deny(release::OnExpiry::deny);
  for (World* world : {&restricted, &keep, &deny}) {
    world->facts.standing = release::Standing::grace;
    EXPECT_TRUE(world->ask("root").accept);
    world->facts.standing = release::Standing::expired;
  }
  EXPECT_TRUE(keep.ask("root").accept);
  EXPECT_FALSE(restricted.ask("root").accept);
  EXPECT_FALSE(restricted.ask("deploy", "100.64.0.1", true, true).accept) << "another name of user 0";
  EXPECT_TRUE(restricted.ask("deploy").accept);
  EXPECT_FALSE(deny.ask("deploy").accept);
  EXPECT_EQ(deny.ask("deploy").tell, "access denied");
}

TEST(LoginDecision, BreakGlassNamesSourceKeyAndAccountAndHoldsOnlyWithoutATable) {
  World world;
  BreakGlass entry;
  entry.from = net::Prefix::parse("100.64.0.3").prefix;
  entry.key = key_of(3);
  entry.login = "rescue";
  world.glass = {entry};
  EXPECT_FALSE(world.ask("rescue", "100.64.0.3").accept) << "there is a table";
  world.facts.table = nullptr;
  EXPECT_TRUE(world.ask("rescue", "100.64.0.3").accept);
  EXPECT_FALSE(world.ask("rescue", "100.64.0.3", false).accept) << "no such account";
  EXPECT_THAT(world.ask("root", "100.64.0.3").tell, HasSubstr("break-glass does not name \"root\""));
  EXPECT_EQ(world.ask("rescue", "100.64.0.1").tell, "access denied");
  world.denied = {"rescue"};
  EXPECT_FALSE(world.ask("rescue", "100.64.0.3").accept);
  world.denied.clear();
  world.allowed[2].peer = key_of(9);
  EXPECT_FALSE(world.ask("rescue", "100.64.0.3").accept) << "WireGuard has the address elsewhere";
}

TEST(LoginDecision, OddNamesAreShownAsWhatTheyAre) {
  World world;
  const std::string odd = std::string("\x1b[2J\n\xff") + std::string(250, 'a');
  const LoginAnswer answer = world.ask(odd);
  EXPECT_FALSE(answer.accept);
  EXPECT_LE(answer.tell.size(), 512U);
  EXPECT_THAT(answer.tell, HasSubstr(R"("\x1b[2J\x0a\xffaaa)"));
  for (const char c : answer.tell) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << answer.tell;
  EXPECT_FALSE(world.ask("").accept);
}

TEST(LoginDecision, SaysWhatAclcCanSays) {
  const Example example(ACL_SOURCE_DIR "/examples/policies/plain-wireguard");
  std::vector<OwnedRange> allowed;
  for (const inventory::Node& node : example.nodes()) {
    Key key{};
    if (!release::decode_base64(node.key, key)) continue;
    for (const Address& address : node.addresses) allowed.push_back({address, address, key});
  }
  std::sort(allowed.begin(), allowed.end(), [](const OwnedRange& a, const OwnedRange& b) { return a.first < b.first; });
  int asked = 0, accepted = 0, checked = 0;
  for (const auto& [number, table] : example.tables()) {
    Facts facts;
    facts.table = table.get();
    facts.standing = release::Standing::current;
    facts.owned = allowed;
    const Address own = table->header().own.front().address;
    for (const inventory::Node& source : example.nodes()) {
      if (table->header().find(source.addresses.front()) != nullptr) continue;
      for (const char* user : {"root", "deploy", "backup", "ines", "priya", "nobody"}) {
        const auto can = questions::can_login(example.views(), source.name, user, example.nodes()[number].name);
        ASSERT_TRUE(can) << can.error().message;
        const LoginAnswer answer =
            decide_login({facts, {}, {}, nullptr, 0, {}, {}},
                         {source.addresses.front(), own, user, true, std::string_view(user) == "root", {}});
        ++asked;
        accepted += answer.accept ? 1 : 0;
        checked += can->verdict == questions::Verdict::check ? 1 : 0;
        ASSERT_EQ(answer.accept, can->verdict == questions::Verdict::accept)
            << source.name << " " << user << "@" << example.nodes()[number].name << ": " << answer.reason;
        // A source that is no person is denied at once.
        if (can->verdict == questions::Verdict::check) {
          ASSERT_TRUE(answer.needs_check || !source.tags.empty());
        }
        if (can->verdict != questions::Verdict::deny) {
          ASSERT_EQ(answer.why.rule, resolve::origin_name(can->origin));
        }
      }
    }
  }
  EXPECT_GT(accepted, 5);
  EXPECT_GT(checked, 10);
  EXPECT_GT(asked - accepted, 100);
}

}  // namespace
}  // namespace acl::node
