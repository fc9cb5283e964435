#include "node/daemon/recordings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace acl::node {

using nlohmann::json;

namespace {

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

}  // namespace

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

Expected<void> read_recording(std::FILE* file, const std::string& name,
                              const std::function<bool(const CastEvent&)>& event) {
  const auto bad = [&](std::size_t number, std::string_view what) {
    return fail(Code::E1453, fmt::format("\"{}\", line {}: {}", name, number, what));
  };
  std::string line;
  for (std::size_t number = 1;; ++number) {
    const Line got = read_line(file, line);
    if (got == Line::too_long) return bad(number, "it is longer than a line of a recording is");
    const json value = got == Line::over ? json() : json::parse(line, nullptr, false);
    if (number == 1) {
      if (!is_header(value)) return bad(number, "it is no header of asciicast v2");
      continue;
    }
    // The last may be cut, or under way.
    if (got != Line::whole) return {};
    if (!value.is_array() || value.size() != 3 || !value[0].is_number() || !value[1].is_string() ||
        !value[2].is_string())
      return bad(number, "it is no event of asciicast v2");
    if (!event({value[0].get<double>(), value[1].get<std::string>(), value[2].get<std::string>()})) return {};
  }
}

Expected<void> read_recording(const std::string& path, const std::function<bool(const CastEvent&)>& event) {
  const File file = open_file(path);
  if (!file) return fail(Code::E0002, fmt::format("cannot read \"{}\": {}", path, std::strerror(errno)));
  return read_recording(file.get(), path, event);
}

}  // namespace acl::node
