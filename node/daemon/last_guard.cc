#include "node/daemon/last_guard.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "engine/net/file.h"

namespace acl::node {
namespace {

constexpr std::size_t file_limit = 8192;

std::string path_in(const std::string& state_dir) { return state_dir + "/guard"; }

std::string print(const std::string& config_path, const GuardSettings& settings) {
  return fmt::format("aclnode guard 1\nconfig {}\ninterface {}\nmark {:#x}\n", config_path, settings.interface,
                     settings.mark);
}

// The line up to its end; takes it off.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::optional<std::string_view> after(std::string_view line, std::string_view word) {
  if (!line.starts_with(word)) return std::nullopt;
  return line.substr(word.size());
}

std::optional<GuardSettings> parse(std::string_view text, const std::string& config_path) {
  const std::string_view whole = text;
  if (take_line(text) != "aclnode guard 1" || after(take_line(text), "config ") != config_path) return std::nullopt;
  const auto interface = after(take_line(text), "interface ");
  const auto mark = after(take_line(text), "mark 0x");
  if (!interface || !mark) return std::nullopt;
  GuardSettings settings;
  settings.interface = *interface;
  const auto [end, error] = std::from_chars(mark->data(), mark->data() + mark->size(), settings.mark, 16);
  if (error != std::errc() || end != mark->data() + mark->size() || print(config_path, settings) != whole)
    return std::nullopt;
  // As of a configuration: what the guard would not take is refused there.
  return guard_settings(fmt::format("interface = \"{}\"\nmark = {}\n", settings.interface, settings.mark));
}

// state_dir = "…", without anything that TOML would have to explain.
std::string state_dir_of(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const auto skip = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    skip();
    const auto key = after(line, "state_dir");
    if (!key) continue;
    line = *key;
    skip();
    if (!line.starts_with('=')) continue;
    line.remove_prefix(1);
    skip();
    if (!line.starts_with('"')) continue;
    line.remove_prefix(1);
    const std::string_view value = line.substr(0, line.find('"'));
    if (value.starts_with('/') && value.size() < line.size() && value.find('\\') == std::string_view::npos)
      return std::string(value);
  }
  return Config().state_dir;
}

}  // namespace

Expected<void> keep_last_guard(const std::string& state_dir, const std::string& config_path,
                               const GuardSettings& settings) {
  const std::string text = print(config_path, settings);
  const auto there = read_file(path_in(state_dir), file_limit);
  if (there && *there == text) return {};
  return replace_file(path_in(state_dir), text);
}

std::optional<GuardSettings> last_guard(const std::string& config_path, std::string_view broken_text) {
  const auto text = read_file(path_in(state_dir_of(broken_text)), file_limit);
  return text ? parse(*text, config_path) : std::nullopt;
}

}  // namespace acl::node
