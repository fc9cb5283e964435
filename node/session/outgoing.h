// Messages on their way to another program, in order: what the socket has no room for is kept, with its descriptors, and sent when it can be
// written. Of what is kept there is no bound here: while anything is, whoever causes messages is not to be heard.
#pragma once

#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "engine/net/fd.h"
#include "node/protocol/channel.h"

namespace acl::node::session {

class Outgoing {
 public:
  // False: the other side is gone. The socket is lent; descriptors are taken over where they must wait, and lent again otherwise.
  bool send(int socket, protocol::Bytes message, std::span<Fd> along) {
    if (!kept_.empty()) return keep(std::move(message), along);
    switch (try_to(socket, message, along)) {
      case protocol::Sent::sent: return true;
      case protocol::Sent::full: return keep(std::move(message), along);
      case protocol::Sent::closed: break;
    }
    return false;
  }
  bool flush(int socket) {
    while (!kept_.empty()) {
      const protocol::Sent sent = try_to(socket, kept_.front().message, kept_.front().along);
      if (sent == protocol::Sent::full) return true;
      if (sent == protocol::Sent::closed) return false;
      kept_.pop_front();
    }
    return true;
  }
  [[nodiscard]] bool waits() const noexcept { return !kept_.empty(); }

 private:
  struct Kept {
    protocol::Bytes message;
    std::vector<Fd> along;
  };
  static protocol::Sent try_to(int socket, const protocol::Bytes& message, std::span<const Fd> along) noexcept {
    int numbers[protocol::most_descriptors] = {};
    for (std::size_t i = 0; i < along.size() && i < protocol::most_descriptors; ++i) numbers[i] = along[i].get();
    return protocol::send_message(socket, message, std::span<const int>(numbers).first(along.size()),
                                  protocol::Wait::no);
  }
  bool keep(protocol::Bytes message, std::span<Fd> along) {
    Kept& kept = kept_.emplace_back(Kept{std::move(message), {}});
    for (Fd& fd : along) kept.along.push_back(std::move(fd));
    return true;
  }
  std::deque<Kept> kept_;
};

}  // namespace acl::node::session
