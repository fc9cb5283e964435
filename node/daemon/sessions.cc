#include "node/daemon/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/release/time.h"
#include "node/protocol/message.h"

namespace acl::node {

using nlohmann::json;
namespace {

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string shown(std::string_view text, std::size_t most = 48) {
  std::string out = protocol::shown(text);
  if (out.size() > most) out = out.substr(0, most - 3) + "...";
  return out.empty() ? "-" : out;
}

std::string time_text(std::int64_t time) { return release::print_time(time); }

json recording_json(const RecordingFile& one) {
  return {{"id", one.id},
          {"file", one.path},
          {"account", one.account},
          {"source", one.source},
          {"kind", one.kind},
          {"command", one.command},
          {"title", one.title},
          {"started", time_text(one.started)},
          {"ended", time_text(one.ended)},
          {"bytes", one.bytes}};
}

}  // namespace

std::string live_sessions_json(std::span<const LiveLogin> logins) {
  json list = json::array();
  for (const LiveLogin& one : logins) {
    list.push_back({{"id", std::to_string(one.number)},
                    {"source", one.source.text()},
                    {"node", one.node},
                    {"identity", one.identity},
                    {"account", one.account},
                    {"rule", one.rule},
                    {"since", time_text(one.since)},
                    {"recorded", one.recorded},
                    {"recordings", one.recordings}});
  }
  return dump({{"live", list}});
}

std::string sshd_sources_json(std::span<const net::Address> sources) {
  json list = json::array();
  for (const net::Address& one : sources) list.push_back(one.text());
  return dump({{"sources", list}});
}

std::optional<std::vector<std::string>> sshd_sources_of(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("sources") || !object["sources"].is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json& one : object["sources"]) {
    if (!one.is_string() || !net::Address::parse(one.get<std::string>())) return std::nullopt;
    out.push_back(one.get<std::string>());
  }
  return out;
}

std::optional<std::uint64_t> session_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string sessions_json(std::string_view live, std::span<const RecordingFile> recordings) {
  json out = json::parse(live, nullptr, false);
  if (!out.is_object()) out = {{"live", nullptr}};
  out["recordings"] = json::array();
  for (const RecordingFile& one : recordings) out["recordings"].push_back(recording_json(one));
  return dump(out);
}

std::string sessions_text(std::string_view live, std::span<const RecordingFile> recordings) {
  std::string out;
  const json answer = json::parse(live, nullptr, false);
  if (answer.is_object() && answer.contains("live") && answer["live"].is_array()) {
    out += fmt::format("{} live\n", answer["live"].size());
    for (const json& one : answer["live"]) {
      const std::string who = text_of(one, "identity");
      out += fmt::format("  {}  {}  {} from {} ({})  {}{}\n", shown(text_of(one, "id")), text_of(one, "since"),
                         shown(text_of(one, "account")), shown(text_of(one, "source")), shown(who),
                         shown(text_of(one, "rule")), one.value("recorded", false) ? "  recorded" : "");
    }
  }
  out += fmt::format("{} recorded\n", recordings.size());
  for (const RecordingFile& one : recordings) {
    out += fmt::format("  {}  {}  {:>6} s  {:>9} bytes  {} from {}  {}{}{}\n", shown(one.id, 80),
                       time_text(one.started), std::max<std::int64_t>(0, one.ended - one.started), one.bytes,
                       shown(one.account), shown(one.source), shown(one.kind), one.command.empty() ? "" : " ",
                       one.command.empty() ? "" : shown(one.command));
  }
  return out;
}

}  // namespace acl::node
