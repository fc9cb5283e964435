#include "node/session/connecting.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace acl::node::session {
namespace {

constexpr unsigned most_threads = 8;
// A socket in the file system whose backlog is full says so at once, and nothing tells when it is not (connect(2), EAGAIN).
constexpr Milliseconds again_ms = 50;

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};
using Places = std::deque<Place>;

struct FreeList {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

// Words are empty, or say why there are none.
std::string look_up(const std::string& host, std::uint16_t port, int flags, Places& places) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (result != 0) return gai_strerror(result);
  const std::unique_ptr<addrinfo, FreeList> list(found);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Place& place = places.emplace_back();
    std::memcpy(&place.address, each->ai_addr, each->ai_addrlen);
    place.size = each->ai_addrlen;
  }
  return {};
}

}  // namespace

struct Connecting::Attempt {
  Milliseconds until = 0;
  bool looked_up = false;
  Places places;  // not yet tried
  Fd socket;      // on its way
  bool again = false;
  int error = EADDRNOTAVAIL;  // of the last
};

// Threads that look up, and what they share with the rest; they end with the process.
struct Connecting::Names {
  struct Question {
    std::uint32_t channel = 0;
    std::string host;
    std::uint16_t port = 0;
  };
  struct Answer {
    std::uint32_t channel = 0;
    Places places;
    std::string words;
  };
  struct Shared {
    std::mutex mutex;
    std::condition_variable more;
    std::deque<Question> questions;
    std::deque<Answer> answers;
    std::size_t idle = 0;
    bool over = false;
    Fd event = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  };
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  unsigned threads = 0;

  static void work(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
      ++shared->idle;
      shared->more.wait(lock, [&] { return shared->over || !shared->questions.empty(); });
      --shared->idle;
      if (shared->over) return;
      const Question question = std::move(shared->questions.front());
      shared->questions.pop_front();
      lock.unlock();
      Answer answer{question.channel, {}, {}};
      answer.words = look_up(question.host, question.port, 0, answer.places);
      lock.lock();
      shared->answers.push_back(std::move(answer));
      eventfd_write(shared->event.get(), 1);
    }
  }

  // False: there can be no thread.
  bool ask(Question question) {
    const std::unique_lock lock(shared->mutex);
    if (shared->idle <= shared->questions.size() && threads < most_threads) {
      try {
        std::thread(work, shared).detach();
        ++threads;
      } catch (const std::system_error&) {
        if (threads == 0) return false;
      }
    }
    shared->questions.push_back(std::move(question));
    shared->more.notify_one();
    return true;
  }
  [[nodiscard]] std::deque<Answer> take() const {
    eventfd_t count = 0;
    eventfd_read(shared->event.get(), &count);
    const std::unique_lock lock(shared->mutex);
    return std::exchange(shared->answers, {});
  }
  ~Names() {
    const std::unique_lock lock(shared->mutex);
    shared->over = true;
    shared->more.notify_all();
  }
};

Connecting::Connecting() : names_(std::make_unique<Names>()) {}
Connecting::~Connecting() = default;

void Connecting::to_host(std::uint32_t channel, const std::string& host, std::uint16_t port, Milliseconds now) {
  Attempt& attempt = attempts_[channel];
  attempt.until = now + longest_ms;
  attempt.looked_up = look_up(host, port, AI_NUMERICHOST, attempt.places).empty();
  if (attempt.looked_up || names_->ask({channel, host, port})) return;
  attempt.looked_up = true;
  attempt.error = EAGAIN;
}

void Connecting::to_path(std::uint32_t channel, const std::string& path, Milliseconds now) {
  Attempt& attempt = attempts_[channel];
  attempt.until = now + longest_ms;
  attempt.looked_up = true;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof at.sun_path) {
    attempt.error = path.size() >= sizeof at.sun_path ? ENAMETOOLONG : EINVAL;
    return;
  }
  std::memcpy(at.sun_path, path.data(), path.size());
  Place& place = attempt.places.emplace_back();
  std::memcpy(&place.address, &at, sizeof at);
  place.size = sizeof at;
}

void Connecting::watch(std::vector<pollfd>& polled) const {
  polled.push_back({names_->shared->event.get(), POLLIN, 0});
  for (const auto& [channel, attempt] : attempts_)
    if (attempt.socket && !attempt.again) polled.push_back({attempt.socket.get(), POLLOUT, 0});
}

int Connecting::patience(Milliseconds now) const {
  Milliseconds wait = -1;
  for (const auto& [channel, attempt] : attempts_) {
    const bool at_once = attempt.looked_up && !attempt.socket;
    const Milliseconds left = at_once ? 0 : attempt.again ? again_ms : std::max<Milliseconds>(0, attempt.until - now);
    wait = wait < 0 ? left : std::min(wait, left);
  }
  return static_cast<int>(wait);
}

bool Connecting::go_on(Attempt& attempt, Made& made) {
  const auto failed = [&](int error) {
    attempt.error = error;
    attempt.socket = Fd();
  };
  if (attempt.socket && !attempt.again) {
    pollfd one{attempt.socket.get(), POLLOUT, 0};
    if (poll(&one, 1, 0) == 0) return false;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(attempt.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) {
      made.socket = std::move(attempt.socket);
      return true;
    }
    failed(error);
  }
  while (!attempt.places.empty()) {
    const Place place = attempt.places.front();
    const int family = place.address.ss_family;
    if (!attempt.socket) attempt.socket = Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int connected =
        attempt.socket ? connect(attempt.socket.get(), reinterpret_cast<const sockaddr*>(&place.address), place.size)
                       : -1;
    const int error = connected == 0 ? 0 : errno;
    attempt.again = error == EAGAIN && attempt.socket && family == AF_UNIX;
    if (attempt.again) return false;
    attempt.places.pop_front();
    if (error == EINPROGRESS) return false;
    if (error == 0) {
      made.socket = std::move(attempt.socket);
      return true;
    }
    failed(error);
  }
  made.words = std::strerror(attempt.error);
  return true;
}

std::vector<Connecting::Made> Connecting::step(Milliseconds now) {
  std::vector<Made> made;
  for (Names::Answer& answer : names_->take()) {
    const auto at = attempts_.find(answer.channel);
    if (at == attempts_.end()) continue;  // too late
    at->second.looked_up = true;
    at->second.places = std::move(answer.places);
    if (answer.words.empty()) continue;
    made.push_back({answer.channel, Fd(), std::move(answer.words)});
    attempts_.erase(at);
  }
  for (auto at = attempts_.begin(); at != attempts_.end();) {
    Made one{at->first, Fd(), {}};
    bool over = at->second.looked_up && go_on(at->second, one);
    if (!over && now >= at->second.until) {
      one.words = std::strerror(ETIMEDOUT);
      over = true;
    }
    if (!over) {
      ++at;
      continue;
    }
    if (one.socket) {
      const int on = 1;
      setsockopt(one.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on);  // of no TCP: no such option, nothing lost
    }
    made.push_back(std::move(one));
    at = attempts_.erase(at);
  }
  return made;
}

}  // namespace acl::node::session
