#include "node/session/channels.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/session/descendants.h"
#include "node/session/log.h"
#include "node/session/pam.h"
#include "node/session/records.h"
#include "node/session/terminal.h"

namespace acl::node::session {
namespace {

struct NamedSignal {
  const char* name;
  int number;
};
constexpr NamedSignal signals[] = {{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE},   {"HUP", SIGHUP},
                                   {"ILL", SIGILL},   {"INT", SIGINT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE},
                                   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV}, {"TERM", SIGTERM}, {"USR1", SIGUSR1},
                                   {"USR2", SIGUSR2}};

Answer refused(std::uint32_t channel, std::string_view words) {
  return {protocol::Refused{channel, one_line(std::string(words))}, {}, 0};
}

struct Pipe {
  Fd reading, writing;
};
Expected<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return fail(Code::E1404, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Nothing: there is no such subsystem.
std::optional<UserProgram> program_of(const protocol::OpenChannel& wanted, const ChannelRights& rights) {
  const Account& account = rights.environment.account;
  switch (wanted.kind) {
    case protocol::OpenKind::shell: return login_shell(account);
    case protocol::OpenKind::exec: return shell_command(account, wanted.command);
    case protocol::OpenKind::subsystem: break;
  }
  if (wanted.command != "sftp" || rights.sftp_server.empty()) return std::nullopt;
  if (rights.recorder == nullptr) return shell_command(account, rights.sftp_server);
  // What a subsystem says is not recorded. So it must be that one: of a shell, files of the user could make something else. An account whose shell is
  // there to keep programs from it has none.
  if (!is_listed_shell(account.shell)) return std::nullopt;
  return plain_command(rights.sftp_server);
}

// By a process of the user, so that a signal reaches what the user could reach, and not a program of another one in the foreground, as
// with sudo. Not by this process with the user's number for a while: then he could stop it, and nothing would end his login any more.
pid_t kill_as(const Account& account, pid_t target, std::uint64_t numbers) noexcept {
  const pid_t pid = fork();
  if (pid != 0) return pid;  // its end is heard like any other's
  reset_signals();
  if (close_range(0, ~0U, 0) == 0 && become_user(account)) {
    for (int number = 1; number < 64; ++number) {
      if ((numbers >> number & 1) != 0) kill(target, number);
    }
  }
  _exit(0);
}

// To its process group; where it has not yet made that, it is still alone.
void hang_up_process(pid_t pid) noexcept {
  if (kill(-pid, SIGHUP) != 0 && errno == ESRCH) kill(pid, SIGHUP);
}

}  // namespace

int signal_number(const std::string& name) noexcept {
  const auto* const at =
      std::find_if(std::begin(signals), std::end(signals), [&](const NamedSignal& each) { return name == each.name; });
  return at != std::end(signals) ? at->number : 0;
}

EnvironmentOf Channels::environment_of(const protocol::OpenChannel& wanted, const Forwarded& forwarded) const {
  EnvironmentOf environment = rights_.environment;
  environment.client = wanted.environment;
  if (wanted.has_terminal) environment.term = wanted.terminal.name;
  environment.agent = forwarded.agent;
  environment.display = forwarded.display;
  return environment;
}

Expected<Answer> Channels::open_with_terminal(const protocol::OpenChannel& wanted, const Forwarded& forwarded,
                                              UserProgram program) {
  const Account& account = rights_.environment.account;
  auto terminal = open_terminal(wanted.terminal, account);
  if (!terminal) return tl::unexpected(terminal.error());
  EnvironmentOf environment = environment_of(wanted, forwarded);
  environment.tty = terminal->name;
  program.environment = make_environment(environment);
  program.input = program.output = program.error = terminal->slave.get();
  program.terminal = true;
  if (rights_.recorder != nullptr) {
    auto stream = rights_.recorder->record_terminal(wanted, std::move(terminal->master));
    if (!stream) return tl::unexpected(stream.error());
    terminal->master = std::move(*stream);
  }
  const std::string last_login = exchange_last_login(account, terminal->name, rights_.source);
  if (wanted.kind == protocol::OpenKind::shell) program.greeting = rights_.notices + last_login;
  const auto pid = spawn_as(account, program);
  if (!pid) return tl::unexpected(pid.error());
  Channel& channel = channels_[wanted.channel];
  channel.pid = *pid;
  channel.tty = terminal->name;
  channel.relayed = rights_.recorder != nullptr;
  channel.recorded = record_terminal(account, terminal->name, *pid, rights_.source);
  Answer answer{protocol::Opened{wanted.channel, protocol::ChannelKind::terminal}, {}, 1};
  answer.descriptors[0] = std::move(terminal->master);
  return answer;
}

Expected<Answer> Channels::open_with_pipes(const protocol::OpenChannel& wanted, const Forwarded& forwarded,
                                           UserProgram program) {
  auto input = make_pipe(), output = make_pipe(), error = make_pipe();
  for (const auto* each : {&input, &output, &error}) {
    if (!*each) return tl::unexpected(each->error());
  }
  const Account& account = rights_.environment.account;
  // Of the user, as /dev/stdout and its like are opened anew by their names.
  for (const int fd : {input->reading.get(), output->writing.get(), error->writing.get()}) {
    if (fchown(fd, account.uid, account.gid) != 0) {
      return fail(Code::E1404, fmt::format("cannot give a pipe to \"{}\": {}", account.name, std::strerror(errno)));
    }
  }
  program.environment = make_environment(environment_of(wanted, forwarded));
  program.input = input->reading.get();
  program.output = output->writing.get();
  program.error = error->writing.get();
  if (auto recorded = record_pipes(wanted, output->reading, error->reading); !recorded)
    return tl::unexpected(recorded.error());
  const auto pid = spawn_as(account, program);
  if (!pid) return tl::unexpected(pid.error());
  channels_[wanted.channel].pid = *pid;
  Answer answer{protocol::Opened{wanted.channel, protocol::ChannelKind::pipes}, {}, 3};
  answer.descriptors[0] = std::move(input->writing);
  answer.descriptors[1] = std::move(output->reading);
  answer.descriptors[2] = std::move(error->reading);
  return answer;
}

// Puts the ends of the recorder in the place of those of the process.
Expected<void> Channels::record_pipes(const protocol::OpenChannel& wanted, Fd& output, Fd& errors) {
  if (rights_.recorder == nullptr) return {};
  if (wanted.kind == protocol::OpenKind::subsystem) return rights_.recorder->record_beginning(wanted);
  auto recorded = rights_.recorder->record_pipes(wanted, {std::move(output), std::move(errors)});
  if (!recorded) return tl::unexpected(recorded.error());
  output = std::move(recorded->output);
  errors = std::move(recorded->errors);
  return {};
}

Answer Channels::open(const protocol::OpenChannel& wanted, const Forwarded& forwarded) {
  auto program = program_of(wanted, rights_);
  if (!program) return refused(wanted.channel, fmt::format("there is no subsystem \"{}\"", wanted.command));
  auto answer = wanted.has_terminal ? open_with_terminal(wanted, forwarded, std::move(*program))
                                    : open_with_pipes(wanted, forwarded, std::move(*program));
  if (answer) return std::move(*answer);
  log_diagnostic(answer.error());
  return refused(wanted.channel, answer.error().message);
}

void Channels::signal(const protocol::Signal& signal) {
  const auto at = channels_.find(signal.channel);
  const int number = signal_number(signal.name);
  if (at == channels_.end() || at->second.pid <= 0 || number == 0) return;
  at->second.signals |= std::uint64_t{1} << number;
  deliver(at->second);
}

void Channels::resize(const protocol::Resize& size) {
  const auto at = channels_.find(size.channel);
  if (at != channels_.end() && at->second.relayed) rights_.recorder->resize(size);
}

void Channels::deliver(Channel& channel) {
  if (channel.signaller > 0 || channel.signals == 0 || channel.pid <= 0) return;
  // The leader has not been waited for, so its number, and that of its group and session, is nobody else's.
  pid_t group = channel.pid;
  ProcessLine line;
  if (!channel.tty.empty() && read_process(group, line) && line.foreground > 1) group = line.foreground;
  channel.signaller = kill_as(rights_.environment.account, -group, std::exchange(channel.signals, 0));
}

void Channels::close(std::uint32_t channel) {
  const auto at = channels_.find(channel);
  if (at == channels_.end()) return;
  // One on pipes finds them closed, and goes on if it likes, as with sshd.
  if (at->second.pid > 0) {
    if (!at->second.has_pipes()) hang_up_process(at->second.pid);
    if (!at->second.tty.empty()) record_terminal_end(at->second.tty, at->second.pid, std::move(at->second.recorded));
  }
  channels_.erase(at);
}

std::optional<protocol::Exited> Channels::ended(pid_t pid, int status) {
  for (auto& [number, channel] : channels_) {
    if (channel.signaller != pid) continue;
    channel.signaller = -1;
    deliver(channel);
    return std::nullopt;
  }
  const auto at =
      std::find_if(channels_.begin(), channels_.end(), [&](const auto& each) { return each.second.pid == pid; });
  if (at == channels_.end()) return std::nullopt;
  at->second.pid = -1;
  if (!at->second.tty.empty()) record_terminal_end(at->second.tty, pid, std::move(at->second.recorded));
  protocol::Exited exited;
  exited.channel = at->first;
  exited.signalled = WIFSIGNALED(status);
  if (exited.signalled) {
    const char* const name = sigabbrev_np(WTERMSIG(status));
    exited.signal = name != nullptr ? std::string(name) : fmt::format("{}@linux", WTERMSIG(status));
    exited.core = WCOREDUMP(status);
  } else {
    exited.status = static_cast<std::uint32_t>(WEXITSTATUS(status));
  }
  // A terminal that rests is over for aclnode-ssh once its process is: it is not to rest for the recorder's sake.
  if (!at->second.relayed || !rights_.recorder->drain(at->first)) return exited;
  at->second.exited = std::move(exited);
  return std::nullopt;
}

std::vector<protocol::Exited> Channels::drained(std::optional<std::uint32_t> channel) {
  std::vector<protocol::Exited> out;
  for (auto& [number, each] : channels_) {
    if (!each.exited || (channel && number != *channel)) continue;
    out.push_back(std::move(*each.exited));
    each.exited.reset();
  }
  return out;
}

void Channels::hang_up(HangUp which) noexcept {
  for (const auto& [number, channel] : channels_) {
    if (channel.pid > 0 && (which == HangUp::all || !channel.has_pipes())) hang_up_process(channel.pid);
  }
}

void Channels::end_records() noexcept {
  for (auto& [number, channel] : channels_) {
    if (channel.pid > 0 && !channel.tty.empty())
      record_terminal_end(channel.tty, channel.pid, std::move(channel.recorded));
  }
  channels_.clear();
}

}  // namespace acl::node::session
