// aclc import from its command line: what it prints, what it says of it, how it exits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/cli/testing.h"

namespace acl::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Outcome run(const std::string& arguments) { return run_verb(add_import, "import " + arguments); }

using Import = InFolder;

constexpr const char* devices =
    R"({"devices": [{"name": "phone.tail0aa1.ts.net", "nodeId": "n3", "user": "bo@example.com", "addresses": ["100.64.0.21"]}]})";
constexpr const char* users = R"({"users": [{"id": "u2", "loginName": "bo@example.com", "role": "it-admin"}]})";

TEST_F(Import, PrintsTheNativeFormatAndSaysWhatIsMissing) {
  const Outcome outcome = run(file("devices.json", devices) + " " + file("users.json", users));
  EXPECT_EQ(outcome.exit_code, exit_yes);
  EXPECT_EQ(outcome.out, R"({
	"domains": ["example.com"],
	"users": [
		{
			"login": "bo@example.com",
			"role":  "it-admin"
		}
	],
	"nodes": [
		{
			"id":        "n3",
			"name":      "phone",
			"user":      "bo@example.com",
			"addresses": ["100.64.0.21"]
		}
	]
}
)");
  EXPECT_THAT(outcome.err, HasSubstr("W0822"));
  EXPECT_THAT(outcome.err, HasSubstr("devices?fields=all"));
}

TEST_F(Import, OfItsOwnOutputChangesNothing) {
  const Outcome once = run(file("devices.json", devices));
  const Outcome twice = run(file("inventory.hujson", once.out));
  EXPECT_EQ(twice.exit_code, exit_yes);
  EXPECT_EQ(twice.out, once.out);
  EXPECT_EQ(twice.err, "");
}

TEST_F(Import, PrintsNothingWhereThereIsNoInventory) {
  const std::string path = file("users.json", users);
  const Outcome outcome = run(path);
  EXPECT_EQ(outcome.exit_code, exit_no);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, StartsWith(path + ":1:1: error E0801"));
}

TEST_F(Import, FromSaysWhoseFilesAreExpected) {
  const std::string path = file("devices.json", devices);
  EXPECT_EQ(run("--from api " + path).exit_code, exit_yes);
  EXPECT_EQ(run("--from headscale " + path).exit_code, exit_no);
  EXPECT_EQ(run("--from elsewhere " + path).exit_code, exit_usage);
}

TEST_F(Import, NeedsFilesThatCanBeRead) {
  EXPECT_EQ(run("").exit_code, exit_usage);
  EXPECT_EQ(run("/nonexistent/devices.json").exit_code, exit_unreadable);
}

}  // namespace
}  // namespace acl::cli
