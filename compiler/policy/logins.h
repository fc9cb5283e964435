// Logins: a set of logins, compared without regard to ASCII case, laid out for asking about tens of thousands of them in a row: one
// array of bytes and one flat index instead of a node for each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/hash_index.h"

namespace acl::policy {

class Logins {
 public:
  void reserve(std::size_t count);
  // True if it was not there yet.
  bool insert(std::string_view login);
  [[nodiscard]] bool contains(std::string_view login) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
  // Calls visit(login) for each, in the order of inserting, until it answers false.
  template <class F>
  void each(F visit) const {
    for (std::uint32_t i = 0; i < ends_.size(); ++i) {
      if (!visit(at(i))) return;
    }
  }

 private:
  [[nodiscard]] std::string_view at(std::uint32_t position) const noexcept {
    const std::size_t begin = position == 0 ? 0 : ends_[position - 1];
    return std::string_view(bytes_).substr(begin, ends_[position] - begin);
  }

  std::string bytes_;
  std::vector<std::uint32_t> ends_;  // of each login in bytes_
  HashIndex index_;
};

}  // namespace acl::policy
