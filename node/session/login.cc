#include "node/session/login.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>
#include <variant>
#include <vector>

#include "node/protocol/channel.h"
#include "node/protocol/login_conversation.h"
#include "node/session/channels.h"
#include "node/session/connection.h"
#include "node/session/control_group.h"
#include "node/session/daemon_link.h"
#include "node/session/descendants.h"
#include "node/session/forwarding.h"
#include "node/session/host_keys.h"
#include "node/session/log.h"
#include "node/session/opening.h"
#include "node/session/recorder.h"
#include "node/session/records.h"
#include "node/session/ssh_process.h"

namespace acl::node::session {
namespace {

using protocol::FromSsh;
using protocol::Received;
using protocol::ToSsh;

// From SIGHUP to SIGKILL, where a login must end.
constexpr Milliseconds goodbye_ms = 300;
// For PAM to close its session.
constexpr Milliseconds longest_closing_ms = 10'000;
// What is read from aclnode-ssh before others have their turn.
constexpr int messages_in_a_row = 16;
// What is reaped before others have their turn: orphans of a login come here, and some make them faster than they can be counted.
constexpr int children_in_a_row = 256;

Fd watch_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&watched, number);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  // A limit of PAM's on the size of files must not end this process at lastlog; a peer that is gone is no reason either.
  for (const int number : {SIGPIPE, SIGXFSZ}) signal(number, SIG_IGN);
  return Fd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Login {
 public:
  Login(const protocol::Begin& begin, Fd conversation, const LoginSettings& settings)
      : begin_(begin),
        settings_(settings),
        source_(address_of(begin.source)),
        daemon_(std::move(conversation), begin.resume_socket, settings.patience) {}
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;
  ~Login() { wipe_in_children(nullptr); }

  int run(Fd connection);

 private:
  Expected<void> start(Fd connection);
  void loop();
  int wait_for_events(std::vector<pollfd>& polled);

  void hear_signals();
  void wait_for_children();
  void hear_ssh();
  void hear(const FromSsh& message);
  void hear_login(const protocol::Login& login);
  void hear_sign(const protocol::Sign& sign);
  void hear_daemon();
  void decide(const protocol::Decision& decision, const std::optional<protocol::Record>& record);
  Expected<void> start_recorder(const protocol::Record& record);
  Expected<void> set_recorder();
  void hear_recorder();
  void tell_news();
  void challenge(const protocol::SessionChallenge& challenge);
  void refuse(std::string tell);
  Expected<void> open(const protocol::Decision& decision);

  void hear_forwarder();
  bool send(const ToSsh& message, std::span<Fd> descriptors = {});
  void answer(Answer answer);
  void broken(std::string_view what);
  void over(std::string words);
  void finish();
  void end_ssh();
  void give_time_to_end();

  const protocol::Begin& begin_;
  const LoginSettings& settings_;
  net::Address source_;
  DaemonLink daemon_;
  Fd signals_;
  std::vector<HostKey> keys_;
  SshProcess ssh_;
  protocol::SshStates states_;
  Milliseconds deadline_ = 0;               // of the login; 0: it is complete
  std::optional<Milliseconds> grace_left_;  // when a check began

  std::optional<protocol::Login> asked_;  // and not yet decided
  std::optional<Account> account_;
  std::string refusal_;  // policy accepted, and this machine did not: asking again changes nothing
  LoginGroup group_;
  std::optional<OpenedAccount> opened_;
  std::unique_ptr<Recorder> recorder_;  // where sessions are recorded
  bool recorded_ = false;               // and nothing of them was missed
  std::optional<Channels> channels_;
  std::optional<Forwarding> forwarding_;
  Outgoing outgoing_;  // to aclnode-ssh

  bool more_children_ = false;  // perhaps, without another signal
  bool over_ = false;
  bool forced_ = false;  // the login ends though the client would go on
  std::string words_;
};

int Login::run(Fd connection) {
  if (const auto started = start(std::move(connection)); !started) {
    log_diagnostic(started.error());
    daemon_.send(protocol::SessionOver{started.error().message.substr(0, protocol::longest_text)});
    end_ssh();
    return 1;
  }
  loop();
  finish();
  return 0;
}

Expected<void> Login::start(Fd connection) {
  deadline_ = now_ms() + Milliseconds{begin_.grace_s} * 1000;
  // The loop ends the login in time; the timer ends it where a module of PAM keeps the loop from that.
  if (!kill_in(Milliseconds{begin_.grace_s} * 1000 + 1000)) return fail(Code::E1404, "there is no timer");
  signals_ = watch_signals();
  if (!signals_) return fail(Code::E1404, "signals cannot be watched");
  if (const std::string fault = fault_of_connection(connection.get(), begin_); !fault.empty()) {
    return fail(Code::E1404, fmt::format("a connection from {} is refused: {}", text_of(begin_.source), fault));
  }
  auto keys = read_host_keys(begin_.key_folder);
  if (!keys) return tl::unexpected(keys.error());
  keys_ = std::move(*keys);
  wipe_in_children(&keys_);
  auto ssh = start_ssh(begin_, connection.get());
  if (!ssh) return tl::unexpected(ssh.error());
  ssh_ = std::move(*ssh);
  protocol::Welcome welcome;
  for (const HostKey& key : keys_) welcome.host_keys.push_back({key.type, key.blob});
  welcome.keepalive_s = begin_.keepalive_s;
  welcome.keepalive_count = begin_.keepalive_count;
  welcome.rekey_bytes = begin_.rekey_bytes;
  welcome.formality = begin_.formality;
  if (!send(welcome)) return fail(Code::E1404, "aclnode-ssh ended at once");
  return {};
}

// --- the loop ----------------------------------------------------------------------------------------------------------------

int Login::wait_for_events(std::vector<pollfd>& polled) {
  Milliseconds wait = -1;
  const Milliseconds now = now_ms();
  if (more_children_) return poll(polled.data(), polled.size(), 0);
  if (deadline_ != 0) wait = std::max<Milliseconds>(0, deadline_ - now);
  if (const auto daemon = daemon_.wait(now)) wait = wait < 0 ? *daemon : std::min(wait, *daemon);
  return poll(polled.data(), polled.size(), static_cast<int>(std::min<Milliseconds>(wait, 3'600'000)));
}

void Login::loop() {
  std::vector<pollfd> polled;
  while (!over_) {
    polled.clear();
    // poll(2) passes over negative ones.
    for (const int fd : {signals_.get(), ssh_.conversation.get(), ssh_.words.get(), daemon_.fd()}) {
      polled.push_back({fd, POLLIN, 0});
    }
    // While answers wait nothing is heard that would cause more of them.
    const bool waits = outgoing_.waits();
    if (waits) polled[1].events = POLLOUT;
    const bool forwards = forwarding_ && (!waits || forwarding_->has_outgoing());
    polled.push_back({forwards ? forwarding_->socket() : -1, static_cast<short>(waits ? 0 : POLLIN), 0});
    if (forwards && forwarding_->has_outgoing()) polled[4].events |= POLLOUT;
    const short written = recorder_ && recorder_->wants_to_write() ? POLLOUT : 0;
    polled.push_back({recorder_ ? recorder_->fd() : -1, static_cast<short>(POLLIN | written), 0});
    if (wait_for_events(polled) < 0 && errno != EINTR) return over("the system cannot wait for events");

    const auto ready = [&](std::size_t i) { return polled[i].revents != 0; };
    if (ready(0) || more_children_) hear_signals();
    if (ready(2)) log_words(ssh_);
    if (ready(3) || daemon_.wait(now_ms()) == 0) hear_daemon();
    if (ready(1) && waits && !over_ && !outgoing_.flush(ssh_.conversation.get())) over("the connection is closed");
    if (ready(1) && !waits && !over_) hear_ssh();
    if (ready(4) && !over_) hear_forwarder();
    if (ready(5) && !over_) hear_recorder();
    if (deadline_ != 0 && now_ms() >= deadline_) over("the login was not complete in time");
  }
}

void Login::hear_signals() {
  signalfd_siginfo info{};
  bool end = false;
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    end = end || info.ssi_signo != SIGCHLD;
  }
  wait_for_children();
  if (!end) return;
  forced_ = true;
  over("this machine ends the login");
}

void Login::wait_for_children() {
  int status = 0;
  more_children_ = true;
  for (int i = 0; i < children_in_a_row; ++i) {
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) {
      more_children_ = false;
      return;
    }
    if (pid == ssh_.pid) {
      ssh_.pid = -1;
      continue;
    }
    if (!channels_ || (recorder_ && recorder_->ended(pid))) continue;
    forwarding_->ended(pid);
    if (const auto exited = channels_->ended(pid, status)) send(*exited);
  }
}

// --- what aclnode-ssh says -----------------------------------------------------------------------------------------------------

void Login::hear_ssh() {
  std::vector<std::uint8_t> buffer(protocol::longest_login_message);
  for (int i = 0; i < messages_in_a_row && !over_ && !outgoing_.waits(); ++i) {
    const Received received = protocol::receive_message(ssh_.conversation.get(), buffer);
    if (received.state == Received::State::nothing) return;
    if (received.state == Received::State::closed) return over("the connection is closed");
    if (received.state == Received::State::too_long) return broken("a message is too long");
    const auto message = protocol::decode_from_ssh(received.message);
    if (!message) return broken(message.error().message);
    const protocol::Judged judged = states_.hear(*message);
    if (judged.verdict == protocol::Verdict::broken) return broken(judged.fault);
    if (judged.verdict == protocol::Verdict::take) hear(*message);
    // An end that aclnode wants is not to wait for all of these.
    pollfd daemon{daemon_.fd(), POLLIN, 0};
    if (!over_ && poll(&daemon, 1, 0) > 0) hear_daemon();
  }
}

void Login::hear(const FromSsh& message) {
  if (const auto* sign = std::get_if<protocol::Sign>(&message)) return hear_sign(*sign);
  if (const auto* login = std::get_if<protocol::Login>(&message)) return hear_login(*login);
  if (const auto* given = std::get_if<protocol::ChallengeAnswer>(&message))
    return daemon_.send(protocol::SessionAnswer{given->request, given->text});
  if (const auto* last = std::get_if<protocol::Over>(&message)) return over(protocol::shown(last->words));
  // What follows is legal only after a login, which makes the channels.
  if (const auto* wanted = std::get_if<protocol::OpenChannel>(&message)) {
    answer(channels_->open(*wanted, forwarding_->names_for(*wanted)));
    return tell_news();
  }
  if (const auto* signal = std::get_if<protocol::Signal>(&message)) return channels_->signal(*signal);
  if (const auto* size = std::get_if<protocol::Resize>(&message)) return channels_->resize(*size);
  if (const auto* closed = std::get_if<protocol::Closed>(&message)) return channels_->close(closed->channel);
  if (auto at_once = forwarding_->hear(message)) answer(std::move(*at_once));
}

void Login::hear_sign(const protocol::Sign& sign) {
  protocol::Signature signature{sign.request, {}};
  if (sign.key < keys_.size()) signature.bytes = sign_hash(keys_[sign.key], sign.data);
  if (signature.bytes.empty()) log_line(fmt::format("{} bytes for key {} are not signed", sign.data.size(), sign.key));
  send(signature);
}

void Login::hear_login(const protocol::Login& login) {
  asked_ = login;
  if (!refusal_.empty()) return refuse(refusal_);
  account_ = find_account(login.user);
  daemon_.send(
      protocol::May{login.request, login.user, account_.has_value(), account_ && account_->uid == 0, login.method});
}

// --- what aclnode says ---------------------------------------------------------------------------------------------------------

void Login::hear_daemon() {
  const std::optional<std::uint32_t> request = asked_ ? std::optional(asked_->request) : std::nullopt;
  const DaemonLink::Heard heard = daemon_.step(now_ms(), request);
  if (heard.what == DaemonLink::Heard::What::decision) return decide(heard.decision, heard.record);
  if (heard.what == DaemonLink::Heard::What::challenge) return challenge(heard.challenge);
  if (heard.what != DaemonLink::Heard::What::end || over_) return;
  forced_ = true;
  over(heard.words);
}

void Login::refuse(std::string tell) {
  protocol::LoginVerdict verdict;
  verdict.request = asked_->request;
  verdict.tell = std::move(tell);
  asked_.reset();
  states_.answered(false);
  send(verdict);
}

// aclnode bounds the wait, and tells what is left of it with each challenge; the grace goes on after it.
void Login::challenge(const protocol::SessionChallenge& challenge) {
  if (!grace_left_) grace_left_ = std::max<Milliseconds>(0, deadline_ - now_ms());
  const Milliseconds left = Milliseconds{challenge.wait_s} * 1000 + *grace_left_;
  deadline_ = now_ms() + left;
  kill_in(left + 1000);
  states_.challenged(challenge.challenge.asks);
  send(challenge.challenge);
}

void Login::decide(const protocol::Decision& decision, const std::optional<protocol::Record>& record) {
  if (!decision.accept) {
    audit_login(asked_->user, source_, false);
    return refuse(decision.tell);
  }
  // Not before: whom policy denies makes no groups. aclnode-ssh is in none, it ends otherwise; all that modules start is.
  // The recorder is in none either: what ends a login does not end what writes its end.
  Expected<void> opened = record ? start_recorder(*record) : Expected<void>();
  group_ = LoginGroup::enter();
  if (opened) opened = open(decision);
  if (opened) opened = set_recorder();
  audit_login(asked_->user, source_, opened.has_value());
  // What modules started and did not wait for; their signals went by unheard.
  wait_for_children();
  if (!opened) {
    refusal_ = one_line(opened.error().message);
    log_diagnostic(make_diagnostic(opened.error().code, refusal_));
    return refuse(refusal_);
  }
  deadline_ = 0;
  kill_in(0);
  protocol::LoginVerdict verdict{
      asked_->request, true, decision.agent_forwarding, decision.local_forwarding, decision.remote_forwarding,
      decision.tell};
  asked_.reset();
  states_.answered(true);
  send(verdict);
  daemon_.send(protocol::LoggedIn{account_->name});
  tell_news();
  daemon_.begun({begin_.number, begin_.source, begin_.own, account_->name, account_->uid == 0,
                 static_cast<std::uint64_t>(std::time(nullptr)), decision.agent_forwarding, decision.local_forwarding,
                 decision.remote_forwarding, decision.x11_forwarding, decision.checked, recorded_});
}

// Where recording is not enforced, it is known by the records that there is none.
Expected<void> Login::start_recorder(const protocol::Record& record) {
  auto started = Recorder::start(record);
  if (started) {
    recorder_ = std::move(*started);
    return {};
  }
  log_diagnostic(started.error());
  if (record.enforce) {
    return fail(started.error().code, "policy demands that this session is recorded, and it cannot be on this machine");
  }
  daemon_.send(protocol::NotRecorded{started.error().message.substr(0, protocol::longest_text)});
  return {};
}

Expected<void> Login::set_recorder() {
  if (!recorder_) return {};
  CastHeader header;
  header.connection = std::to_string(begin_.number);
  header.account = account_->name;
  header.source = text_of(begin_.source);
  header.shell = account_->shell;
  header.title = fmt::format("{} from {}", account_->name, source_.text());
  recorder_->set_login(std::move(header));
  recorded_ = true;
  return recorder_->await();
}

void Login::hear_recorder() {
  const Recorder::Heard heard = recorder_->hear();
  const bool gone = recorder_->fd() < 0;
  if (gone || heard.what == Recorder::Heard::What::drained) {
    for (const protocol::Exited& exited : channels_->drained(gone ? std::nullopt : std::optional(heard.channel)))
      send(exited);
  }
  tell_news();
  if (heard.what != Recorder::Heard::What::end || over_) return;
  forced_ = true;
  over(heard.words);
}

void Login::tell_news() {
  if (!recorder_) return;
  for (const protocol::FromSession& one : recorder_->take_news()) {
    daemon_.send(one);
    if (!std::holds_alternative<protocol::NotRecorded>(one)) continue;
    recorded_ = false;
    daemon_.not_recorded();
  }
}

Expected<void> Login::open(const protocol::Decision& decision) {
  if (!account_)
    return fail(Code::E1406, fmt::format("there is no account \"{}\" here", protocol::shown(asked_->user)));
  auto opened = open_account(*account_, begin_.pam_service, source_);
  // Modules that were the user for a while have had this set anew (fs.suid_dumpable in proc(5)).
  prctl(PR_SET_DUMPABLE, 0);
  if (!opened) return tl::unexpected(opened.error());
  group_.follow(opened->pam.variable("XDG_SESSION_ID"));
  ChannelRights rights;
  rights.environment.account = *account_;
  rights.environment.patterns = decision.patterns;
  rights.environment.path = opened->path;
  rights.environment.time_zone = settings_.time_zone;
  rights.environment.file = opened->environment;
  rights.environment.pam = opened->pam.environment();
  rights.environment.source = text_of(begin_.source);
  rights.environment.own = text_of(begin_.own);
  rights.source = source_;
  rights.sftp_server = begin_.sftp_server;
  rights.notices = opened->notices;
  rights.recorder = recorder_.get();
  opened_ = std::move(*opened);
  forwarding_.emplace(ForwardingRights{decision.agent_forwarding, decision.local_forwarding, decision.remote_forwarding,
                                       decision.x11_forwarding, decision.narrowed},
                      start_forwarder(rights.environment),
                      fmt::format("{} from {}", account_->name, text_of(begin_.source)));
  channels_.emplace(std::move(rights));
  return {};
}

// --- answers and ends ------------------------------------------------------------------------------------------------------------

void Login::hear_forwarder() {
  forwarding_->flush();
  if (outgoing_.waits()) return;
  for (Answer& each : forwarding_->ready()) {
    if (std::holds_alternative<protocol::Accepted>(each.message)) states_.handed();
    answer(std::move(each));
  }
}

// What waits is kept in order; it is bounded, as nothing that causes more is heard meanwhile but ends of processes.
bool Login::send(const ToSsh& message, std::span<Fd> descriptors) {
  auto bytes = protocol::encode(message);
  if (!bytes) {
    log_diagnostic(bytes.error());
    return false;
  }
  const bool there = outgoing_.send(ssh_.conversation.get(), std::move(*bytes), descriptors);
  if (!there) over("the connection is closed");
  return there;
}

void Login::answer(Answer answer) { send(answer.message, std::span(answer.descriptors).first(answer.count)); }

void Login::broken(std::string_view what) {
  log_diagnostic(
      make_diagnostic(Code::E1403, fmt::format("aclnode-ssh, connected to {}: {}", text_of(begin_.source), what)));
  over("aclnode-ssh broke the protocol");
}

void Login::over(std::string words) {
  if (std::exchange(over_, true)) return;
  words_ = std::move(words);
  words_.resize(std::min(words_.size(), protocol::longest_text));
}

void Login::end_ssh() {
  if (ssh_.pid <= 0) return;
  kill(ssh_.pid, SIGKILL);
  waitpid(ssh_.pid, nullptr, 0);
  ssh_.pid = -1;
}

// Until aclnode-ssh and what forwards have gone by themselves, and where all must go, until all have; at most goodbye_ms.
void Login::give_time_to_end() {
  const Milliseconds end = now_ms() + goodbye_ms;
  for (Milliseconds left = goodbye_ms; left > 0; left = end - now_ms()) {
    wait_for_children();
    const bool forwarder_gone = !forwarding_ || forwarding_->is_gone();
    siginfo_t ended{};
    const bool all_gone = forwarder_gone && (!forced_ || waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) < 0);
    if (ssh_.pid <= 0 && all_gone) return;
    if (outgoing_.waits() && !outgoing_.flush(ssh_.conversation.get())) outgoing_ = {};
    pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {outgoing_.waits() ? ssh_.conversation.get() : -1, POLLOUT, 0}};
    poll(waiting, std::size(waiting), static_cast<int>(left));
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) > 0) {
    }
  }
}

void Login::finish() {
  kill_in(goodbye_ms + longest_closing_ms);
  if (!forced_) prctl(PR_SET_NAME, leaving);
  if (forced_) send(protocol::End{words_});
  if (forwarding_) forwarding_->let_go();
  if (channels_) channels_->hang_up(forced_ ? Channels::HangUp::all : Channels::HangUp::but_on_pipes);
  daemon_.send(protocol::SessionOver{words_});
  if (!forced_) {
    ssh_.conversation = Fd();
    outgoing_ = {};
  }
  give_time_to_end();
  ssh_.conversation = Fd();
  end_ssh();
  // Before all that can take its time: records wait for locks that others may hold, and the timer ends this process. At once where there is
  // a group of the login; what has left it by root's hand, and where there is none, by looking.
  if (forced_) group_.kill();
  if (forwarding_) forwarding_->kill();
  // With aclnode-ssh's ends its channels have theirs: it writes what is left, and is no descendant then.
  if (recorder_) recorder_->finish();
  if (forced_ && !kill_descendants()) {
    log_diagnostic(make_diagnostic(
        Code::E1404, fmt::format("processes of \"{}\", whose login from {} has ended, cannot all be killed",
                                 account_ ? account_->name : std::string(), text_of(begin_.source))));
  }
  if (channels_) channels_->end_records();
  group_.leave();
  // Closes PAM's session.
  opened_.reset();
}

}  // namespace

int run_login(const protocol::Begin& begin, Fd connection, Fd conversation, const LoginSettings& settings) {
  // Host keys are in its memory: no core, no ptrace. PR_SET_CHILD_SUBREAPER: descendants.h.
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  setsid();
  // One of its own, empty: that of who started the supervisor is not the users' (session-keyring(7)). Where there are none, none is left.
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  Login login(begin, std::move(conversation), settings);
  return login.run(std::move(connection));
}

}  // namespace acl::node::session
