// keygen, trust, sign, verify, renew, as a person types them, in a folder that has a compiled release.
#include "compiler/cli/signing.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "compiler/cli/commands.h"
#include "engine/net/file.h"
#include "engine/release/testing.h"

namespace acl::cli {
namespace {

using release::testing::must;
using ::testing::HasSubstr;

struct Outcome {
  int exit_code;
  std::string out, err;
};

class Signing : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "aclc-signing-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
    ASSERT_EQ(::mkdir((path + "/rel").c_str(), 0755), 0);
    for (std::uint64_t i = 0; i < 3; ++i) write_key(names[i], release::testing::key_of_signer(i));
  }
  void TearDown() override { std::filesystem::remove_all(path); }

  void write_key(const std::string& name, const release::SecretKey& key) {
    const auto file = must(release::LockedKey::print(key, {}));
    ASSERT_TRUE(replace_file(path + "/" + name + ".key", release::as_text({file.data(), file.size()})));
    ASSERT_TRUE(replace_file(path + "/" + name + ".pub", release::print_public_key(key.public_key())));
  }

  // "@" in the arguments stands for the folder.
  Outcome run(std::string arguments) {
    for (std::size_t at = 0; (at = arguments.find('@', at)) != std::string::npos;) arguments.replace(at, 1, path + "/");
    CLI::App app;
    int exit_code = -1;
    add_keygen(app, exit_code);
    add_trust(app, exit_code);
    add_sign(app, exit_code, rebuild);
    add_verify(app, exit_code);
    add_renew(app, exit_code);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError&) {
      exit_code = exit_usage;
    }
    const std::string out = ::testing::internal::GetCapturedStdout();
    return {exit_code, out, ::testing::internal::GetCapturedStderr()};
  }

  // What `aclc compile` does.
  release::Head compile(std::int64_t valid = 30 * 86400) {
    auto folder = must(store::Folder::open(path + "/rel"));
    release::testing::Network network;
    const release::Contents contents = network.put_contents({});
    for (const auto& [name, text] : network.store) {
      if (name.starts_with("page/") || name.starts_with("blob/")) must(folder.put(name, release::as_bytes(text)));
    }
    return must(store::put_next_head(folder, contents, {wall_clock(), valid, 3 * 86400, release::OnExpiry::deny})).head;
  }

  void init() {
    ASSERT_EQ(run("trust init @rel --pub @alice.pub @bob.pub @carol.pub --key @alice.key").exit_code, exit_yes);
    ASSERT_EQ(run("trust sign @rel --key @bob.key").exit_code, exit_yes);
    ASSERT_TRUE(replace_file(path + "/T", must(read_file(path + "/rel/trust/1"))));
  }
  void publish() {
    init();
    compile();
    ASSERT_EQ(run("sign @rel --key @alice.key").exit_code, exit_yes);
    ASSERT_EQ(run("sign @rel --key @carol.key").exit_code, exit_yes);
  }

  std::string path;
  Rebuild rebuild;
  static constexpr std::array<const char*, 3> names{"alice", "bob", "carol"};
};

TEST_F(Signing, ReleaseIsPublishedOnceEnoughPeopleHaveSigned) {
  init();
  compile();
  const Outcome first = run("sign @rel --key @alice.key");
  EXPECT_EQ(first.exit_code, exit_yes) << first.err;
  EXPECT_THAT(first.out, HasSubstr("latest not moved: 1 of 2 signatures"));
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no);
  const Outcome again = run("sign @rel --key @alice.key");
  EXPECT_THAT(again.out, HasSubstr("was signed before"));
  EXPECT_THAT(again.out, HasSubstr("latest not moved"));
  const Outcome second = run("sign @rel --key @carol.key");
  EXPECT_THAT(second.out, HasSubstr("latest is now 1.1"));
  const Outcome verified = run("verify @rel --trust @T");
  EXPECT_EQ(verified.exit_code, exit_yes) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("release 1.1 verified"));
  EXPECT_THAT(verified.out, HasSubstr("alice"));
  EXPECT_THAT(verified.out, HasSubstr("carol"));
  EXPECT_THAT(verified.out, HasSubstr("40 nodes"));
}

// Anyone can check a release with a tool that is not ours.
TEST_F(Signing, MinisignAcceptsHeadsAndTrustSets) {
  if (std::system("command -v minisign >/dev/null 2>&1") != 0) GTEST_SKIP() << "minisign is not installed";
  publish();
  const std::string id = release::testing::key_of_signer(0).public_key().id.text();
  for (const std::string& object : {std::string("trust/1"), std::string("head/1.1")}) {
    const std::string command = "cd '" + path + "/rel' && minisign -V -H -p ../alice.pub -m " + object + " -x " +
                                object + "." + id + ".minisig >/dev/null 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << object;
    const std::string whole = must(read_file(path + "/rel/" + object));
    ASSERT_TRUE(replace_file(path + "/rel/" + object, whole + " "));
    EXPECT_NE(std::system(command.c_str()), 0) << object;
    ASSERT_TRUE(replace_file(path + "/rel/" + object, whole));
  }
}

// And sign one.
TEST_F(Signing, ASignatureByMinisignCounts) {
  if (std::system("command -v minisign >/dev/null 2>&1") != 0) GTEST_SKIP() << "minisign is not installed";
  init();
  compile();
  ASSERT_EQ(run("sign @rel --key @alice.key").exit_code, exit_yes);
  const std::string id = release::testing::key_of_signer(1).public_key().id.text();
  const std::string command = "cd '" + path + "' && minisign -S -s bob.key -m rel/head/1.1 -x rel/head/1.1." + id +
                              ".minisig </dev/null >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(run("sign @rel --key @bob.key").out, HasSubstr("latest is now 1.1"));
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_yes);
}

TEST_F(Signing, AHeadCompiledBeforeTheTrustSetCannotBeSigned) {
  compile();
  EXPECT_THAT(run("sign @rel --key @alice.key").err, HasSubstr("E1020"));
  EXPECT_EQ(run("verify @rel --trust @alice.pub").exit_code, exit_no) << "trust version 0";
  init();
  const Outcome refused = run("sign @rel --key @alice.key");
  EXPECT_EQ(refused.exit_code, exit_no);
  EXPECT_THAT(refused.err, HasSubstr("was made for trust version 0"));
  ASSERT_EQ(run("renew @rel --key @alice.key").exit_code, exit_yes);
  EXPECT_THAT(run("sign @rel --key @bob.key").out, HasSubstr("latest is now 1.2"));
}

TEST_F(Signing, AKeyThatIsNotTrustedSignsNothing) {
  init();
  compile();
  write_key("mallory", release::testing::key_of_signer(99));
  const Outcome refused = run("sign @rel --key @mallory.key");
  EXPECT_EQ(refused.exit_code, exit_no);
  EXPECT_THAT(refused.err, HasSubstr("E1021"));
  EXPECT_EQ(run("trust sign @rel --key @mallory.key").exit_code, exit_no);
  EXPECT_EQ(run("sign @rel --key @none.key").exit_code, exit_unreadable);
  EXPECT_EQ(run("sign @rel --key @alice.pub").exit_code, exit_unreadable) << "no secret key";
}

TEST_F(Signing, VerifyFindsAnyDamage) {
  publish();
  for (const char* const part : {"page", "blob"}) {
    for (const auto& entry : std::filesystem::directory_iterator(path + "/rel/" + part)) {
      const std::string whole = must(read_file(entry.path()));
      std::string other = whole;
      other.back() = static_cast<char>(other.back() ^ 1);
      ASSERT_TRUE(replace_file(entry.path(), other));
      EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no) << entry.path();
      ASSERT_TRUE(replace_file(entry.path(), whole));
    }
  }
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_yes);
}

TEST_F(Signing, VerifyJudgesTheExpiry) {
  publish();
  EXPECT_EQ(run("verify @rel --trust @T --at 9999-01-01T00:00:00Z").exit_code, exit_no);
  EXPECT_THAT(run("verify @rel --trust @T --at 9999-01-01T00:00:00Z").err, HasSubstr("E1016"));
  EXPECT_EQ(run("verify @rel --trust @T --at tomorrow").exit_code, exit_usage);
}

TEST_F(Signing, VerifyTrustsTheCopyThatItIsGivenOnly) {
  publish();
  std::string other = must(read_file(path + "/T"));
  other.replace(other.find("threshold 2"), 11, "threshold 1");
  ASSERT_TRUE(replace_file(path + "/T", other));
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_no);
  EXPECT_EQ(run("verify @rel --trust @none").exit_code, exit_unreadable);
  EXPECT_EQ(run("verify @rel").exit_code, exit_usage);
}

TEST_F(Signing, RenewKeepsTheContentsAndGivesANewEnd) {
  publish();
  const Outcome renewed = run("renew @rel --valid 1d12h --grace 1h --on-expiry keep");
  EXPECT_EQ(renewed.exit_code, exit_yes) << renewed.err;
  const auto folder = must(store::Folder::open(path + "/rel"));
  const auto old = *must(store::read_head(folder, {1, 1})), head = *must(store::read_head(folder, {1, 2}));
  EXPECT_EQ(head.head.contents, old.head.contents);
  EXPECT_EQ(head.head.expires - head.head.created, 36 * 3600);
  EXPECT_EQ(head.head.grace, 3600);
  EXPECT_EQ(head.head.on_expiry, release::OnExpiry::keep);
  for (const char* const bad : {"renew @rel --valid x", "renew @rel --valid -1h", "renew @rel --on-expiry never",
                                "renew @rel --valid 40000d", "renew"}) {
    EXPECT_EQ(run(bad).exit_code, exit_usage) << bad;
  }
  EXPECT_EQ(run("renew @rel --valid 0").exit_code, exit_no);
}

TEST_F(Signing, RenewIsOfWhatNodesHaveAndNotOfWhatNobodySigned) {
  publish();
  auto folder = must(store::Folder::open(path + "/rel"));
  release::Contents other = must(store::newest_head(folder))->head.contents;
  other.policy.bytes[0] ^= 1;
  must(store::put_next_head(folder, other, {wall_clock(), 86400, 0, release::OnExpiry::keep}));
  ASSERT_EQ(run("renew @rel").exit_code, exit_yes);
  EXPECT_EQ(must(store::newest_head(folder))->head.contents, must(store::read_head(folder, {1, 1}))->head.contents);
}

TEST_F(Signing, TrustIsChangedByBothThresholds) {
  publish();
  write_key("dave", release::testing::key_of_signer(7));
  const Outcome rotated = run("trust rotate @rel --id bob --pub @dave.pub --key @alice.key");
  EXPECT_EQ(rotated.exit_code, exit_yes) << rotated.err;
  EXPECT_THAT(rotated.out, HasSubstr("lacks 1 of version 1's keys and 1 of its own"));
  EXPECT_EQ(run("trust add @rel --pub @bob.pub").exit_code, exit_no) << "version 2 is not complete";
  ASSERT_EQ(run("renew @rel --key @alice.key").exit_code, exit_yes);
  EXPECT_THAT(run("sign @rel --key @dave.key").out, HasSubstr("latest not moved: trust/2"));
  EXPECT_EQ(run("trust sign @rel --key @dave.key").exit_code, exit_yes);
  EXPECT_THAT(run("trust sign @rel --key @carol.key").out, HasSubstr("complete"));
  EXPECT_THAT(run("sign @rel --key @dave.key").out, HasSubstr("latest is now 2.2"));
  EXPECT_EQ(run("verify @rel --trust @T").exit_code, exit_yes) << "along the chain from version 1";
  EXPECT_EQ(run("sign @rel --key @bob.key").exit_code, exit_no) << "no longer trusted";
}

TEST_F(Signing, ChangesOfTheTrustSetThatMakeNoSenseAreRefused) {
  EXPECT_EQ(run("trust add @rel --pub @alice.pub").exit_code, exit_no);
  EXPECT_EQ(run("trust init @rel --pub @alice.pub --threshold 2").exit_code, exit_no);
  EXPECT_EQ(run("trust init @rel --pub @alice.pub @alice.pub").exit_code, exit_no);
  EXPECT_EQ(run("trust init @rel --pub @alice.key").exit_code, exit_unreadable);
  EXPECT_EQ(run("trust init @rel").exit_code, exit_usage);
  EXPECT_EQ(run("trust").exit_code, exit_usage);
  init();
  EXPECT_EQ(run("trust init @rel --pub @alice.pub").exit_code, exit_no);
  EXPECT_EQ(run("trust add @rel --pub @bob.pub").exit_code, exit_no);
  EXPECT_EQ(run("trust remove @rel --id nobody").exit_code, exit_no);
  EXPECT_EQ(run("trust remove @rel --id alice bob").exit_code, exit_no) << "one key, two signatures needed";
  EXPECT_EQ(run("trust rotate @rel --id bob --pub @bob.pub").exit_code, exit_no) << "no change";
  EXPECT_FALSE(std::filesystem::exists(path + "/rel/trust/2"));
}

TEST_F(Signing, RebuildSignsOnlyWhatIsEqual) {
  init();
  const release::Head head = compile();
  release::Contents made = head.contents;
  std::string asked;
  rebuild = [&](const ReleaseInputs& inputs, const release::Head& like) {
    asked = inputs.policy + " " + inputs.inventory + (inputs.dialect == policy::Dialect::headscale ? " headscale" : "");
    release::Head out = like;
    out.contents = made;
    return Expected<release::Head>(out);
  };
  made.rules.length += 1;
  const Outcome refused = run("sign @rel --key @alice.key --rebuild p --inventory i");
  EXPECT_EQ(refused.exit_code, exit_no);
  EXPECT_THAT(refused.err, HasSubstr("rules differ"));
  EXPECT_EQ(asked, "p i");
  made = head.contents;
  EXPECT_EQ(run("sign @rel --key @alice.key --rebuild p --dialect headscale").exit_code, exit_yes);
  EXPECT_EQ(asked, "p  headscale");
  for (const char* alone : {"--inventory i", "--dialect headscale"})
    EXPECT_EQ(run(std::string("sign @rel --key @alice.key ") + alone).exit_code, exit_usage) << alone;
}

TEST_F(Signing, AnExpiredHeadIsNotSigned) {
  init();
  auto folder = must(store::Folder::open(path + "/rel"));
  must(store::put_next_head(folder, compile().contents,
                            {release::testing::first_day - 86400 * 400, 86400, 0, release::OnExpiry::deny}));
  EXPECT_THAT(run("sign @rel --key @alice.key").err, HasSubstr("E1016"));
}

TEST_F(Signing, KeysAreNewFilesForTheirOwnerAlone) {
  const std::string descriptor = path + "/passphrase";
  ASSERT_TRUE(replace_file(descriptor, "\n"));
  const int fd = ::open(descriptor.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const std::string made = "keygen --out @new --passphrase-fd " + std::to_string(fd);
  EXPECT_EQ(run(made).exit_code, exit_yes);
  struct stat status {};
  ASSERT_EQ(::stat((path + "/new.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  const std::string before = must(read_file(path + "/new.key"));
  const Outcome again = run(made);
  EXPECT_EQ(again.exit_code, exit_no);
  EXPECT_THAT(again.err, HasSubstr("E1022"));
  EXPECT_EQ(must(read_file(path + "/new.key")), before);
  EXPECT_EQ(run("keygen --out @none/x --passphrase-fd " + std::to_string(fd)).exit_code, exit_unreadable);
  ::close(fd);
  EXPECT_EQ(run("keygen --out @other --passphrase-fd 999").exit_code, exit_unreadable) << "no such descriptor";
  EXPECT_FALSE(std::filesystem::exists(path + "/other.key"));
}

TEST(Durations, HaveDaysBesidesTheLanguagesUnits) {
  EXPECT_EQ(parse_seconds("30d"), 30 * 86400);
  EXPECT_EQ(parse_seconds("72h"), 72 * 3600);
  EXPECT_EQ(parse_seconds("1d12h"), 36 * 3600);
  EXPECT_EQ(parse_seconds("1h30m"), 5400);
  EXPECT_EQ(parse_seconds("0"), 0);
  EXPECT_EQ(parse_seconds("3650d"), release::longest_duration);
  for (const char* const bad : {"", "d", "-1d", "-1h", "+1h", "1.5d", "1d1d", "1d-1h", "1d+1h", "12", "1ms", "3651d",
                                "3650d1s", "9999999999999d", "1h1d", "1w"}) {
    EXPECT_EQ(parse_seconds(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(print_seconds(36 * 3600), "1d12h");
  EXPECT_EQ(print_seconds(0), "0s");
}

}  // namespace
}  // namespace acl::cli
