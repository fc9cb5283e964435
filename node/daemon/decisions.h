// Decisions: a record of every change of what a node enforces, one line of JSON each, for journald or a file.
//
//   {"time": "2026-11-26T15:55:55Z", "event": "enforcing", "generation": "1.17", …}
//
// Events: started, enforcing, deny-all, break-glass, refused, source, binding, filter, guard, state, reloaded, stopped. Values are
// texts. Writing never blocks the daemon's work for long and never fails it: a record that cannot be written is counted.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "engine/net/diagnostic.h"
#include "engine/release/time.h"

namespace acl::node {

class Decisions {
 public:
  using Field = std::pair<std::string_view, std::string_view>;

  // An empty path: standard error. E0003.
  static Expected<Decisions> open(const std::string& path);
  Decisions(Decisions&& other) noexcept : fd_(other.fd_), lost_(other.lost_) { other.fd_ = -1; }
  Decisions& operator=(Decisions&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(lost_, other.lost_);
    return *this;
  }
  ~Decisions();

  void record(release::Time now, std::string_view event, std::initializer_list<Field> fields);
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  explicit Decisions(int fd) : fd_(fd) {}
  int fd_ = -1;
  std::uint64_t lost_ = 0;
};

}  // namespace acl::node
