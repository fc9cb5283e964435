// The sessions of an accepted login, as the processes behind them: shells, commands, subsystems. Forwarding is forwarding.h's matter.
//
// Messages of aclnode-ssh that SshStates let through go in, answers with the descriptors for aclnode-ssh come out, which own them. Output
// never passes through here. Bounded by SshStates (most_sessions at a time): a channel that is closed is forgotten, and its process, if it
// still runs, is nobody's from then on; it gets SIGHUP unless it is on pipes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/fd.h"
#include "node/protocol/login_message.h"
#include "node/session/environment.h"
#include "node/session/recorder.h"
#include "node/session/spawn.h"

namespace acl::node::session {

struct Answer {
  protocol::ToSsh message;
  std::array<Fd, 3> descriptors;
  std::size_t count = 0;
};

// What all channels of a login have in common.
struct ChannelRights {
  EnvironmentOf environment;  // but for the client's variables and the terminal
  net::Address source;
  std::string sftp_server;       // empty: no subsystem sftp
  std::string notices;           // for interactive shells, such as the message of the day
  Recorder* recorder = nullptr;  // where sessions are recorded; outlives the channels
};

// What is forwarded for a session: the path of an agent's socket, the name of a display; empty: nothing.
struct Forwarded {
  std::string agent, display;
};

class Channels {
 public:
  explicit Channels(ChannelRights rights) : rights_(std::move(rights)) {}

  Answer open(const protocol::OpenChannel& wanted, const Forwarded& forwarded);
  void signal(const protocol::Signal& signal);
  void resize(const protocol::Resize& size);
  void close(std::uint32_t channel);
  // A child of this process has ended; nothing if no open channel waits for that, or the recorder has still to pass on what it said.
  std::optional<protocol::Exited> ended(pid_t pid, int status);
  // The recorder has, or, without a channel, will never.
  std::vector<protocol::Exited> drained(std::optional<std::uint32_t> channel);

  // SIGHUP to the process group of each channel, or of each but those on pipes.
  enum class HangUp : std::uint8_t { all, but_on_pipes };
  void hang_up(HangUp which) noexcept;
  // The records of terminals still open are closed. Of use once, last.
  void end_records() noexcept;

 private:
  struct Channel {
    pid_t pid = -1;  // -1: it has ended
    std::string tty;
    Fd recorded;                             // records.h
    bool relayed = false;                    // its terminal is the recorder's
    std::optional<protocol::Exited> exited;  // to be told when the recorder has passed on the rest
    // Signals wait, as a set, while the process that delivers the last ones has not ended: one at a time, as a client can ask for many.
    pid_t signaller = -1;
    std::uint64_t signals = 0;
    [[nodiscard]] bool has_pipes() const noexcept { return tty.empty(); }
  };
  Expected<Answer> open_with_terminal(const protocol::OpenChannel& wanted, const Forwarded& forwarded,
                                      UserProgram program);
  Expected<Answer> open_with_pipes(const protocol::OpenChannel& wanted, const Forwarded& forwarded,
                                   UserProgram program);
  Expected<void> record_pipes(const protocol::OpenChannel& wanted, Fd& output, Fd& errors);
  void deliver(Channel& channel);
  EnvironmentOf environment_of(const protocol::OpenChannel& wanted, const Forwarded& forwarded) const;

  ChannelRights rights_;
  std::map<std::uint32_t, Channel> channels_;
};

// The number of a signal that RFC 4254 section 6.10 names, without SIG; 0 for others.
int signal_number(const std::string& name) noexcept;

}  // namespace acl::node::session
