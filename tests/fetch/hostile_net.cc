// In the place of aclnode-net: a program that somebody has taken over. Its argument says what it does.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "node/protocol/channel.h"
#include "node/protocol/message.h"

namespace {

using namespace acl::node::protocol;  // NOLINT(google-build-using-namespace): a program of one file

constexpr int socket_descriptor = 3;

void say(const FromNet& message) { send_message(socket_descriptor, encode(message), Wait::yes); }
void say_bytes(ByteView bytes) { send_message(socket_descriptor, bytes, Wait::yes); }

// The next request; the process ends with its socket.
Get next_get() {
  Bytes buffer(longest_message);
  for (;;) {
    pollfd waiting{socket_descriptor, POLLIN, 0};
    poll(&waiting, 1, -1);
    const Received received = receive_message(socket_descriptor, buffer);
    if (received.state == Received::State::closed) _exit(0);
    if (received.state != Received::State::message) continue;
    const auto message = decode_to_net(received.message);
    if (message && std::holds_alternative<Get>(*message)) return std::get<Get>(*message);
  }
}

[[noreturn]] void do_nothing_more() {
  for (;;) next_get();
}

// Messages in their forms, with numbers and sizes that are not: mostly of the request that stands, so that some are legal.
[[noreturn]] void talk_at_random(unsigned seed) {
  std::mt19937 random(seed);
  const Bytes bytes(longest_piece, 'x');
  const Get get = next_get();
  for (;;) {
    const std::uint64_t id = random() % 20 == 0 ? random() : get.id;
    const std::size_t size = random() % 30 + 1;
    switch (random() % 12) {
      case 0: say(Changed{}); break;
      case 1: say(Complete{id}); break;
      case 2: say(Absent{id}); break;
      case 3: say(Failed{id, std::string(size, static_cast<char>(random()))}); break;
      case 4: say(Trouble{std::string(size, static_cast<char>(random()))}); break;
      case 5: say(Well{}); break;
      case 6: {
        Bytes noise(size);
        for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
        say_bytes(noise);
        break;
      }
      default: say(Piece{id, ByteView(bytes).first(size)});
    }
  }
}

[[noreturn]] void answer_wrongly(std::string_view how) {
  if (how == "never-asked") {
    say(Complete{7});
    do_nothing_more();
  }
  if (how == "noise") {
    say_bytes(Bytes(1000, 0xff));
    do_nothing_more();
  }
  if (how == "too-long") {
    say_bytes(Bytes(longest_message + 100, 17));
    do_nothing_more();
  }
  const Get get = next_get();
  const Bytes bytes(longest_piece, 'x');
  if (how == "too-much") {
    for (;;) say(Piece{get.id, bytes});
  }
  if (how == "absent-after-all") {
    say(Piece{get.id, ByteView(bytes).first(1)});
    say(Absent{get.id});
  } else if (how == "twice") {
    for (;;) say(Absent{get.id});
  } else if (how == "ends") {
    std::_Exit(0);
  }
  do_nothing_more();
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view how = count > 1 ? arguments[1] : "";
  if (how == "chatter") {
    for (;;) say(Changed{});
  }
  if (how == "alternates") {
    for (;;) {
      say(Trouble{"\x1b[2Jtrouble"});
      say(Well{});
    }
  }
  if (how == "random") talk_at_random(static_cast<unsigned>(getpid()));
  answer_wrongly(how);
}
