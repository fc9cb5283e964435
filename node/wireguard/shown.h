// A value of somebody else's in an error message: printable, and not longer than a person reads.
#pragma once

#include <string>
#include <string_view>

namespace acl::node {

inline std::string shown(std::string_view value) {
  constexpr std::size_t most = 80;
  std::string text;
  for (const char c : value.substr(0, most)) text += c >= ' ' && c <= '~' ? c : '?';
  if (value.size() > most) text += "...";
  return text;
}

}  // namespace acl::node
