// NetProcess: one run of aclnode-net, from its start to its end.
//
// Owns the process and this side of the socket. Nothing here waits but the destructor: at most a fifth of a second for a process that is
// asked to end, and as long for one that is killed. One that does not go even then (it is traced, or in a system call that does not
// return) is left behind, and reaped by a later start() or destructor. Single-threaded. The program gets its socket as descriptor 3, nothing else of ours, no environment,
// and standard error as it is.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "engine/net/diagnostic.h"
#include "node/protocol/channel.h"

namespace acl::node::daemon {

struct NetProgram {
  std::string path = "/usr/libexec/aclnode/aclnode-net";
  std::string user = "aclnode-net";  // "UID:GID", too; empty: none is given, for an aclnode that is not root
  std::string mode;                  // empty: it fetches releases; "verify", "openid"
};

class NetProcess {
 public:
  // E1364.
  static Expected<NetProcess> start(const NetProgram& program);
  NetProcess(NetProcess&& other) noexcept;
  NetProcess& operator=(NetProcess&& other) noexcept;
  NetProcess(const NetProcess&) = delete;
  NetProcess& operator=(const NetProcess&) = delete;
  // Closes the socket, at which the program ends; after a moment it is killed.
  ~NetProcess();

  [[nodiscard]] int socket() const noexcept { return socket_; }
  // Readable once the process has ended (pidfd_open(2)).
  [[nodiscard]] int pidfd() const noexcept { return pidfd_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  // Closes the socket and kills; ended() tells when it is gone.
  void kill() noexcept;
  // How it ended, once: "exit status 3", "killed by signal 31 (SIGSYS)". Nothing while it runs.
  std::optional<std::string> ended();

 private:
  NetProcess(pid_t pid, int pidfd, int socket) noexcept : pid_(pid), pidfd_(pidfd), socket_(socket) {}
  void close_descriptors() noexcept;

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int socket_ = -1;
};

}  // namespace acl::node::daemon
