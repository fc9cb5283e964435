#include "engine/release/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/attempt.h"

namespace acl::release {
namespace {

// Far beyond any patience; keeps the sums below in range.
constexpr std::uint64_t longest_wait_ms = std::uint64_t{1} << 40;

std::int64_t wait_ms(const Limits& limits, std::uint64_t bytes) noexcept {
  const std::uint64_t rate = std::max<std::uint64_t>(limits.least_rate, 1);
  const std::uint64_t wait = bytes / rate >= longest_wait_ms / 1000 ? longest_wait_ms : bytes * 1000 / rate;
  return std::max<std::int64_t>(limits.patience_ms, 0) + static_cast<std::int64_t>(wait);
}

}  // namespace

std::string_view reason_name(Reason reason) noexcept {
  switch (reason) {
    case Reason::malformed: return "malformed";
    case Reason::too_long: return "too-long";
    case Reason::too_slow: return "too-slow";
    case Reason::unavailable: return "unavailable";
    case Reason::not_signed: return "not-signed";
    case Reason::wrong_trust: return "wrong-trust";
    case Reason::rollback: return "rollback";
    case Reason::expired: return "expired";
    case Reason::equivocation: return "equivocation";
    case Reason::mismatch: return "mismatch";
    case Reason::not_listed: return "not-listed";
    case Reason::beyond_limits: break;
  }
  return "beyond-limits";
}

Step Client::Attempt::step() {
  if (phase != Phase::fetching) {
    open.clear();
    requests.clear();
  }
  return {phase, std::exchange(requests, {})};
}

void Client::Attempt::ask(const ObjectName& object, const std::string& name, std::uint64_t limit, bool exact,
                          const Instant& now) {
  if (open.contains(name)) return;
  open_bytes += limit;
  // All that is open shares the line, so each waits for all.
  const std::int64_t deadline = now.steady_ms + wait_ms(settings.limits, open_bytes);
  open.emplace(name, Open{object, limit, deadline, {}});
  requests.push_back({name, limit, exact, deadline});
}

void Client::Attempt::refuse(Reason reason, Diagnostic diagnostic) {
  if (phase != Phase::fetching) return;
  phase = Phase::refused;
  refusal = {reason, std::move(diagnostic)};
}

void Client::Attempt::refuse(Reason reason, Code code, std::string message) {
  refuse(reason, make_diagnostic(code, std::move(message)));
}

void Client::Attempt::close(const std::string& name) {
  const auto request = open.find(name);
  open_bytes -= request->second.limit;
  open.erase(request);
}

void Client::Attempt::pass_time(const Instant& now) {
  // A clock beyond what a state can hold is no time.
  if (now.wall <= last_time_there_is) state.last_time = std::max(state.last_time, now.wall);
}

bool Client::Attempt::in_time(const Open& request, std::string_view name, const Instant& now) {
  if (now.steady_ms <= request.deadline_ms) return true;
  refuse(Reason::too_slow, Code::E1012,
         fmt::format("\"{}\" did not arrive in time: {} bytes so far", name, request.data.size()));
  return false;
}

Client::Client(Settings settings, State state) : attempt_(std::make_unique<Attempt>()) {
  attempt_->position = position_of(settings.own_key);
  attempt_->settings = std::move(settings);
  attempt_->state = std::move(state);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Step Client::begin(Instant now, Goal goal) {
  if (attempt_->begun) return attempt_->step();
  attempt_->begun = true;
  attempt_->goal = goal;
  attempt_->pass_time(now);
  attempt_->ask(ObjectName{}, std::string(latest_name), latest_limit, false, now);
  return attempt_->step();
}

Step Client::receive(std::string_view name, ByteView piece, Instant now) {
  Attempt& attempt = *attempt_;
  attempt.pass_time(now);
  const auto request = attempt.open.find(name);
  if (request == attempt.open.end()) return attempt.step();
  Attempt::Open& open = request->second;
  attempt.received += piece.size();
  if (!attempt.in_time(open, name, now)) return attempt.step();
  if (piece.size() > open.limit - open.data.size()) {
    attempt.refuse(Reason::too_long, Code::E1011, fmt::format("\"{}\" has more than {} bytes", name, open.limit));
    return attempt.step();
  }
  open.data.insert(open.data.end(), piece.begin(), piece.end());
  return attempt.step();
}

Step Client::complete(std::string_view name, Instant now) {
  Attempt& attempt = *attempt_;
  attempt.pass_time(now);
  const auto request = attempt.open.find(name);
  if (request == attempt.open.end() || !attempt.in_time(request->second, name, now)) return attempt.step();
  const ObjectName object = request->second.object;
  Bytes data = std::move(request->second.data);
  attempt.close(request->first);
  attempt.answer(object, std::move(data), now);
  return attempt.step();
}

Step Client::absent(std::string_view name, Instant now) {
  Attempt& attempt = *attempt_;
  attempt.pass_time(now);
  const auto request = attempt.open.find(name);
  if (request == attempt.open.end()) return attempt.step();
  const ObjectName object = request->second.object;
  attempt.close(request->first);
  attempt.no_answer(object, name, "is not there", now);
  return attempt.step();
}

Step Client::failed(std::string_view name, Instant now) {
  Attempt& attempt = *attempt_;
  attempt.pass_time(now);
  const auto request = attempt.open.find(name);
  if (request == attempt.open.end()) return attempt.step();
  const ObjectName object = request->second.object;
  attempt.close(request->first);
  attempt.no_answer(object, name, "could not be fetched", now);
  return attempt.step();
}

Step Client::tick(Instant now) {
  attempt_->pass_time(now);
  for (const auto& [name, request] : attempt_->open) {
    if (!attempt_->in_time(request, name, now)) break;
  }
  return attempt_->step();
}

Phase Client::phase() const noexcept { return attempt_->phase; }

std::optional<std::int64_t> Client::next_deadline_ms() const noexcept {
  std::optional<std::int64_t> out;
  for (const auto& [name, request] : attempt_->open) {
    if (!out || request.deadline_ms < *out) out = request.deadline_ms;
  }
  return out;
}

const State& Client::state() const noexcept { return attempt_->state; }
const Refusal& Client::refusal() const noexcept { return attempt_->refusal; }
Release Client::take_release() { return std::move(attempt_->release); }
std::uint64_t Client::bytes_received() const noexcept { return attempt_->received; }

}  // namespace acl::release
