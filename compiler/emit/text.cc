#include "compiler/emit/text.h"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "compiler/emit/display.h"

namespace acl::emit {
namespace {

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view bold_red = "\x1b[1;31m";
constexpr std::string_view bold_yellow = "\x1b[1;33m";
constexpr std::string_view bold_cyan = "\x1b[1;36m";
constexpr std::string_view plain = "\x1b[0m";

std::string_view color_of(Severity severity) {
  switch (severity) {
    case Severity::error: return bold_red;
    case Severity::warning: return bold_yellow;
    case Severity::info: return bold_cyan;
  }
  return bold_red;
}

std::string painted(std::string_view color, std::string_view text, const TextOptions& options) {
  return options.color ? fmt::format("{}{}{}", color, text, plain) : std::string(text);
}

std::string position_text(const Place& place) {
  return fmt::format("{}:{}:{}", printable(place.file), place.start.line, place.start.column);
}

// Columns of the line number: five, so that what belongs to a diagnostic stands well right of its first line, or more
// if a number needs them.
std::size_t gutter_of(const Diagnostic& diagnostic) {
  std::uint32_t last = diagnostic.place ? diagnostic.place->start.line : 0;
  for (const Related& related : diagnostic.related) last = std::max(last, related.place.start.line);
  return std::max<std::size_t>(5, fmt::formatted_size("{}", last));
}

// The source line of a place and its underline; nothing if the text is not at hand.
void append_line(std::string& out, const Place& place, std::string_view color, std::size_t gutter,
                 const SourceText* source, const TextOptions& options) {
  if (source == nullptr) return;
  const std::string_view line = source->line(place.start.line);
  const std::size_t end = place.end.line > place.start.line ? line.size() : place.end.column - 1;
  const Excerpt shown = excerpt(line, place.start.column - 1, end);
  out += fmt::format("{:>{}} | {}\n", place.start.line, gutter, shown.text);
  const std::string underline = "^" + std::string(shown.underline_size - 1, '~');
  out += fmt::format("{:>{}} | {:>{}}{}\n", "", gutter, "", shown.underline_begin, painted(color, underline, options));
}

// "      = help: …"; the further lines of a text of several stand below its first.
void append_remark(std::string& out, std::string_view label, std::string_view text, std::size_t gutter,
                   const TextOptions& options) {
  out += fmt::format("{:>{}} = {} ", "", gutter, painted(bold_cyan, fmt::format("{}:", label), options));
  for (std::size_t line_end; (line_end = text.find('\n')) != text.npos; text.remove_prefix(line_end + 1)) {
    out += fmt::format("{}\n{:>{}}", printable(text.substr(0, line_end)), "", gutter + label.size() + 5);
  }
  out += printable(text) + "\n";
}

std::string counted(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

// "3 errors, 1 warning"; empty if there is nothing to count.
std::string counts_of(const FileReport& report) {
  const auto count = [&](Severity severity) {
    return static_cast<std::size_t>(std::count_if(report.diagnostics.begin(), report.diagnostics.end(),
                                                  [&](const Diagnostic& d) { return d.severity == severity; }));
  };
  std::string out;
  const auto add = [&](std::size_t number, std::string_view noun) {
    if (number != 0) out += (out.empty() ? "" : ", ") + counted(number, noun);
  };
  add(count(Severity::error), "error");
  add(count(Severity::warning), "warning");
  add(count(Severity::info), "note");
  return out;
}

}  // namespace

std::string render_text(const Diagnostic& diagnostic, const Sources& sources, const TextOptions& options) {
  const std::size_t gutter = gutter_of(diagnostic);
  const std::string_view color = color_of(diagnostic.severity);
  std::string out;
  if (diagnostic.place) out += painted(bold, position_text(*diagnostic.place) + ":", options) + " ";
  const std::string kind = fmt::format("{} {}:", severity_name(diagnostic.severity), code_name(diagnostic.code));
  out += fmt::format("{} {}\n", painted(color, kind, options), painted(bold, printable(diagnostic.message), options));
  if (diagnostic.place) {
    append_line(out, *diagnostic.place, color, gutter, find_source(diagnostic.place->file, nullptr, sources), options);
  }
  if (!diagnostic.help.empty()) append_remark(out, "help", diagnostic.help, gutter, options);
  for (const Related& related : diagnostic.related) {
    out += fmt::format("{:>{}} = {} {}: {}\n", "", gutter, painted(bold_cyan, "note:", options),
                       printable(related.message), position_text(related.place));
    append_line(out, related.place, bold_cyan, gutter, find_source(related.place.file, nullptr, sources), options);
  }
  return out;
}

std::string render_text(const FileReport& report, const Sources& others, const TextOptions& options) {
  Sources sources;
  if (report.source != nullptr) sources.texts.push_back(report.source);
  sources.texts.insert(sources.texts.end(), others.texts.begin(), others.texts.end());

  std::string out;
  for (const Diagnostic& diagnostic : report.diagnostics) out += render_text(diagnostic, sources, options);
  const std::string counts = counts_of(report);
  const std::string verdict = report.accepted ? std::string("accepted") : painted(bold_red, "refused", options);
  const std::string_view separator = counts.empty() ? "" : report.accepted ? ", " : ": ";
  out += fmt::format("{} {}{}{}\n", painted(bold, printable(report.file) + ":", options), verdict, separator, counts);
  for (const std::string& skipped : report.skipped) {
    out += fmt::format("not checked without an inventory: {}\n", printable(skipped));
  }
  return out;
}

bool want_color(int fd) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return variable("NO_COLOR").empty() && variable("TERM") != "dumb" && isatty(fd) == 1;
}

}  // namespace acl::emit
