#include "node/net/notices.h"

#include <algorithm>
#include <limits>

namespace acl::node::net {
namespace {

std::int64_t earliest(const std::optional<std::int64_t>& last, std::int64_t gap) {
  return last ? *last + gap : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

std::vector<protocol::FromNet> Notices::take(std::int64_t now_ms) {
  std::vector<protocol::FromNet> out;
  if (changed_ && now_ms >= earliest(changed_at_, changed_gap_ms)) {
    changed_ = false;
    changed_at_ = now_ms;
    out.emplace_back(protocol::Changed{});
  }
  if (trouble_ != told_ && now_ms >= earliest(watch_at_, watch_gap_ms)) {
    told_ = trouble_;
    watch_at_ = now_ms;
    if (told_) {
      out.emplace_back(protocol::Trouble{*told_});
    } else {
      out.emplace_back(protocol::Well{});
    }
  }
  return out;
}

std::optional<std::int64_t> Notices::next_ms() const {
  std::optional<std::int64_t> next;
  if (changed_) next = earliest(changed_at_, changed_gap_ms);
  if (trouble_ != told_) {
    const std::int64_t at = earliest(watch_at_, watch_gap_ms);
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

}  // namespace acl::node::net
