#include "node/confine/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace acl::node::confine {
namespace {

tl::unexpected<Diagnostic> cannot(Code code, std::string_view what, int error) {
  return fail(code, fmt::format("cannot {}: {}", what, std::strerror(error)));
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // 2^32-1 means "as it is" to setresuid(2).
  if (error != std::errc{} || end != text.data() + text.size() || value == UINT32_MAX) return std::nullopt;
  return value;
}

// Also what a process that was never root may hold: ambient and inheritable ones, and the bounding set as far as it may.
Expected<void> drop_capabilities(Code code) {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
      return cannot(code, "drop capabilities", errno);
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return cannot(code, "drop ambient capabilities", errno);
  }
  return {};
}

Expected<void> empty_capability_sets(Code code) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capset, &header, sets.data()) != 0) return cannot(code, "drop capabilities", errno);
  if (syscall(SYS_capget, &header, sets.data()) != 0) return cannot(code, "read capabilities", errno);
  for (const auto& set : sets) {
    if ((set.effective | set.permitted | set.inheritable) != 0) {
      return fail(code, "capabilities are left after they were dropped");
    }
  }
  return {};
}

Expected<void> limit(Code code, int resource, rlim_t most, std::string_view what) {
  rlimit now{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) return cannot(code, "read limits", errno);
  const rlim_t least = now.rlim_max == RLIM_INFINITY || now.rlim_max > most ? most : now.rlim_max;
  const rlimit wanted{least, least};
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) != 0) {
    return cannot(code, fmt::format("limit {}", what), errno);
  }
  return {};
}

}  // namespace

Expected<User> find_user(Code code, std::string_view text) {
  User user;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto uid = number_of(text.substr(0, colon));
    const auto gid = number_of(text.substr(colon + 1));
    if (!uid || !gid) {
      return fail(code, fmt::format("\"{}\" is no user", text), "give a name, or two numbers as UID:GID");
    }
    user = {*uid, *gid};
  } else {
    errno = 0;
    const passwd* const found = getpwnam(std::string(text).c_str());
    if (found == nullptr) {
      return fail(code, fmt::format("there is no user \"{}\"", text), fmt::format("adduser --system --group {}", text));
    }
    user = {found->pw_uid, found->pw_gid};
  }
  if (user.uid == 0 || user.gid == 0) {
    return fail(code, fmt::format("\"{}\" is root, or of root's group", text), "name a user of its own");
  }
  return user;
}

Expected<void> become(Code code, std::string_view program, const std::optional<User>& user) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  getresuid(&real, &effective, &saved);
  const bool root = real == 0 || effective == 0 || saved == 0;
  if (root && !user) {
    return fail(code, "started as root, without a user to become", fmt::format("{} USER, or UID:GID", program));
  }
  if (!root && user && (user->uid != real || user->uid != effective || user->uid != saved)) {
    return fail(code, fmt::format("cannot become user {} as user {}", user->uid, effective));
  }
  if (auto dropped = drop_capabilities(code); !dropped) return dropped;
  if (root) {
    if (setgroups(0, nullptr) != 0) return cannot(code, "leave root's groups", errno);
    if (setresgid(user->gid, user->gid, user->gid) != 0) return cannot(code, "leave root's group", errno);
    if (setresuid(user->uid, user->uid, user->uid) != 0) return cannot(code, "become another user", errno);
    if (setuid(0) == 0 || seteuid(0) == 0) return fail(code, "could become root again");
  }
  return empty_capability_sets(code);
}

Expected<void> leave_file_system(Code code) {
  // Any folder that root can write to, for as long as it takes to enter it.
  constexpr std::string_view places[] = {"/run", "/tmp", "/dev/shm"};
  int error = 0;
  for (const std::string_view place : places) {
    std::string folder = fmt::format("{}/aclnode-empty-XXXXXX", place);
    if (mkdtemp(folder.data()) == nullptr) {
      error = errno;
      continue;
    }
    const bool inside = chmod(folder.c_str(), 0) == 0 && chdir(folder.c_str()) == 0;
    error = inside ? 0 : errno;
    if (rmdir(folder.c_str()) != 0 && inside) error = errno;
    if (error != 0) return cannot(code, "enter an empty folder", error);
    if (chroot(".") != 0 || chdir("/") != 0) return cannot(code, "leave the file system", errno);
    return {};
  }
  return cannot(code, "make an empty folder", error);
}

Expected<void> lock_down(Code code, std::span<const Limit> limits) {
  for (const Limit& one : limits) {
    if (auto done = limit(code, one.resource, one.most, one.what); !done) return done;
  }
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return cannot(code, "forbid dumps", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot(code, "forbid new privileges", errno);
  return {};
}

}  // namespace acl::node::confine
