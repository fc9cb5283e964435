// Verifier: has one signature or one ID token looked at by a process that is made for it (`aclnode-net verify`), and waits for what
// that says without ever blocking.
//
// For an event loop of one thread: poll fd() for reading until deadline_ms(), then call step(), until it gives the outcome; it does so within
// `patience_ms` whatever the process does, since one that takes longer is killed. The process has no files, no sockets, no other's memory and nothing to
// say but yes or no: whoever takes it over by what he pasted gains this one answer. aclnode itself reads nothing of what strangers gave.
//
// It reaps its own process and no other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/daemon/net_process.h"
#include "node/protocol/verify_message.h"

namespace acl::node::daemon {

class Verifier {
 public:
  static constexpr std::int64_t patience_ms = 5000;

  // Times are of the steady clock. E1431: the process could not be started; E1361: the question is beyond its bounds.
  static Expected<Verifier> start(const NetProgram& program, const protocol::VerifyQuestion& question,
                                  std::int64_t now_ms);

  Verifier(Verifier&&) = default;
  Verifier& operator=(Verifier&&) = default;
  // Its process is killed, not asked to end: nobody waits for one whose client has left.
  ~Verifier() { process_.kill(); }

  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  [[nodiscard]] std::int64_t deadline_ms() const noexcept { return deadline_ms_; }

  // Once it has an outcome there is nothing more to ask: destroy it. Verified; or E1432 (signature), E1433 (token) in the
  // process's words, shown(); or E1431: it ended, broke the protocol or took too long.
  std::optional<Expected<protocol::Verified>> step(std::int64_t now_ms);

 private:
  Verifier(NetProcess process, Fd epoll, Code refusal, std::size_t keys, std::int64_t deadline_ms)
      : process_(std::move(process)),
        epoll_(std::move(epoll)),
        refusal_(refusal),
        keys_(keys),
        deadline_ms_(deadline_ms) {}
  Expected<protocol::Verified> judge(protocol::ByteView answer);
  Expected<protocol::Verified> broken(std::string words);

  NetProcess process_;
  Fd epoll_;             // its socket, then its end
  bool closed_ = false;  // without an answer: how it ended is still to come
  Code refusal_;
  std::size_t keys_;  // how many there are to choose from; of a token one
  std::int64_t deadline_ms_;
};

}  // namespace acl::node::daemon
