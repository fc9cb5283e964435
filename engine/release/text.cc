#include "engine/release/text.h"

#include <fmt/format.h>

#include "engine/release/names.h"

namespace acl::release {
namespace {

int digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

bool unhex(std::string_view text, std::span<std::uint8_t> out) noexcept {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, longest)) {
    if (c == '"' || c == '\\') out += '\\';
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out + (text.size() > longest ? "…\"" : "\"");
}

std::string_view take_word(std::string_view& text) noexcept {
  const std::size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

void Lines::fault(std::string what) {
  if (fault_.empty()) fault_ = fmt::format("line {}: {}", number_, what);
}

std::string_view Lines::line() {
  if (failed()) return {};
  ++number_;
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) {
    fault(rest_.empty() ? "the text ends here" : "the line has no end");
    return {};
  }
  const std::string_view out = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return out;
}

std::string_view Lines::value(std::string_view word) {
  std::string_view text = line();
  if (failed()) return {};
  if (!text.starts_with(word) || text.size() <= word.size() || text[word.size()] != ' ') {
    fault(fmt::format("{} where \"{} …\" is expected", quoted(text), word));
    return {};
  }
  text.remove_prefix(word.size() + 1);
  return text;
}

void Lines::literal(std::string_view expected) {
  const std::string_view text = line();
  if (!failed() && text != expected) fault(fmt::format("{} where \"{}\" is expected", quoted(text), expected));
}

std::uint64_t Lines::number(std::string_view word, std::uint64_t most) {
  const std::string_view text = value(word);
  if (failed()) return 0;
  const auto number = parse_number(text);
  if (!number || *number > most) {
    fault(fmt::format("{} {} is no number from 0 to {}", word, quoted(text), most));
    return 0;
  }
  return *number;
}

Time Lines::time(std::string_view word) {
  const std::string_view text = value(word);
  if (failed()) return 0;
  const auto time = parse_time(text);
  if (!time) fault(fmt::format("{} {} is no time such as 2026-11-26T15:55:55Z", word, quoted(text)));
  return time.value_or(0);
}

Digest Lines::digest(std::string_view word) {
  const std::string_view text = value(word);
  if (failed()) return {};
  const auto digest = Digest::parse(text);
  if (!digest) fault(fmt::format("{} {} is no digest of 64 hexadecimal digits", word, quoted(text)));
  return digest.value_or(Digest{});
}

Reference Lines::reference(std::string_view word) {
  std::string_view text = value(word);
  if (failed()) return {};
  const std::string_view whole = text;
  const auto digest = Digest::parse(take_word(text));
  const auto length = parse_number(text);
  if (digest && length) return {*digest, *length};
  fault(fmt::format("{} {} is no digest and length", word, quoted(whole)));
  return {};
}

std::string_view Lines::block(std::uint64_t length) {
  if (failed()) return {};
  if (length > rest_.size()) {
    fault(fmt::format("{} bytes are announced, {} are there", length, rest_.size()));
    return {};
  }
  const std::string_view out = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return out;
}

std::optional<Diagnostic> Lines::finish() {
  if (!failed() && !rest_.empty()) {
    ++number_;
    fault("the text should have ended");
  }
  if (!failed()) return std::nullopt;
  return make_diagnostic(code_, fmt::format("{}: {}", quoted(name_), fault_));
}

}  // namespace acl::release
