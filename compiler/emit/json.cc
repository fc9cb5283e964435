#include "compiler/emit/json.h"

#include <nlohmann/json.hpp>

namespace acl::emit {
namespace {

using Json = nlohmann::ordered_json;

Json position_json(const Position& position) {
  Json json;
  json["line"] = position.line;
  json["column"] = position.column;
  return json;
}

Json range_json(const Place& place) {
  Json json;
  json["start"] = position_json(place.start);
  json["end"] = position_json(place.end);
  return json;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json related_json(const Related& related) {
  Json json;
  json["message"] = related.message;
  json["file"] = related.place.file;
  json["range"] = range_json(related.place);
  return json;
}

Json diagnostic_json(const Diagnostic& diagnostic, const std::string& policy) {
  Json json;
  json["code"] = code_name(diagnostic.code);
  json["severity"] = severity_name(diagnostic.severity);
  json["message"] = diagnostic.message;
  json["file"] = diagnostic.place ? diagnostic.place->file : policy;
  json["range"] = diagnostic.place ? range_json(*diagnostic.place) : Json();
  json["help"] = text_or_null(diagnostic.help);
  json["related"] = Json::array();
  for (const Related& related : diagnostic.related) json["related"].push_back(related_json(related));
  return json;
}

Json report_json(const FileReport& report) {
  Json json;
  json["file"] = report.file;
  json["accepted"] = report.accepted;
  json["message"] = report.message ? Json(*report.message) : Json();
  json["skipped"] = report.skipped;
  json["diagnostics"] = Json::array();
  for (const Diagnostic& diagnostic : report.diagnostics) {
    json["diagnostics"].push_back(diagnostic_json(diagnostic, report.file));
  }
  return json;
}

}  // namespace

std::string render_json(std::span<const FileReport> reports) {
  Json document = Json::array();
  for (const FileReport& report : reports) document.push_back(report_json(report));
  const Json& shown = reports.size() == 1 ? document.front() : document;
  return shown.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace acl::emit
