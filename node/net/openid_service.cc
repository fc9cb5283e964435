#include "node/net/openid_service.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "node/net/device_flow.h"
#include "node/protocol/channel.h"
#include "node/protocol/openid_message.h"

namespace acl::node::net {
namespace {

using protocol::FromOpenid;
using protocol::Received;
using protocol::Verdict;

class OpenidService {
 public:
  explicit OpenidService(int socket) : socket_(socket), buffer_(protocol::longest_message) {}

  int run() {
    for (;;) {
      pollfd waiting{socket_, POLLIN, 0};
      if (poll(&waiting, 1, -1) < 0 && errno != EINTR) return 1;
      const Received received = protocol::receive_message(socket_, buffer_);
      switch (received.state) {
        case Received::State::nothing: continue;
        case Received::State::closed: return 0;
        case Received::State::too_long: return 1;
        case Received::State::message: break;
      }
      const auto message = protocol::decode_to_openid(received.message);
      if (!message || !take(*message)) return 1;
    }
  }

 private:
  bool take(const protocol::ToOpenid& message) {
    {
      const std::lock_guard lock(mutex_);
      if (asks_.hear(message).verdict == Verdict::broken) return false;
    }
    if (const auto* provider = std::get_if<protocol::Provider>(&message)) provider_ = *provider;
    if (const auto* authorize = std::get_if<protocol::Authorize>(&message)) begin(*authorize);
    if (const auto* forget = std::get_if<protocol::Forget>(&message)) stop(forget->id);
    return true;
  }

  void begin(const protocol::Authorize& request) {
    auto mine = std::make_shared<Stop>();
    {
      const std::lock_guard lock(mutex_);
      stops_[request.id] = mine;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.left_ms);
    try {
      std::thread([this, request, deadline, mine] { work(request, deadline, *mine); }).detach();
    } catch (const std::system_error& error) {
      end(request.id, protocol::NotAuthorized{request.id, fmt::format("cannot start a thread: {}", error.what())});
    }
  }

  void stop(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (const auto at = stops_.find(id); at != stops_.end()) at->second->ask();
  }

  void work(const protocol::Authorize& request, std::chrono::steady_clock::time_point deadline, Stop& mine) {
    const std::uint64_t id = request.id;
    const auto show = [&](const DeviceAuthorization& authorization) {
      const std::lock_guard lock(mutex_);
      if (!asks_.is_open(id)) return;
      send(protocol::UserCode{id, authorization.verification_uri, authorization.verification_uri_complete,
                              authorization.user_code, authorization.expires_s});
    };
    const auto token = authorize_device(provider_, request.max_age_s, deadline, mine, show);
    if (token) return end(id, protocol::IdToken{id, *token});
    std::string words = token.error().message.substr(0, protocol::longest_text);
    std::replace(words.begin(), words.end(), '\0', '?');
    end(id, protocol::NotAuthorized{id, std::move(words)});
  }

  // Before the last message of it is sent, as the next request may follow at once. Of what was forgotten nothing is said: it would count as late.
  void end(std::uint64_t id, const FromOpenid& message) {
    const std::lock_guard lock(mutex_);
    const bool wanted = asks_.is_open(id);
    asks_.answered(id);
    stops_.erase(id);
    if (wanted) send(message);
  }

  void send(const FromOpenid& message) const {
    // INVARIANT: what is sent was cut to its bounds where it was read.
    if (const auto bytes = protocol::encode(message)) protocol::send_message(socket_, *bytes, protocol::Wait::yes);
  }

  const int socket_;
  protocol::Bytes buffer_;
  protocol::Provider provider_;  // set before any thread is started, and once
  std::mutex mutex_;             // of what follows
  protocol::Asks asks_;
  std::map<std::uint64_t, std::shared_ptr<Stop>> stops_;
};

}  // namespace

int authorize(int socket) {
  // Threads use it until the process ends.
  auto* const service = new OpenidService(socket);
  return service->run();
}

}  // namespace acl::node::net
