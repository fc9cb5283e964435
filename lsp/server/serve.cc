// serve: the process around a server. One thread reads and frames messages, so that a cancellation is seen while its request waits; the
// other parses and answers them. Between them an inbox of bounded size: a client that sends faster than it is answered waits. Messages
// wait in it as text, because a message that is parsed may take thirty times the memory of its text.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
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
// The place in the stream of a cancellation: it is for requests before it.
struct Cancelled {
  std::string id;
};
using Event = std::variant<Framer::Body, Framer::Fault, Cancelled, FilesChanged, End>;

class Inbox {
 public:
  // Waits while much is unread. False once the loop has left.
  bool put(Event event) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || bytes_ < most_bytes; });
    if (closed_) return false;
    events_.push_back(std::move(event));
    bytes_ += size_of(events_.back());
    if (const auto* cancelled = std::get_if<Cancelled>(&events_.back())) ++cancelled_[cancelled->id];
    ready_.notify_one();
    return true;
  }
  // Nothing comes any more; what has come is still to be taken.
  void end() noexcept {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ready_.notify_one();
  }
  void files_changed() {
    const std::lock_guard lock(mutex_);
    files_changed_ = true;
    ready_.notify_one();
  }
  // Whether the request, which was taken, is cancelled further on.
  bool is_cancelled(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return cancelled_.count(id) != 0;
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
    const auto something = [&] { return woken_ || files_changed_ || ended_ || !events_.empty(); };
    if (wait && deadline) ready_.wait_until(lock, *deadline, something);
    if (wait && !deadline) ready_.wait(lock, something);
    woken_ = false;
    if (std::exchange(files_changed_, false)) return FilesChanged{};
    if (events_.empty()) return ended_ ? std::optional<Event>(End{}) : std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    bytes_ -= size_of(event);
    if (const auto* cancelled = std::get_if<Cancelled>(&event)) {
      const auto found = cancelled_.find(cancelled->id);
      if (--found->second == 0) cancelled_.erase(found);
    }
    room_.notify_one();
    return event;
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{128} << 20;
  // In memory, about. A cancellation is held twice.
  static std::size_t size_of(const Event& event) noexcept {
    constexpr std::size_t each = 256;
    if (const auto* body = std::get_if<Framer::Body>(&event)) return body->text.size() + each;
    if (const auto* fault = std::get_if<Framer::Fault>(&event)) return fault->message.size() + each;
    if (const auto* cancelled = std::get_if<Cancelled>(&event)) return 2 * (cancelled->id.size() + each);
    return each;
  }
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Event> events_;
  std::unordered_map<std::string, std::size_t> cancelled_;  // ids in the cancellations among `events_`
  std::size_t bytes_ = 0;
  bool woken_ = false;
  bool files_changed_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

// The id in a cancellation; nothing if the body is another message. No cancellation is large: others are not looked into here.
std::optional<std::string> cancellation(const std::string& body) {
  constexpr std::string_view method = "cancelRequest";
  if (body.size() > 4096 || body.find(method) == std::string::npos) return std::nullopt;
  auto parsed = parse_message(body);
  const auto* message = std::get_if<Message>(&parsed);
  if (message == nullptr || message->is_request() || message->method != "$/cancelRequest") return std::nullopt;
  const Json* id = member(*message->params, "id");
  if (id == nullptr || id->is_structured()) return std::nullopt;
  return id->dump(-1, ' ', false, Json::error_handler_t::replace);
}

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
    thread_ = std::thread([this] {
      // Where memory is wanting for what comes, no more can be read: the place in the stream is lost.
      try {
        run();
      } catch (const std::exception&) {
      }
      inbox_.end();
    });
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
    forget_gone();
    bool added = false;
    std::unordered_map<std::string, int> now;
    for (std::string folder : folders) {
      // In place of a folder that is not there the nearest above it that is: there it will be seen to come.
      while (!watch_one(folder, now, added)) {
        const std::size_t slash = folder.find_last_of('/');
        if (slash == std::string::npos || folder.size() == 1) break;
        folder.resize(std::max<std::size_t>(slash, 1));
      }
    }
    // Two paths may lead to one folder, which then has one watch.
    std::unordered_set<int> used;
    for (const auto& [folder, watch] : now) used.insert(watch);
    for (const auto& [folder, watch] : watched_) {
      if (used.count(watch) == 0) ::inotify_rm_watch(inotify_.get(), watch);
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
  // False if there is no such folder.
  bool watch_one(const std::string& folder, std::unordered_map<std::string, int>& now, bool& added) {
    if (now.count(folder) != 0) return true;
    constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    const auto known = watched_.find(folder);
    const int watch =
        known != watched_.end() ? known->second : ::inotify_add_watch(inotify_.get(), folder.c_str(), events);
    if (watch < 0) return errno != ENOENT && errno != ENOTDIR;
    added = added || known == watched_.end();
    now.emplace(folder, watch);
    return true;
  }
  // Watches of folders that were deleted or moved: at their paths, others may come.
  void forget_gone() {
    std::vector<int> gone;
    {
      const std::lock_guard lock(gone_mutex_);
      gone.swap(gone_);
    }
    for (const int watch : gone) {
      // One that was moved is still there; of others this is refused, which does no harm.
      ::inotify_rm_watch(inotify_.get(), watch);
      std::erase_if(watched_, [&](const auto& one) { return one.second == watch; });
    }
  }
  // Of what was read from inotify(7). True if something is not as it was.
  bool take_events(std::string_view bytes) {
    bool changed = false;
    while (bytes.size() >= sizeof(inotify_event)) {
      inotify_event event{};
      std::memcpy(&event, bytes.data(), sizeof event);
      bytes.remove_prefix(std::min(bytes.size(), sizeof event + event.len));
      if ((event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        const std::lock_guard lock(gone_mutex_);
        gone_.push_back(event.wd);
      }
      changed = changed || (event.mask & IN_IGNORED) == 0;
    }
    return changed;
  }

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
        bool changed = false;
        for (ssize_t got; (got = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
          changed = take_events({buffer.data(), static_cast<std::size_t>(got)}) || changed;
        }
        if (changed) inbox_.files_changed();
      }
      if (fds[3].revents != 0) break;
      if (fds[0].revents == 0) continue;
      const ssize_t got = ::read(in_, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) break;
      if (!take({buffer.data(), static_cast<std::size_t>(got)})) return;
    }
  }

  bool take(std::string_view bytes) {
    std::vector<Framer::Piece> pieces;
    framer_.feed(bytes, pieces);
    for (Framer::Piece& piece : pieces) {
      if (auto* fault = std::get_if<Framer::Fault>(&piece)) {
        if (!inbox_.put(std::move(*fault))) return false;
        continue;
      }
      auto& body = std::get<Framer::Body>(piece);
      auto cancelled = cancellation(body.text);
      const bool taken = cancelled ? inbox_.put(Cancelled{std::move(*cancelled)}) : inbox_.put(std::move(body));
      if (!taken) return false;
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
  std::unordered_map<std::string, int> watched_;  // the loop's
  std::mutex gone_mutex_;
  std::vector<int> gone_;  // watches of folders that are no more where they were
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

std::variant<Message, Malformed> parsed(std::string body) {
  try {
    return parse_message(std::move(body));
  } catch (const std::exception& error) {
    return Malformed{"null", {internal_error, error.what()}};
  }
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
    if (auto* body = std::get_if<Framer::Body>(&*event)) {
      auto message = parsed(std::move(body->text));
      if (const auto* malformed = std::get_if<Malformed>(&message)) {
        server.refuse(*malformed);
        continue;
      }
      auto& received = std::get<Message>(message);
      const bool cancelled = received.is_request() && inbox.is_cancelled(received.id);
      server.receive(std::move(received), cancelled);
      reader.parent(server.parent());
    } else if (auto* fault = std::get_if<Framer::Fault>(&*event)) {
      server.refuse({"null", {parse_error, std::move(fault->message)}});
    } else if (std::holds_alternative<Cancelled>(*event)) {
      // Its request was taken before it; or never came.
    } else if (std::holds_alternative<FilesChanged>(*event)) {
      server.files_changed();
    } else {
      // An end without `exit`, after all that came before it: the editor is gone.
      return 1;
    }
  }
  return server.exit_code().value_or(1);
}

}  // namespace acl::lsp
