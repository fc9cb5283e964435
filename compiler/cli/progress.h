// Progress: says on standard error what a long piece of work is at, where that is a terminal, and erases it at its end.
//
// One line, "reading inventory.hujson", or "showing nodes: 1200 of 50000" where the work counts. It appears once the program has
// run for about a second, so that what is quick says nothing, and never where standard error is a file or a pipe. Nothing else
// may be written to the terminal while one lives: make it for the work alone, and print after it is gone. One at a time.
//
// A thread of its own writes the line, so that work that cannot count is told of, too. Nothing here fails: a terminal that
// cannot be written to shows nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace acl::cli {

class Progress {
 public:
  // `total`: how much there is to count, 0 for work that does not count.
  explicit Progress(const std::string& what, std::size_t total = 0,
                    std::chrono::milliseconds silence = std::chrono::seconds(1));
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void done(std::size_t count) noexcept;

 private:
  struct Line;
  std::unique_ptr<Line> line_;  // none where nothing is to be shown
};

}  // namespace acl::cli
