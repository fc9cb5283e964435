// HashIndex: finds the position of a thing in some array by its hash, without a copy of the thing. A flat table of (hash,
// position) pairs, open addressing; 250,000 names take 4 MB and no allocation each.
//
// The hash is seeded anew in each process, so that nobody can prepare texts that collide.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/net/address.h"

namespace acl {

// Equal for texts that differ in ASCII letter case only.
std::uint32_t hash_text(std::string_view text) noexcept;
std::uint32_t hash_address(const net::Address& address) noexcept;

class HashIndex {
 public:
  static constexpr std::uint32_t absent = 0xffffffff;

  // Makes room for `count` entries.
  void reserve(std::size_t count);

  // Asks for the memory where entries of this hash are, for a find() or add() that comes a little later.
  void prefetch(std::uint32_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  }

  // The position of the entry of this hash for which equal(position) holds, or `absent`.
  template <class Equal>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Equal equal) const {
    if (slots_.empty()) return absent;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at].position != absent; at = (at + 1) & mask) {
      if (slots_[at].hash == hash && equal(slots_[at].position)) return slots_[at].position;
    }
    return absent;
  }

  // Adds an entry that is known to be new.
  void add(std::uint32_t hash, std::uint32_t position);

  // As find(); where there is none, adds `position` and returns `absent`.
  template <class Equal>
  std::uint32_t insert(std::uint32_t hash, std::uint32_t position, Equal equal) {
    const std::uint32_t found = find(hash, equal);
    if (found == absent) add(hash, position);
    return found;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t position = absent;
  };

  void resize(std::size_t size);

  std::vector<Slot> slots_;  // none, or a power of two, at most three quarters full
  std::size_t count_ = 0;
};

}  // namespace acl
