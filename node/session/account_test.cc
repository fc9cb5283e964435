#include "node/session/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/session/channels.h"
#include "node/session/connection.h"
#include "node/session/pam.h"

namespace acl::node::session {
namespace {

using ::testing::HasSubstr;

TEST(Accounts, AreThoseOfTheNameService) {
  const auto root = find_account("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "root");
  EXPECT_EQ(root->uid, 0U);
  EXPECT_FALSE(root->home.empty());
  EXPECT_FALSE(root->shell.empty());
  EXPECT_FALSE(find_account("no-such-account-here"));
}

TEST(Accounts, HaveNoOddNames) {
  const std::string zero("root\0x", 6);
  for (const std::string& name : {std::string(), std::string(" root"), std::string("root\n"), std::string("a:b"),
                                  std::string("../root"), zero, std::string("\x7f"), std::string(5000, 'a')}) {
    EXPECT_FALSE(find_account(name)) << name;
  }
  EXPECT_TRUE(is_name_of_account("J\xc3\xbcrgen@example.com"));
}

TEST(Shells, MustBeThereAndBePrograms) {
  Account account{"ann", 1, 1, "/", "/bin/sh"};
  EXPECT_TRUE(check_shell(account));
  account.shell = "/no/such/shell";
  EXPECT_THAT(check_shell(account).error().message, HasSubstr("\"/no/such/shell\" of account \"ann\""));
  EXPECT_EQ(check_shell(account).error().code, Code::E1406);
  account.shell = "/etc/passwd";
  EXPECT_THAT(check_shell(account).error().message, HasSubstr("is no program"));
  account.shell = "/etc";
  EXPECT_FALSE(check_shell(account));
}

TEST(Signals, AreThoseThatSshNames) {
  EXPECT_EQ(signal_number("TERM"), 15);
  EXPECT_EQ(signal_number("HUP"), 1);
  EXPECT_EQ(signal_number("USR2"), 12);
  for (const char* name : {"", "STOP", "SIGTERM", "term", "15", "TERM "}) EXPECT_EQ(signal_number(name), 0) << name;
}

TEST(Endpoints, OfIpv4InIpv6AreIpv4) {
  EXPECT_EQ(text_of({{100, 64, 0, 1}, 22}), "100.64.0.1 22");
  EXPECT_EQ(text_of({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 100, 64, 0, 1}, 22}), "100.64.0.1 22");
  EXPECT_EQ(text_of({{0xfd, 0x7a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 22}), "fd7a::1 22");
}

TEST(Words, ForAPersonAreOneLineOfBoundedLength) {
  EXPECT_EQ(one_line("going down\nat noon\x1b[2J\n\n"), "going down at noon [2J");
  EXPECT_EQ(one_line(std::string(10'000, 'x')).size(), protocol::longest_text);
  EXPECT_EQ(one_line("\n"), "");
}

}  // namespace
}  // namespace acl::node::session
