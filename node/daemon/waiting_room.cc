#include "node/daemon/waiting_room.h"

#include <set>
#include <utility>

namespace acl::node {

bool WaitingRoom::add(WaitingConnection one, std::int64_t until_ms) {
  if (waiting_.size() >= most_waiting) return false;
  std::size_t& of_one = of_source_[one.origin];
  if (of_one >= most_waiting_of_one) return false;
  ++of_one;
  waiting_.push_back({std::move(one), until_ms});
  return true;
}

void WaitingRoom::leave(const LoginOrigin& origin) {
  const auto at = of_source_.find(origin);
  if (at != of_source_.end() && --at->second == 0) of_source_.erase(at);
}

std::vector<WaitingConnection> WaitingRoom::take(LoginLimits& limits) {
  std::vector<WaitingConnection> out;
  std::deque<Waiting> left;
  std::set<LoginOrigin> full;  // no more of these is asked for: one answer holds for all of a source
  for (Waiting& one : waiting_) {
    const LoginOrigin origin = one.waiter.origin;
    if (full.count(origin) == 0 && limits.begin(origin)) {
      leave(origin);
      out.push_back(std::move(one.waiter));
    } else {
      full.insert(origin);
      left.push_back(std::move(one));
    }
  }
  waiting_ = std::move(left);
  return out;
}

std::vector<net::Address> WaitingRoom::give_up(std::int64_t now_ms) {
  std::vector<net::Address> out;
  // In the order of their time, which is that of their coming.
  while (!waiting_.empty() && waiting_.front().until_ms <= now_ms) {
    out.push_back(waiting_.front().waiter.connection.source.address);
    leave(waiting_.front().waiter.origin);
    waiting_.pop_front();
  }
  return out;
}

}  // namespace acl::node
