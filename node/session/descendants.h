// All that a login has started, also what left its session: for the end of a login that is no longer allowed.
//
// Whoever calls this is their subreaper (PR_SET_CHILD_SUBREAPER), so that what loses its parent becomes its child and is found
// again. What others start on the user's behalf (cron, systemd --user, a tmux server of another login) is none of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/net/fd.h"

namespace acl::node::session {

struct ProcessLine {
  pid_t pid = 0, parent = 0, foreground = 0;  // foreground: process group of its terminal's foreground, or -1
  char state = '?';
  std::uint64_t started = 0;  // ticks since boot: with the number it names a process
};
// As proc(5) says of /proc/PID/stat. False: it is not in that form. The name in it may hold anything.
bool parse_process_line(std::string_view text, ProcessLine& line);
// Of one process; false: it is gone.
bool read_process(pid_t pid, ProcessLine& line);

// Descendants of `root` among these, nearest first. Pure.
std::vector<ProcessLine> descendants_of(pid_t root, const std::vector<ProcessLine>& all);

// SIGKILL to that process, and not to one that has got its number since. False: it is gone.
bool kill_process(const ProcessLine& seen) noexcept;

// SIGKILL to all descendants of this process, again until there are none. Waits for those that are its children. False: after
// all rounds there still were some: they do not end (a disk), or make others faster than they are found.
bool kill_descendants() noexcept;

// A pidfd of that process (pidfd_open(2)), which is this one's child and has not been waited for, or may be another one by now.
Fd open_process(pid_t pid) noexcept;
// The number of a pidfd's process, by its fdinfo, which is its own as long as it has not been waited for; -1 or 0: it has, is in another
// namespace, or that is no pidfd.
pid_t pid_of(int process);
// By a pidfd: to no other process. False: it is gone.
bool signal_process(int process, int signal) noexcept;
// Of a pidfd: stops that process, and SIGKILL to all its descendants as they are now. It stays their subreaper, stopped, until it is killed.
void kill_tree_below(int process) noexcept;

}  // namespace acl::node::session
