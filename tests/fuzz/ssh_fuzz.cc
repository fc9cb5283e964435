// What a stranger may send to aclnode-ssh before the login: the real service over socket pairs, with the fuzzer as client and as little
// of aclnode-session as there has to be. The input is what the client sends: its identification, key exchange and packets up to NEWKEYS are
// in the clear; what comes after is garbage to the ciphers. The service ends when the client has said all.
//
// After the login: ssh_channels_fuzz.cc, without the ciphers.
#include <libssh/libssh.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "engine/net/fd.h"
#include "node/protocol/channel.h"
#include "node/protocol/login_message.h"
#include "node/ssh/service.h"
#include "node/ssh/wire.h"

namespace {

using namespace acl;  // NOLINT(google-build-using-namespace): a program of one file

struct Pair {
  Fd ours, theirs;
};
Pair pair_of(int type) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, type, 0, ends) != 0) std::abort();
  return {Fd(ends[0]), Fd(ends[1])};
}

void say(const Fd& to, const node::protocol::ToSsh& message) {
  const auto bytes = node::protocol::encode(message);
  if (!bytes || send_message(to.get(), *bytes, node::protocol::Wait::no) != node::protocol::Sent::sent) std::abort();
}

// A key, and a signature for the one question; that it is not of that key is the client's matter.
void play_session(const Fd& to) {
  node::protocol::Welcome welcome;
  const node::ssh::Bytes point(32, 9);
  welcome.host_keys.push_back({"ssh-ed25519", node::ssh::PacketWriter().string("ssh-ed25519").string(point).take()});
  say(to, welcome);
  say(to, node::protocol::Signature{1, node::ssh::Bytes(64, 7)});
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::signal(SIGPIPE, SIG_IGN);
  return ssh_init();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 100'000) return -1;
  const Pair conversation = pair_of(SOCK_SEQPACKET);
  const Pair connection = pair_of(SOCK_STREAM);
  play_session(conversation.ours);
  shutdown(conversation.ours.get(), SHUT_WR);
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t now = send(connection.ours.get(), data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (now <= 0) break;
    sent += static_cast<std::size_t>(now);
  }
  shutdown(connection.ours.get(), SHUT_WR);
  if (node::ssh::serve(conversation.theirs.get(), connection.theirs.get()) > 1) std::abort();
  return 0;
}
