// Logins: the largest ssh part of a generated tailnet, and questions about it. Made once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/table/ssh.h"

namespace acl::bench {

struct Logins {
  std::vector<std::uint64_t> words;             // the part, aligned
  std::vector<table::LoginQuestion> questions;  // each address of the tailnet as root, as ubuntu and as nobody known

  [[nodiscard]] std::span<const std::uint8_t> part() const noexcept {
    return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * sizeof(std::uint64_t)};
  }
  // Of 5,000 nodes ("M" of tests/generate/large_tailnet.h); empty if it cannot be compiled.
  static const Logins& of_a_large_tailnet();
};

}  // namespace acl::bench
