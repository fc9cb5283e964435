#include "node/session/recorder_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <list>
#include <optional>
#include <variant>
#include <vector>

#include "node/confine/privileges.h"
#include "node/confine/system_calls.h"
#include "node/protocol/channel.h"
#include "node/protocol/recorder_message.h"
#include "node/session/log.h"
#include "node/session/relay.h"

namespace acl::node::session {
namespace {

using confine::equal;
using confine::masked;
using protocol::Received;

constexpr int conversation = 3;
// After the login: for what its processes still say, and for disks.
constexpr std::int64_t longest_finish_us = 2'000'000;
// A client may open and close channels faster than their ends are seen.
constexpr std::size_t most_relays = 128;
// Before the relays have their turn.
constexpr int messages_in_a_row = 16;

std::int64_t now_us() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

constexpr confine::Limit limits[] = {
#ifndef ACL_SANITIZED
    {RLIMIT_AS, rlim_t{256} << 20, "address space"},
#endif
    {RLIMIT_NOFILE, 1024, "open files"},
    {RLIMIT_NPROC, 0, "processes"},
    {RLIMIT_CORE, 0, "core dumps"},
    {RLIMIT_MEMLOCK, 0, "locked memory"},
    {RLIMIT_MSGQUEUE, 0, "message queues"},
};

// Whatever their arguments: of descriptors that it has, or is given along with a message; memory, time, its end.
constexpr int plain[] = {
    SCMP_SYS(read),  SCMP_SYS(write),     SCMP_SYS(recvmsg),      SCMP_SYS(sendto),         SCMP_SYS(shutdown),
    SCMP_SYS(close), SCMP_SYS(poll),      SCMP_SYS(ppoll),        SCMP_SYS(ftruncate),      SCMP_SYS(fstatfs),
    SCMP_SYS(brk),   SCMP_SYS(munmap),    SCMP_SYS(mremap),       SCMP_SYS(madvise),        SCMP_SYS(clock_gettime),
    SCMP_SYS(futex), SCMP_SYS(getpid),    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),  SCMP_SYS(exit_group)};

Expected<void> filter_system_calls() {
#ifndef ACL_SANITIZED
  confine::SystemCalls filter;
  for (const int call : plain) filter.allow(call);
  filter.allow(SCMP_SYS(ioctl), {masked(1, 0xffffffff, TIOCSWINSZ)});
  filter.allow(SCMP_SYS(fcntl), {equal(1, F_GETFL)});
  filter.allow(SCMP_SYS(fcntl), {equal(1, F_SETFL)});
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC, 0)});
  filter.allow(SCMP_SYS(mprotect), {masked(2, PROT_EXEC, 0)});
  return filter.load(Code::E1451);
#else
  static_cast<void>(plain);
  return {};  // sanitizers make system calls of their own
#endif
}

Expected<void> give_up(const std::string& name) {
  const auto user = confine::find_user(Code::E1451, name);
  if (!user) return tl::unexpected(user.error());
  if (auto left = confine::leave_file_system(Code::E1451); !left) return left;
  if (auto became = confine::become(Code::E1451, "the recorder", *user); !became) return became;
  if (auto locked = confine::lock_down(Code::E1451, limits); !locked) return locked;
  return filter_system_calls();
}

class RecorderProcess {
 public:
  int run() {
    say(protocol::RecorderReady{});
    while (!is_done()) turn();
    return broken_ ? 1 : 0;
  }

 private:
  [[nodiscard]] bool is_done() const {
    return broken_ || (over_until_ && (relays_.empty() || now_us() >= *over_until_));
  }

  void turn() {
    polled_.assign(1, {over_until_ ? -1 : conversation, POLLIN, 0});
    for (Relay& relay : relays_) relay.add_polled(polled_);
    const int wait =
        over_until_ ? static_cast<int>(std::max<std::int64_t>(0, (*over_until_ - now_us()) / 1000) + 1) : -1;
    if (poll(polled_.data(), polled_.size(), wait) < 0) {
      broken_ = errno != EINTR;
      return;
    }
    std::size_t at = 1;
    for (Relay& relay : relays_) {
      relay.step(polled_.data() + at, now_us(), buffers_);
      at += Relay::most_polled;
    }
    for (int i = 0; i < messages_in_a_row && polled_[0].revents != 0 && hear(); ++i) {
    }
    for (auto each = relays_.begin(); each != relays_.end();) {
      if (auto loss = each->take_loss()) say(protocol::RecordLost{each->channel(), std::move(*loss)});
      if (each->take_drained(now_us(), buffers_)) say(protocol::RecordDrained{each->channel()});
      each = each->is_over() ? relays_.erase(each) : std::next(each);
    }
  }

  // False: nothing more has come.
  bool hear() {
    auto received = protocol::receive_with_descriptors(conversation, buffer_);
    if (received.state == Received::State::nothing) return false;
    if (received.state == Received::State::closed) {
      over_until_ = now_us() + longest_finish_us;
      return false;
    }
    const auto message = received.state == Received::State::message
                             ? protocol::decode_to_recorder(received.message)
                             : Expected<protocol::ToRecorder>(protocol::RecordDrain{});
    broken_ = received.state != Received::State::message || !message;
    if (!broken_) carry_out(*message, received);
    return !broken_;
  }

  void carry_out(const protocol::ToRecorder& message, protocol::ReceivedWith& received) {
    if (const auto* order = std::get_if<protocol::RecordChannel>(&message)) return begin(*order, received);
    if (const auto* size = std::get_if<protocol::RecordResize>(&message)) {
      if (Relay* const relay = find(size->channel)) relay->resize(*size, now_us(), buffers_);
      return;
    }
    const std::uint32_t channel = std::get<protocol::RecordDrain>(message).channel;
    if (Relay* const relay = find(channel)) return relay->drain();
    say(protocol::RecordDrained{channel});  // it is over already
  }

  void begin(const protocol::RecordChannel& order, protocol::ReceivedWith& received) {
    broken_ = received.count != (order.terminal ? 3U : 5U) || relays_.size() >= most_relays;
    if (broken_) return;
    std::array<Fd, 4> descriptors;
    for (std::size_t i = 0; i + 1 < received.count; ++i) {
      descriptors[i] = std::move(received.descriptors[i + 1]);
      const int fd = descriptors[i].get();
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    relays_.emplace_back(order, std::move(received.descriptors[0]), std::move(descriptors), now_us());
  }

  Relay* find(std::uint32_t channel) {
    const auto at =
        std::find_if(relays_.begin(), relays_.end(), [&](const Relay& one) { return one.channel() == channel; });
    return at != relays_.end() ? &*at : nullptr;
  }

  // aclnode-session reads what few messages there are; one that does not is gone.
  void say(const protocol::FromRecorder& message) {
    const auto bytes = protocol::encode(message);
    if (bytes) protocol::send_message(conversation, *bytes, protocol::Wait::no);
  }

  std::list<Relay> relays_;
  RelayBuffers buffers_;
  std::vector<pollfd> polled_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(protocol::longest_recorder_message);
  std::optional<std::int64_t> over_until_;
  bool broken_ = false;
};

}  // namespace

int serve_recorder(const std::string& user) {
  signal(SIGPIPE, SIG_IGN);
  if (const auto confined = give_up(user); !confined) {
    log_diagnostic(confined.error());
    return 3;
  }
  return RecorderProcess().run();
}

}  // namespace acl::node::session
