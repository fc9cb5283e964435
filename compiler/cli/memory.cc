#include "compiler/cli/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace acl::cli {

void keep_freed_memory() noexcept {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 1 << 20);
}

void expect_input(std::size_t bytes) noexcept {
  constexpr std::size_t least = 1'000'000, most = std::size_t{1} << 30, large_page = std::size_t{2} << 20;
  if (bytes < least) return;
  // What a verb makes of an inventory is about ten times its text. The block is freed at once: its addresses are what comes next,
  // and none of its pages has been touched.
  const std::size_t size = std::min(bytes * 10, most - large_page);
  void* const block = std::malloc(size);
  if (block == nullptr) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(block) + large_page - 1) / large_page * large_page;
  const auto end = (reinterpret_cast<std::uintptr_t>(block) + size) / large_page * large_page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  std::free(block);
}

}  // namespace acl::cli
