#include "engine/net/hash_index.h"

#include <bit>
#include <cstring>
#include <random>

namespace acl {
namespace {

std::uint64_t seed() noexcept {
  static const std::uint64_t value = [] {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
  }();
  return value;
}

// The finishing steps of splitmix64 (https://prng.di.unimi.it/splitmix64.c), so that every bit of the input moves every bit.
std::uint64_t mix(std::uint64_t value) noexcept {
  value ^= value >> 32;
  value *= 0x9e3779b97f4a7c15U;
  value ^= value >> 29;
  value *= 0xbf58476d1ce4e5b9U;
  return value ^ (value >> 32);
}

}  // namespace

std::uint32_t hash_text(std::string_view text) noexcept {
  // Bit 5 is what tells the cases of a letter apart; setting it everywhere also makes a few other bytes equal, which costs
  // a comparison now and then.
  constexpr std::uint64_t fold = 0x2020202020202020U;
  std::uint64_t hash = seed() ^ text.size();
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    hash = mix(hash ^ (word | fold));
    text.remove_prefix(8);
  }
  std::uint64_t word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return static_cast<std::uint32_t>(mix(hash ^ (word | fold)));
}

std::uint32_t hash_address(const net::Address& address) noexcept {
  return static_cast<std::uint32_t>(mix(mix(seed() ^ address.high()) ^ address.low()));
}

void HashIndex::reserve(std::size_t count) {
  const std::size_t size = std::bit_ceil(count + count / 3 + 1);
  if (size > slots_.size()) resize(size);
}

void HashIndex::add(std::uint32_t hash, std::uint32_t position) {
  if ((count_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? 64 : slots_.size() * 2);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].position != absent) at = (at + 1) & mask;
  slots_[at] = {hash, position};
  ++count_;
}

void HashIndex::resize(std::size_t size) {
  std::vector<Slot> old(size);
  old.swap(slots_);
  const std::size_t mask = size - 1;
  for (const Slot& slot : old) {
    if (slot.position == absent) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].position != absent) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace acl
