// memory: how the heap grows for large inputs. An inventory of 50,000 nodes makes some 100 MB of values; taken from the kernel in
// pages of 4 KiB, and vector by vector given back and taken again, a quarter of a verb's time went into page faults.
//
// Only for speed: where the kernel does not help, nothing changes. Linux with glibc.
#pragma once

#include <cstddef>

namespace acl::cli {

// Once, before anything large is read: memory that is freed stays with the process, and large blocks come from the heap.
void keep_freed_memory() noexcept;

// An input of that many bytes is about to be read: what comes next on the heap uses large pages. Nothing below 1 MB.
void expect_input(std::size_t bytes) noexcept;

}  // namespace acl::cli
