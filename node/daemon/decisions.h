// Decisions: a record of every change of what a node enforces, one line of JSON each, for journald or a file.
//
//   {"time": "2026-11-26T15:55:55Z", "event": "enforcing", "generation": "1.17", …}
//
// Events: started, enforcing, deny-all, break-glass, refused, source, binding, filter, guard, state, reloaded, stopped, lost. Values are
// texts. Nothing here waits for whoever reads: a journald that hangs must not hold up the filter. What it does not take is kept, up to
// 64 KiB, and offered again with the next record or flush(); what is more is dropped and counted, and the first record that goes out
// afterwards says so ("lost"). Only a file on a disk that hangs can hold up a write; the kernel knows no other way for files.
#pragma once

#include <cstddef>
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
  static constexpr std::size_t most_kept = std::size_t{64} << 10;

  // An empty path: standard error. E0003.
  static Expected<Decisions> open(const std::string& path);
  // To a descriptor that the caller keeps open for as long.
  static Decisions to(int fd);
  Decisions(Decisions&& other) noexcept;
  Decisions& operator=(Decisions&& other) noexcept;
  Decisions(const Decisions&) = delete;
  Decisions& operator=(const Decisions&) = delete;
  ~Decisions();

  void record(release::Time now, std::string_view event, std::initializer_list<Field> fields);
  // Offers again what was not taken.
  void flush(release::Time now);
  // Records dropped since the process began.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  // Goes on in another place: what that one has lost and not taken is carried over.
  void move_to(Decisions other);

 private:
  Decisions(int fd, bool owned);
  void keep(release::Time now, std::string line);
  void offer();

  int fd_ = -1;
  bool owned_ = false;
  std::string kept_;         // whole lines, but for the first, of which a part may have gone out
  std::size_t records_ = 0;  // in it
  std::uint64_t lost_ = 0;
  std::uint64_t told_ = 0;     // of those lost, how many "lost" records that went out have told of
  std::uint64_t telling_ = 0;  // … and will have when the first line of kept_ has gone out; 0: that is no such record
};

}  // namespace acl::node
