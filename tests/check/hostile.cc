// In place of aclnode-net: what one that was taken over could do. `hostile MODE …`: MODE is the user that aclnode names, after "openid" or "verify".
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

#include "node/protocol/channel.h"
#include "node/protocol/openid_message.h"
#include "node/protocol/verify_message.h"

using namespace acl::node::protocol;  // NOLINT(google-build-using-namespace): a program of one file

namespace {

constexpr int socket_descriptor = 3;
std::array<std::uint8_t, longest_verify_message> buffer;

Received next() {
  pollfd waiting{socket_descriptor, POLLIN, 0};
  poll(&waiting, 1, -1);
  return receive_message(socket_descriptor, buffer);
}

void say(const acl::Expected<Bytes>& message) { send_message(socket_descriptor, *message, Wait::yes); }

int verify(const std::string& mode) {
  next();
  if (mode == "verify:silent") pause();
  if (mode == "verify:dies") return 7;
  if (mode == "verify:crashes") raise(SIGSEGV);
  if (mode == "verify:garbage") say(Bytes{1, 2, 3});
  if (mode == "verify:question") say(encode(VerifyQuestion{SignatureToVerify{}}));
  if (mode == "verify:key") say(encode(VerifyAnswer{Verified{9, 0}}));
  if (mode == "verify:long") say(Bytes(5000, 105));
  if (mode == "verify:words") say(encode(VerifyAnswer{NotVerified{"\x1b[2J"}}));
  pause();
  return 0;
}

// Reads until it is asked for an authorization; its number.
std::uint64_t asked() {
  for (;;) {
    const Received received = next();
    if (received.state != Received::State::message) _exit(0);
    const auto message = decode_to_openid(received.message);
    if (const auto* authorize = message ? std::get_if<Authorize>(&*message) : nullptr) return authorize->id;
  }
}

int openid(const std::string& mode) {
  const std::uint64_t id = asked();
  const UserCode code{id, "https://login.example.com/device", {}, "WDJB-MJHT", 600};
  if (mode == "openid:dies") return 7;
  if (mode == "openid:garbage") say(Bytes{1, 2, 3});
  if (mode == "openid:other") say(encode(FromOpenid{IdToken{id + 5, "x"}}));
  if (mode == "openid:twice") {
    say(encode(FromOpenid{code}));
    say(encode(FromOpenid{code}));
  }
  UserCode odd = code;
  if (mode == "openid:http") odd.verification_uri = "http://login.example.com/device";
  if (mode == "openid:escape") odd.user_code = "A\x1b[2J";
  if (mode == "openid:complete") odd.verification_uri_complete = "https://login.example.com/\"";
  if (mode == "openid:http" || mode == "openid:escape" || mode == "openid:complete") say(encode(FromOpenid{odd}));
  if (mode == "openid:words") say(encode(FromOpenid{NotAuthorized{id, "\x1b[2Jno"}}));
  if (mode == "openid:silent") pause();
  if (mode == "openid:token") {
    // Each one: its code, then a token; what was forgotten meanwhile is answered all the same.
    for (std::uint64_t each = id;; each = asked()) {
      UserCode own = code;
      own.id = each;
      say(encode(FromOpenid{own}));
      say(encode(FromOpenid{IdToken{each, "a.b.c"}}));
    }
  }
  pause();
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string mode = count > 2 ? words[2] : "";
  return std::strcmp(count > 1 ? words[1] : "", "verify") == 0 ? verify(mode) : openid(mode);
}
