#include "node/session/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "node/protocol/channel.h"
#include "node/session/clock.h"
#include "node/session/log.h"
#include "node/session/spawn.h"

namespace acl::node::session {
namespace {

using protocol::Received;

constexpr Milliseconds longest_start_ms = 5'000;
constexpr Milliseconds longest_finish_ms = 2'500;
constexpr Milliseconds longest_hand_over_ms = 500;
// So many more files there must be room for.
constexpr std::uint64_t fewest_files = 4096;
// Sizes of windows and ends of channels that wait for the recorder: it waits for a disk.
constexpr std::size_t most_kept = 256;
// Between recorder and aclnode-ssh; the kernel doubles it (socket(7)). What a person interrupts has said no more than that.
constexpr int stream_buffer = 64 * 1024;

tl::unexpected<Diagnostic> cannot(std::string_view what, int error = errno) {
  return fail(Code::E1451, fmt::format("cannot {}: {}", what, std::strerror(error)));
}

std::string utc(std::int64_t time) {
  const auto when = static_cast<std::time_t>(time);
  std::tm parts{};
  std::array<char, 32> text{};
  gmtime_r(&when, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

const char* kind_name(protocol::OpenKind kind) noexcept {
  switch (kind) {
    case protocol::OpenKind::shell: return "shell";
    case protocol::OpenKind::exec: return "exec";
    case protocol::OpenKind::subsystem: return "subsystem";
  }
  return "shell";
}

std::uint16_t short_of(std::uint32_t value) noexcept {
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(value, UINT16_MAX));
}

[[noreturn]] void become_recorder(const std::string& user, int conversation) {
  reset_signals();
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int kept = fcntl(conversation, F_DUPFD_CLOEXEC, 10);
  if (nowhere < 0 || kept < 0 || dup2(nowhere, 0) < 0 || dup2(nowhere, 1) < 0 || dup2(kept, 3) < 0 ||
      close_range(4, ~0U, 0) != 0 || chdir("/") != 0 || setsid() < 0) {
    _exit(126);
  }
  std::string name = "aclnode-session", verb = "record", whom = user;
  const std::array<char*, 4> arguments = {name.data(), verb.data(), whom.data(), nullptr};
  char* const no_environment[] = {nullptr};
  // Not by its name: after an upgrade that is another program.
  execve("/proc/self/exe", arguments.data(), no_environment);
  _exit(127);
}

}  // namespace

Expected<Fd> open_recording_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot(fmt::format("make \"{}\"", path));
  Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat about {};
  if (!folder || fstat(folder.get(), &about) != 0) return cannot(fmt::format("open the folder \"{}\"", path));
  if (about.st_uid != 0 || (about.st_mode & 077) != 0) {
    return fail(Code::E1451, fmt::format("the folder \"{}\" is not root's alone", path),
                fmt::format("chown root:root {0} && chmod 700 {0}", path));
  }
  return folder;
}

std::string recording_name(std::int64_t started, const std::string& connection, std::uint32_t channel) {
  return fmt::format("{}-{}.{}.cast", utc(started), connection, channel);
}

// --- the process -----------------------------------------------------------------------------------------------------------------

Expected<std::unique_ptr<Recorder>> Recorder::start(const protocol::Record& order) {
  if (const auto folder = open_recording_folder(order.folder); !folder) return tl::unexpected(folder.error());
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return cannot("make a socket pair");
  std::unique_ptr<Recorder> recorder(new Recorder(order));
  recorder->conversation_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  recorder->pid_ = fork();
  if (recorder->pid_ == 0) become_recorder(order.user, theirs.get());
  if (recorder->pid_ < 0) return cannot("make a process");
  return recorder;
}

Expected<void> Recorder::await() {
  pollfd waiting{conversation_.get(), POLLIN, 0};
  const Milliseconds end = now_ms() + longest_start_ms;
  for (Milliseconds left = longest_start_ms; left > 0; left = end - now_ms()) {
    if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    std::array<std::uint8_t, 16> buffer{};
    const Received received = protocol::receive_message(conversation_.get(), buffer);
    const auto message = protocol::decode_from_recorder(received.message);
    if (received.state == Received::State::message && message &&
        std::holds_alternative<protocol::RecorderReady>(*message))
      return {};
    break;
  }
  gone_ = true;
  conversation_ = Fd();
  return missed(make_diagnostic(Code::E1451, fmt::format("the recorder does not start as \"{}\"", order_.user),
                                "see the log; [recording] user names whom it runs as, and systemd-sysusers makes it"));
}

Recorder::~Recorder() { finish(); }

bool Recorder::ended(pid_t pid) {
  if (pid != pid_) return false;
  pid_ = -1;
  return true;
}

void Recorder::finish() noexcept {
  conversation_ = Fd();
  const Milliseconds end = now_ms() + longest_finish_ms;
  while (pid_ > 0) {
    const pid_t got = waitpid(pid_, nullptr, WNOHANG);
    if (got == pid_ || (got < 0 && errno == ECHILD)) {
      pid_ = -1;
      return;
    }
    if (now_ms() >= end) break;
    poll(nullptr, 0, 5);
  }
  // A disk that hangs: its kernel ends it when that answers.
  if (pid_ > 0) kill(pid_, SIGKILL);
}

// --- channels ----------------------------------------------------------------------------------------------------------------------

Expected<void> Recorder::missed(const Diagnostic& why) {
  if (order_.enforce) {
    return fail(why.code, fmt::format("policy demands that this session is recorded, which fails: {}", why.message),
                why.help);
  }
  log_diagnostic(why);
  news_.emplace_back(protocol::NotRecorded{why.message.substr(0, protocol::longest_text)});
  return {};
}

Expected<Fd> Recorder::open_file(const protocol::OpenChannel& wanted, std::uint64_t& written) {
  if (gone_) return fail(Code::E1452, "the recorder of this login is gone");
  const auto folder = open_recording_folder(order_.folder);
  if (!folder) return tl::unexpected(folder.error());
  struct statfs disk {};
  if (fstatfs(folder->get(), &disk) == 0) {
    const bool full =
        static_cast<std::uint64_t>(disk.f_bavail) * static_cast<std::uint64_t>(disk.f_bsize) < order_.keep_free;
    // Each session is a file: also their number is not to run out for others.
    const bool crowded = order_.keep_free != 0 && disk.f_files != 0 && disk.f_ffree < fewest_files;
    if (full || crowded) return cannot(fmt::format("write to \"{}\"", order_.folder), ENOSPC);
  }
  CastHeader header = header_;
  header.started = std::time(nullptr);
  header.channel = wanted.channel;
  header.kind = kind_name(wanted.kind);
  header.command = wanted.command;
  if (wanted.has_terminal) {
    // 0 is unknown (RFC 4254 section 6.2), and no size to replay in.
    header.columns = wanted.terminal.columns != 0 ? short_of(wanted.terminal.columns) : 80;
    header.rows = wanted.terminal.rows != 0 ? short_of(wanted.terminal.rows) : 24;
    header.term = wanted.terminal.name.empty() ? "unknown" : wanted.terminal.name;
  }
  const std::string name = recording_name(header.started, header.connection, wanted.channel);
  Fd file(openat(folder->get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return cannot(fmt::format("make \"{}/{}\"", order_.folder, name));
  const std::string line = cast_header(header);
  if (!write_all(file.get(), line)) {
    const int error = errno;
    unlinkat(folder->get(), name.c_str(), 0);
    return cannot(fmt::format("write \"{}/{}\"", order_.folder, name), error);
  }
  written = line.size();
  news_.emplace_back(protocol::Recording{fmt::format("{}/{}", order_.folder, name)});
  return file;
}

Expected<void> Recorder::hand_over(const protocol::RecordChannel& channel, std::span<const int> descriptors) {
  const auto bytes = protocol::encode(protocol::ToRecorder(channel));
  if (!bytes) return tl::unexpected(bytes.error());
  // Behind what it has not taken yet. It is quick; who floods it with sizes waits for it himself, and does not go unrecorded.
  for (const Milliseconds until = now_ms() + longest_hand_over_ms;;) {
    pass_on();
    if (kept_.empty()) {
      const auto sent = protocol::send_message(conversation_.get(), *bytes, descriptors, protocol::Wait::no);
      if (sent == protocol::Sent::sent) return {};
      if (sent != protocol::Sent::full) break;
    }
    const Milliseconds left = until - now_ms();
    pollfd one{conversation_.get(), POLLOUT, 0};
    if (left <= 0 || poll(&one, 1, static_cast<int>(left)) <= 0) break;
  }
  return fail(Code::E1452, "the recorder of this login does not answer");
}

Expected<Fd> Recorder::record_terminal(const protocol::OpenChannel& wanted, Fd master) {
  protocol::RecordChannel channel{wanted.channel, true, order_.enforce, 0, order_.keep_free};
  auto file = open_file(wanted, channel.written);
  int ends[2] = {-1, -1};
  if (file && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) file = cannot("make a socket pair");
  Fd ours(ends[0]), theirs(ends[1]);
  Expected<void> done = file ? Expected<void>() : tl::unexpected(file.error());
  if (file) {
    for (const int fd : {ours.get(), theirs.get()})
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &stream_buffer, sizeof stream_buffer);
    const std::array<int, 3> descriptors = {file->get(), master.get(), ours.get()};
    done = hand_over(channel, descriptors);
  }
  if (done) return theirs;
  if (auto refused = missed(done.error()); !refused) return tl::unexpected(refused.error());
  return master;
}

Expected<Recorder::Outputs> Recorder::record_pipes(const protocol::OpenChannel& wanted, Outputs from) {
  protocol::RecordChannel channel{wanted.channel, false, order_.enforce, 0, order_.keep_free};
  auto file = open_file(wanted, channel.written);
  int output[2] = {-1, -1}, errors[2] = {-1, -1};
  if (file && (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0)) file = cannot("make a pipe");
  const Fd output_in(output[1]), errors_in(errors[1]);
  Outputs to{Fd(output[0]), Fd(errors[0])};
  Expected<void> done = file ? Expected<void>() : tl::unexpected(file.error());
  if (file) {
    const std::array<int, 5> descriptors = {file->get(), from.output.get(), from.errors.get(), output_in.get(),
                                            errors_in.get()};
    done = hand_over(channel, descriptors);
  }
  if (done) return to;
  if (auto refused = missed(done.error()); !refused) return tl::unexpected(refused.error());
  return from;
}

Expected<void> Recorder::record_beginning(const protocol::OpenChannel& wanted) {
  std::uint64_t written = 0;
  auto file = open_file(wanted, written);
  const std::string_view note = "[0.000000, \"m\", \"a subsystem: what goes through it is not recorded\"]\n";
  if (file && !write_all(file->get(), note)) file = cannot("write a recording");
  if (file) return {};
  return missed(file.error());
}

// --- the conversation ----------------------------------------------------------------------------------------------------------------

void Recorder::send(const protocol::ToRecorder& message) {
  const auto bytes = protocol::encode(message);
  if (!bytes || gone_) return;
  if (kept_.empty() && protocol::send_message(conversation_.get(), *bytes, protocol::Wait::no) != protocol::Sent::full)
    return;
  // Of sizes only the last counts: those that wait for the same channel are as long, and begin alike.
  constexpr std::size_t head = 5;
  if (std::holds_alternative<protocol::RecordResize>(message)) {
    std::erase_if(kept_, [&](const protocol::Bytes& one) {
      return one.size() == bytes->size() && std::equal(one.begin(), one.begin() + head, bytes->begin());
    });
  }
  kept_.push_back(*bytes);
}

void Recorder::resize(const protocol::Resize& size) {
  send(protocol::RecordResize{size.channel, short_of(size.columns), short_of(size.rows), short_of(size.width),
                              short_of(size.height)});
}

bool Recorder::drain(std::uint32_t channel) {
  if (gone_ || kept_.size() >= most_kept) return false;
  send(protocol::RecordDrain{channel});
  return true;
}

Recorder::Heard Recorder::lost(std::string words) {
  const Diagnostic why = make_diagnostic(Code::E1451, std::move(words));
  if (auto refused = missed(why); !refused) {
    news_.emplace_back(protocol::NotRecorded{why.message.substr(0, protocol::longest_text)});
    return {Heard::What::end, 0, refused.error().message};
  }
  return {};
}

void Recorder::pass_on() {
  while (!kept_.empty() &&
         protocol::send_message(conversation_.get(), kept_.front(), protocol::Wait::no) != protocol::Sent::full)
    kept_.pop_front();
}

Recorder::Heard Recorder::hear() {
  pass_on();
  std::array<std::uint8_t, protocol::longest_recorder_message> buffer{};
  const Received received = protocol::receive_message(conversation_.get(), buffer);
  if (received.state == Received::State::nothing) return {};
  const auto message = received.state == Received::State::message
                           ? protocol::decode_from_recorder(received.message)
                           : Expected<protocol::FromRecorder>(protocol::RecorderReady{});
  if (message) {
    if (const auto* drained = std::get_if<protocol::RecordDrained>(&*message))
      return {Heard::What::drained, drained->channel, {}};
    if (const auto* loss = std::get_if<protocol::RecordLost>(&*message))
      return lost(fmt::format("the recording cannot be written: {}", protocol::shown(loss->words)));
  }
  gone_ = true;
  conversation_ = Fd();
  kept_.clear();
  return lost("the recorder ended before the login did");
}

std::vector<protocol::FromSession> Recorder::take_news() { return std::exchange(news_, {}); }

}  // namespace acl::node::session
