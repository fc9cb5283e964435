// LineBytes: bytes that begin at a line of memory (64 bytes, layout.h), as parts of tables are kept while they are made and read: where
// they do, a line of a part is a line of the processor's cache, and a lookup loads one where it else loads two.
//
// A vector, which owns its bytes. Whoever reads parts takes spans, of whatever alignment open() demands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace acl::table {

template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  LineAllocator() = default;
  template <class U>
  explicit LineAllocator(const LineAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* at, std::size_t) noexcept { ::operator delete(at, line); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) noexcept { return true; }
};

using LineBytes = std::vector<std::uint8_t, LineAllocator<std::uint8_t>>;

}  // namespace acl::table
