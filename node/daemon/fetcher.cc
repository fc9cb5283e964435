#include "node/daemon/fetcher.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/release/digest.h"
#include "node/protocol/channel.h"

namespace acl::node::daemon {
namespace {

using protocol::Received;
using protocol::Sent;
using protocol::Verdict;
using release::Instant;

// In one step, so that whoever talks without end does not keep the daemon from its other work.
constexpr int most_messages = 64;
// Between one Trouble or Well and the next: the daemon's log is not aclnode-net's to fill.
constexpr std::int64_t telling_gap_ms = 1000;

void lower(std::optional<std::int64_t>& next, std::optional<std::int64_t> other) {
  if (other && (!next || *other < *next)) next = other;
}

}  // namespace

Expected<std::unique_ptr<Fetcher>> Fetcher::make(FetchSettings settings, release::State state) {
  settings.open.interval_ms = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(settings.pace.interval.count(), 1, std::int64_t{24} * 3'600'000));
  auto opening = protocol::encode(protocol::ToNet{settings.open});
  if (!opening) return fail(Code::E1364, fmt::format("the source cannot be opened: {}", opening.error().message));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return fail(Code::E1364, fmt::format("cannot make an epoll descriptor: {}", std::strerror(errno)));
  return std::unique_ptr<Fetcher>(new Fetcher(std::move(settings), std::move(state), std::move(*opening), epoll));
}

Fetcher::Fetcher(FetchSettings settings, release::State state, protocol::Bytes opening, int epoll)
    : settings_(std::move(settings)),
      state_(std::move(state)),
      opening_(std::move(opening)),
      epoll_(epoll),
      buffer_(protocol::longest_message),
      schedule_(settings_.pace) {}

Fetcher::~Fetcher() { close(epoll_); }

std::optional<pid_t> Fetcher::process() const noexcept {
  return process_ && !ending_ ? std::optional(process_->pid()) : std::nullopt;
}

std::optional<std::int64_t> Fetcher::next_ms() const {
  std::optional<std::int64_t> next = schedule_.due_ms();
  if (!process_) lower(next, start_ms_);
  if (attempt_) lower(next, attempt_->client.next_deadline_ms());
  // A deadline has passed when the clock is beyond it, not at it.
  if (attempt_ && next) ++*next;
  if (trouble_ != told_trouble_) lower(next, told_ms_ + telling_gap_ms);
  return next;
}

std::vector<FetchEvent> Fetcher::step(const Instant& now) {
  if (handed_over_) not_enforced(now);
  run_process(now);
  listen(now);
  if (attempt_) follow(attempt_->client.tick(now), now);
  if (const auto due = schedule_.due_ms(); due && *due <= now.steady_ms && process()) begin(now);
  flush();
  tell_watch(now);
  // An Accepted comes last: the caller answers it before anything else happens.
  std::stable_partition(events_.begin(), events_.end(),
                        [](const FetchEvent& event) { return !std::holds_alternative<Accepted>(event); });
  return std::exchange(events_, {});
}

void Fetcher::enforced(const release::State& state, const Instant& now) {
  if (!std::exchange(handed_over_, false)) return;
  state_ = state;
  schedule_.ended_well(now.steady_ms, settings_.chance());
}

void Fetcher::not_enforced(const Instant& now) {
  if (!std::exchange(handed_over_, false)) return;
  schedule_.ended_badly(now.steady_ms, settings_.chance());
}

void Fetcher::look(const Instant& now, release::Goal goal) {
  if (goal == release::Goal::same_or_newer) goal_ = goal;
  schedule_.changed(now.steady_ms);
}

// --- the process -----------------------------------------------------------------------------------------------------------

void Fetcher::add_to_poll(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Fetcher::run_process(const Instant& now) {
  if (process_) {
    const auto how = process_->ended();
    if (!how) return;
    auto why = std::exchange(ending_, std::nullopt);
    if (!why) why = make_diagnostic(Code::E1363, fmt::format("aclnode-net has ended: {}", *how));
    if (why->code == Code::E1363 && why->message.empty()) why->message = "aclnode-net has ended: " + *how;
    return process_is_down(std::move(*why), now);
  }
  if (now.steady_ms < start_ms_) return;
  auto started = NetProcess::start(settings_.program);
  if (!started) return process_is_down(started.error(), now);
  process_.emplace(std::move(*started));
  asked_ = {};
  unsent_.clear();
  unsent_.push_back(opening_);
  wants_to_write_ = false;
  add_to_poll(process_->socket());
  add_to_poll(process_->pidfd());
  schedule_.ready(now.steady_ms);
}

// Kills it; run_process sees it gone. What it was asked for has failed.
void Fetcher::end_process(Code code, std::string why, const Instant& now) {
  if (ending_) return;
  ending_ = make_diagnostic(code, std::move(why));
  process_->kill();
  schedule_.down();
  fail_attempt(now);
}

void Fetcher::process_is_down(Diagnostic diagnostic, const Instant& now) {
  process_.reset();
  schedule_.down();
  fail_attempt(now);
  if (deaths_ < UINT32_MAX) ++deaths_;
  start_ms_ = now.steady_ms + net::retry_delay(settings_.after_death, deaths_, settings_.chance()).count();
  // Down says enough; what the next one says of the source is news again.
  trouble_.reset();
  told_trouble_.reset();
  events_.emplace_back(Down{std::move(diagnostic)});
}

void Fetcher::flush() {
  if (!process()) return;
  bool full = false;
  while (!unsent_.empty() && !full) {
    // One that is gone shows when it is read from.
    full = protocol::send_message(process_->socket(), unsent_.front(), protocol::Wait::no) == Sent::full;
    if (!full) unsent_.pop_front();
  }
  if (full == wants_to_write_) return;
  wants_to_write_ = full;
  epoll_event event{};
  event.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, process_->socket(), &event);
}

// --- what it says ----------------------------------------------------------------------------------------------------------

void Fetcher::listen(const Instant& now) {
  for (int i = 0; i < most_messages && process(); ++i) {
    const Received received = protocol::receive_message(process_->socket(), buffer_);
    switch (received.state) {
      case Received::State::nothing: return;
      case Received::State::closed: return end_process(Code::E1363, {}, now);
      case Received::State::too_long:
        return end_process(Code::E1361, "aclnode-net sent a message that is too long", now);
      case Received::State::message: break;
    }
    const auto message = protocol::decode_from_net(received.message);
    if (!message) return end_process(Code::E1361, "aclnode-net sent " + message.error().message, now);
    if (!hear(*message, now)) return;
  }
}

bool Fetcher::hear(const protocol::FromNet& message, const Instant& now) {
  const protocol::Judged judged = asked_.hear(message, now.steady_ms);
  if (judged.verdict == Verdict::broken) {
    end_process(Code::E1361, "aclnode-net sent " + judged.fault, now);
    return false;
  }
  if (judged.verdict == Verdict::late) return true;
  if (std::holds_alternative<protocol::Changed>(message)) {
    schedule_.changed(now.steady_ms);
  } else if (const auto* trouble = std::get_if<protocol::Trouble>(&message)) {
    trouble_ = protocol::shown(trouble->text);
  } else if (std::holds_alternative<protocol::Well>(message)) {
    trouble_.reset();
  } else if (const auto* piece = std::get_if<protocol::Piece>(&message)) {
    answer(piece->id, message, now);
  } else if (const auto* complete = std::get_if<protocol::Complete>(&message)) {
    answer(complete->id, message, now);
  } else if (const auto* absent = std::get_if<protocol::Absent>(&message)) {
    answer(absent->id, message, now);
  } else if (const auto* failed = std::get_if<protocol::Failed>(&message)) {
    answer(failed->id, message, now);
  }
  return true;
}

// The client gets it. INVARIANT: asked_ has judged it, so it belongs to a request of the attempt under way.
void Fetcher::answer(std::uint64_t id, const protocol::FromNet& message, const Instant& now) {
  if (!attempt_) return;
  const auto at = attempt_->asked.find(id);
  if (at == attempt_->asked.end()) return;
  if (const auto* piece = std::get_if<protocol::Piece>(&message)) {
    return follow(attempt_->client.receive(at->second, piece->bytes, now), now);
  }
  const std::string name = std::move(at->second);
  attempt_->asked.erase(at);
  if (std::holds_alternative<protocol::Complete>(message)) {
    return follow(attempt_->client.complete(name, now), now);
  }
  if (std::holds_alternative<protocol::Absent>(message)) return follow(attempt_->client.absent(name, now), now);
  attempt_->said = protocol::shown(std::get<protocol::Failed>(message).text);
  follow(attempt_->client.failed(name, now), now);
}

void Fetcher::tell_watch(const Instant& now) {
  if (trouble_ == told_trouble_ || now.steady_ms < told_ms_ + telling_gap_ms) return;
  told_ms_ = now.steady_ms;
  told_trouble_ = trouble_;
  if (told_trouble_) {
    events_.emplace_back(Trouble{*told_trouble_});
  } else {
    events_.emplace_back(Well{});
  }
}

// --- attempts --------------------------------------------------------------------------------------------------------------

void Fetcher::begin(const Instant& now) {
  schedule_.began(now.steady_ms);
  attempt_.emplace(Attempt{release::Client(settings_.client, state_), {}, {}, {}});
  follow(attempt_->client.begin(now, std::exchange(goal_, release::Goal::newer)), now);
}

// Nobody is there to answer any more.
void Fetcher::fail_attempt(const Instant& now) {
  if (attempt_) attempt_->said = "aclnode-net has ended";
  while (attempt_) {
    std::string name;
    if (!attempt_->asked.empty()) {
      name = std::move(attempt_->asked.begin()->second);
      attempt_->asked.erase(attempt_->asked.begin());
    } else if (!attempt_->waiting.empty()) {
      name = std::move(attempt_->waiting.front().name);
      attempt_->waiting.pop_front();
    } else {
      return;
    }
    follow(attempt_->client.failed(name, now), now);
  }
}

void Fetcher::follow(release::Step step, const Instant& now) {
  for (release::Request& request : step.requests) attempt_->waiting.push_back(std::move(request));
  if (step.phase != release::Phase::fetching) return conclude(now);
  ask(now);
}

void Fetcher::ask(const Instant& now) {
  if (!process()) return;
  while (!attempt_->waiting.empty()) {
    const auto id = asked_.ask(attempt_->waiting.front().limit);
    if (!id) return;
    release::Request request = std::move(attempt_->waiting.front());
    attempt_->waiting.pop_front();
    // A little longer than the client waits, whose word on what was too slow is to come first.
    const std::int64_t left = std::clamp<std::int64_t>(request.deadline_ms - now.steady_ms + 200, 0, UINT32_MAX);
    auto message = protocol::encode(
        protocol::ToNet{protocol::Get{*id, request.limit, static_cast<std::uint32_t>(left), request.name}});
    // INVARIANT: names of objects are shorter than what a message takes.
    if (message) unsent_.push_back(std::move(*message));
    attempt_->asked.emplace(*id, std::move(request.name));
  }
}

void Fetcher::conclude(const Instant& now) {
  Attempt attempt = std::move(*attempt_);
  attempt_.reset();
  for (const auto& [id, name] : attempt.asked) {
    asked_.cancel(id);
    if (auto message = protocol::encode(protocol::ToNet{protocol::Cancel{id}})) unsent_.push_back(std::move(*message));
  }
  state_ = attempt.client.state();
  switch (attempt.client.phase()) {
    case release::Phase::fetching: return;
    case release::Phase::accepted:
      deaths_ = 0;
      handed_over_ = true;
      events_.emplace_back(Accepted{attempt.client.take_release()});
      return;
    case release::Phase::unchanged:
      deaths_ = 0;
      schedule_.ended_well(now.steady_ms, settings_.chance());
      events_.emplace_back(Unchanged{});
      return;
    case release::Phase::refused:
      schedule_.ended_badly(now.steady_ms, settings_.chance());
      events_.emplace_back(
          Refused{attempt.client.refusal().reason, attempt.client.refusal().diagnostic, std::move(attempt.said)});
  }
}

}  // namespace acl::node::daemon
