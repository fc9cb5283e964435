#include "node/daemon/sessions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/release/text.h"

namespace acl::node {

using nlohmann::json;
using release::quoted;

namespace {

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat about {};
  if (fd < 0) return nullptr;
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(fd);
    errno = EINVAL;
    return nullptr;
  }
  return File(::fdopen(fd, "r"));
}

enum class Line : std::uint8_t { whole, cut, over, too_long };
Line read_line(std::FILE* file, std::string& line) {
  line.clear();
  char buffer[16384];
  while (std::fgets(buffer, sizeof buffer, file) != nullptr) {
    line += buffer;  // a zero byte ends it, and is no JSON
    if (!line.empty() && line.back() == '\n') return Line::whole;
    if (line.size() > longest_cast_line) return Line::too_long;
    if (std::feof(file) == 0 && std::strlen(buffer) + 1 < sizeof buffer) return Line::whole;
  }
  return line.empty() ? Line::over : Line::cut;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_header(const json& header) {
  const auto is = [&](const char* key) { return header.contains(key) && header[key].is_number_unsigned(); };
  return header.is_object() && is("version") && header["version"] == 2 && is("width") && is("height");
}

std::optional<RecordingFile> recording_of_file(const std::filesystem::path& path) {
  const File file = open_file(path.string());
  std::string line;
  if (!file || read_line(file.get(), line) != Line::whole) return std::nullopt;
  const json header = json::parse(line, nullptr, false);
  if (!is_header(header)) return std::nullopt;
  RecordingFile out;
  out.path = path.string();
  const std::string name = path.stem().string();
  // After the time, which has two hyphens of its own.
  constexpr std::size_t time_size = std::string_view("2026-11-27T05:00:00Z").size();
  out.id = name.size() > time_size + 1 && name[time_size] == '-' ? name.substr(time_size + 1) : name;
  out.command = text_of(header, "command");
  out.title = text_of(header, "title");
  if (header.contains("timestamp") && header["timestamp"].is_number_integer()) out.started = header["timestamp"];
  if (const auto ours = header.find("aclnode"); ours != header.end() && ours->is_object()) {
    out.account = text_of(*ours, "account");
    out.source = text_of(*ours, "source");
    out.kind = text_of(*ours, "kind");
  }
  struct stat about {};
  if (::fstat(::fileno(file.get()), &about) == 0) {
    out.ended = about.st_mtim.tv_sec;
    out.bytes = static_cast<std::uint64_t>(about.st_size);
  }
  return out;
}

std::string shown(std::string_view text, std::size_t most = 48) {
  std::string out = protocol::shown(text);
  if (out.size() > most) out = out.substr(0, most - 3) + "...";
  return out.empty() ? "-" : out;
}

std::string time_text(std::int64_t time) { return release::print_time(time); }

json recording_json(const RecordingFile& one) {
  return {{"id", one.id},           {"file", one.path},       {"account", one.account}, {"source", one.source},
          {"kind", one.kind},       {"command", one.command}, {"title", one.title},     {"started", time_text(one.started)},
          {"ended", time_text(one.ended)}, {"bytes", one.bytes}};
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

Expected<std::vector<RecordingFile>> list_recordings(const std::string& folder) {
  std::vector<RecordingFile> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".cast") continue;
    if (auto one = recording_of_file(at->path())) out.push_back(std::move(*one));
  }
  // None was made yet.
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::E0002, fmt::format("cannot read the folder \"{}\": {}", folder, error.message()));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
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
    out += fmt::format("  {}  {}  {:>6} s  {:>9} bytes  {} from {}  {}{}{}\n", shown(one.id, 80), time_text(one.started),
                       std::max<std::int64_t>(0, one.ended - one.started), one.bytes, shown(one.account),
                       shown(one.source), shown(one.kind), one.command.empty() ? "" : " ",
                       one.command.empty() ? "" : shown(one.command));
  }
  return out;
}

Expected<void> read_recording(const std::string& path, const std::function<bool(const CastEvent&)>& event) {
  const File file = open_file(path);
  if (!file) return fail(Code::E0002, fmt::format("cannot read \"{}\": {}", path, std::strerror(errno)));
  const auto bad = [&](std::size_t number, std::string_view what) {
    return fail(Code::E1453, fmt::format("\"{}\", line {}: {}", path, number, what));
  };
  std::string line;
  for (std::size_t number = 1;; ++number) {
    const Line got = read_line(file.get(), line);
    if (got == Line::too_long) return bad(number, "it is longer than a line of a recording is");
    const json value = got == Line::over ? json() : json::parse(line, nullptr, false);
    if (number == 1) {
      if (!is_header(value)) return bad(number, "it is no header of asciicast v2");
      continue;
    }
    // The last may be cut, or under way.
    if (got != Line::whole) return {};
    if (!value.is_array() || value.size() != 3 || !value[0].is_number() || !value[1].is_string() || !value[2].is_string())
      return bad(number, "it is no event of asciicast v2");
    if (!event({value[0].get<double>(), value[1].get<std::string>(), value[2].get<std::string>()})) return {};
  }
}

}  // namespace acl::node
