#include "compiler/resolve/posture.h"

#include <algorithm>

namespace acl::resolve {

using inventory::Attribute;
using policy::PostureAssertion;
using policy::PostureOperator;

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Takes a run of digits (or of anything else) off the front.
std::string_view take_run(std::string_view& text, bool digits) noexcept {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end]) == digits) ++end;
  const std::string_view run = text.substr(0, end);
  text.remove_prefix(end);
  return run;
}

int sign(int order) noexcept { return order < 0 ? -1 : order > 0 ? 1 : 0; }

// Decimal numbers of any length.
int compare_numbers(std::string_view a, std::string_view b) noexcept {
  const auto strip = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of('0');
    return first == std::string_view::npos ? std::string_view() : text.substr(first);
  };
  a = strip(a);
  b = strip(b);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return sign(a.compare(b));
}

bool equal(const Attribute& a, const policy::PostureOperand& b) {
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<std::string>(&a)) return *text == std::get<std::string>(b);
  if (const auto* number = std::get_if<double>(&a)) return *number == std::get<double>(b);
  return std::get<bool>(a) == std::get<bool>(b);
}

// Numbers by value, strings as versions; nothing for other pairs.
std::optional<int> order(const Attribute& a, const policy::PostureOperand& b) {
  if (const auto* number = std::get_if<double>(&a); number != nullptr && std::holds_alternative<double>(b)) {
    const double other = std::get<double>(b);
    return *number < other ? -1 : *number > other ? 1 : 0;
  }
  if (const auto* text = std::get_if<std::string>(&a); text != nullptr && std::holds_alternative<std::string>(b)) {
    return compare_versions(*text, std::get<std::string>(b));
  }
  return std::nullopt;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) noexcept {
  while (!a.empty() || !b.empty()) {
    const std::string_view text_a = take_run(a, false);
    const std::string_view text_b = take_run(b, false);
    if (const int by_text = sign(text_a.compare(text_b)); by_text != 0) return by_text;
    const std::string_view number_a = take_run(a, true);
    const std::string_view number_b = take_run(b, true);
    if (const int by_number = compare_numbers(number_a, number_b); by_number != 0) return by_number;
  }
  return 0;
}

bool holds(const PostureAssertion& assertion, const Attributes& attributes) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& attribute) { return attribute.first == assertion.attribute; });
  if (assertion.op == PostureOperator::not_set) return found == attributes.end();
  if (found == attributes.end()) return false;
  const Attribute& value = found->second;
  const auto listed = [&] {
    return std::any_of(assertion.operands.begin(), assertion.operands.end(),
                       [&](const auto& operand) { return equal(value, operand); });
  };
  switch (assertion.op) {
    case PostureOperator::is_set: return true;
    case PostureOperator::not_set: return false;
    case PostureOperator::equal:
    case PostureOperator::in: return listed();
    case PostureOperator::not_equal:
      return value.index() == assertion.operands[0].index() && !equal(value, assertion.operands[0]);
    case PostureOperator::not_in:
      return !listed() && std::any_of(assertion.operands.begin(), assertion.operands.end(),
                                      [&](const auto& operand) { return operand.index() == value.index(); });
    default: break;
  }
  const auto by = order(value, assertion.operands[0]);
  if (!by) return false;
  switch (assertion.op) {
    case PostureOperator::less: return *by < 0;
    case PostureOperator::at_most: return *by <= 0;
    case PostureOperator::greater: return *by > 0;
    case PostureOperator::at_least: return *by >= 0;
    default: return false;
  }
}

bool holds(const policy::Posture& posture, const Attributes& attributes) {
  return std::all_of(posture.assertions.begin(), posture.assertions.end(),
                     [&](const auto& assertion) { return assertion && holds(*assertion, attributes); });
}

}  // namespace acl::resolve
