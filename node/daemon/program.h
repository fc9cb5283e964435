// Starting another program of the project: without environment, with nothing of this process's but standard error and, by its name, the
// folder "/"; signals as usual.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"

namespace acl::node {

struct StartedProgram {
  pid_t pid = -1;
  Fd watch;  // a pidfd: readable when it has ended (pidfd_open(2))
};

// The caller waits for it, by program_ended(). E1404.
Expected<StartedProgram> start_program(const std::string& path, const std::vector<std::string>& arguments);
// In a session of its own, nobody's child: it lives on when this process ends. E1404; what becomes of it is not known here.
Expected<void> start_detached(const std::string& path, const std::vector<std::string>& arguments);

// Whether it has ended; then its exit status, or 128 + its signal, is in `status`.
bool program_ended(const StartedProgram& program, int& status);

}  // namespace acl::node
