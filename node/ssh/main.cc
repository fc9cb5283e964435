// aclnode-ssh: speaks SSH with one client. Started by aclnode-session, with their conversation as descriptor 3 and the client's
// connection as descriptor 4; of no use by hand.
//
//   aclnode-ssh [USER|UID:GID]        whom to become; needed as root, and only there
//
// Exit: 0 the connection is over, 1 the other side broke the protocol, 2 wrong usage, 3 privileges could not be given up.
#include <fcntl.h>
#include <libssh/libssh.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "node/confine/privileges.h"
#include "node/ssh/confinement.h"
#include "node/ssh/service.h"

namespace acl::node::ssh {
namespace {

constexpr int conversation = 3;
constexpr int connection = 4;

int complain(const Diagnostic& diagnostic) {
  std::fprintf(stderr, "aclnode-ssh: error %s: %s\n", std::string(code_name(diagnostic.code)).c_str(),
               diagnostic.message.c_str());
  if (!diagnostic.help.empty()) std::fprintf(stderr, "  = help: %s\n", diagnostic.help.c_str());
  return 3;
}

bool is_socket(int fd, int wanted) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == wanted;
}

// A client that is gone without a word is noticed, if late, also where nobody asks it (tcp(7), SO_KEEPALIVE).
void keep_alive() {
  const int on = 1;
  setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

// A few hundred KiB for a login that rests.
void use_little_memory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

// Dies with whoever started it, whatever it is brought to do: by prctl(2), becoming another user has ended that. Whether there was nobody
// any more before it took effect, their conversation tells.
Expected<void> die_with_parent() {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return fail(Code::E1405, std::string("cannot ask to be killed with its parent: ") + std::strerror(errno));
  pollfd one{conversation, 0, 0};
  if (poll(&one, 1, 0) > 0) _exit(0);
  return {};
}

Expected<void> give_up(const std::optional<std::string>& name) {
  constexpr Code code = Code::E1405;
  std::optional<confine::User> user;
  if (name) {
    auto found = confine::find_user(code, *name);
    if (!found) return tl::unexpected(found.error());
    user = *found;
  }
  if (geteuid() == 0) {
    if (auto left = confine::leave_file_system(code); !left) return left;
  }
  if (auto became = confine::become(code, "aclnode-ssh", user); !became) return became;
  if (auto locked = lock_down(); !locked) return locked;
  if (auto bound = die_with_parent(); !bound) return bound;
#ifndef ACL_SANITIZED
  return filter_system_calls();
#else
  return {};  // sanitizers make system calls of their own
#endif
}

// What libssh and OpenSSL would open files for, while there are any. Their settings on this machine are not asked.
bool load_libraries() { return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1 && ssh_init() == 0; }

}  // namespace
}  // namespace acl::node::ssh

int main(int count, char** arguments) {
  using namespace acl::node::ssh;  // NOLINT(google-build-using-namespace): a program of one file
  if (count > 2 || (count == 2 && arguments[1][0] == '-') || !is_socket(conversation, SOCK_SEQPACKET) ||
      !is_socket(connection, SOCK_STREAM)) {
    std::fputs(
        "usage: aclnode-ssh [USER|UID:GID], started by aclnode-session with their socket as descriptor 3 and\n"
        "       the connection as descriptor 4\n",
        stderr);
    return 2;
  }
  umask(077);
  std::signal(SIGPIPE, SIG_IGN);
  if (close_range(connection + 1, ~0U, 0) != 0 || chdir("/") != 0) return 3;
  keep_alive();
  use_little_memory();
  if (!load_libraries()) return 3;
  const auto confined = give_up(count == 2 ? std::optional<std::string>(arguments[1]) : std::nullopt);
  if (!confined) return complain(confined.error());
  _exit(serve(conversation, connection));
}
