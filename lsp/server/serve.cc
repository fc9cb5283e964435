// serve: the process around a server. One thread reads and frames messages, so that a cancellation is seen while its request waits; the
// other answers. Between them an inbox of bounded size: a client that sends faster than it is answered waits.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "engine/net/fd.h"
#include "lsp/server/params.h"
#include "lsp/server/server.h"

namespace acl::lsp {
namespace {

struct FilesChanged {};
struct End {};  // of the input, or of the process that started us
struct Received {
  Message message;
  bool cancelled = false;
};
using Event = std::variant<Received, Malformed, FilesChanged, End>;

class Inbox {
 public:
  // Waits while much is unread. False once the loop has left.
  bool put(Event event, std::size_t size) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || bytes_ < most_bytes; });
    if (closed_) return false;
    bytes_ += size;
    events_.push_back({std::move(event), size});
    if (const auto* received = std::get_if<Received>(&events_.back().event)) {
      if (received->message.is_request()) requests_[received->message.id] = &events_.back();
    }
    ready_.notify_one();
    return true;
  }
  // Of a request that waits; one that is being answered, or never came, is let be.
  void cancel(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(id);
    if (found != requests_.end()) std::get<Received>(found->second->event).cancelled = true;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    ready_.notify_one();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
  }
  // The next event; nothing if there is none now, or, with `wait`, until `deadline` or wake().
  std::optional<Event> take(bool wait, std::optional<std::chrono::steady_clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    const auto something = [&] { return woken_ || !events_.empty(); };
    if (wait && deadline) ready_.wait_until(lock, *deadline, something);
    if (wait && !deadline) ready_.wait(lock, something);
    woken_ = false;
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front().event);
    if (const auto* received = std::get_if<Received>(&event)) {
      const auto found = requests_.find(received->message.id);
      if (found != requests_.end() && found->second == &events_.front()) requests_.erase(found);
    }
    bytes_ -= events_.front().size;
    events_.pop_front();
    room_.notify_one();
    return event;
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{128} << 20;
  struct Slot {
    Event event;
    std::size_t size;
  };
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Slot> events_;  // elements stay where they are
  std::unordered_map<std::string, Slot*> requests_;
  std::size_t bytes_ = 0;
  bool woken_ = false;
  bool closed_ = false;
};

// The reader's thread: standard input, the folders to be watched, the process that started us.
class Reader {
 public:
  Reader(int in, Inbox& inbox) : in_(in), inbox_(inbox) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      stop_read_ = Fd(ends[0]);
      stop_write_ = Fd(ends[1]);
    }
    inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    thread_ = std::thread([this] { run(); });
  }
  ~Reader() {
    inbox_.close();
    stop_write_ = Fd();
    thread_.join();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // True if there are new ones: what changed before they were watched was not seen.
  bool watch(const std::vector<std::string>& folders) {
    if (!inotify_) return false;
    bool added = false;
    constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;
    std::unordered_map<std::string, int> now;
    for (const std::string& folder : folders) {
      const auto known = watched_.find(folder);
      const int watch =
          known != watched_.end() ? known->second : ::inotify_add_watch(inotify_.get(), folder.c_str(), events);
      if (watch < 0) continue;
      added = added || known == watched_.end();
      now.emplace(folder, watch);
    }
    for (const auto& [folder, watch] : watched_) {
      if (now.count(folder) == 0) ::inotify_rm_watch(inotify_.get(), watch);
    }
    watched_ = std::move(now);
    return added;
  }
  void parent(std::int64_t pid) {
    if (pid <= 1 || parent_) return;
    parent_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
    if (!parent_) return;
    parent_fd_ = parent_.get();
    // The thread waits for what it knows of: tell it.
    (void)!::write(stop_write_.get(), "", 1);
  }

 private:
  void run() {
    std::vector<char> buffer(1 << 16);
    for (;;) {
      pollfd fds[] = {
          {in_, POLLIN, 0}, {stop_read_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}, {parent_fd_.load(), POLLIN, 0}};
      if (::poll(fds, 4, -1) < 0) {
        if (errno == EINTR) continue;
        break;
      }
      if (fds[1].revents != 0 && ::read(stop_read_.get(), buffer.data(), 1) <= 0) return;
      if (fds[2].revents != 0) {
        while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) {
        }
        if (!inbox_.put(FilesChanged{}, 1)) return;
      }
      if (fds[3].revents != 0) break;
      if (fds[0].revents == 0) continue;
      const ssize_t got = ::read(in_, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) break;
      if (!take({buffer.data(), static_cast<std::size_t>(got)})) return;
    }
    inbox_.put(End{}, 0);
  }

  bool take(std::string_view bytes) {
    std::vector<Framer::Piece> pieces;
    framer_.feed(bytes, pieces);
    for (Framer::Piece& piece : pieces) {
      if (auto* fault = std::get_if<Framer::Fault>(&piece)) {
        if (!inbox_.put(Malformed{"null", {parse_error, std::move(fault->message)}}, 256)) return false;
        continue;
      }
      std::string& body = std::get<Framer::Body>(piece).text;
      const std::size_t size = body.size() + 256;
      auto parsed = parse_message(std::move(body));
      if (auto* malformed = std::get_if<Malformed>(&parsed)) {
        if (!inbox_.put(std::move(*malformed), size)) return false;
        continue;
      }
      Message& message = std::get<Message>(parsed);
      if (message.method == "$/cancelRequest") {
        const Json* id = member(*message.params, "id");
        if (id != nullptr && !id->is_structured())
          inbox_.cancel(id->dump(-1, ' ', false, Json::error_handler_t::replace));
        continue;
      }
      if (!inbox_.put(Received{std::move(message), false}, size)) return false;
    }
    return true;
  }

  const int in_;
  Inbox& inbox_;
  Fd stop_read_, stop_write_;
  Fd inotify_;
  Fd parent_;
  std::atomic<int> parent_fd_{-1};
  Framer framer_;
  std::unordered_map<std::string, int> watched_;
  std::thread thread_;
};

bool write_all(int out, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(out, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) {
      pollfd fd{out, POLLOUT, 0};
      ::poll(&fd, 1, -1);
      continue;
    }
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

}  // namespace

int serve(int in, int out) {
  Inbox inbox;
  bool broken = false;
  Server server(
      Worker::Threads::one, [&](std::string_view body) { broken = broken || !write_all(out, frame(body)); },
      [&] { inbox.wake(); });
  Reader reader(in, inbox);
  bool more = false;  // the server has something to do
  while (!server.exit_code() && !broken) {
    auto event = inbox.take(!more, server.wake_at());
    if (!event) {
      more = server.step();
      if (!more && reader.watch(server.watched_folders())) {
        server.files_changed();
        more = true;
      }
      continue;
    }
    more = true;
    if (auto* received = std::get_if<Received>(&*event)) {
      server.receive(std::move(received->message), received->cancelled);
      reader.parent(server.parent());
    } else if (const auto* malformed = std::get_if<Malformed>(&*event)) {
      server.refuse(*malformed);
    } else if (std::holds_alternative<FilesChanged>(*event)) {
      server.files_changed();
    } else {
      // An end without `exit` is one without `shutdown`, too: the editor is gone.
      return 1;
    }
  }
  return server.exit_code().value_or(1);
}

}  // namespace acl::lsp
