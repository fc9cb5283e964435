// Random pairs of policy and tailnet for the tests of this folder: what they are made from, what is asked of them, and how one that
// is answered in two ways is made smaller. A pair is a function of its choices (tests/generate/tailnet.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/generate/hujson_text.h"

namespace acl::agreement {

using Choices = std::vector<std::uint8_t>;

// The same sequence on every machine: xorshift64* (Vigna 2014).
struct Random {
  std::uint64_t state = 1;

  std::uint64_t next() {
    state ^= state >> 12U;
    state ^= state << 25U;
    state ^= state >> 27U;
    return state * 0x2545f4914f6cdd1dU;
  }
  std::size_t below(std::size_t count) { return count == 0 ? 0 : (next() >> 32U) % count; }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(list.size())];
  }
};

// FNV-1a: what is asked of a pair follows from the pair.
inline std::uint64_t seed_of(const Choices& choices) {
  std::uint64_t seed = 0xcbf29ce484222325U;
  for (const std::uint8_t choice : choices) seed = (seed ^ choice) * 0x100000001b3U;
  return seed;
}

// The first line up to the first name is not the same question; good enough to stay with one mistake while shrinking.
inline std::string sort_of(const std::string& difference) {
  const std::size_t colon = difference.find(": ");
  return difference.substr(colon + 2, difference.find(' ', colon + 2) - colon - 2);
}

// Fewer and smaller choices that still differ in a question of the same sort.
template <class DifferenceOf>
Choices shrink(Choices choices, DifferenceOf difference_of) {
  const std::string sort = sort_of(*difference_of(choices));
  const auto still = [&](const Choices& fewer) {
    const auto difference = difference_of(fewer);
    return difference && sort_of(*difference) == sort;
  };
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t size = std::max<std::size_t>(choices.size() / 2, 1);; size /= 2) {
      for (std::size_t at = 0; at + size <= choices.size();) {
        Choices fewer = choices;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(at),
                    fewer.begin() + static_cast<std::ptrdiff_t>(at + size));
        if (still(fewer))
          choices = std::move(fewer), progress = true;
        else
          at += size;
      }
      if (size == 1) break;
    }
    for (std::uint8_t& choice : choices) {
      const std::uint8_t before = choice;
      for (const int smaller : {0, before / 2, before - 1}) {
        if (smaller < 0 || smaller >= before) continue;
        choice = static_cast<std::uint8_t>(smaller);
        if (still(choices)) {
          progress = true;
          break;
        }
        choice = before;
      }
    }
  }
  return choices;
}

inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Long enough that most models are not cut short, and some short ones.
inline Choices choices_of(std::uint64_t seed) { return generate::random_choices(seed, 40 + seed * 37 % 500); }

}  // namespace acl::agreement
