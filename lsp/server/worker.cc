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

void Worker::post(std::string key, std::string title, Work work) {
  auto job = std::make_shared<Job>();
  job->key = std::move(key);
  job->title = std::move(title);
  job->work = std::move(work);
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

std::shared_ptr<Worker::Job> Worker::take() {
  if (queue_.empty()) return nullptr;
  running_ = std::move(queue_.front());
  queue_.pop_front();
  running_->since = std::chrono::steady_clock::now();
  return running_;
}

void Worker::run() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      waiting_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      job = take();
    }
    // What a job cannot do for want of memory stays undone; the loop must not end for it.
    try {
      job->finish = job->work(job->cancelled);
    } catch (const std::exception&) {
      job->finish = {};
    }
    job->work = {};
    {
      const std::lock_guard lock(mutex_);
      running_.reset();
      done_.push_back(std::move(job));
    }
    wake_();
  }
}

bool Worker::collect() {
  std::vector<std::shared_ptr<Job>> done;
  if (!thread_.joinable()) {
    std::shared_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      job = take();
    }
    if (job) {
      job->finish = job->work(job->cancelled);
      const std::lock_guard lock(mutex_);
      running_.reset();
      done_.push_back(std::move(job));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (const auto& job : done) {
    if (!job->cancelled && job->finish) job->finish();
  }
  return !done.empty();
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
