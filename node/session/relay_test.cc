#include "node/session/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>

namespace acl::node::session {
namespace {

struct Ends {
  Fd first, second;
};
Ends make_pipe() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}
Ends make_stream() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

bool put(const Fd& fd, std::string_view text) {
  return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}
// What there is to read now.
std::string get(const Fd& fd) {
  std::string out;
  char buffer[65536];
  for (ssize_t got = 0; (got = read(fd.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(got));
  return out;
}
bool is_over(const Fd& fd) {
  char nothing = 0;
  return read(fd.get(), &nothing, 1) == 0;
}

// The relay of one channel, turned by hand.
class Bench {
 public:
  explicit Bench(bool terminal, bool enforce = false)
      : file_(memfd_create("recording", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    // As the recorder has it: who reads no more is told by the write.
    std::signal(SIGPIPE, SIG_IGN);
    protocol::RecordChannel order;
    order.terminal = terminal;
    order.enforce = enforce;
    if (terminal) {
      Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
      char name[64];
      EXPECT_EQ(grantpt(master.get()) | unlockpt(master.get()) | ptsname_r(master.get(), name, sizeof name), 0);
      slave = Fd(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
      Ends stream = make_stream();
      client = std::move(stream.second);
      relay.emplace(order, Fd(dup(file_.get())),
                    std::array<Fd, 4>{std::move(master), std::move(stream.first), Fd(), Fd()}, 0);
      return;
    }
    Ends output = make_pipe(), errors = make_pipe(), to_output = make_pipe(), to_errors = make_pipe();
    out = std::move(output.second);
    err = std::move(errors.second);
    client = std::move(to_output.first);
    client_errors = std::move(to_errors.first);
    relay.emplace(order, Fd(dup(file_.get())),
                  std::array<Fd, 4>{std::move(output.first), std::move(errors.first), std::move(to_output.second),
                                    std::move(to_errors.second)},
                  0);
  }
  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) {
      std::vector<pollfd> polled;
      relay->add_polled(polled);
      ASSERT_EQ(polled.size(), Relay::most_polled);
      poll(polled.data(), polled.size(), 20);
      relay->step(polled.data(), ++now_, buffers_);
    }
  }
  // No more than that can be written.
  void fill_disk() {
    ASSERT_EQ(ftruncate(file_.get(), 4096), 0);
    ASSERT_EQ(fcntl(file_.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  }
  [[nodiscard]] std::string recording() const {
    std::string text(1 << 20, '\0');
    const ssize_t size = pread(file_.get(), text.data(), text.size(), 0);
    return text.substr(0, static_cast<std::size_t>(size));
  }
  bool drained() { return relay->take_drained(++now_, buffers_); }
  void resize(std::uint16_t columns, std::uint16_t rows) { relay->resize({0, columns, rows, 0, 0}, ++now_, buffers_); }

  Fd slave, out, err, client, client_errors;
  std::optional<Relay> relay;

 private:
  Fd file_;
  RelayBuffers buffers_;
  std::int64_t now_ = 0;
};

TEST(Relay, PassesOnWhatACommandSaysAndWritesIt) {
  Bench bench(false);
  EXPECT_TRUE(put(bench.out, "out\n") && put(bench.err, "err\n"));
  bench.turn();
  EXPECT_EQ(get(bench.client), "out\n");
  EXPECT_EQ(get(bench.client_errors), "err\n");
  EXPECT_EQ(bench.recording(), "[0.000001, \"o\", \"out\\n\"]\n[0.000001, \"o\", \"err\\n\"]\n");
  EXPECT_FALSE(bench.relay->is_over());
  bench.out = Fd();
  bench.turn();
  EXPECT_TRUE(is_over(bench.client));
  EXPECT_FALSE(bench.relay->is_over());
  bench.err = Fd();
  bench.turn();
  EXPECT_TRUE(is_over(bench.client_errors));
  EXPECT_TRUE(bench.relay->is_over());
}

TEST(Relay, OfATerminalGoesBothWaysAndWritesOne) {
  Bench bench(true);
  EXPECT_TRUE(put(bench.slave, "prompt\n"));
  EXPECT_TRUE(put(bench.client, "typed\n"));
  bench.turn();
  EXPECT_EQ(get(bench.slave), "typed\n");
  EXPECT_NE(get(bench.client).find("prompt\r\n"), std::string::npos);
  bench.resize(120, 40);
  winsize size{};
  EXPECT_EQ(ioctl(bench.slave.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_col, 120);
  EXPECT_NE(bench.recording().find("\"r\", \"120x40\"]"), std::string::npos);
}

TEST(Relay, OfATerminalEndsWithItsLastProcessAndWaitsForTheClient) {
  Bench bench(true);
  EXPECT_TRUE(put(bench.slave, "last"));
  bench.slave = Fd();
  bench.turn();
  EXPECT_EQ(get(bench.client), "last");
  EXPECT_TRUE(is_over(bench.client));
  EXPECT_FALSE(bench.relay->is_over());
  bench.client = Fd();
  bench.turn();
  EXPECT_TRUE(bench.relay->is_over());
}

TEST(Relay, HangsUpATerminalWhoseClientHasGone) {
  Bench bench(true);
  EXPECT_TRUE(put(bench.client, "typed\n"));
  bench.client = Fd();
  bench.turn();
  EXPECT_TRUE(bench.relay->is_over());
  char nothing = 0;
  EXPECT_TRUE(read(bench.slave.get(), &nothing, 1) <= 0);
}

// Also while it does not take what the client had typed.
TEST(Relay, HangsUpATerminalThatReadsNothing) {
  Bench bench(true);
  const std::string much(1 << 20, 'x');
  while (write(bench.client.get(), much.data(), much.size()) > 0) bench.turn(1);
  bench.turn();
  bench.client = Fd();
  bench.turn(5);
  EXPECT_TRUE(bench.relay->is_over());
}

// It would be told without end that it cannot write.
TEST(Relay, ForgetsWhatATerminalThatNobodyHasOpenDoesNotTake) {
  Bench bench(true);
  const std::string much(1 << 20, 'x');
  while (write(bench.client.get(), much.data(), much.size()) > 0) bench.turn(1);
  bench.turn();
  const auto waits_to_write = [&] {
    std::vector<pollfd> polled;
    bench.relay->add_polled(polled);
    return std::any_of(polled.begin(), polled.end(),
                       [](const pollfd& one) { return one.fd >= 0 && (one.events & POLLOUT) != 0; });
  };
  EXPECT_TRUE(waits_to_write());
  bench.slave = Fd();
  // All of what the client had sent is taken away.
  for (int i = 0; i < 100 && waits_to_write(); ++i) bench.turn(1);
  EXPECT_FALSE(waits_to_write());
}

TEST(Relay, ReadsNoMoreThanTheClientTakes) {
  Bench bench(false);
  const std::string piece(4096, 'x');
  std::size_t given = 0;
  for (int i = 0; i < 1000; ++i) {
    if (put(bench.out, piece)) given += piece.size();
    bench.turn(1);
  }
  // Its pipe, the relay's piece, the client's pipe.
  EXPECT_LT(given, std::size_t{400'000});
  std::size_t got = 0;
  bench.out = Fd();
  for (int i = 0; i < 200; ++i) {
    got += get(bench.client).size();
    bench.turn(1);
  }
  EXPECT_EQ(got, given);
  EXPECT_TRUE(is_over(bench.client));
}

TEST(Relay, ClosesBackToACommandWhoseClientDoesNotRead) {
  Bench bench(false);
  bench.client = Fd();
  bench.turn();
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_FALSE(put(bench.out, "x"));
  EXPECT_EQ(errno, EPIPE);
}

TEST(Relay, PassesNothingOnThatIsNotWrittenWhereThatIsDemanded) {
  Bench bench(false, true);
  bench.fill_disk();
  EXPECT_TRUE(put(bench.out, std::string(10'000, 'x')));
  bench.turn();
  EXPECT_EQ(get(bench.client), "");
  EXPECT_TRUE(bench.relay->take_loss().has_value());
  EXPECT_FALSE(bench.relay->take_loss().has_value());
  EXPECT_TRUE(put(bench.err, "more"));
  bench.turn();
  EXPECT_EQ(get(bench.client_errors), "");
}

TEST(Relay, GoesOnAndSaysSoWhereItIsNot) {
  Bench bench(true, false);
  bench.fill_disk();
  EXPECT_TRUE(put(bench.slave, std::string(3'000, 'x')));
  EXPECT_TRUE(put(bench.slave, std::string(1500, 'y')));
  bench.turn(6);
  const std::string shown = get(bench.client);
  if (const auto loss = bench.relay->take_loss()) {
    EXPECT_NE(shown.find("no longer recorded: " + *loss), std::string::npos) << shown;
  } else {
    ADD_FAILURE() << "it was written";
  }
  EXPECT_EQ(static_cast<std::size_t>(std::count(shown.begin(), shown.end(), 'x')), 3'000U);
  EXPECT_TRUE(put(bench.slave, "on"));
  bench.turn();
  EXPECT_EQ(get(bench.client), "on");
}

TEST(Relay, IsDrainedWhenAllWasPassedOn) {
  Bench bench(true);
  EXPECT_FALSE(bench.drained());
  EXPECT_TRUE(put(bench.slave, "last"));
  bench.relay->drain();
  bench.turn();
  EXPECT_TRUE(bench.drained());
  EXPECT_FALSE(bench.drained());
  EXPECT_EQ(get(bench.client), "last");
}

}  // namespace
}  // namespace acl::node::session
