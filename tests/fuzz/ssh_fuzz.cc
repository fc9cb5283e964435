// What a stranger may send to aclnode-ssh before the login: the real service over socket pairs, with the fuzzer as client and as little
// of aclnode-session as there has to be. The input is what the client sends: its identification, key exchange and packets up to NEWKEYS are
// in the clear; what comes after is garbage to the ciphers. The service ends when the client has said all.
//
// Nothing waits for a time: a run costs what its exchange of keys does, half a millisecond of a processor's with curve25519, several with
// the groups of diffie-hellman, of which there is one seed each. So the session's thread and its memory are there once, for all runs.
//
// After the login: ssh_channels_fuzz.cc, without the ciphers. Both, with the program itself: tests/e2e/node/ssh_hostile.py.
#include <libssh/libssh.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

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

// The service may be gone already.
void say(const Fd& to, const node::protocol::ToSsh& message) {
  const auto bytes = node::protocol::encode(message);
  if (!bytes) std::abort();
  send_message(to.get(), *bytes, node::protocol::Wait::no);
}

// Until the service closes its end: a signature for each question, which is of no key at all, as that is the client's matter; a verdict that
// accepts, should anybody get that far.
void play_session(const Fd& ours, std::vector<std::uint8_t>& buffer) {
  for (;;) {
    const ssize_t got = recv(ours.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    const auto message = node::protocol::decode_from_ssh({buffer.data(), static_cast<std::size_t>(got)});
    if (!message) std::abort();
    if (const auto* sign = std::get_if<node::protocol::Sign>(&*message))
      say(ours, node::protocol::Signature{sign->request, node::ssh::Bytes(64, 7)});
    if (const auto* login = std::get_if<node::protocol::Login>(&*message)) {
      node::protocol::LoginVerdict verdict;
      verdict.request = login->request;
      verdict.accept = true;
      say(ours, verdict);
    }
  }
}

// Plays one session after the other, in a thread that is never ended.
class Player {
 public:
  Player() {
    std::thread([this] {
      std::vector<std::uint8_t> buffer(node::protocol::longest_login_message);
      for (;;) {
        begin_.acquire();
        play_session(*ours_, buffer);
        over_.release();
      }
    }).detach();
  }
  void begin(const Fd& ours) {
    ours_ = &ours;
    begin_.release();
  }
  void wait() { over_.acquire(); }

 private:
  const Fd* ours_ = nullptr;
  std::binary_semaphore begin_{0}, over_{0};
};

void welcome(const Fd& ours) {
  node::protocol::Welcome message;
  const node::ssh::Bytes point(32, 9);
  message.host_keys.push_back({"ssh-ed25519", node::ssh::PacketWriter().string("ssh-ed25519").string(point).take()});
  say(ours, message);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::signal(SIGPIPE, SIG_IGN);
  return ssh_init();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 100'000) return -1;
  Pair conversation = pair_of(SOCK_SEQPACKET);
  const Pair connection = pair_of(SOCK_STREAM);
  welcome(conversation.ours);
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t now = send(connection.ours.get(), data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (now <= 0) break;
    sent += static_cast<std::size_t>(now);
  }
  shutdown(connection.ours.get(), SHUT_WR);
  static auto* const player = new Player;
  player->begin(conversation.ours);
  if (node::ssh::serve(conversation.theirs.get(), connection.theirs.get()) != 0) std::abort();
  shutdown(conversation.theirs.get(), SHUT_RDWR);
  player->wait();
  return 0;
}
