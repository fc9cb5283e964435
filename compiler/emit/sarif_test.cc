#include "compiler/emit/sarif.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "compiler/emit/registry.h"
#include "compiler/emit/testing.h"
#include "compiler/hujson/utf8.h"

namespace acl::emit {
namespace {

using Json = nlohmann::json;

FileReport report_with(const SourceText& source, std::vector<Diagnostic> diagnostics) {
  FileReport report;
  report.file = source.name();
  report.source = &source;
  report.diagnostics = std::move(diagnostics);
  return report;
}

Json run_of(const std::vector<FileReport>& reports, const Sources& others = {}) {
  return Json::parse(render_sarif(reports, others, "1.2.3"))["runs"][0];
}

Json first_location(const Json& run) { return run["results"][0]["locations"][0]["physicalLocation"]; }

std::string uri_of_policy(const std::string& name) {
  const SourceText source(name, "1");
  return first_location(run_of({report_with(source, {diagnostic_at(source, "1", "bad")})}))["artifactLocation"]["uri"];
}

Json region_of(const std::string& text, std::string_view piece) {
  const SourceText source("p.hujson", text);
  return first_location(run_of({report_with(source, {diagnostic_at(source, piece, "bad")})}))["region"];
}

Json region(int start_line, int start_column, int end_line, int end_column) {
  return {{"startLine", start_line}, {"startColumn", start_column}, {"endLine", end_line}, {"endColumn", end_column}};
}

TEST(Sarif, OneRunOfAclc) {
  const Json log = Json::parse(render_sarif({}, {}, "1.2.3"));
  EXPECT_EQ(log["version"], "2.1.0");
  EXPECT_EQ(log["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
  ASSERT_EQ(log["runs"].size(), 1U);
  EXPECT_EQ(log["runs"][0]["tool"]["driver"]["name"], "aclc");
  EXPECT_EQ(log["runs"][0]["tool"]["driver"]["version"], "1.2.3");
  EXPECT_EQ(log["runs"][0]["results"], Json::array());
}

TEST(Sarif, RulesAreTheRegistry) {
  const Json rules = run_of({})["tool"]["driver"]["rules"];
  ASSERT_EQ(rules.size(), code_pages().size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const CodePage& page = code_pages()[i];
    EXPECT_EQ(rules[i]["id"], page.name);
    EXPECT_EQ(rules[i]["help"]["markdown"], page.page);
    EXPECT_FALSE(rules[i]["fullDescription"]["text"].get<std::string>().empty());
  }
  const Json rule = rules[static_cast<std::size_t>(Code::E0002)];
  EXPECT_EQ(rule["name"], "CannotRead");
  EXPECT_EQ(rule["shortDescription"]["text"], "A file cannot be read.");
  EXPECT_EQ(rule["defaultConfiguration"]["level"], "error");
}

TEST(Sarif, ResultsNameTheirRuleLevelAndPlace) {
  const SourceText source("dir/p.hujson", "{\n  \"acl\": 1\n}");
  Diagnostic info = diagnostic_at(source, "{", "by the way");
  info.severity = Severity::info;
  const Json run =
      run_of({report_with(source, {diagnostic_at(source, "\"acl\"", "unknown field", "did you mean \"acls\"?"),
                                   warning_at(source, "1", "odd"), info})});
  ASSERT_EQ(run["results"].size(), 3U);
  const Json& result = run["results"][0];
  EXPECT_EQ(result["ruleId"], "E0101");
  EXPECT_EQ(run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"], "E0101");
  EXPECT_EQ(result["message"]["text"], "unknown field\ndid you mean \"acls\"?");
  EXPECT_EQ(first_location(run)["artifactLocation"], (Json{{"uri", "dir/p.hujson"}, {"index", 0}}));
  EXPECT_EQ(first_location(run)["region"], region(2, 3, 2, 8));
  EXPECT_EQ(result["level"], "error");
  EXPECT_EQ(run["results"][1]["level"], "warning");
  EXPECT_EQ(run["results"][2]["level"], "note");
}

TEST(Sarif, ColumnsCountUtf16CodeUnits) {
  EXPECT_EQ(run_of({})["columnKind"], "utf16CodeUnits");
  EXPECT_EQ(region_of("x", "x"), region(1, 1, 1, 2));
  EXPECT_EQ(region_of("é x", "x"), region(1, 3, 1, 4));
  EXPECT_EQ(region_of("日本 x", "x"), region(1, 4, 1, 5));
  EXPECT_EQ(region_of("😀 x", "x"), region(1, 4, 1, 5));  // two units, as a surrogate pair
  EXPECT_EQ(region_of("\xff\xfe x", "x"), region(1, 4, 1, 5));
  EXPECT_EQ(region_of("é\n\t日x", "\t日x"), region(2, 1, 2, 4));
  EXPECT_EQ(region_of("a [é\r\nüb] c", "[é\r\nüb]"), region(1, 3, 2, 4));
}

TEST(Sarif, ColumnsInALineOfMegabytesAreCountedOnce) {
  std::string text;
  while (text.size() < std::size_t{2} << 20) text += "a日😀";  // eight bytes, four units
  const SourceText source("p.hujson", text);
  std::vector<Diagnostic> diagnostics;
  for (std::uint32_t at = 0; at < text.size(); at += 800) {
    diagnostics.push_back(make_diagnostic(Code::E0101, "bad"));
    diagnostics.back().place = source.place({at + 1, at + 4});
  }
  const Json run = run_of({report_with(source, diagnostics)});
  for (std::size_t i = 0; i < diagnostics.size(); ++i) {
    const int units = static_cast<int>(400 * i);
    ASSERT_EQ(run["results"][i]["locations"][0]["physicalLocation"]["region"], region(1, units + 2, 1, units + 3));
  }
}

TEST(Sarif, WithoutAPlaceTheResultIsAboutThePolicy) {
  const SourceText source("p.hujson", "");
  const Json run = run_of({report_with(source, {make_diagnostic(Code::E0002, "cannot read")})});
  EXPECT_EQ(first_location(run)["artifactLocation"]["uri"], "p.hujson");
  EXPECT_FALSE(first_location(run).contains("region"));
}

// RFC 3986; "a:b" as a relative reference would have the scheme "a".
TEST(Sarif, FileNamesBecomeUris) {
  EXPECT_EQ(uri_of_policy("dir/policy.hujson"), "dir/policy.hujson");
  EXPECT_EQ(uri_of_policy("./dir//x/../policy.hujson"), "dir/policy.hujson");
  EXPECT_EQ(uri_of_policy("/etc/acl/policy.hujson"), "file:///etc/acl/policy.hujson");
  EXPECT_EQ(uri_of_policy("my policy#1?.hujson"), "my%20policy%231%3F.hujson");
  EXPECT_EQ(uri_of_policy("a:b%.hujson"), "a%3Ab%25.hujson");
  EXPECT_EQ(uri_of_policy("é\xff.hujson"), "%C3%A9%FF.hujson");
  EXPECT_EQ(uri_of_policy("-"), "-");
}

TEST(Sarif, RelatedPlacesAndArtifacts) {
  const SourceText policy("p.hujson", "[1]");
  const SourceText inventory("inventory.hujson", "[é, 2]");
  Diagnostic d = diagnostic_at(policy, "1", "bad");
  d.related.push_back({"declared here", place_of(inventory, "2")});
  const Json run = run_of({report_with(policy, {d})}, Sources{{&inventory}});
  const Json related = run["results"][0]["relatedLocations"];
  ASSERT_EQ(related.size(), 1U);
  EXPECT_EQ(related[0]["message"]["text"], "declared here");
  EXPECT_EQ(related[0]["physicalLocation"]["region"], region(1, 5, 1, 6));
  const auto index = related[0]["physicalLocation"]["artifactLocation"]["index"].get<std::size_t>();
  EXPECT_EQ(run["artifacts"][index]["location"]["uri"], "inventory.hujson");
  EXPECT_EQ(run["artifacts"][0]["location"]["uri"], "p.hujson");
}

TEST(Sarif, TheInvocationSaysWhatWasNotDone) {
  const SourceText source("p.hujson", "{}");
  FileReport report = report_with(source, {});
  EXPECT_EQ(run_of({report})["invocations"][0], (Json{{"executionSuccessful", true}}));
  report.skipped = {"tests"};
  const Json invocation = run_of({report})["invocations"][0];
  EXPECT_EQ(invocation["toolExecutionNotifications"][0]["message"]["text"],
            "p.hujson: not checked without an inventory: tests");
  report.source = nullptr;
  EXPECT_EQ(run_of({report})["invocations"][0]["executionSuccessful"], false);
}

TEST(Sarif, TheOutputIsValidWhateverThePolicyHolds) {
  const SourceText source("p\xff.hujson", "\xfe\x1b x");
  const std::string text =
      render_sarif(std::vector{report_with(source, {diagnostic_at(source, "x", "bad \xc3\x28", "\xff")})}, {}, "1.2.3");
  EXPECT_TRUE(hujson::is_valid_utf8(text));
  EXPECT_EQ(Json::parse(text)["runs"][0]["results"][0]["message"]["text"], "bad \ufffd(\n\ufffd");
}

}  // namespace
}  // namespace acl::emit
