#include "lsp/server/worker.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace acl::lsp {

Worker::Worker(Threads threads, std::function<void()> wake) : wake_(std::move(wake)) {
  if (threads == Threads::one) thread_ = std::thread([this] { run(); });
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (running_) running_->cancelled = true;
  }
  waiting_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::post(std::string key, std::string title, Work work, Failed failed, std::chrono::milliseconds after) {
  auto job = std::make_shared<Job>();
  job->key = std::move(key);
  job->title = std::move(title);
  job->work = std::move(work);
  job->failed = std::move(failed);
  job->since = std::chrono::steady_clock::now() + after;
  cancel(job->key);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  waiting_.notify_one();
}

void Worker::cancel(const std::string& key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(queue_, [&](const auto& job) { return job->key == key; });
  if (running_ && running_->key == key) running_->cancelled = true;
  for (const auto& job : done_) {
    if (job->key == key) job->cancelled = true;
  }
}

std::shared_ptr<Worker::Job> Worker::take(std::chrono::steady_clock::time_point now) {
  const auto ready = std::find_if(queue_.begin(), queue_.end(), [&](const auto& job) { return job->since <= now; });
  if (ready == queue_.end()) return nullptr;
  running_ = std::move(*ready);
  queue_.erase(ready);
  running_->since = now;
  return running_;
}

void Worker::run() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      while (!ending_ && !(job = take(std::chrono::steady_clock::now()))) {
        if (queue_.empty()) {
          waiting_.wait(lock);
          continue;
        }
        const auto earlier = [](const auto& a, const auto& b) { return a->since < b->since; };
        waiting_.wait_until(lock, (*std::min_element(queue_.begin(), queue_.end(), earlier))->since);
      }
      if (!job) return;
    }
    work_at(job);
    wake_();
  }
}

// What a job cannot do for want of memory stays undone; neither thread must end for it.
void Worker::work_at(const std::shared_ptr<Job>& job) {
  try {
    job->finish = job->work(job->cancelled);
  } catch (const std::exception& error) {
    job->finish = {};
    if (job->failed) job->finish = [failed = job->failed, reason = std::string(error.what())] { failed(reason); };
  }
  job->work = {};
  const std::lock_guard lock(mutex_);
  running_.reset();
  done_.push_back(job);
}

bool Worker::collect() {
  if (!thread_.joinable()) {
    std::shared_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      job = take(std::chrono::steady_clock::time_point::max());
    }
    if (job) work_at(job);
  }
  for (bool any = false;; any = true) {
    std::shared_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (done_.empty()) return any;
      job = std::move(done_.front());
      done_.pop_front();
    }
    if (job->cancelled || !job->finish) continue;
    try {
      job->finish();
    } catch (const std::exception& error) {
      if (job->failed) job->failed(error.what());
      throw;
    }
  }
}

std::optional<Worker::Busy> Worker::busy() const {
  const std::lock_guard lock(mutex_);
  if (!running_) return std::nullopt;
  return Busy{running_->title, running_->since};
}

bool Worker::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && !running_ && done_.empty();
}

}  // namespace acl::lsp
