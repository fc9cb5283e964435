#include "node/net/readers.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "engine/release/digest.h"
#include "node/protocol/channel.h"

namespace acl::node::net {
namespace {

using protocol::FromNet;

constexpr std::chrono::seconds longest_idle{5};

struct Job {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t limit = 0;
  store::Deadline deadline;
};

}  // namespace

struct Readers::Shared {
  int socket = -1;
  std::string source;
  store::StoreOptions options;
  std::function<void(std::uint64_t)> answered;

  std::mutex mutex;
  std::condition_variable work;
  std::deque<Job> waiting;
  // Whoever reads now, by number: set to break it off.
  std::map<std::uint64_t, std::atomic<bool>*> reading;
  unsigned threads = 0;
  unsigned idle = 0;

  void send(const FromNet& message) const { send_message(socket, protocol::encode(message), protocol::Wait::yes); }
  void end(std::uint64_t id, const FromNet& message) const {
    answered(id);
    send(message);
  }

  std::optional<Job> next(std::atomic<bool>& stop);
  void done(std::uint64_t id);
  void answer(const Job& job, const Expected<store::Fetched>& fetched, const std::atomic<bool>& stop) const;
  static void run(const std::shared_ptr<Shared>& shared);
};

// Nothing: this thread is to end.
std::optional<Job> Readers::Shared::next(std::atomic<bool>& stop) {
  std::unique_lock lock(mutex);
  ++idle;
  while (waiting.empty()) {
    if (threads == 1) {
      work.wait(lock);
    } else if (work.wait_for(lock, longest_idle) == std::cv_status::timeout && waiting.empty() && threads > 1) {
      --idle;
      --threads;
      return std::nullopt;
    }
  }
  --idle;
  Job job = std::move(waiting.front());
  waiting.pop_front();
  stop = false;
  reading[job.id] = &stop;
  return job;
}

void Readers::Shared::done(std::uint64_t id) {
  const std::lock_guard lock(mutex);
  reading.erase(id);
}

void Readers::Shared::answer(const Job& job, const Expected<store::Fetched>& fetched,
                             const std::atomic<bool>& stop) const {
  if (stop) return;  // nobody waits for it
  if (!fetched) {
    return end(job.id, protocol::Failed{
                           job.id, fmt::format("{}: {}", code_name(fetched.error().code), fetched.error().message)});
  }
  if (fetched->state == store::Fetched::State::absent) return end(job.id, protocol::Absent{job.id});
  std::string_view bytes = fetched->bytes;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, protocol::longest_piece);
    bytes.remove_prefix(piece.size());
    if (stop) return;
    send(protocol::Piece{job.id, release::as_bytes(piece)});
  }
  end(job.id, protocol::Complete{job.id});
}

void Readers::Shared::run(const std::shared_ptr<Shared>& shared) {
  std::atomic<bool> stop{false};
  store::StoreOptions options = shared->options;
  options.stop = &stop;
  const auto source = store::open_source(shared->source, options);
  while (const auto job = shared->next(stop)) {
    // A part may be larger than what this process may have.
    try {
      if (source) {
        shared->answer(*job, (*source)->get(job->name, job->limit, job->deadline), stop);
      } else {
        shared->answer(*job, tl::unexpected(source.error()), stop);
      }
    } catch (const std::bad_alloc&) {
      shared->end(job->id, protocol::Failed{job->id, "not enough memory for it"});
    }
    shared->done(job->id);
  }
}

Readers::Readers(int socket, std::string source, store::StoreOptions options,
                 std::function<void(std::uint64_t)> answered)
    : shared_(std::make_shared<Shared>()) {
  shared_->socket = socket;
  shared_->source = std::move(source);
  shared_->options = std::move(options);
  shared_->answered = std::move(answered);
}

void Readers::get(const protocol::Get& request) {
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting.push_back(
      {request.id, request.name, request.limit, store::within(std::chrono::milliseconds(request.left_ms))});
  if (shared_->waiting.size() > shared_->idle && shared_->threads < most_readers) {
    try {
      std::thread(Shared::run, shared_).detach();
      ++shared_->threads;
    } catch (const std::system_error&) {
      // Those that are there will do; without any, the deadline tells.
    }
  }
  shared_->work.notify_one();
}

void Readers::cancel(std::uint64_t id) {
  const std::lock_guard lock(shared_->mutex);
  std::erase_if(shared_->waiting, [id](const Job& job) { return job.id == id; });
  if (const auto at = shared_->reading.find(id); at != shared_->reading.end()) *at->second = true;
}

}  // namespace acl::node::net
