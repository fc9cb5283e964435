// aclnode-ssh as it would be once taken over: it gives up what it gives up, and then, instead of serving, does what it is told, which is
// to get out. Built for tests alone (tests/e2e/node/ssh_process.py); never installed.
//
// The conversation's first message is an attempt and the process id of a sibling, "kill 4711". Exit: 0 the attempt "unconfined", which only
// moves bytes, 50 an attempt that did not succeed and did not kill either, 51 one that succeeded. The attempt "stay" says so on the
// connection, and never ends by itself.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "node/ssh/service.h"

namespace acl::node::ssh {
namespace {

int attempt(const std::string& what, pid_t sibling) {
  if (what == "open") return open("/etc/passwd", O_RDONLY);
  if (what == "write") return open("/planted", O_WRONLY | O_CREAT, 0600);
  if (what == "socket") return socket(AF_UNIX, SOCK_STREAM, 0);
  if (what == "connect") {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    return connect(4, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  if (what == "exec") return execl("/bin/sh", "sh", "-c", "true", nullptr);
  if (what == "fork") return fork();
  if (what == "kill") return kill(sibling, SIGTERM);
  if (what == "ptrace") return static_cast<int>(ptrace(PTRACE_ATTACH, sibling, nullptr, nullptr));
  if (what == "memory") {
    std::array<char, 16> into{};
    const iovec here{into.data(), into.size()};
    const iovec there{into.data(), into.size()};
    return static_cast<int>(process_vm_readv(sibling, &here, 1, &there, 1, 0));
  }
  if (what == "user") return setuid(0);
  return -1;
}

}  // namespace

int serve(int conversation, int connection) {
  std::array<char, 64> message{};
  const ssize_t got = recv(conversation, message.data(), message.size() - 1, 0);
  const std::string text(message.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto space = text.find(' ');
  if (text.starts_with("unconfined")) return 0;
  if (text.starts_with("stay") && write(connection, "s", 1) == 1)
    for (;;) poll(nullptr, 0, -1);
  return attempt(text.substr(0, space), std::atoi(text.c_str() + space + 1)) < 0 ? 50 : 51;
}

}  // namespace acl::node::ssh
