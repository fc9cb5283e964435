// Notices: when to tell aclnode that `latest` may have changed and how the watch fares, so that a source that changes without end
// does not make this process talk without end (aclnode would end it: conversation.h).
//
// Pure: what was seen and times go in, messages come out. The first change is told at once, further ones at most every 50 ms,
// and never lost; trouble and its end at most every second, and only what is still so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "node/protocol/message.h"

namespace acl::node::net {

inline constexpr std::int64_t changed_gap_ms = 50;
inline constexpr std::int64_t watch_gap_ms = 1000;

class Notices {
 public:
  void saw_change() { changed_ = true; }
  // What keeps the watch from being told; nothing while it is well.
  void saw_trouble(std::optional<std::string> text) { trouble_ = std::move(text); }

  // What to send now. It counts as sent.
  std::vector<protocol::FromNet> take(std::int64_t now_ms);
  // When take() has something next; nothing if it has nothing.
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;

 private:
  bool changed_ = false;
  std::optional<std::string> trouble_;
  std::optional<std::string> told_;  // as aclnode knows it
  std::optional<std::int64_t> changed_at_;
  std::optional<std::int64_t> watch_at_;
};

}  // namespace acl::node::net
