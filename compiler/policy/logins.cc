#include "compiler/policy/logins.h"

#include "compiler/policy/selector.h"

namespace acl::policy {

void Logins::reserve(std::size_t count) {
  bytes_.reserve(count * 24);
  ends_.reserve(count);
  index_.reserve(count);
}

bool Logins::insert(std::string_view login) {
  const auto position = static_cast<std::uint32_t>(ends_.size());
  const auto same = [&](std::uint32_t other) { return equal_ignoring_case(at(other), login); };
  if (index_.insert(hash_text(login), position, same) != HashIndex::absent) return false;
  bytes_ += login;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  return true;
}

bool Logins::contains(std::string_view login) const noexcept {
  const auto same = [&](std::uint32_t other) { return equal_ignoring_case(at(other), login); };
  return index_.find(hash_text(login), same) != HashIndex::absent;
}

}  // namespace acl::policy
