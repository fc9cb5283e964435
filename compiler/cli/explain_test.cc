#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "compiler/cli/testing.h"
#include "compiler/emit/registry.h"

namespace acl::cli {
namespace {

Outcome run(const std::string& command) { return run_verb(add_explain, command); }

TEST(Explain, PrintsThePageOfACode) {
  const Outcome named = run("explain E0002");
  EXPECT_EQ(named.exit_code, exit_yes);
  EXPECT_TRUE(named.out.starts_with("E0002 cannot-read (error): a file cannot be read\n\nThe file does not exist"))
      << named.out;
  EXPECT_EQ(named.err, "");
  EXPECT_EQ(run("explain e0002").out, named.out);
  EXPECT_EQ(run("explain cannot-read").out, named.out);
}

TEST(Explain, WithoutACodeListsAll) {
  const Outcome listed = run("explain");
  EXPECT_EQ(listed.exit_code, exit_yes);
  EXPECT_NE(listed.out.find("\nE0002  cannot-read "), std::string::npos) << listed.out;
  EXPECT_EQ(static_cast<std::size_t>(std::count(listed.out.begin(), listed.out.end(), '\n')),
            emit::code_pages().size());
}

TEST(Explain, MarkdownIsTheWholeDocument) {
  EXPECT_EQ(run("explain --markdown").out, emit::codes_markdown());
  EXPECT_EQ(run("explain --markdown E0002").exit_code, exit_usage);
}

TEST(Explain, AnUnknownCodeIsWrongUsageWithASuggestion) {
  const Outcome close = run("explain canot-read");
  EXPECT_EQ(close.exit_code, exit_usage);
  EXPECT_EQ(close.out, "");
  EXPECT_EQ(close.err,
            "aclc: no such code: \"canot-read\"; did you mean cannot-read? \"aclc explain\" lists all codes\n");
  EXPECT_EQ(run("explain E105").err,
            "aclc: no such code: \"E105\"; did you mean E0105? \"aclc explain\" lists all codes\n");
  EXPECT_NE(run("explain E9999").err.find("did you mean E"), std::string::npos);
  EXPECT_EQ(run("explain E99999999999999999999").exit_code, exit_usage);
  EXPECT_EQ(run("explain zebra").err, "aclc: no such code: \"zebra\"; \"aclc explain\" lists all codes\n");
}

}  // namespace
}  // namespace acl::cli
