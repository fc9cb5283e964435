// Worker: one thread beside the loop for what takes longer than a keystroke: resolving, tests, large inventories.
//
// A job has a key; a newer job of the same key takes the place of one that waits and cancels one that runs. What a job returns is run by
// the loop in collect(), unless it was cancelled meanwhile; so is what it leaves to do if it throws. Jobs share nothing with the loop but
// immutable values.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace acl::lsp {

class Worker {
 public:
  using Finish = std::function<void()>;
  using Work = std::function<Finish(const std::atomic<bool>& cancelled)>;
  // Whoever waits for a job must learn that nothing comes of it; `reason` is what was thrown.
  using Failed = std::function<void(const std::string& reason)>;

  // `wake` is called from the thread whenever collect() has something. Without a thread jobs run in collect(): for tests, which then are the
  // same each time.
  enum class Threads : bool { none, one };
  Worker(Threads threads, std::function<void()> wake);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `title` in words, for people who wait: "Reading inventory.hujson". With `after`, it is not begun earlier than that, and
  // jobs that may run go first.
  void post(std::string key, std::string title, Work work, Failed failed, std::chrono::milliseconds after = {});
  void cancel(const std::string& key);

  // Runs what finished jobs left; true if there was any. What that throws goes to the caller, and the other jobs stay for the next call.
  // By the loop only.
  bool collect();

  struct Busy {
    std::string title;
    std::chrono::steady_clock::time_point since;
  };
  // The job that runs.
  [[nodiscard]] std::optional<Busy> busy() const;
  // Nothing waits, runs or is to be collected.
  [[nodiscard]] bool idle() const;

 private:
  struct Job {
    std::string key;
    std::string title;
    Work work;
    Failed failed;
    std::atomic<bool> cancelled{false};
    std::chrono::steady_clock::time_point since;  // while it waits: not before
    Finish finish;
  };
  void run();
  void work_at(const std::shared_ptr<Job>& job);
  // The first that may run now, null if there is none. With mutex_ held.
  std::shared_ptr<Job> take(std::chrono::steady_clock::time_point now);

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable waiting_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::shared_ptr<Job> running_;
  std::deque<std::shared_ptr<Job>> done_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace acl::lsp
