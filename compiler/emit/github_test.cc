#include "compiler/emit/github.h"

#include <gtest/gtest.h>

#include "compiler/emit/testing.h"

namespace acl::emit {
namespace {

FileReport report_with(const SourceText& source, std::vector<Diagnostic> diagnostics) {
  FileReport report;
  report.file = source.name();
  report.source = &source;
  report.diagnostics = std::move(diagnostics);
  return report;
}

std::string github(const FileReport& report) { return render_github(std::vector{report}); }

TEST(Github, OneCommandForEachDiagnostic) {
  const SourceText source("p.hujson", "{\n  \"acl\": 1\n}");
  Diagnostic info = diagnostic_at(source, "{", "by the way");
  info.severity = Severity::info;
  EXPECT_EQ(
      github(report_with(source, {diagnostic_at(source, "\"acl\"", "unknown field", "did you mean \"acls\"?"),
                                  warning_at(source, "1", "odd"), info})),
      "::error file=p.hujson,line=2,col=3,endLine=2,endColumn=8,title=E0101::unknown field%0Adid you mean \"acls\"?\n"
      "::warning file=p.hujson,line=2,col=10,endLine=2,endColumn=11,title=E0101::odd\n"
      "::notice file=p.hujson,line=1,col=1,endLine=1,endColumn=2,title=E0101::by the way\n");
}

TEST(Github, ARangeOfSeveralLinesHasNoColumns) {
  const SourceText source("p.hujson", "[\n1\n]");
  EXPECT_EQ(github(report_with(source, {diagnostic_at(source, "[\n1\n]", "bad")})),
            "::error file=p.hujson,line=1,endLine=3,title=E0101::bad\n");
}

TEST(Github, WithoutAPlaceThePolicyIsNamed) {
  const SourceText source("p.hujson", "");
  EXPECT_EQ(github(report_with(source, {make_diagnostic(Code::E0002, "cannot read")})),
            "::error file=p.hujson,title=E0002::cannot read\n");
}

// A policy must not be able to give the runner commands: they begin at the start of a line.
TEST(Github, TextCannotBeginACommandOrAProperty) {
  const SourceText source("a,b:c%d\n.hujson", "x");
  EXPECT_EQ(
      github(report_with(source, {diagnostic_at(source, "x", "100%: a,b\r\n::set-output name=x::y", "\x1b[31m\xff")})),
      "::error file=a%2Cb%3Ac%25d%0A.hujson,line=1,col=1,endLine=1,endColumn=2,title=E0101::"
      "100%25: a,b%0D%0A::set-output name=x::y%0A\\x1b[31m\\xff\n");
}

TEST(Github, SaysWhatWasNotChecked) {
  const SourceText source("p.hujson", "{}");
  FileReport report = report_with(source, {});
  EXPECT_EQ(github(report), "");
  report.skipped = {"tests", "users"};
  EXPECT_EQ(github(report), "::notice file=p.hujson,title=not checked without an inventory::tests%0Ausers\n");
}

}  // namespace
}  // namespace acl::emit
