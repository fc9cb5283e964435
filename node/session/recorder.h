// Recorder: the recordings of one login, as the login's process has them: it opens their files, as root, and hands each channel's descriptors
// to the login's recorder (recorder_process.h), which writes.
//
// aclnode-ssh may be the client's, so it gets neither the master of a terminal nor the pipes of a process, but ends of others, behind which the
// recorder passes on what it has written. Files are START-CONNECTION.CHANNEL.cast, START in RFC 3339 and UTC, root's, mode 0600, in a folder that
// is root's alone. Of a subsystem its beginning is recorded, not what goes through it; input never, as passwords are in it.
//
// Where `enforce` is asked for, what cannot be recorded is refused, and what no longer can ends the login; else it goes on, and the news say
// so. E1451, E1452. Nothing here waits but start(), at most longest_start_ms.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/protocol/login_message.h"
#include "node/protocol/recorder_message.h"
#include "node/protocol/session_message.h"
#include "node/session/asciicast.h"

namespace acl::node::session {

// The folder, made if it is not there: a folder, root's, nobody else's to enter. E1451.
Expected<Fd> open_recording_folder(const std::string& path);
// Pure: "2026-11-27T05:00:00Z-7.0.cast".
std::string recording_name(std::int64_t started, const std::string& connection, std::uint32_t channel);

class Recorder {
 public:
  // Starts the process, before the login enters a control group; it is there when await() says so.
  static Expected<std::unique_ptr<Recorder>> start(const protocol::Record& order);
  // E1451 only where recording is enforced; else it is as with what is missed later.
  Expected<void> await();
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // What all recordings of the login have in common.
  void set_login(CastHeader header) { header_ = std::move(header); }

  // What aclnode-ssh gets in the place of the descriptors, which are taken. An error is to be refused; where it is not, and something stands in
  // the way, they are given back as they are.
  Expected<Fd> record_terminal(const protocol::OpenChannel& wanted, Fd master);
  struct Outputs {
    Fd output, errors;
  };
  Expected<Outputs> record_pipes(const protocol::OpenChannel& wanted, Outputs from);
  // A subsystem. Nothing is taken.
  Expected<void> record_beginning(const protocol::OpenChannel& wanted);

  void resize(const protocol::Resize& size);
  // True: hear() will say `drained` for it. False: there is nothing to wait for.
  bool drain(std::uint32_t channel);

  // To be polled for reading, and for writing where wants_to_write(); -1: it is gone.
  [[nodiscard]] int fd() const noexcept { return conversation_.get(); }
  [[nodiscard]] bool wants_to_write() const noexcept { return !kept_.empty(); }
  struct Heard {
    enum class What : std::uint8_t { nothing, drained, end } what = What::nothing;
    std::uint32_t channel = 0;
    std::string words;  // end: the login's
  };
  Heard hear();
  // A child has ended. True: it was this one.
  bool ended(pid_t pid);

  // For aclnode, since the last time.
  std::vector<protocol::FromSession> take_news();

  // All channels are gone: what was under way is written, at most longest_finish_ms.
  void finish() noexcept;

 private:
  explicit Recorder(const protocol::Record& order) : order_(order) {}
  Expected<Fd> open_file(const protocol::OpenChannel& wanted, std::uint64_t& written);
  Expected<void> hand_over(const protocol::RecordChannel& channel, std::span<const int> descriptors);
  // The error, where it is to be refused; else it becomes news.
  Expected<void> missed(const Diagnostic& why);
  void send(const protocol::ToRecorder& message);
  // What it had no room for.
  void pass_on();
  Heard lost(std::string words);

  protocol::Record order_;
  CastHeader header_;
  Fd conversation_;
  pid_t pid_ = -1;
  bool gone_ = false;
  std::deque<protocol::Bytes> kept_;
  std::vector<protocol::FromSession> news_;
};

}  // namespace acl::node::session
