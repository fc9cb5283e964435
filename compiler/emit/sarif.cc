#include "compiler/emit/sarif.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "compiler/emit/registry.h"
#include "compiler/hujson/utf8.h"

namespace acl::emit {
namespace {

using Json = nlohmann::ordered_json;

// Byte columns to columns of UTF-16 code units. Remembers marks along each long line, so that many diagnostics in one
// line of megabytes do not each read it from its start.
class Utf16Columns {
 public:
  std::uint32_t column(const SourceText& source, const Position& position) {
    const std::string_view line = source.line(position.line);
    const std::size_t byte = std::min<std::size_t>(position.column - 1, line.size());
    Mark mark;
    if (byte > mark_distance) {
      const std::vector<Mark>& marks = marks_of(source, position.line, line);
      const auto after = std::upper_bound(marks.begin(), marks.end(), byte,
                                          [](std::size_t value, const Mark& m) { return value < m.byte; });
      mark = *std::prev(after);
    }
    while (mark.byte < byte) step(line, mark);
    return mark.units + 1;
  }

 private:
  struct Mark {
    std::size_t byte = 0;  // the start of a code point
    std::uint32_t units = 0;
  };
  static constexpr std::size_t mark_distance = 4096;

  static void step(std::string_view line, Mark& mark) {
    const hujson::CodePoint point = hujson::decode_utf8(line.substr(mark.byte));
    mark.byte += point.size;
    mark.units += point.value > 0xffff ? 2 : 1;
  }

  const std::vector<Mark>& marks_of(const SourceText& source, std::uint32_t number, std::string_view line) {
    std::vector<Mark>& marks = marks_[{&source, number}];
    if (marks.empty()) {
      marks.push_back({});
      for (Mark mark; mark.byte < line.size();) {
        step(line, mark);
        if (mark.byte - marks.back().byte >= mark_distance) marks.push_back(mark);
      }
    }
    return marks;
  }

  std::map<std::pair<const SourceText*, std::uint32_t>, std::vector<Mark>> marks_;
};

// RFC 3986: every byte that is not unreserved is percent-encoded, also the colon, which would make a scheme of a
// relative path's first part.
std::string uri_of(const std::string& file) {
  const std::string path = std::filesystem::path(file).lexically_normal().generic_string();
  std::string uri = path.starts_with('/') ? "file://" : "";
  constexpr std::string_view kept = "-._~/";
  for (const char c : path) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || kept.find(c) != kept.npos) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

std::string_view level_of(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::info: return "note";
  }
  return "error";
}

Json text_json(std::string_view text) {
  Json json;
  json["text"] = text;
  return json;
}

// "tag-not-found" as SARIF likes names of rules: "TagNotFound".
std::string rule_name(std::string_view slug) {
  std::string name;
  bool first = true;
  for (const char c : slug) {
    if (c != '-') name += first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    first = c == '-';
  }
  return name;
}

// "a file cannot be read" as "A file cannot be read."
std::string sentence(std::string_view title) {
  std::string text(title);
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text.ends_with('.') ? text : text + ".";
}

// The first paragraph of a page, on one line.
std::string first_paragraph(std::string_view page) {
  std::string text(page.substr(0, page.find("\n\n")));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Json rule_json(const CodePage& page) {
  Json json;
  json["id"] = page.name;
  json["name"] = rule_name(page.slug);
  json["shortDescription"] = text_json(sentence(page.title));
  json["fullDescription"] = text_json(first_paragraph(page.page));
  json["help"] = text_json(page.page);
  json["help"]["markdown"] = page.page;
  json["defaultConfiguration"]["level"] = level_of(page.severity);
  return json;
}

// What the parts of a run share while it is written.
struct Run {
  const Sources& others;
  std::vector<std::string> artifacts;  // file names in order of first mention
  std::map<std::string, std::size_t, std::less<>> artifact_index;
  Utf16Columns columns;

  std::size_t index_of(const std::string& file) {
    const auto [at, added] = artifact_index.try_emplace(file, artifacts.size());
    if (added) artifacts.push_back(file);
    return at->second;
  }
};

Json physical_location(Run& run, const std::string& file) {
  Json json;
  json["artifactLocation"]["uri"] = uri_of(file);
  json["artifactLocation"]["index"] = run.index_of(file);
  return json;
}

Json physical_location(Run& run, const FileReport& report, const Place& place) {
  const SourceText* source = find_source(place.file, report.source, run.others);
  const auto column = [&](const Position& position) {
    return source == nullptr ? position.column : run.columns.column(*source, position);
  };
  Json json = physical_location(run, place.file);
  Json& region = json["region"];
  region["startLine"] = place.start.line;
  region["startColumn"] = column(place.start);
  region["endLine"] = place.end.line;
  region["endColumn"] = column(place.end);
  return json;
}

Json result_json(Run& run, const FileReport& report, const Diagnostic& diagnostic) {
  Json json;
  json["ruleId"] = code_name(diagnostic.code);
  json["ruleIndex"] = static_cast<std::size_t>(diagnostic.code);
  json["level"] = level_of(diagnostic.severity);
  json["message"] =
      text_json(diagnostic.help.empty() ? diagnostic.message : diagnostic.message + "\n" + diagnostic.help);
  Json location;
  location["physicalLocation"] =
      diagnostic.place ? physical_location(run, report, *diagnostic.place) : physical_location(run, report.file);
  json["locations"] = Json::array({std::move(location)});
  if (diagnostic.related.empty()) return json;
  Json& related_locations = json["relatedLocations"] = Json::array();
  for (const Related& related : diagnostic.related) {
    Json related_location;
    related_location["id"] = related_locations.size();
    related_location["physicalLocation"] = physical_location(run, report, related.place);
    related_location["message"] = text_json(related.message);
    related_locations.push_back(std::move(related_location));
  }
  return json;
}

Json invocation_json(std::span<const FileReport> reports) {
  Json json;
  json["executionSuccessful"] =
      std::all_of(reports.begin(), reports.end(), [](const FileReport& report) { return report.source != nullptr; });
  Json notifications = Json::array();
  for (const FileReport& report : reports) {
    for (const std::string& skipped : report.skipped) {
      Json notification;
      notification["level"] = "note";
      notification["message"] =
          text_json(fmt::format("{}: not checked without an inventory: {}", report.file, skipped));
      notifications.push_back(std::move(notification));
    }
  }
  if (!notifications.empty()) json["toolExecutionNotifications"] = std::move(notifications);
  return json;
}

Json artifacts_json(const Run& run, std::span<const FileReport> reports) {
  Json json = Json::array();
  for (const std::string& file : run.artifacts) {
    const bool target =
        std::any_of(reports.begin(), reports.end(), [&](const FileReport& r) { return r.file == file; });
    Json artifact;
    artifact["location"]["uri"] = uri_of(file);
    artifact["roles"] = Json::array({target ? "analysisTarget" : "referencedOnCommandLine"});
    artifact["encoding"] = "UTF-8";
    json.push_back(std::move(artifact));
  }
  return json;
}

}  // namespace

std::string render_sarif(std::span<const FileReport> reports, const Sources& others, std::string_view version) {
  Run state{others, {}, {}, {}};
  for (const FileReport& report : reports) state.index_of(report.file);
  Json results = Json::array();
  for (const FileReport& report : reports) {
    for (const Diagnostic& diagnostic : report.diagnostics) results.push_back(result_json(state, report, diagnostic));
  }

  Json run;
  Json& driver = run["tool"]["driver"];
  driver["name"] = "aclc";
  driver["version"] = version;
  driver["semanticVersion"] = version;
  driver["rules"] = Json::array();
  for (const CodePage& page : code_pages()) driver["rules"].push_back(rule_json(page));
  run["invocations"] = Json::array({invocation_json(reports)});
  run["artifacts"] = artifacts_json(state, reports);
  run["columnKind"] = "utf16CodeUnits";
  run["results"] = std::move(results);

  Json log;
  log["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  log["version"] = "2.1.0";
  log["runs"] = Json::array({std::move(run)});
  return log.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace acl::emit
