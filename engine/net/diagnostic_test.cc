#include "engine/net/diagnostic.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace acl {
namespace {

struct Row {
  Code code;
  std::string_view severity, slug, title, page;
};

const Row rows[] = {
#define ACL_CODE(id, severity, slug, title, page) {Code::id, #severity, slug, title, page},
#include "engine/net/codes.def"
#undef ACL_CODE
};

TEST(Codes, NamesAreUniqueAndTheLetterTellsTheSeverity) {
  std::set<std::string_view> names, slugs;
  for (const Row& row : rows) {
    const std::string_view name = code_name(row.code);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(slugs.insert(row.slug).second) << row.slug;
    EXPECT_EQ(name.size(), 5U) << name;
    EXPECT_EQ(severity_name(code_severity(row.code)), row.severity) << name;
    const char letter = row.severity == "error" ? 'E' : row.severity == "warning" ? 'W' : 'I';
    EXPECT_EQ(name[0], letter) << name;
  }
}

TEST(Codes, EveryCodeHasATitleAndAPageThatSaysWhatToDo) {
  for (const Row& row : rows) {
    EXPECT_FALSE(row.title.empty()) << code_name(row.code);
    EXPECT_GE(row.page.size(), 100U) << code_name(row.code) << ": its page is too short to help";
  }
}

TEST(Diagnostic, TheServicesWordsAreTheMessageUnlessGivenApart) {
  Diagnostic diagnostic = make_diagnostic(Code::E0101, "bad", "mend it");
  EXPECT_EQ(diagnostic.service_message(), "bad");
  diagnostic.service_text = "as the service says";
  EXPECT_EQ(diagnostic.service_message(), "as the service says");
  EXPECT_EQ(diagnostic.severity, Severity::error);
}

}  // namespace
}  // namespace acl
