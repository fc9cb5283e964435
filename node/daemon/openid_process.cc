#include "node/daemon/openid_process.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/protocol/channel.h"

namespace acl::node::daemon {
namespace {

using protocol::Received;
using protocol::Sent;
using protocol::Verdict;

constexpr int most_messages = 64;  // in one step

// To be written to a terminal as it is, and opened by a browser.
bool is_address(std::string_view text) {
  const auto fits = [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("\"'<>\\^`{|}").find(c) == std::string_view::npos;
  };
  return text.starts_with("https://") && text.size() > 8 && std::all_of(text.begin(), text.end(), fits);
}

bool is_code(std::string_view text) {
  const auto fits = [](char c) { return c >= 0x20 && c < 0x7f; };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

Expected<std::unique_ptr<OpenidProcess>> OpenidProcess::make(OpenidSettings settings) {
  settings.program.mode = "openid";
  auto opening = protocol::encode(protocol::ToOpenid{settings.provider});
  if (!opening) return acl::fail(Code::E1436, opening.error().message);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return acl::fail(Code::E1436, fmt::format("cannot wait for anything: {}", std::strerror(errno)));
  return std::unique_ptr<OpenidProcess>(new OpenidProcess(std::move(settings), std::move(*opening), epoll));
}

OpenidProcess::OpenidProcess(OpenidSettings settings, protocol::Bytes opening, int epoll)
    : settings_(std::move(settings)), opening_(std::move(opening)), epoll_(epoll), buffer_(protocol::longest_message) {}

OpenidProcess::~OpenidProcess() { close(epoll_); }

std::optional<pid_t> OpenidProcess::process() const noexcept {
  if (!process_ || ending_) return std::nullopt;
  return process_->pid();
}

std::optional<std::int64_t> OpenidProcess::next_ms() const {
  std::optional<std::int64_t> next;
  const auto earlier = [&](std::int64_t at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [number, pending] : pending_) {
    earlier(pending.deadline_ms);
    if (!process_) earlier(start_ms_);
  }
  if (!events_.empty()) earlier(0);
  return next;
}

std::optional<std::uint64_t> OpenidProcess::begin(std::int64_t bound_ms, std::uint32_t max_age_s, std::int64_t now_ms) {
  if (pending_.size() >= protocol::most_authorizations) return std::nullopt;
  pending_.emplace(next_number_, Pending{0, now_ms + bound_ms, max_age_s});
  const std::uint64_t number = next_number_++;
  run_process(now_ms);
  send_pending(now_ms);
  flush();
  return number;
}

void OpenidProcess::cancel(std::uint64_t number) {
  std::erase_if(events_, [number](const OpenidEvent& event) {
    return std::visit([number](const auto& e) { return e.number == number; }, event);
  });
  const auto at = pending_.find(number);
  if (at == pending_.end()) return;
  if (at->second.id != 0 && process()) {
    authorizations_.forget(at->second.id);
    if (auto message = protocol::encode(protocol::ToOpenid{protocol::Forget{at->second.id}}))
      unsent_.push_back(std::move(*message));
  }
  pending_.erase(at);
  flush();
}

std::vector<OpenidEvent> OpenidProcess::step(std::int64_t now_ms) {
  if (process()) listen(now_ms);
  run_process(now_ms);
  pass_deadlines(now_ms);
  send_pending(now_ms);
  flush();
  return std::exchange(events_, {});
}

void OpenidProcess::fail(std::uint64_t number, Code code, std::string words) {
  pending_.erase(number);
  events_.emplace_back(OpenidFailed{number, make_diagnostic(code, std::move(words))});
}

void OpenidProcess::pass_deadlines(std::int64_t now_ms) {
  std::vector<std::uint64_t> late;
  for (const auto& [number, pending] : pending_)
    if (now_ms >= pending.deadline_ms) late.push_back(number);
  for (const std::uint64_t number : late) {
    cancel(number);
    events_.emplace_back(OpenidFailed{number, make_diagnostic(Code::E1435, "nobody has logged in in time")});
  }
}

// --- the process -----------------------------------------------------------------------------------------------------------

void OpenidProcess::add_to_poll(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void OpenidProcess::run_process(std::int64_t now_ms) {
  if (process_) {
    const auto how = process_->ended();
    if (!how) return;
    auto why = std::exchange(ending_, std::nullopt);
    return process_is_down(why && !why->empty() ? *why : "it has ended: " + *how, now_ms);
  }
  if (pending_.empty() || now_ms < start_ms_) return;
  auto started = NetProcess::start(settings_.program);
  if (!started) return process_is_down(started.error().message, now_ms);
  process_.emplace(std::move(*started));
  authorizations_ = {};
  unsent_.clear();
  unsent_.push_back(opening_);
  wants_to_write_ = false;
  add_to_poll(process_->socket());
  add_to_poll(process_->pidfd());
}

// Kills it; run_process sees it gone. Empty words: how it ended says more.
void OpenidProcess::end_process(std::string words) {
  if (ending_) return;
  ending_ = std::move(words);
  process_->kill();
}

// What waits in vain fails now, also what was not sent yet: the next one is for those who come after a pause.
void OpenidProcess::process_is_down(const std::string& words, std::int64_t now_ms) {
  process_.reset();
  unsent_.clear();
  if (deaths_ < UINT32_MAX) ++deaths_;
  start_ms_ = now_ms + net::retry_delay(settings_.after_death, deaths_, settings_.chance()).count();
  while (!pending_.empty()) fail(pending_.begin()->first, Code::E1436, words);
}

void OpenidProcess::send_pending(std::int64_t now_ms) {
  if (!process()) return;
  for (auto& [number, pending] : pending_) {
    if (pending.id != 0) continue;
    const auto id = authorizations_.begin();
    if (!id) return;
    pending.id = *id;
    const std::int64_t left = std::clamp<std::int64_t>(pending.deadline_ms - now_ms, 0, UINT32_MAX);
    // INVARIANT: numbers alone are never out of bounds.
    const protocol::Authorize authorize{*id, static_cast<std::uint32_t>(left), pending.max_age_s};
    if (auto message = protocol::encode(protocol::ToOpenid{authorize})) unsent_.push_back(std::move(*message));
  }
}

void OpenidProcess::flush() {
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

void OpenidProcess::listen(std::int64_t now_ms) {
  for (int i = 0; i < most_messages && process(); ++i) {
    const Received received = protocol::receive_message(process_->socket(), buffer_);
    switch (received.state) {
      case Received::State::nothing: return;
      case Received::State::closed: return end_process({});
      case Received::State::too_long: return end_process("it sent a message that is too long");
      case Received::State::message: break;
    }
    auto message = protocol::decode_from_openid(received.message);
    if (!message) return end_process("it sent " + message.error().message);
    if (!hear(std::move(*message), now_ms)) return;
  }
}

bool OpenidProcess::hear(protocol::FromOpenid message, std::int64_t now_ms) {
  const protocol::Judged judged = authorizations_.hear(message, now_ms);
  if (judged.verdict == Verdict::broken) {
    end_process("it sent " + judged.fault);
    return false;
  }
  if (judged.verdict == Verdict::late) return true;
  const std::uint64_t id = std::visit([](const auto& m) { return m.id; }, message);
  const auto at =
      std::find_if(pending_.begin(), pending_.end(), [id](const auto& each) { return each.second.id == id; });
  if (at == pending_.end()) return true;
  const std::uint64_t number = at->first;
  if (auto* code = std::get_if<protocol::UserCode>(&message)) {
    const std::string& complete = code->verification_uri_complete;
    if (!is_address(code->verification_uri) || !is_code(code->user_code) ||
        (!complete.empty() && !is_address(complete))) {
      end_process("it sent an address or a code that cannot be shown to a person");
      return false;
    }
    events_.emplace_back(
        OpenidCode{number, std::move(code->verification_uri), complete, std::move(code->user_code), code->expires_s});
    return true;
  }
  if (auto* token = std::get_if<protocol::IdToken>(&message)) {
    deaths_ = 0;
    pending_.erase(at);
    events_.emplace_back(OpenidToken{number, std::move(token->token)});
    return true;
  }
  fail(number, Code::E1435, protocol::shown(std::get<protocol::NotAuthorized>(message).words));
  return true;
}

}  // namespace acl::node::daemon
