#include "node/daemon/waiting_room.h"

#include <set>
#include <utility>

namespace acl::node {

bool WaitingRoom::add(AcceptedConnection connection, std::int64_t until_ms) {
  if (waiting_.size() >= most_waiting) return false;
  std::size_t& of_one = of_source_[connection.source.address];
  if (of_one >= most_waiting_of_one) return false;
  ++of_one;
  waiting_.push_back({std::move(connection), until_ms});
  return true;
}

void WaitingRoom::leave(const net::Address& source) {
  const auto at = of_source_.find(source);
  if (at != of_source_.end() && --at->second == 0) of_source_.erase(at);
}

std::vector<AcceptedConnection> WaitingRoom::take(LoginLimits& limits) {
  std::vector<AcceptedConnection> out;
  std::deque<Waiting> left;
  std::set<net::Address> full;  // no more of these is asked for: one answer holds for all of a source
  for (Waiting& one : waiting_) {
    const net::Address source = one.connection.source.address;
    if (full.count(source) == 0 && limits.begin(source)) {
      leave(source);
      out.push_back(std::move(one.connection));
    } else {
      full.insert(source);
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
    out.push_back(waiting_.front().connection.source.address);
    leave(out.back());
    waiting_.pop_front();
  }
  return out;
}

}  // namespace acl::node
