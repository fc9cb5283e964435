// JSON of strangers as plain values: RFC 8259, with what lets two readers see two things refused.
//
// Any bytes in; a value out, or nothing: not JSON, a name that stands twice in one object, depth beyond 16, more than 4096 values in all, or not
// UTF-8. Owns what it holds; some multiple of the input. Numbers are doubles: what needs more than 53 bits is of no use to anybody here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acl::node::verify {

struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool truth = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;         // of an array; of an object, by its names
  std::vector<std::string> names;  // of an object

  // Null if it is no object or has no such member.
  [[nodiscard]] const Json* find(std::string_view name) const noexcept;
  // Of the member: nothing unless it is there and a string.
  [[nodiscard]] const std::string* text_of(std::string_view name) const noexcept;
};

std::optional<Json> parse_json(std::string_view text);

}  // namespace acl::node::verify
