// Posture assertions: conditions on a device's attributes, such as `node:tsVersion >= '1.70'`.
//
//     assertion = attribute SP op [ SP operand ]
//     op        = "==" / "!=" / "<" / "<=" / ">" / ">=" / "IN" / "NOT IN" / "IS SET" / "NOT SET"
//     operand   = "'" text "'" / number / "true" / "false" / "[" operand *( "," operand ) "]"
//
// Source: https://tailscale.com/docs/features/device-posture
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace acl::policy {

enum class PostureOperator : std::uint8_t {
  equal,
  not_equal,
  less,
  at_most,
  greater,
  at_least,
  in,
  not_in,
  is_set,
  not_set
};

using PostureOperand = std::variant<std::string, double, bool>;

struct PostureAssertion {
  std::string attribute;  // "node:os"
  PostureOperator op{};
  std::vector<PostureOperand> operands;  // one, or the list's; none for IS SET and NOT SET
};

struct PostureFault {
  std::size_t offset = 0;  // into the assertion's text
  std::string message;
};

tl::expected<PostureAssertion, PostureFault> parse_assertion(std::string_view text);

// Attributes are namespace:name; the namespaces of the device itself are closed, those of integrations are known by name.
enum class AttributeKind : std::uint8_t { string, version, boolean, any, unknown };
AttributeKind posture_attribute_kind(std::string_view attribute) noexcept;

}  // namespace acl::policy
