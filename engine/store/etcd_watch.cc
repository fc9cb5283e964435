#include "engine/store/etcd_watch.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <initializer_list>

#include "engine/net/backoff.h"
#include "engine/release/text.h"
#include "engine/store/etcd_client.h"
#include "engine/store/etcd_reply.h"
#include "engine/store/http_stream.h"
#include "engine/store/watch_timer.h"

namespace acl::store {
namespace {

constexpr std::size_t longest_line = std::size_t{64} * 1024;
constexpr std::size_t longest_answer = std::size_t{16} * 1024;
constexpr std::chrono::milliseconds opening_patience{15'000};

class EtcdWatch final : public LatestWatch {
 public:
  EtcdWatch(const EtcdOptions& options, std::string key);
  EtcdWatch(const EtcdWatch&) = delete;
  EtcdWatch& operator=(const EtcdWatch&) = delete;
  ~EtcdWatch() override {
    if (epoll_ >= 0) close(epoll_);
  }

  [[nodiscard]] int fd() const noexcept override { return epoll_; }
  bool step() override;
  [[nodiscard]] std::optional<Diagnostic> trouble() const override { return trouble_; }
  [[nodiscard]] Diagnostic no_descriptors() const { return interval_.trouble(); }

 private:
  enum class Phase : std::uint8_t { waiting, authenticating, opening, standing };

  void begin();
  void ask(Phase phase, std::string_view path, std::string body);
  bool take(int status, std::string_view piece);
  void take_line(std::string_view line);
  void ended(const HttpStream::Ended& end);
  void begin_later(Diagnostic why);

  const EtcdOptions options_;
  const std::string key_;
  int epoll_;
  WatchTimer interval_;
  Alarm alarm_;  // to begin anew; while opening, to give up
  HttpStream stream_;
  Phase phase_ = Phase::waiting;
  std::string text_;  // an unfinished line, or an answer that is no stream
  std::string token_;
  std::size_t member_ = 0;
  unsigned failures_ = 0;
  bool changed_ = false;
  std::optional<Diagnostic> fault_;  // of the stream; it ends for it
  std::optional<Diagnostic> trouble_;
};

EtcdWatch::EtcdWatch(const EtcdOptions& options, std::string key)
    : options_(options),
      key_(std::move(key)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      interval_(options.interval),
      stream_(options.http) {
  for (const int fd : {interval_.fd(), alarm_.fd(), stream_.fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) continue;
    if (epoll_ >= 0) close(epoll_);
    epoll_ = -1;
    return;
  }
  begin();
}

void EtcdWatch::begin() {
  if (!options_.user.empty() && token_.empty()) {
    ask(Phase::authenticating, "/v3/auth/authenticate", etcd::authenticate(options_.user, options_.password));
  } else {
    ask(Phase::opening, "/v3/watch", etcd::watch(key_));
  }
}

void EtcdWatch::ask(Phase phase, std::string_view path, std::string body) {
  phase_ = phase;
  text_.clear();
  fault_.reset();
  alarm_.set(opening_patience);
  HttpRequest request;
  request.url = options_.members[member_] + std::string(path);
  request.body = std::move(body);
  request.deadline = within(opening_patience);
  if (!token_.empty()) request.headers.push_back("Authorization: " + token_);
  stream_.start(std::move(request), [this](int status, std::string_view piece) { return take(status, piece); });
}

bool EtcdWatch::take(int status, std::string_view piece) {
  if (status != 200 || phase_ == Phase::authenticating) {
    if (text_.size() + piece.size() > longest_answer) return false;
    text_ += piece;
    return true;
  }
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    if (text_.size() + std::min(end, piece.size()) > longest_line) return false;
    text_ += piece.substr(0, end);
    if (end == std::string_view::npos) return true;
    take_line(text_);
    text_.clear();
    if (fault_) return false;
    piece.remove_prefix(end + 1);
  }
  return true;
}

void EtcdWatch::take_line(std::string_view text) {
  if (text.empty()) return;
  const auto line = parse_etcd_watch_line(text);
  if (!line) {
    fault_ = line.error();
  } else if (!line->error.empty()) {
    fault_ = etcd_refusal(200, text, options_);
  } else if (line->canceled) {
    // etcd 3.4's only answer to a token that is no longer good, and to a user who may not read.
    token_.clear();
    fault_ = make_diagnostic(Code::E1103, fmt::format("etcd cancels the watch of {}", release::quoted(key_)),
                             "if that goes on, see whether the user may read the prefix");
  } else if (line->created) {
    phase_ = Phase::standing;
    failures_ = 0;
    trouble_.reset();
    alarm_.set(std::chrono::milliseconds(-1));
    changed_ = true;
  } else if (line->events > 0) {
    changed_ = true;
  }
}

void EtcdWatch::ended(const HttpStream::Ended& end) {
  if (fault_) return begin_later(*fault_);
  if (end.diagnostic) return begin_later(*end.diagnostic);
  if (end.status != 200) {
    const bool stale = !token_.empty() && wants_new_token(end.status, text_);
    token_.clear();
    // Only the first time at once: a server that refuses each new token is not to be asked without pause.
    if (stale && failures_ == 0) {
      ++failures_;
      return begin();
    }
    return begin_later(etcd_refusal(end.status, text_, options_));
  }
  if (phase_ != Phase::authenticating)
    return begin_later(make_diagnostic(Code::E1102, "etcd ended the stream of the watch"));
  auto token = parse_etcd_token(text_);
  if (!token) return begin_later(token.error());
  token_ = std::move(*token);
  begin();
}

void EtcdWatch::begin_later(Diagnostic why) {
  stream_.stop();
  phase_ = Phase::waiting;
  trouble_ = std::move(why);
  ++failures_;
  member_ = (member_ + 1) % options_.members.size();
  alarm_.set(net::retry_delay({}, failures_, net::random_share()));
}

bool EtcdWatch::step() {
  if (interval_.due()) changed_ = true;
  if (const auto end = stream_.step()) ended(*end);
  if (alarm_.rang()) {
    if (phase_ == Phase::waiting) {
      begin();
    } else if (phase_ != Phase::standing) {
      begin_later(make_diagnostic(Code::E1104,
                                  fmt::format("etcd did not answer within {} s", opening_patience.count() / 1000)));
    }
  }
  return std::exchange(changed_, false);
}

}  // namespace

Expected<std::unique_ptr<LatestWatch>> make_etcd_watch(const EtcdOptions& options, std::string key) {
  auto watch = std::make_unique<EtcdWatch>(options, std::move(key));
  if (watch->fd() < 0) return tl::unexpected(watch->no_descriptors());
  return watch;
}

}  // namespace acl::store
