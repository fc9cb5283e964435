// What `aclnode sessions` shows: logins that live, as the daemon says, and recordings, as they are in their folder (asciicast v2,
// https://docs.asciinema.org/manual/asciicast/v2/).
//
// Recordings hold what users and programs wrote: reading any bytes ends in E1453 or in what is there, and no line longer than longest_cast_line
// is read. Texts of others are shown escaped, but for what a recording plays.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/daemon/logins.h"

namespace acl::node {

// A chunk of the recorder's with each byte six letters, and more.
inline constexpr std::size_t longest_cast_line = std::size_t{1} << 20;

// JSON of the daemon's answers.
std::string live_sessions_json(std::span<const LiveLogin> logins);
std::string sshd_sources_json(std::span<const net::Address> sources);
// The addresses of that; nothing: it is none.
std::optional<std::vector<std::string>> sshd_sources_of(std::string_view json);
// Digits, and nothing else.
std::optional<std::uint64_t> session_number(std::string_view text);

struct RecordingFile {
  std::string path, id;  // "1234.0": connection and channel
  std::string account, source, kind, command, title;
  std::int64_t started = 0, ended = 0;  // seconds of 1970; ended: written last
  std::uint64_t bytes = 0;
};
// Of the folder, by their beginning; what is no recording is passed over. E0002.
Expected<std::vector<RecordingFile>> list_recordings(const std::string& folder);

// {"live": […], "recordings": […]}; `live`: the daemon's answer, or empty: there is no daemon.
std::string sessions_json(std::string_view live, std::span<const RecordingFile> recordings);
std::string sessions_text(std::string_view live, std::span<const RecordingFile> recordings);

// One event of a recording.
struct CastEvent {
  double seconds = 0;
  std::string code, text;
};
// Header and events, line by line; E1453 names the line. A last line without its end is passed over. `event`: false ends it.
Expected<void> read_recording(const std::string& path, const std::function<bool(const CastEvent&)>& event);

}  // namespace acl::node
