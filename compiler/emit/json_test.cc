#include "compiler/emit/json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "compiler/emit/testing.h"
#include "compiler/hujson/utf8.h"

namespace acl::emit {
namespace {

FileReport accepted(std::string file) {
  FileReport report;
  report.file = std::move(file);
  return report;
}

TEST(Json, OnePolicyIsOneObject) {
  EXPECT_EQ(render_json(std::vector{accepted("p.hujson")}),
            "{\n"
            "  \"file\": \"p.hujson\",\n"
            "  \"accepted\": true,\n"
            "  \"message\": null,\n"
            "  \"skipped\": [],\n"
            "  \"diagnostics\": []\n"
            "}\n");
}

TEST(Json, SeveralPoliciesAreAnArrayInTheirOrder) {
  const auto json = nlohmann::json::parse(render_json(std::vector{accepted("b"), accepted("a")}));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["file"], "b");
  EXPECT_EQ(json[1]["file"], "a");
  EXPECT_EQ(render_json({}), "[]\n");
}

// Every member, in the order the interface promises.
TEST(Json, DiagnosticsHaveAllTheirMembers) {
  const SourceText source("p.hujson", "{\n\t\"hosts\": {},\n\t\"Hosts\": {}\n}");
  FileReport report = accepted("p.hujson");
  report.source = &source;
  report.accepted = false;
  report.message = "duplicate key";
  report.skipped = {"tests"};
  report.diagnostics = {diagnostic_at(source, "\"Hosts\"", "duplicate key \"Hosts\"", "keep one")};
  report.diagnostics[0].related.push_back({"first defined here", place_of(source, "\"hosts\"")});
  EXPECT_EQ(render_json(std::vector{report}),
            R"({
  "file": "p.hujson",
  "accepted": false,
  "message": "duplicate key",
  "skipped": [
    "tests"
  ],
  "diagnostics": [
    {
      "code": "E0101",
      "severity": "error",
      "message": "duplicate key \"Hosts\"",
      "file": "p.hujson",
      "range": {
        "start": {
          "line": 3,
          "column": 2
        },
        "end": {
          "line": 3,
          "column": 9
        }
      },
      "help": "keep one",
      "related": [
        {
          "message": "first defined here",
          "file": "p.hujson",
          "range": {
            "start": {
              "line": 2,
              "column": 2
            },
            "end": {
              "line": 2,
              "column": 9
            }
          }
        }
      ]
    }
  ]
}
)");
}

TEST(Json, WithoutAPlaceTheRangeIsNull) {
  FileReport report = accepted("p.hujson");
  report.diagnostics = {make_diagnostic(Code::E0002, "cannot read \"p.hujson\"")};
  const auto json = nlohmann::json::parse(render_json(std::vector{report}));
  const auto& diagnostic = json["diagnostics"][0];
  EXPECT_TRUE(diagnostic["range"].is_null());
  EXPECT_TRUE(diagnostic["help"].is_null());
  EXPECT_EQ(diagnostic["file"], "p.hujson");
  EXPECT_EQ(diagnostic["related"], nlohmann::json::array());
}

TEST(Json, SeveritiesHaveTheirNames) {
  FileReport report = accepted("p.hujson");
  for (const Severity severity : {Severity::error, Severity::warning, Severity::info}) {
    report.diagnostics.push_back(make_diagnostic(Code::E0101, "m"));
    report.diagnostics.back().severity = severity;
  }
  const auto json = nlohmann::json::parse(render_json(std::vector{report}));
  EXPECT_EQ(json["diagnostics"][0]["severity"], "error");
  EXPECT_EQ(json["diagnostics"][1]["severity"], "warning");
  EXPECT_EQ(json["diagnostics"][2]["severity"], "info");
}

TEST(Json, TheOutputIsValidWhateverThePolicyHolds) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  FileReport report = accepted("p\xff.hujson");
  report.message = bytes;
  report.skipped = {bytes};
  report.diagnostics = {make_diagnostic(Code::E0101, bytes, bytes)};
  report.diagnostics[0].place = Place{bytes, {}, {}, {}};
  report.diagnostics[0].related.push_back({bytes, Place{bytes, {}, {}, {}}});
  const std::string text = render_json(std::vector{report});
  EXPECT_TRUE(hujson::is_valid_utf8(text));
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["file"], "p\ufffd.hujson");
  const std::string message = json["diagnostics"][0]["message"];
  EXPECT_EQ(message.substr(0, 128), bytes.substr(0, 128));
}

}  // namespace
}  // namespace acl::emit
