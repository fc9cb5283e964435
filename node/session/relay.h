// Relay: the output of one channel on its way from the user's process to aclnode-ssh, and into its recording, in the recorder's process.
//
//   terminal   master ─▶ file, stream      stream ─▶ master
//   pipes      output ─▶ file, pipe        errors ─▶ file, pipe        (input goes past it: it is not recorded)
//
// What is passed on was written before. An event holds what was read at once, at most chunk bytes. Nothing waits but for the file: what the
// other side does not take is kept, at most chunk bytes for each way, and no more is read meanwhile. The end of a way is handed on when all
// before it was; where nobody reads, the way is closed back to the process, which finds what it would find without a recorder.
//
// What cannot be written (a full disk; less free than is to stay): with `enforce` nothing is passed on any more; else the recording ends with
// its last whole line, the person is told, and all goes on. Owns its descriptors, which must never wait.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/fd.h"
#include "node/protocol/recorder_message.h"
#include "node/session/asciicast.h"

namespace acl::node::session {

// For all relays of a process, which run one after the other.
struct RelayBuffers {
  static constexpr std::size_t chunk = std::size_t{64} << 10;
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(chunk);
  std::vector<char> text = std::vector<char>(chunk * CastText::widest + CastText::more + longest_event_head + 8);
};

class Relay {
 public:
  // `descriptors`: after the file as RecordChannel says.
  Relay(const protocol::RecordChannel& order, Fd file, std::array<Fd, 4> descriptors, std::int64_t now_us);

  void add_polled(std::vector<pollfd>& polled);
  // After poll(2), with the entries that add_polled() made.
  void step(const pollfd* polled, std::int64_t now_us, RelayBuffers& buffers);
  void resize(const protocol::RecordResize& size, std::int64_t now_us, RelayBuffers& buffers);
  // The process has ended.
  void drain() noexcept { draining_ = true; }

  // Once each.
  std::optional<std::string> take_loss();
  bool take_drained(std::int64_t now_us, RelayBuffers& buffers);
  [[nodiscard]] bool is_over() const noexcept;
  [[nodiscard]] std::uint32_t channel() const noexcept { return order_.channel; }

  static constexpr std::size_t most_polled = 4;

 private:
  // One direction. The descriptors are borrowed from owned_; -1: that end is over.
  struct Way {
    int source = -1, sink = -1;
    bool recorded = true;
    CastText text;
    std::vector<std::uint8_t> waiting;
    std::size_t begin = 0;
    [[nodiscard]] bool waits() const noexcept { return begin < waiting.size(); }
  };
  // False: there is nothing to read now, or no place for it.
  bool move(Way& way, std::int64_t now_us, RelayBuffers& buffers);
  void pass(Way& way, std::span<const std::uint8_t> bytes);
  void flush(Way& way);
  void end_source(Way& way, std::int64_t now_us, RelayBuffers& buffers);
  void end_sink(Way& way);
  void close_all();
  bool record(char code, CastText& text, std::span<const std::uint8_t> bytes, std::int64_t now_us,
              RelayBuffers& buffers);
  bool write_event(const char* begin, const char* end);
  void lose(int error);

  protocol::RecordChannel order_;
  Fd file_;
  std::array<Fd, 4> owned_;
  std::array<Way, 2> ways_;
  std::int64_t began_us_ = 0;
  std::uint64_t since_look_ = UINT64_MAX / 2;  // at what is left of the disk
  bool stalled_ = false, draining_ = false;
  std::optional<std::string> loss_;
};

}  // namespace acl::node::session
