#include "node/session/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace acl::node::session {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

EnvironmentOf ann() {
  EnvironmentOf of;
  of.account = {"ann", 2001, 2001, "/home/ann", "/bin/bash"};
  of.path = "/usr/bin:/bin";
  of.source = "100.64.0.1 50000";
  of.own = "100.64.0.2 22";
  return of;
}

TEST(Environment, HoldsWhatAPersonWithSshExpects) {
  EXPECT_THAT(
      make_environment(ann()),
      ElementsAre("HOME=/home/ann", "LOGNAME=ann", "MAIL=/var/mail/ann", "PATH=/usr/bin:/bin", "SHELL=/bin/bash",
                  "SSH_CLIENT=100.64.0.1 50000 22", "SSH_CONNECTION=100.64.0.1 50000 100.64.0.2 22", "USER=ann"));
}

TEST(Environment, HasTermAndTtyWithATerminalOnly) {
  EnvironmentOf of = ann();
  of.term = "xterm";
  of.client = {{"TERM", "vt100"}, {"SSH_TTY", "/dev/pts/9"}};
  of.patterns = {"*"};
  EXPECT_THAT(make_environment(of), Not(Contains(StartsWith("TERM="))));
  EXPECT_THAT(make_environment(of), Not(Contains(StartsWith("SSH_TTY="))));
  of.tty = "/dev/pts/3";
  EXPECT_THAT(make_environment(of), Contains("TERM=xterm"));
  EXPECT_THAT(make_environment(of), Contains("SSH_TTY=/dev/pts/3"));
}

TEST(Environment, OfTheMachinePrevailsOverTheClients) {
  EnvironmentOf of = ann();
  of.patterns = {"*"};
  of.client = {{"HOME", "/evil"}, {"PATH", "/evil"}, {"LANG", "de_DE.UTF-8"}, {"FROM", "client"}, {"EDITOR", "vi"}};
  of.file = {{"FROM", "file"}};
  of.pam = {"LANG=C", "NOVALUE", "=x", "XDG_SESSION_ID=c1"};
  const auto all = make_environment(of);
  for (const char* each :
       {"HOME=/home/ann", "PATH=/usr/bin:/bin", "LANG=C", "FROM=file", "EDITOR=vi", "XDG_SESSION_ID=c1"})
    EXPECT_THAT(all, Contains(each));
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& each) { return each.rfind("LANG=", 0) == 0; }), 1);
  EXPECT_THAT(all, Not(Contains(StartsWith("NOVALUE"))));
}

TEST(ClientsVariables, PassByPatternOrAsTheLocale) {
  EXPECT_TRUE(client_may_set("LANG", {}));
  EXPECT_TRUE(client_may_set("LC_ALL", {}));
  EXPECT_FALSE(client_may_set("LANGUAGE", {}));
  EXPECT_FALSE(client_may_set("FOO", {}));
  EXPECT_TRUE(client_may_set("GIT_AUTHOR_NAME", {"GIT_*"}));
  EXPECT_TRUE(client_may_set("GIT_", {"GIT_*"}));
  EXPECT_FALSE(client_may_set("MY_GIT_X", {"GIT_*"}));
  EXPECT_TRUE(client_may_set("FOO_A_BAR", {"x", "FOO_?_BAR"}));
  EXPECT_FALSE(client_may_set("FOO__BAR", {"FOO_?_BAR"}));
  EXPECT_TRUE(client_may_set("A1B2C", {"A*B*C"}));
  EXPECT_FALSE(client_may_set("a", {"A"}));
}

TEST(ClientsVariables, ThatChangeHowProgramsLoadNeverPass) {
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_", "DYLD_INSERT_LIBRARIES", "GOTRACEBACK", "TERM"})
    EXPECT_FALSE(client_may_set(name, {"*", name})) << name;
}

TEST(ClientsVariables, WithOddNamesNeverPass) {
  for (const char* name : {"", "A B", "A=B", "A\nB", "LC_X=Y", "LC_$(id)", "\xc3\x84", "BASH_FUNC_x%%", "A.B"})
    EXPECT_FALSE(client_may_set(name, {"*"})) << name;
  EXPECT_TRUE(client_may_set("MY-VAR_1", {"*"}));
}

// However names and patterns are, what passes is plain and changes no loader.
RC_GTEST_PROP(ClientsVariables, ThatPassArePlain, (std::string name, std::vector<std::string> patterns)) {
  if (!client_may_set(name, patterns)) return;
  RC_ASSERT(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
            std::string::npos);
  RC_ASSERT(name.rfind("LD_", 0) != 0U);
}

// The matcher against the obvious one.
bool slow_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return slow_match(pattern.substr(1), text) || (!text.empty() && slow_match(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && slow_match(pattern.substr(1), text.substr(1));
}
RC_GTEST_PROP(ClientsVariables, MatchPatternsAsTheObviousMatcherDoes, ()) {
  const auto pattern = *rc::gen::resize(10, rc::gen::container<std::string>(rc::gen::element('A', 'B', '*', '?')));
  const auto name = "A" + *rc::gen::resize(10, rc::gen::container<std::string>(rc::gen::element('A', 'B')));
  RC_ASSERT(client_may_set(name, {pattern}) == slow_match(pattern, name));
}

TEST(Path, IsThatOfLoginDefs) {
  constexpr std::string_view defs =
      "# ENV_PATH PATH=/no\nENV_SUPATH\tPATH=/s/bin:/bin \n  ENV_PATH   PATH=/u/bin\nENV_PATHS PATH=/no\nENV_PATH\n";
  EXPECT_EQ(path_of(defs, true), "/s/bin:/bin");
  EXPECT_EQ(path_of(defs, false), "/u/bin");
  EXPECT_EQ(path_of("ENV_PATH /plain", false), "/plain");
}

TEST(Path, IsDebiansWhereLoginDefsSaysNothing) {
  EXPECT_EQ(path_of("", false), "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games");
  EXPECT_EQ(path_of("ENV_SUPATH PATH=", true), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

TEST(EnvironmentFile, IsReadAsPamEnvReadsIt) {
  EXPECT_THAT(
      parse_environment_file("# comment\nA=1\n export B=two words # more\nC=\"quoted\"\nD='x'\nE=\n=x\nno\nF G=1\n"),
      ElementsAre(Pair("A", "1"), Pair("B", "two words"), Pair("C", "quoted"), Pair("D", "x"), Pair("E", "")));
  EXPECT_THAT(parse_environment_file(""), IsEmpty());
}

RC_GTEST_PROP(EnvironmentFile, OfAnyBytesGivesPlainNames, (const std::string& text)) {
  for (const auto& [name, value] : parse_environment_file(text)) {
    RC_ASSERT(!name.empty());
    RC_ASSERT(name.find('=') == std::string::npos);
    RC_ASSERT(value.find('\n') == std::string::npos);
  }
}

}  // namespace
}  // namespace acl::node::session
