// From a policy to a signed release, as people type it: compile, sign, verify, renew, publish. What each verb does by itself is tested in
// signing_test.cc and publish_test.cc.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>

#include "compiler/cli/signing.h"
#include "compiler/cli/testing.h"
#include "engine/release/base64.h"
#include "engine/release/testing.h"
#include "engine/store/release_folder.h"

namespace acl::cli {
namespace {

namespace fs = std::filesystem;
using release::testing::must;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

void add_release_verbs(CLI::App& app, int& exit_code) {
  add_compile(app, exit_code);
  add_trust(app, exit_code);
  add_sign(app, exit_code, rebuild_release());
  add_verify(app, exit_code);
  add_renew(app, exit_code);
  add_publish(app, exit_code);
}

std::string wireguard_key(std::uint8_t number) {
  std::array<std::uint8_t, 32> key{};
  key.fill(number);
  return release::encode_base64(key);
}

std::string node(const std::string& name, const std::string& who, unsigned address, const std::string& key) {
  return fmt::format(R"({{"name": "{}", {}, "addresses": ["100.64.0.{}"]{}}})", name, who, address,
                     key.empty() ? "" : fmt::format(R"(, "key": "{}")", key));
}

constexpr const char* users = R"("users": [{"login": "ann@example.com"}, {"login": "ben@example.com"}])";

std::string inventory_of(const std::vector<std::string>& nodes, const std::string& settings = {}) {
  return fmt::format(R"({{{}{}, "nodes": [{}]}})", settings, users, fmt::join(nodes, ", "));
}

const std::vector<std::string>& four_nodes() {
  static const std::vector<std::string> nodes{
      node("ann", R"("user": "ann@example.com")", 1, wireguard_key(1)),
      node("ben", R"("user": "ben@example.com")", 2, wireguard_key(2)),
      node("web", R"("tags": ["tag:web"])", 3, wireguard_key(3)),
      node("db", R"("tags": ["tag:db"])", 4, wireguard_key(4)),
  };
  return nodes;
}

// `web_port`: what Ann reaches on tag:web.
std::string policy_of(unsigned web_port = 443) {
  return fmt::format(R"({{
"tagOwners": {{"tag:web": [], "tag:db": []}},
"acls": [
  {{"action": "accept", "src": ["ann@example.com"], "dst": ["tag:web:{}"]}},
  {{"action": "accept", "src": ["ben@example.com"], "dst": ["tag:db:5432"]}},
],
"ssh": [{{"action": "check", "src": ["ann@example.com"], "dst": ["tag:web"], "users": ["root"]}}],
}})",
                     web_port);
}

class Compile : public InFolder {
 protected:
  void SetUp() override {
    InFolder::SetUp();
    policy(policy_of());
    inventory(inventory_of(four_nodes()));
    for (std::uint64_t i = 0; i < 3; ++i) write_key(names[i], release::testing::key_of_signer(i));
  }

  void policy(const std::string& text) const { file("policy.hujson", text); }
  void inventory(const std::string& text) const { file("inventory.hujson", text); }
  void write_key(const std::string& name, const release::SecretKey& key) const {
    const auto secret = must(release::LockedKey::print(key, {}));
    file(name + ".key", std::string(release::as_text({secret.data(), secret.size()})));
    file(name + ".pub", release::print_public_key(key.public_key()));
  }

  // "@" stands for the test's folder.
  [[nodiscard]] Outcome run(std::string command) const {
    for (std::size_t at = 0; (at = command.find('@', at)) != std::string::npos;) command.replace(at, 1, folder_ + "/");
    return run_verb(add_release_verbs, command);
  }
  [[nodiscard]] Outcome compile(const std::string& out = "@rel", const std::string& options = {}) const {
    return run(fmt::format("compile @policy.hujson --out {} {}", out, options));
  }
  void trust(unsigned threshold) const {
    fs::create_directories(folder_ + "/rel");
    const Outcome init = run(
        fmt::format("trust init @rel --pub @alice.pub @bob.pub @carol.pub --threshold {} --key @alice.key", threshold));
    ASSERT_EQ(init.exit_code, exit_yes) << init.err;
    if (threshold > 1) {
      ASSERT_EQ(run("trust sign @rel --key @bob.key").exit_code, exit_yes);
    }
    file("T", contents(folder_ + "/rel/trust/1"));
  }

  // Relative path → bytes, of everything but what begins with a dot.
  [[nodiscard]] std::map<std::string, std::string> objects(const std::string& name) const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ + "/" + name)) {
      if (!entry.is_regular_file() || entry.path().filename().string().starts_with('.')) continue;
      out[fs::relative(entry.path(), folder_ + "/" + name).string()] = contents(entry.path());
    }
    return out;
  }
  [[nodiscard]] release::Head newest(const std::string& name = "rel") const {
    return must(store::newest_head(must(store::Folder::open(folder_ + "/" + name)))).value().head;
  }

  static constexpr std::array<const char*, 3> names{"alice", "bob", "carol"};
};

// A part of the last kind that is built does not fit its format; those of the others are written by then.
TEST_F(Compile, WhatAFailedCompilationLeavesIsNotPublishedAndUsedByTheNext) {
  trust(1);
  const auto with = [](unsigned port, const std::string& value) {
    return fmt::format(R"({{"grants": [{{"src": ["*"], "dst": ["*"], "ip": ["{}"],
      "app": {{"example.com/cap/x": [{{"text": "{}"}}]}}}}]}})",
                       port, value);
  };
  policy(with(443, std::string(70'000, 'x')));
  const Outcome failed = compile();
  EXPECT_EQ(failed.exit_code, exit_no);
  EXPECT_THAT(failed.err, HasSubstr("E1206"));
  EXPECT_THAT(failed.err, HasSubstr("no release names them"));
  const auto left = objects("rel");
  policy(with(8443, "y"));
  const Outcome next = compile();
  ASSERT_EQ(next.exit_code, exit_yes) << next.err;
  ASSERT_EQ(run("sign @rel --key @alice.key").exit_code, exit_yes);
  ASSERT_EQ(run("publish @rel @to").exit_code, exit_yes);
  const auto published = objects("to");
  std::size_t used = 0, unused = 0;
  for (const auto& [name, bytes] : left) {
    if (name.starts_with("blob/")) ++(published.contains(name) ? used : unused);
  }
  EXPECT_GT(used, 0U);    // for logins, which are as they were
  EXPECT_GT(unused, 0U);  // for packets
  EXPECT_EQ(published.size() + unused, objects("rel").size());
}

// --- what is written --------------------------------------------------------------------------------------------------

// Several threads build, and two may come to the same bytes from different rules: that is one blob, written and counted once.
TEST_F(Compile, CountsTheBlobsThatAreThere) {
  for (int round = 0; round < 20; ++round) {
    const Outcome done = run(
        fmt::format("compile {}/examples/policies/plain-wireguard/policy.hujson --out @r{}", ACL_SOURCE_DIR, round));
    ASSERT_EQ(done.exit_code, exit_yes) << done.err;
    std::size_t there = 0;
    for (const auto& entry : fs::recursive_directory_iterator(fmt::format("{}/r{}/blob", folder_, round)))
      there += entry.is_regular_file() ? 1U : 0U;
    EXPECT_THAT(done.out, HasSubstr(fmt::format("wrote head/0.1, {} blobs", there)));
  }
}

TEST_F(Compile, NeedsNeitherKeyNorTrustAndLeavesLatestAlone) {
  const Outcome done = compile();
  EXPECT_EQ(done.exit_code, exit_yes) << done.err;
  EXPECT_THAT(done.out, HasSubstr("4 nodes, each table proved equal to its rules"));
  EXPECT_THAT(done.out, HasSubstr("the first release here"));
  EXPECT_THAT(done.out, HasSubstr("wrote head/0.1, "));
  EXPECT_THAT(done.out, HasSubstr("next: aclc trust init "));
  const auto objects = this->objects("rel");
  EXPECT_TRUE(objects.contains("head/0.1"));
  EXPECT_FALSE(objects.contains("latest"));
}

TEST_F(Compile, TwoFreshFoldersDifferInTheTimesOfTheirHeadsAlone) {
  ASSERT_EQ(compile("@one").exit_code, exit_yes);
  ASSERT_EQ(compile("@two").exit_code, exit_yes);
  auto one = objects("one"), two = objects("two");
  release::Head first = newest("one");
  const release::Head second = newest("two");
  first.created = second.created;
  first.expires = second.expires;
  EXPECT_EQ(first, second);
  one.erase("head/0.1");
  two.erase("head/0.1");
  EXPECT_GT(one.size(), 5U);
  EXPECT_EQ(one, two);
}

TEST_F(Compile, TheNextHeadHasTheNextGenerationUnderTheTrustSetThatIsThere) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  trust(1);
  const Outcome done = compile();
  EXPECT_THAT(done.out, HasSubstr("wrote head/1.2, 0 blobs and 0 pages"));
  EXPECT_THAT(done.out, HasSubstr("every node's table is as in head/0.1"));
  EXPECT_THAT(done.out, MatchesRegex("(.|\n)*next: aclc inspect .*, then aclc sign .* --key KEY.key\n"));
}

TEST_F(Compile, ADryRunSaysWhatWouldChangeAndWritesNothing) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  const auto everything = [&] {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ + "/rel"))
      out[entry.path().string()] = entry.is_regular_file() ? contents(entry.path()) : std::string();
    return out;
  };
  const auto before = everything();
  policy(policy_of(8443));
  const Outcome dry = compile("@rel", "--dry-run");
  EXPECT_EQ(dry.exit_code, exit_yes) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("nodes whose tables differ from head/0.1\n  1 changed: web\n"));
  EXPECT_THAT(dry.out, MatchesRegex("(.|\n)*would write head/0.2, [0-9]+ blobs? and [0-9]+ pages? (.|\n)*"));
  EXPECT_THAT(dry.out, HasSubstr("nothing was written\n"));
  EXPECT_EQ(everything(), before);
  // What it says is what then happens.
  const std::string would =
      dry.out.substr(dry.out.find("head/0.2"), dry.out.find("nothing") - dry.out.find("head/0.2"));
  EXPECT_THAT(compile().out, HasSubstr("wrote " + would));
}

TEST_F(Compile, ADryRunNeedsNoFolderAndMakesNone) {
  const Outcome alone = run("compile @policy.hujson --dry-run");
  EXPECT_EQ(alone.exit_code, exit_yes) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("4 nodes, each table proved equal to its rules"));
  EXPECT_THAT(alone.out, Not(HasSubstr("would write")));
  EXPECT_EQ(compile("@new", "--dry-run").exit_code, exit_yes);
  EXPECT_FALSE(fs::exists(folder_ + "/new"));
  EXPECT_EQ(run("compile @policy.hujson").exit_code, exit_usage);
  policy("{\"acls\": [{\"action\": \"accept\", \"src\": [\"tag:none\"], \"dst\": [\"*:*\"]}]}");
  EXPECT_EQ(compile("@new", "--dry-run").exit_code, exit_no);
}

TEST_F(Compile, ValidityGraceAndWhatThenStandInTheHead) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  const release::Head usual = newest();
  EXPECT_EQ(usual.expires - usual.created, 30 * 86400);
  EXPECT_EQ(usual.grace, 72 * 3600);
  EXPECT_EQ(usual.on_expiry, release::OnExpiry::ssh_restricted);
  ASSERT_EQ(compile("@rel", "--valid 1d12h --grace 90m --on-expiry deny").exit_code, exit_yes);
  const release::Head set = newest();
  EXPECT_EQ(set.expires - set.created, 36 * 3600);
  EXPECT_EQ(set.grace, 90 * 60);
  EXPECT_EQ(set.on_expiry, release::OnExpiry::deny);
  EXPECT_EQ(compile("@rel", "--valid soon").exit_code, exit_usage);
  EXPECT_EQ(compile("@rel", "--on-expiry open").exit_code, exit_usage);
}

TEST_F(Compile, AOneLineEditWritesWhatItChangesAndSaysWhoseTable) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  const auto before = objects("rel");
  policy(policy_of(8443));
  const Outcome done = compile();
  EXPECT_EQ(done.exit_code, exit_yes) << done.err;
  EXPECT_THAT(done.out, HasSubstr("nodes whose tables differ from head/0.1\n  1 changed: web\n"));
  EXPECT_THAT(done.out, HasSubstr("1 part built anew"));
  // Web's hot and names part, the rules; one page of four nodes.
  EXPECT_THAT(done.out, HasSubstr("wrote head/0.2, 3 blobs and 1 page ("));
  std::size_t fresh = 0;
  for (const auto& [name, bytes] : objects("rel")) {
    fresh += before.contains(name) ? 0 : 1;
    if (before.contains(name)) {
      EXPECT_EQ(before.at(name), bytes) << name;
    }
  }
  EXPECT_EQ(fresh, 5U);  // those, and the head
}

TEST_F(Compile, NodesThatJoinLeaveAndStayAreCounted) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  std::vector<std::string> nodes = four_nodes();
  nodes.pop_back();
  nodes.push_back(node("backup", R"("tags": ["tag:web"])", 9, wireguard_key(9)));
  inventory(inventory_of(nodes));
  const Outcome done = compile();
  EXPECT_EQ(done.exit_code, exit_yes) << done.err;
  EXPECT_THAT(done.out, HasSubstr("  1 new: backup\n"));
  EXPECT_THAT(done.out, HasSubstr("  1 gone\n"));
}

// --- the cache ----------------------------------------------------------------------------------------------------------

// Whatever becomes of the cache, the release is that of a fresh folder.
class Cache : public Compile {
 protected:
  void SetUp() override {
    Compile::SetUp();
    ASSERT_EQ(compile("@fresh").exit_code, exit_yes);
    ASSERT_EQ(compile().exit_code, exit_yes);
  }
  [[nodiscard]] std::string path() const { return folder_ + "/rel/.aclc-cache"; }

  void expect_as_fresh() const {
    const Outcome done = compile();
    EXPECT_EQ(done.exit_code, exit_yes) << done.err;
    EXPECT_EQ(newest().contents, newest("fresh").contents);
    auto rebuilt = objects("rel");
    for (const auto& [name, bytes] : objects("fresh")) {
      if (name.starts_with("head/")) continue;
      EXPECT_EQ(rebuilt[name], bytes) << name;
    }
  }
};

TEST_F(Cache, NothingIsBuiltTwice) {
  EXPECT_THAT(compile().out, HasSubstr("; 0 parts built anew"));
  expect_as_fresh();
}

TEST_F(Cache, WithoutItEverythingIsBuiltAgain) {
  fs::remove(path());
  EXPECT_THAT(compile().out, Not(HasSubstr("; 0 parts built anew")));
  fs::remove(path());
  expect_as_fresh();
}

TEST_F(Cache, ADamagedOneIsNone) {
  const std::string whole = contents(path());
  for (const std::string& damaged : {std::string("nonsense"), whole.substr(0, whole.size() / 2), whole + "x\n"}) {
    file("rel/.aclc-cache", damaged);
    EXPECT_THAT(compile().out, Not(HasSubstr("; 0 parts built anew")));
    file("rel/.aclc-cache", damaged);
    expect_as_fresh();
  }
}

TEST_F(Cache, ABlobThatIsGoneIsBuiltAgain) {
  for (const auto& entry : fs::directory_iterator(folder_ + "/rel/blob")) fs::remove(entry.path());
  expect_as_fresh();
}

// --- refusals -----------------------------------------------------------------------------------------------------------

TEST_F(Compile, ARefusedPolicyLeavesNothingBehind) {
  policy(R"({"acls": [{"action": "accept", "src": ["tag:nowhere"], "dst": ["*:*"]}]})");
  const Outcome done = compile();
  EXPECT_EQ(done.exit_code, exit_no);
  EXPECT_THAT(done.err, HasSubstr("tag:nowhere"));
  EXPECT_FALSE(fs::exists(folder_ + "/rel"));
}

TEST_F(Compile, APolicyWhoseTestsFailIsRefused) {
  const std::string accepted = policy_of();
  policy(accepted.substr(0, accepted.rfind('}')) +
         R"("tests": [{"src": "ben@example.com", "accept": ["tag:web:443"]}]})");
  EXPECT_EQ(compile().exit_code, exit_no);
  EXPECT_FALSE(fs::exists(folder_ + "/rel"));
}

TEST_F(Compile, ARefusedEditLeavesTheReleaseAsItWas) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  const auto before = objects("rel");
  policy("{");
  EXPECT_NE(compile().exit_code, exit_yes);
  EXPECT_EQ(objects("rel"), before);
}

TEST_F(Compile, WithoutAnInventoryTheUsageIsWrongAndAnUnreadableOneIsToldSo) {
  fs::remove(folder_ + "/inventory.hujson");
  EXPECT_EQ(compile().exit_code, exit_usage);
  EXPECT_EQ(compile("@rel", "--inventory @elsewhere.hujson").exit_code, exit_unreadable);
  inventory("not an inventory");
  EXPECT_EQ(compile().exit_code, exit_unreadable);
  EXPECT_EQ(run("compile @policy.hujson --out @no/such/folder").exit_code, exit_unreadable);
  EXPECT_FALSE(fs::exists(folder_ + "/rel"));
}

TEST_F(Compile, NodesWithoutAKeyAreAllNamed) {
  std::vector<std::string> nodes = four_nodes();
  nodes.push_back(node("printer", R"("tags": ["tag:web"])", 8, {}));
  nodes.push_back(node("scanner", R"("tags": ["tag:web"])", 9, {}));
  inventory(inventory_of(nodes));
  const Outcome done = compile();
  EXPECT_EQ(done.exit_code, exit_no);
  EXPECT_THAT(done.err, HasSubstr("E1205"));
  EXPECT_THAT(done.err, HasSubstr(R"("printer", "scanner")"));
  EXPECT_FALSE(fs::exists(folder_ + "/rel"));
}

TEST_F(Compile, NodesThatAreBelievedWithoutAKeyNeedNone) {
  std::vector<std::string> nodes = four_nodes();
  nodes.push_back(R"({"name": "printer", "tags": ["tag:web"], "addresses": ["100.64.0.8"], "binding": "none"})");
  inventory(inventory_of(nodes));
  const Outcome one = compile();
  EXPECT_EQ(one.exit_code, exit_yes) << one.err;
  EXPECT_THAT(one.out, HasSubstr("1 node without a key: believed by address, and given no table"));
  nodes.push_back(node("scanner", R"("tags": ["tag:web"])", 9, {}));
  inventory(inventory_of(nodes, R"("settings": {"binding": "none"}, )"));
  const Outcome all = compile();
  EXPECT_EQ(all.exit_code, exit_yes) << all.err;
  EXPECT_THAT(all.out, HasSubstr("2 nodes without a key"));
}

// --- with signers -------------------------------------------------------------------------------------------------------

TEST_F(Compile, LatestMovesOnceTwoOfThreeHaveSigned) {
  trust(2);
  ASSERT_EQ(compile().exit_code, exit_yes);
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no);
  EXPECT_EQ(run("publish @rel @store").exit_code, exit_no) << "below the threshold";
  EXPECT_THAT(run("sign @rel --key @alice.key").out, HasSubstr("latest not moved: 1 of 2 signatures"));
  EXPECT_EQ(run("publish @rel @store").exit_code, exit_no) << "below the threshold";
  EXPECT_THAT(run("sign @rel --key @carol.key").out, HasSubstr("latest is now 1.1"));
  const Outcome verified = run("verify @rel --trust @T");
  EXPECT_EQ(verified.exit_code, exit_yes) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("4 nodes"));
  EXPECT_EQ(run("publish @rel @store").exit_code, exit_yes);
  EXPECT_EQ(run("verify @store --trust @T").exit_code, exit_yes);
}

TEST_F(Compile, WhatWasCompiledWithoutATrustSetVerifiesNever) {
  ASSERT_EQ(compile().exit_code, exit_yes);
  file("T", "");
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no);
  trust(1);
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no);
  EXPECT_EQ(run("sign @rel --key @alice.key").exit_code, exit_no);
}

TEST_F(Compile, ACoSignerSignsWhatHisOwnCopiesMakeAndNothingElse) {
  trust(1);
  ASSERT_EQ(compile().exit_code, exit_yes);
  const Outcome same = run("sign @rel --key @alice.key --rebuild @policy.hujson");
  EXPECT_EQ(same.exit_code, exit_yes) << same.err;
  EXPECT_THAT(same.out, HasSubstr("rebuilt: the same"));
  ASSERT_EQ(compile().exit_code, exit_yes);
  policy(policy_of(8443));
  const Outcome other = run("sign @rel --key @bob.key --rebuild @policy.hujson");
  EXPECT_EQ(other.exit_code, exit_no);
  EXPECT_THAT(other.err, HasSubstr("E1024"));
  EXPECT_THAT(other.err, HasSubstr("policy, root, rules differ"));
  policy("{");
  EXPECT_EQ(run("sign @rel --key @bob.key --rebuild @policy.hujson").exit_code, exit_no);
  EXPECT_FALSE(
      objects("rel").contains("head/1.2." + release::testing::key_of_signer(1).public_key().id.text() + ".minisig"));
}

TEST_F(Compile, ACoSignerOfAHeadscalePolicySaysSo) {
  trust(1);
  policy(R"({"acls": [{"action": "accept", "proto": "fc", "src": ["*"], "dst": ["*:*"]}]})");
  ASSERT_EQ(compile("@rel", "--dialect headscale").exit_code, exit_yes);
  const Outcome other = run("sign @rel --key @alice.key --rebuild @policy.hujson");
  EXPECT_EQ(other.exit_code, exit_no);
  EXPECT_THAT(other.err, HasSubstr("E1209"));
  const Outcome same = run("sign @rel --key @alice.key --rebuild @policy.hujson --dialect headscale");
  EXPECT_EQ(same.exit_code, exit_yes) << same.err;
}

TEST_F(Compile, RenewingKeepsTheTables) {
  trust(1);
  ASSERT_EQ(compile().exit_code, exit_yes);
  const release::Contents before = newest().contents;
  ASSERT_EQ(run("renew @rel --valid 60d").exit_code, exit_yes);
  EXPECT_EQ(newest().generation, (release::Generation{1, 2}));
  EXPECT_EQ(newest().contents, before);
}

// Anyone can check a release with a tool that is not ours.
TEST_F(Compile, MinisignAcceptsTheSignaturesOfACompiledRelease) {
  if (std::system("command -v minisign >/dev/null 2>&1") != 0) GTEST_SKIP() << "minisign is not installed";
  trust(1);
  ASSERT_EQ(compile().exit_code, exit_yes);
  ASSERT_EQ(run("sign @rel --key @alice.key").exit_code, exit_yes);
  const std::string id = release::testing::key_of_signer(0).public_key().id.text();
  for (const char* object : {"trust/1", "head/1.1"}) {
    const std::string command =
        fmt::format("cd '{}/rel' && minisign -V -H -p ../alice.pub -m {} -x {}.{}.minisig >/dev/null 2>&1", folder_,
                    object, object, id);
    EXPECT_EQ(std::system(command.c_str()), 0) << object;
  }
}

}  // namespace
}  // namespace acl::cli
