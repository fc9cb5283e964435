#include "node/daemon/host_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "engine/net/file.h"

namespace acl::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class HostKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "aclnode-keys-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  // A program that makes keys as aclnode-session does.
  [[nodiscard]] std::string maker(const std::string& body) const {
    write("maker", "#!/bin/sh\n" + body);
    ::chmod((folder_ + "/maker").c_str(), 0700);
    return folder_ + "/maker";
  }
  std::string folder_;
};

TEST_F(HostKeys, ArePrintedWithoutTheirComments) {
  write("ssh_host_ed25519_key.pub", "ssh-ed25519 AAAAC3Nz root@somewhere\n");
  write("ssh_host_ecdsa_key.pub", "ecdsa-sha2-nistp256 AAAAE2Vj\n");
  EXPECT_THAT(*public_host_keys(folder_), ElementsAre("ssh-ed25519 AAAAC3Nz", "ecdsa-sha2-nistp256 AAAAE2Vj"));
}

TEST_F(HostKeys, AFileThatIsNoKeyIsAnError) {
  EXPECT_THAT(public_host_keys(folder_).error().message, HasSubstr("there is no host key in"));
  for (const char* odd : {"", "ssh-ed25519", "ssh-ed25519 ", "ssh-\x1b[2J AAAA", "\n"}) {
    write("ssh_host_ed25519_key.pub", odd);
    const auto keys = public_host_keys(folder_);
    ASSERT_FALSE(keys) << odd;
    EXPECT_EQ(keys.error().code, Code::E1402);
  }
}

TEST_F(HostKeys, AreThereIfBothPrivateFilesAre) {
  EXPECT_FALSE(has_host_keys(folder_));
  write("ssh_host_ed25519_key", "x");
  EXPECT_FALSE(has_host_keys(folder_));
  write("ssh_host_ecdsa_key", "x");
  EXPECT_TRUE(has_host_keys(folder_));
}

TEST_F(HostKeys, NewOnesTakeThePlaceOfTheOld) {
  write("ssh_host_ed25519_key", "old");
  const std::string program = maker(
      "[ \"$1\" = make-host-keys ] && for k in ed25519 ecdsa; do echo new >\"$2/ssh_host_${k}_key\"; "
      "echo \"ssh-$k AAAA\" >\"$2/ssh_host_${k}_key.pub\"; done\n");
  const auto done = replace_host_keys(program, folder_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(*read_file(folder_ + "/ssh_host_ed25519_key"), "new\n");
  EXPECT_EQ(public_host_keys(folder_)->size(), 2U);
  EXPECT_FALSE(fs::exists(folder_ + "/new_host_keys"));
}

TEST_F(HostKeys, AProgramThatMakesNoneLeavesTheOld) {
  write("ssh_host_ed25519_key", "old");
  for (const char* body : {"exit 3\n", "exit 0\n"}) {
    const auto done = replace_host_keys(maker(body), folder_);
    ASSERT_FALSE(done) << body;
    EXPECT_EQ(done.error().code, Code::E1402);
    EXPECT_EQ(*read_file(folder_ + "/ssh_host_ed25519_key"), "old");
  }
  EXPECT_EQ(replace_host_keys(folder_ + "/none", folder_).error().code, Code::E1404);
}

TEST(HostKeysJson, IsWhatAclcImportReads) {
  EXPECT_EQ(
      host_keys_json(Key{}, {"ssh-ed25519 AAAA"}),
      R"({"hostKeys":[{"key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","sshHostKeys":["ssh-ed25519 AAAA"]}]})");
}

}  // namespace
}  // namespace acl::node
