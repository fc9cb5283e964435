#include "compiler/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "compiler/emit/display.h"

namespace acl::cli {
namespace {

using Clock = std::chrono::steady_clock;

const Clock::time_point program_start = Clock::now();
constexpr std::chrono::milliseconds between_lines{200};

}  // namespace

struct Progress::Line {
  std::string what;
  std::size_t total = 0;
  Clock::time_point first;  // not before
  std::atomic<std::size_t> done = 0;
  std::mutex mutex;
  std::condition_variable ended_changed;
  bool ended = false;
  std::thread writer;

  void write_until_ended() {
    bool shown = false;
    std::unique_lock lock(mutex);
    const auto is_over = [&] { return ended; };
    if (!ended_changed.wait_until(lock, first, is_over)) {
      do {
        std::string text = what;
        if (total != 0) text += fmt::format(": {} of {}", done.load(std::memory_order_relaxed), total);
        std::fputs(("\r" + text + "\033[K").c_str(), stderr);
        std::fflush(stderr);
        shown = true;
      } while (!ended_changed.wait_for(lock, between_lines, is_over));
    }
    if (!shown) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
  }
};

Progress::Progress(const std::string& what, std::size_t total, std::chrono::milliseconds silence) {
  if (::isatty(STDERR_FILENO) == 0) return;
  line_ = std::make_unique<Line>();
  line_->what = emit::printable(what);
  line_->total = total;
  line_->first = program_start + silence;
  line_->writer = std::thread([line = line_.get()] { line->write_until_ended(); });
}

Progress::~Progress() {
  if (!line_) return;
  {
    const std::lock_guard lock(line_->mutex);
    line_->ended = true;
  }
  line_->ended_changed.notify_one();
  line_->writer.join();
}

void Progress::done(std::size_t count) noexcept {
  if (line_) line_->done.store(count, std::memory_order_relaxed);
}

}  // namespace acl::cli
