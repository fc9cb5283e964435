// Attachment: programs on an interface, in and out, in the two ways that kernels have.
//
// TCX (Linux 6.6): a link per program, in a list that says who comes first; replaced in one step; ends with its last descriptor or
// pin. clsact (Linux 4.5): filters of a queueing discipline, by priority and handle; they stay until somebody removes them.
// Every call is one or a few system calls. Errors: E1343 with the system's reason.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"

namespace acl::node {

enum class Direction : std::uint8_t { in, out };
inline constexpr Direction directions[] = {Direction::in, Direction::out};
const char* direction_name(Direction direction) noexcept;  // "in", "out"

// --- TCX ---

// The programs of one direction, first to last. Nothing if the kernel has no TCX.
Expected<std::optional<std::vector<std::uint32_t>>> tcx_programs(unsigned ifindex, Direction direction);
// Puts the program before all others. The link ends with what is returned, unless it is pinned.
Expected<Fd> tcx_attach_first(int program, unsigned ifindex, Direction direction);
Expected<void> tcx_replace(int link, int program);

struct LinkInfo {
  std::uint32_t id = 0;
  std::uint32_t program = 0;
  unsigned ifindex = 0;  // 0: the interface is gone
};
Expected<LinkInfo> tcx_link_info(int link);

// --- clsact ---

// Ours have the highest priority there is and one of two handles: two, so that one can be put before the other and no packet falls
// between.
inline constexpr std::uint32_t clsact_priority = 1;
inline constexpr std::uint32_t clsact_handles[] = {0x61636c01, 0x61636c02};

struct ClsactFilter {
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  std::uint32_t program = 0;  // 0: no BPF program

  [[nodiscard]] bool ours() const noexcept {
    return priority == clsact_priority && (handle == clsact_handles[0] || handle == clsact_handles[1]);
  }
};
// In the order in which they are asked. None if there is no clsact.
Expected<std::vector<ClsactFilter>> clsact_filters(unsigned ifindex, Direction direction);
// Makes the queueing discipline if it is not there; replaces the filter with that handle in one step, or puts a new one first of
// its priority.
Expected<void> clsact_attach(int program, unsigned ifindex, Direction direction, std::uint32_t handle);
// No error if it is not there.
Expected<void> clsact_detach(unsigned ifindex, Direction direction, std::uint32_t handle);

// The id of a loaded program; 0 if it cannot be asked.
std::uint32_t program_id(int program) noexcept;

}  // namespace acl::node
