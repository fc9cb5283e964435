#include "compiler/policy/logins.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace acl::policy {
namespace {

TEST(Logins, AreComparedWithoutRegardToCase) {
  Logins logins;
  EXPECT_TRUE(logins.insert("Ana@Example.com"));
  EXPECT_FALSE(logins.insert("ana@example.com"));
  EXPECT_TRUE(logins.contains("ANA@example.com"));
  EXPECT_FALSE(logins.contains("ana@example.co"));
  EXPECT_FALSE(logins.contains(""));
  EXPECT_EQ(logins.size(), 1U);
}

TEST(Logins, AnEmptySetHoldsNothing) { EXPECT_FALSE(Logins{}.contains("ana@example.com")); }

TEST(Logins, ManyAreAllFoundAndNoOther) {
  Logins logins;
  logins.reserve(10);
  for (int i = 0; i < 20'000; i += 2) EXPECT_TRUE(logins.insert(fmt::format("u{}@example.com", i)));
  for (int i = 0; i < 20'000; ++i) EXPECT_EQ(logins.contains(fmt::format("U{}@example.com", i)), i % 2 == 0) << i;
}

TEST(Logins, AreVisitedInTheOrderOfInsertingUntilOneIsEnough) {
  Logins logins;
  for (const char* login : {"cy@example.com", "ana@example.com", "Cy@example.com", "bo@example.com"})
    logins.insert(login);
  std::vector<std::string> seen;
  logins.each([&](std::string_view login) {
    seen.emplace_back(login);
    return login.substr(0, 1) != "a";
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"cy@example.com", "ana@example.com"}));
}

}  // namespace
}  // namespace acl::policy
