#include "node/net/service.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <mutex>

#include "engine/store/store.h"
#include "node/net/notices.h"
#include "node/net/readers.h"
#include "node/protocol/channel.h"
#include "node/protocol/conversation.h"

namespace acl::node::net {
namespace {

using protocol::Received;
using protocol::Sent;
using protocol::Verdict;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

store::StoreOptions options_of(const protocol::Open& open) {
  store::StoreOptions options;
  options.ca_file = open.ca_file;
  options.certificate_file = open.certificate_file;
  options.key_file = open.key_file;
  options.user = open.user;
  options.password = open.password;
  options.blobs = open.blobs;
  options.interval = std::chrono::milliseconds(open.interval_ms);
  return options;
}

std::string words_of(const Diagnostic& diagnostic) {
  return fmt::format("{}: {}", code_name(diagnostic.code), diagnostic.message);
}

class Service {
 public:
  explicit Service(int socket) : socket_(socket), buffer_(protocol::longest_message) {}
  int run();

 private:
  enum class Next : std::uint8_t { go_on, closed, broken };
  Next hear();
  Next take(const protocol::ToNet& message);
  void open(const protocol::Open& open);
  void look();
  bool tell();
  [[nodiscard]] int timeout() const;

  const int socket_;
  protocol::Bytes buffer_;
  std::mutex mutex_;  // of told_: readers answer in threads of their own
  protocol::Told told_;
  std::unique_ptr<store::Source> source_;
  std::unique_ptr<store::LatestWatch> watch_;
  std::unique_ptr<Readers> readers_;
  Notices notices_;
  std::deque<protocol::Bytes> unsent_;
};

void Service::open(const protocol::Open& open) {
  readers_ = std::make_unique<Readers>(socket_, open.source, options_of(open), [this](std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    told_.answered(id);
  });
  auto source = store::open_source(open.source, options_of(open));
  if (!source) return notices_.saw_trouble(words_of(source.error()));
  source_ = std::move(*source);
  auto watch = source_->watch();
  if (!watch) return notices_.saw_trouble(words_of(watch.error()));
  watch_ = std::move(*watch);
}

Service::Next Service::take(const protocol::ToNet& message) {
  protocol::Judged judged;
  {
    const std::lock_guard lock(mutex_);
    judged = told_.hear(message);
  }
  if (judged.verdict == Verdict::broken) return Next::broken;
  if (const auto* opening = std::get_if<protocol::Open>(&message)) open(*opening);
  if (const auto* get = std::get_if<protocol::Get>(&message)) readers_->get(*get);
  if (const auto* cancel = std::get_if<protocol::Cancel>(&message)) readers_->cancel(cancel->id);
  return Next::go_on;
}

Service::Next Service::hear() {
  for (;;) {
    const Received received = protocol::receive_message(socket_, buffer_);
    switch (received.state) {
      case Received::State::nothing: return Next::go_on;
      case Received::State::closed: return Next::closed;
      case Received::State::too_long: return Next::broken;
      case Received::State::message: break;
    }
    const auto message = protocol::decode_to_net(received.message);
    if (!message) return Next::broken;
    if (const Next next = take(*message); next != Next::go_on) return next;
  }
}

void Service::look() {
  if (!watch_) return;
  if (watch_->step()) notices_.saw_change();
  const auto trouble = watch_->trouble();
  notices_.saw_trouble(trouble ? std::optional(words_of(*trouble)) : std::nullopt);
}

// False once nobody listens.
bool Service::tell() {
  for (const protocol::FromNet& message : notices_.take(now_ms())) unsent_.push_back(protocol::encode(message));
  while (!unsent_.empty()) {
    switch (protocol::send_message(socket_, unsent_.front(), protocol::Wait::no)) {
      case Sent::full: return true;
      case Sent::closed: return false;
      case Sent::sent: unsent_.pop_front();
    }
  }
  return true;
}

int Service::timeout() const {
  const auto next = notices_.next_ms();
  if (!next || !unsent_.empty()) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(*next - now_ms(), 0, 60'000));
}

int Service::run() {
  for (;;) {
    std::array<pollfd, 2> waiting{};
    waiting[0] = {socket_, static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    waiting[1] = {watch_ ? watch_->fd() : -1, POLLIN, 0};
    if (poll(waiting.data(), waiting.size(), timeout()) < 0 && errno != EINTR) return 1;
    if (waiting[0].revents != 0) {
      const Next next = hear();
      if (next != Next::go_on) return next == Next::closed ? 0 : 1;
    }
    look();
    if (!tell()) return 0;
  }
}

}  // namespace

int serve(int socket) {
  // Readers use it until the process ends.
  auto* const service = new Service(socket);
  return service->run();
}

}  // namespace acl::node::net
