// Recordings of sessions, as they are in their folder: asciicast v2, https://docs.asciinema.org/manual/asciicast/v2/.
//
// They hold what users and programs wrote: reading any bytes ends in E1453 or in what is there, and no line longer than longest_cast_line is
// read.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::node {

// A chunk of the recorder's with each byte six letters, and more.
inline constexpr std::size_t longest_cast_line = std::size_t{1} << 20;

struct RecordingFile {
  std::string path, id;  // "1234.0": connection and channel
  std::string account, source, kind, command, title;
  std::int64_t started = 0, ended = 0;  // seconds of 1970; ended: written last
  std::uint64_t bytes = 0;
};
// Of the folder, by their beginning; what is no recording is passed over. E0002.
Expected<std::vector<RecordingFile>> list_recordings(const std::string& folder);

// One event of a recording.
struct CastEvent {
  double seconds = 0;
  std::string code, text;
};
// Header and events, line by line; E1453 names the line. A last line without its end is passed over. `event`: false ends it.
Expected<void> read_recording(const std::string& path, const std::function<bool(const CastEvent&)>& event);
// The same of an open file; `name` is for messages.
Expected<void> read_recording(std::FILE* file, const std::string& name,
                              const std::function<bool(const CastEvent&)>& event);

}  // namespace acl::node
