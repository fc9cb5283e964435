// What an unprivileged program of the node gives up before it reads its first byte from a stranger: root, groups, capabilities, the file
// system, resources, new privileges, its memory's readability. System calls are system_calls.h's.
//
// Steps for a program to take in its order, each checked, none to be undone. Where one fails the program is to end: it never runs with
// more than it should. Errors have the caller's code (E1362, E1405).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl::node::confine {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

// "aclnode-net" or "996:996". Root is no such user.
Expected<User> find_user(Code code, std::string_view text);

// As root, becomes the user, whom it needs. Else it takes one that is what it is already. Then drops all capabilities. `program`: for the
// message.
Expected<void> become(Code code, std::string_view program, const std::optional<User>& user);

// As root: an empty folder that has no name any more becomes the root of the file system, and nothing can be made in it.
Expected<void> leave_file_system(Code code);

struct Limit {
  int resource;
  rlim_t most;
  std::string_view what;
};
// Limits, no new privileges, no dump and no ptrace by processes of the same user.
Expected<void> lock_down(Code code, std::span<const Limit> limits);

}  // namespace acl::node::confine
