#include "compiler/policy/posture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "compiler/policy/selector.h"

namespace acl::policy {
namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_attribute_byte(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c == '-' ||
         c == '.';
}

class AssertionReader {
 public:
  explicit AssertionReader(std::string_view text) : text_(text) {}

  tl::expected<PostureAssertion, PostureFault> read() {
    PostureAssertion assertion;
    skip_space();
    if (!read_attribute(assertion) || !read_operator(assertion)) return tl::unexpected<PostureFault>(fault_);
    const bool unary = assertion.op == PostureOperator::is_set || assertion.op == PostureOperator::not_set;
    const bool list = assertion.op == PostureOperator::in || assertion.op == PostureOperator::not_in;
    if (!unary && !(list ? read_list(assertion) : read_operand(assertion))) return tl::unexpected<PostureFault>(fault_);
    skip_space();
    if (at_ != text_.size()) {
      fail(fmt::format("\"{}\" follows the assertion", text_.substr(at_)));
      return tl::unexpected<PostureFault>(fault_);
    }
    return assertion;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool fail(std::string message) {
    fault_ = {at_, std::move(message)};
    return false;
  }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  // A word of an operator, in capitals or not, and not the beginning of a longer one.
  bool take_word(std::string_view word) {
    const std::size_t end = at_ + word.size();
    if (!equal_ignoring_case(text_.substr(at_, word.size()), word)) return false;
    if (end < text_.size() && is_attribute_byte(text_[end])) return false;
    at_ = end;
    return true;
  }

  bool read_attribute(PostureAssertion& assertion) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_attribute_byte(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    const std::size_t colon = name.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size()) {
      at_ = begin;
      return fail("an assertion begins with an attribute, such as node:os");
    }
    assertion.attribute = name;
    skip_space();
    return true;
  }

  bool read_operator(PostureAssertion& assertion) {
    struct Symbol {
      std::string_view text;
      PostureOperator op;
    };
    static constexpr std::array symbols = {
        Symbol{"==", PostureOperator::equal},   Symbol{"!=", PostureOperator::not_equal},
        Symbol{"<=", PostureOperator::at_most}, Symbol{">=", PostureOperator::at_least},
        Symbol{"<", PostureOperator::less},     Symbol{">", PostureOperator::greater},
    };
    for (const Symbol& symbol : symbols) {
      if (take(symbol.text)) {
        assertion.op = symbol.op;
        return true;
      }
    }
    if (take_word("IN")) {
      assertion.op = PostureOperator::in;
      return true;
    }
    const std::size_t begin = at_;
    const bool negated = take_word("NOT");
    if (negated || take_word("IS")) {
      skip_space();
      if (take_word("SET")) {
        assertion.op = negated ? PostureOperator::not_set : PostureOperator::is_set;
        return true;
      }
      if (negated && take_word("IN")) {
        assertion.op = PostureOperator::not_in;
        return true;
      }
      at_ = begin;
    }
    return fail("an operator is missing: ==, !=, <, <=, >, >=, IN, NOT IN, IS SET or NOT SET");
  }

  bool read_operand(PostureAssertion& assertion) {
    skip_space();
    if (at_ == text_.size()) return fail("a value is missing behind the operator");
    if (take("'")) {
      const std::size_t close = text_.find('\'', at_);
      if (close == std::string_view::npos) return fail("the string is not closed with a single quote");
      assertion.operands.emplace_back(std::string(text_.substr(at_, close - at_)));
      at_ = close + 1;
      return true;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != ']') ++at_;
    const std::string word(text_.substr(begin, at_ - begin));
    if (word == "true" || word == "false") {
      assertion.operands.emplace_back(word == "true");
      return true;
    }
    char* end = nullptr;
    const double number = std::strtod(word.c_str(), &end);
    const bool plain = !word.empty() && word.find_first_not_of("+-.0123456789eE") == std::string::npos;
    if (!plain || *end != '\0') {
      at_ = begin;
      return fail(fmt::format("\"{}\" is no value: strings stand in single quotes", word));
    }
    assertion.operands.emplace_back(number);
    return true;
  }

  bool read_list(PostureAssertion& assertion) {
    skip_space();
    if (!take("[")) return fail("a list in brackets is missing, such as ['macos', 'linux']");
    for (;;) {
      if (!read_operand(assertion)) return false;
      skip_space();
      if (take("]")) return true;
      if (!take(",")) return fail("a comma or the closing bracket is missing");
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  PostureFault fault_;
};

}  // namespace

tl::expected<PostureAssertion, PostureFault> parse_assertion(std::string_view text) {
  return AssertionReader(text).read();
}

AttributeKind posture_attribute_kind(std::string_view attribute) noexcept {
  struct Known {
    std::string_view name;
    AttributeKind kind;
  };
  static constexpr std::array known = {
      Known{"node:os", AttributeKind::string},
      Known{"node:osVersion", AttributeKind::version},
      Known{"node:tsVersion", AttributeKind::version},
      Known{"node:tsReleaseTrack", AttributeKind::string},
      Known{"node:tsAutoUpdate", AttributeKind::boolean},
      Known{"node:tsStateEncrypted", AttributeKind::boolean},
      Known{"ip:country", AttributeKind::string},
      Known{"ip:publicAddress", AttributeKind::any},
  };
  static constexpr std::array<std::string_view, 9> open = {"custom", "falcon", "intune",      "jamfpro", "kandji",
                                                           "kolide", "fleet",  "sentinelone", "huntress"};
  for (const Known& entry : known) {
    if (entry.name == attribute) return entry.kind;
  }
  const std::string_view space = attribute.substr(0, attribute.find(':'));
  return std::find(open.begin(), open.end(), space) != open.end() ? AttributeKind::any : AttributeKind::unknown;
}

}  // namespace acl::policy
