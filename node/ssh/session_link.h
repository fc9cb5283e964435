// aclnode-ssh's end of its conversation with aclnode-session (node/protocol/login_message.h): messages in and out, descriptors in, and
// the one question that cannot wait, a signature.
//
// Sending never waits but for a signature; what the socket has no room for is kept, in order. Of that there is no bound here: while anything
// is kept, the client is not to be heard (service.cc). aclnode-session is trusted, as it is root,
// but a message that is in no form ends the conversation all the same.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "engine/net/fd.h"
#include "node/protocol/channel.h"
#include "node/protocol/login_message.h"

namespace acl::node::ssh {

class SessionLink {
 public:
  struct Incoming {
    protocol::ToSsh message;
    std::array<Fd, protocol::most_descriptors> descriptors;
    std::size_t count = 0;

    [[nodiscard]] std::span<Fd> given() noexcept { return std::span(descriptors).first(count); }
  };

  // The socket is lent.
  explicit SessionLink(int socket);

  // Gives a login its number, and an answer to a check that of its login. What cannot be encoded is a mistake of this program: the conversation is over.
  void send(protocol::FromSsh message);
  // What came, oldest first; nothing: nothing more for now, or the conversation is over.
  std::optional<Incoming> receive();
  // Waits for what comes next.
  std::optional<Incoming> wait();
  // Waits for the answer; everything else that comes meanwhile is received later.
  std::optional<protocol::Bytes> sign(std::size_t key, protocol::ByteView data);

  // Sends what was kept, as far as there is room.
  void flush();
  [[nodiscard]] bool has_kept() const noexcept { return !kept_.empty(); }
  // Something came while a signature was awaited: receive() gives it, and the socket may well be silent.
  [[nodiscard]] bool has_heard() const noexcept { return !heard_.empty(); }
  [[nodiscard]] int socket() const noexcept { return socket_; }
  [[nodiscard]] bool closed() const noexcept { return closed_ || broken_; }
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  std::optional<Incoming> take();

  int socket_;
  bool closed_ = false, broken_ = false;
  std::uint32_t last_request_ = 0, login_ = 0;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::deque<protocol::Bytes> kept_;
  std::deque<Incoming> heard_;
};

}  // namespace acl::node::ssh
