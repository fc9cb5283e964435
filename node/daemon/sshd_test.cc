#include "node/daemon/sshd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node {
namespace {

using ::testing::HasSubstr;

TEST(SshdKeyLines, PutTheSourcesBeforeTheKey) {
  const std::vector<std::string> sources = {"100.64.0.1", "fd7a::1"};
  EXPECT_EQ(key_lines(sources, "", "ssh-ed25519 AAAA"), "from=\"100.64.0.1,fd7a::1\" ssh-ed25519 AAAA\n");
  EXPECT_EQ(key_lines(sources, "no-pty", "ssh-ed25519 AAAA"), "from=\"100.64.0.1,fd7a::1\",no-pty ssh-ed25519 AAAA\n");
  EXPECT_EQ(key_lines({}, "no-pty", "ssh-ed25519 AAAA"), "");
}

TEST(SshdKeyLines, OfManySourcesAreSeveralAndEachIsShort) {
  std::vector<std::string> sources;
  for (int i = 0; i < 3000; ++i) sources.push_back("100.64." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  const std::string key = "ssh-rsa " + std::string(1400, 'A');
  const std::string lines = key_lines(sources, "", key);
  std::size_t found = 0, count = 0;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    const std::string line = lines.substr(at, end - at);
    EXPECT_LT(line.size(), longest_key_line);
    EXPECT_EQ(line.substr(0, 6), "from=\"");
    EXPECT_EQ(line.substr(line.size() - key.size() - 2), "\" " + key);
    found += 1 + static_cast<std::size_t>(std::count(line.begin(), line.end(), ','));
    ++count;
    at = end + 1;
  }
  EXPECT_EQ(found, sources.size());
  EXPECT_GT(count, 3U);
}

TEST(SshdKeys, AreOfTheLettersThatKeysHave) {
  EXPECT_TRUE(is_key_type("sk-ssh-ed25519@openssh.com"));
  EXPECT_TRUE(is_key_text("AAAAC3Nza+/="));
  for (const char* bad : {"", "a b", "a\"b", "a\nb", "a,b"}) {
    EXPECT_FALSE(is_key_type(bad)) << bad;
    EXPECT_FALSE(is_key_text(bad)) << bad;
  }
}

TEST(SshdOptions, HaveNoFromOfTheirOwnAndEndWhereTheyEnd) {
  for (const char* good : {"", "no-pty", "restrict,command=\"echo from=\\\" x\",no-pty", "environment=\"A=from=b\""})
    EXPECT_TRUE(are_key_options(good)) << good;
  for (const char* bad :
       {"from=\"*\"", "no-pty,FROM=\"1.2.3.4\"", "no-pty ssh-rsa", "command=\"x", "a\nb", ",no-pty", "no-pty,"})
    EXPECT_FALSE(are_key_options(bad)) << bad;
}

TEST(SshdSource, IsAnAddressAndNoName) {
  EXPECT_EQ(sshd_source("100.64.0.1")->text(), "100.64.0.1");
  EXPECT_EQ(sshd_source("::ffff:100.64.0.1")->text(), "100.64.0.1");
  EXPECT_EQ(sshd_source("fd7a::1")->text(), "fd7a::1");
  for (const char* bad : {"", "laptop", "laptop.example.com", "UNKNOWN", "fe80::1%wg0", "100.64.0.1 ", "1.2.3"})
    EXPECT_FALSE(sshd_source(bad)) << bad;
}

}  // namespace
}  // namespace acl::node
