#include "node/net/verify_service.h"

#include <poll.h>

#include "node/protocol/channel.h"
#include "node/protocol/verify_message.h"
#include "node/verify/answer.h"

namespace acl::node::net {

int verify_once(int socket) {
  // Whoever asks has a time of his own, and so has this process.
  pollfd waiting{socket, POLLIN, 0};
  if (poll(&waiting, 1, -1) < 0) return 1;
  protocol::Bytes buffer(protocol::longest_verify_message);
  const protocol::Received received = protocol::receive_message(socket, buffer);
  if (received.state != protocol::Received::State::message) return 1;
  const auto question = protocol::decode_verify_question(received.message);
  if (!question) return 1;
  const protocol::Bytes answer = protocol::encode(verify::answer(*question));
  return protocol::send_message(socket, answer, protocol::Wait::yes) == protocol::Sent::sent ? 0 : 1;
}

}  // namespace acl::node::net
