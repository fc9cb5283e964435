#include "compiler/emit/github.h"

#include <fmt/format.h>
#include <algorithm>
#include <string_view>

#include "compiler/emit/display.h"

namespace acl::emit {
namespace {

// `also`: what is escaped besides %, CR and LF.
std::string escaped(std::string_view text, std::string_view also) {
  std::string out;
  while (!text.empty()) {
    const std::size_t run = std::min(text.find_first_of("\r\n"), text.size());
    for (const char c : printable(text.substr(0, run))) {
      if (c == '%' || also.find(c) != also.npos) {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
    }
    text.remove_prefix(run);
    if (text.empty()) break;
    out += text[0] == '\r' ? "%0D" : "%0A";
    text.remove_prefix(1);
  }
  return out;
}

std::string property(std::string_view text) { return escaped(text, ":,"); }

std::string_view command_of(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::info: return "notice";
  }
  return "error";
}

std::string place_properties(const Place& place) {
  const Position& start = place.start;
  const Position& end = place.end;
  const std::string file = property(place.file);
  if (start.line != end.line) return fmt::format("file={},line={},endLine={}", file, start.line, end.line);
  return fmt::format("file={},line={},col={},endLine={},endColumn={}", file, start.line, start.column, end.line,
                     end.column);
}

std::string annotation(const Diagnostic& diagnostic, const std::string& policy) {
  const std::string where = diagnostic.place ? place_properties(*diagnostic.place) : "file=" + property(policy);
  const std::string_view line_end = diagnostic.help.empty() ? "" : "%0A";
  return fmt::format("::{} {},title={}::{}{}{}\n", command_of(diagnostic.severity), where, code_name(diagnostic.code),
                     escaped(diagnostic.message, ""), line_end, escaped(diagnostic.help, ""));
}

}  // namespace

std::string render_github(std::span<const FileReport> reports) {
  std::string out;
  for (const FileReport& report : reports) {
    for (const Diagnostic& diagnostic : report.diagnostics) out += annotation(diagnostic, report.file);
    if (report.skipped.empty()) continue;
    out += fmt::format("::notice file={},title=not checked without an inventory::", property(report.file));
    for (const std::string& skipped : report.skipped) {
      out += fmt::format("{}{}", &skipped == &report.skipped.front() ? "" : "%0A", escaped(skipped, ""));
    }
    out += "\n";
  }
  return out;
}

}  // namespace acl::emit
