#include "compiler/emit/registry.h"

#include <gtest/gtest.h>

namespace acl::emit {
namespace {

TEST(Registry, EveryCodeHasItsPageAtItsOwnIndex) {
  for (std::size_t i = 0; i < code_pages().size(); ++i) {
    const CodePage& page = code_pages()[i];
    EXPECT_EQ(static_cast<std::size_t>(page.code), i);
    EXPECT_EQ(page.name, code_name(page.code));
    EXPECT_EQ(page.severity, code_severity(page.code));
    EXPECT_FALSE(page.page.empty()) << page.name;
    EXPECT_NE(page.page.front(), '\n') << page.name;
    EXPECT_NE(page.page.back(), '\n') << page.name;
  }
}

TEST(Registry, CodesAreFoundByNameAndSlugInAnyLetterCase) {
  const CodePage* page = find_code("E0101");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->code, Code::E0101);
  EXPECT_EQ(find_code("e0101"), page);
  EXPECT_EQ(find_code(page->slug), page);
  EXPECT_EQ(find_code("E010"), nullptr);
  EXPECT_EQ(find_code("E01011"), nullptr);
  EXPECT_EQ(find_code(""), nullptr);
}

TEST(Registry, TheDocumentHasEveryPage) {
  const std::string document = codes_markdown();
  EXPECT_TRUE(document.starts_with("# Diagnostic codes\n"));
  EXPECT_FALSE(document.ends_with("\n\n"));
  EXPECT_NE(document.find("| [E0101](#e0101) | `"), std::string::npos);
  for (const CodePage& page : code_pages()) {
    EXPECT_NE(document.find("\n## " + std::string(page.name) + "\n"), std::string::npos) << page.name;
    EXPECT_NE(document.find(page.page), std::string::npos) << page.name;
  }
}

}  // namespace
}  // namespace acl::emit
