// aclnode-net: what aclnode does not do itself because strangers have a say in it. Started by it, with their socket as descriptor 3; of
// no use by hand.
//
//   aclnode-net [USER|UID:GID]           fetches releases. USER: whom to become; needed as root, and only there
//   aclnode-net openid [USER|UID:GID]    talks to the OpenID provider
//   aclnode-net verify [USER|UID:GID]    looks at one signature or token, and ends
//
// Exit: 0 the socket was closed, 1 the other side broke the protocol, 2 wrong usage, 3 privileges could not be given up.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "node/confine/privileges.h"
#include "node/net/confinement.h"
#include "node/net/openid_service.h"
#include "node/net/service.h"
#include "node/net/verify_jail.h"
#include "node/net/verify_service.h"
#include "node/verify/answer.h"

namespace acl::node::net {
namespace {

constexpr int socket_descriptor = 3;

int complain(const Diagnostic& diagnostic) {
  std::fprintf(stderr, "aclnode-net: error %s: %s\n", std::string(code_name(diagnostic.code)).c_str(),
               diagnostic.message.c_str());
  if (!diagnostic.help.empty()) std::fprintf(stderr, "  = help: %s\n", diagnostic.help.c_str());
  return 3;
}

bool is_our_socket() {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(socket_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

// Small, also with a few threads: glibc gives each a stack of 8 MiB and a heap of its own unless it is told otherwise, and keeps
// what large parts took.
void use_little_memory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{512} * 1024);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

enum class Mode : std::uint8_t { fetch, openid, verify };

Expected<void> confine_as(Mode mode) {
  if (mode == Mode::verify) {
    if (auto locked = lock_down_for_verifying(); !locked) return locked;
  } else {
    if (auto locked = lock_down(); !locked) return locked;
  }
#ifndef ACL_SANITIZED
  return mode == Mode::verify ? filter_verifying() : filter_system_calls();
#else
  return {};  // sanitizers make system calls of their own
#endif
}

Expected<void> give_up(Mode mode, const std::optional<std::string>& name) {
  constexpr Code code = Code::E1362;
  std::optional<confine::User> user;
  if (name) {
    auto found = confine::find_user(code, *name);
    if (!found) return tl::unexpected(found.error());
    user = *found;
  }
  if (auto became = confine::become(code, "aclnode-net", user); !became) return became;
  return confine_as(mode);
}

int work(Mode mode) {
  switch (mode) {
    case Mode::fetch: return serve(socket_descriptor);
    case Mode::openid: return authorize(socket_descriptor);
    case Mode::verify: return verify_once(socket_descriptor);
  }
  return 2;
}

}  // namespace
}  // namespace acl::node::net

int main(int count, char** arguments) {
  using namespace acl::node::net;  // NOLINT(google-build-using-namespace): a program of one file
  Mode mode = Mode::fetch;
  int user = 1;
  if (count > 1 && std::string_view(arguments[1]) == "openid") mode = Mode::openid;
  if (count > 1 && std::string_view(arguments[1]) == "verify") mode = Mode::verify;
  if (mode != Mode::fetch) ++user;
  if (count > user + 1 || (count > user && arguments[user][0] == '-') || !is_our_socket()) {
    std::fputs(
        "usage: aclnode-net [openid|verify] [USER|UID:GID], started by aclnode with their socket as descriptor 3\n",
        stderr);
    return 2;
  }
  umask(077);
  if (close_range(socket_descriptor + 1, ~0U, 0) != 0 || chdir("/") != 0) return 3;
  use_little_memory();
  if (mode == Mode::verify && !acl::node::verify::load_libraries()) return 3;
  const auto confined = give_up(mode, count > user ? std::optional<std::string>(arguments[user]) : std::nullopt);
  if (!confined) return complain(confined.error());
  _exit(work(mode));
}
