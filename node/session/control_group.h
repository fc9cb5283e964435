// The control group (cgroup v2) of a login, so that the end of what is no longer allowed reaches all of it at once: cgroup.kill (Linux 5.14)
// ends everything that is in a group, however fast it makes processes, whatever session or parent these have.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
//
// A login makes a group below its own and enters it once policy has accepted it; what it starts from then on is in it. Where pam_systemd gives
// it a scope (session-N.scope), it is in that from then on. Into another group that modules choose, such as one of a user, nobody knows what
// else belongs: that is not killed.
//
// Killed is a login's own group alone: one that it has made, or the scope of its own session, which it has marked as its own (an extended
// attribute "trusted.…" of the group, which root alone can set: xattr(7)); and never one that the killer is in itself, or below.
//
// What a login leaves behind when it ends by itself stays, as with sshd, and the group with it until it is empty: its supervisor removes
// it then. Where there are no such groups (no cgroup2, not writable) there is nothing here, and descendants.h is all there is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/fd.h"

namespace acl::node::session {

// Where cgroup2 is mounted, and what of it: mountinfo in proc(5). Nothing: nowhere.
struct GroupMount {
  std::string folder, root;
};
std::optional<GroupMount> find_group_mount(std::string_view mountinfo);
// The path in cgroup2 of a process, of its /proc/PID/cgroup (cgroups(7)): the line "0::PATH". Nothing: it has none.
std::optional<std::string> group_path(std::string_view text);
// The folder of that path; nothing: it cannot be seen there.
std::optional<std::string> group_folder(const GroupMount& mount, std::string_view path);
// Whether it is the scope that pam_systemd made for a session of this number (XDG_SESSION_ID).
bool is_scope_of(std::string_view path, std::string_view session);
// Whether a process of that path ends when that group is killed: it is in it, or in one below.
bool is_within(std::string_view path, std::string_view group);

class LoginGroup {
 public:
  LoginGroup() = default;  // none
  LoginGroup(LoginGroup&& other) noexcept;
  LoginGroup& operator=(LoginGroup&& other) noexcept;
  LoginGroup(const LoginGroup&) = delete;
  LoginGroup& operator=(const LoginGroup&) = delete;
  ~LoginGroup() { leave(); }

  // Makes one below this process's, and enters it; none where that cannot be.
  static LoginGroup enter();
  // Modules may have moved this process; `session`: the number of pam_systemd's, or empty.
  void follow(std::string_view session);
  // Kills all that is in it, but for this process. False: there is none, or this process cannot leave it, as the group that it came from is gone
  // (ENODEV): then what descends from it is to be killed (descendants.h).
  bool kill();
  // This process goes back to where it came from, and what is in the group goes on; it is removed if that is nothing. In a scope it stays: who
  // closes pam_systemd's session must be in it.
  void leave() noexcept;

 private:
  struct Group {
    std::string path;
    Fd kill;  // cgroup.kill
  };

  std::string folder_;     // of the group that was made; empty: none
  std::string home_path_;  // where this process came from
  Fd home_;                // cgroup.procs of it
  Fd scope_;               // cgroup.procs of the scope
  std::vector<Group> groups_;
};

// Of another process, of a pidfd, that is a login's, living or not waited for: kills all that is in its group, it too. False: it is in none
// that it has marked as its own, this process would end as well, or it has been waited for.
bool kill_login_group(int process);

// Removes the groups of logins below this process's in which nobody is left.
void remove_empty_groups() noexcept;

}  // namespace acl::node::session
