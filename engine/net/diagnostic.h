// Diagnostic: one thing to tell the user, as a value. Errors travel as `Expected<T>`, never as exceptions.
//
// A diagnostic has a stable code (codes.def, the one registry), a severity, a message that quotes the bad value, the
// place in a file, what to do about it (`help`), and further places that explain it (`related`: the first definition, the
// other end of a cycle).
//
// Where the hosted service answers such a policy with words of its own, `service_text` holds that answer exactly as the
// service words it; empty means that `message` is already that answer, or that no wording is known.
//
// Places carry both byte offsets (for tools) and lines and columns (for people): from 1, a column counts bytes, a tab is
// one byte, ends are exclusive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace acl {

enum class Severity : std::uint8_t { error, warning, info };

std::string_view severity_name(Severity severity) noexcept;

// The codes of codes.def: Code::E0101 and so on.
enum class Code : std::uint16_t {
#define ACL_CODE(id, severity, slug, title, page) id,
#include "engine/net/codes.def"
#undef ACL_CODE
};

// "E0101". The text lives as long as the program.
std::string_view code_name(Code code) noexcept;
// The severity the registry gives this code.
Severity code_severity(Code code) noexcept;

// A range of bytes in one text, end exclusive.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  friend bool operator==(const Position&, const Position&) = default;
};

// A range in a named file. `file` is the name as the user gave it.
struct Place {
  std::string file;
  Span bytes;
  Position start;
  Position end;

  friend bool operator==(const Place&, const Place&) = default;
};

struct Related {
  std::string message;
  Place place;
};

struct Diagnostic {
  Code code{};
  Severity severity = Severity::error;
  std::string message;
  std::optional<Place> place;
  std::string help;
  std::vector<Related> related;
  std::string service_text;

  // What the hosted service says of it.
  [[nodiscard]] const std::string& service_message() const noexcept {
    return service_text.empty() ? message : service_text;
  }
};

template <class T>
using Expected = tl::expected<T, Diagnostic>;

// A diagnostic without a place, for errors that are not about a file's text.
Diagnostic make_diagnostic(Code code, std::string message, std::string help = {});

inline tl::unexpected<Diagnostic> fail(Code code, std::string message, std::string help = {}) {
  return tl::unexpected<Diagnostic>(make_diagnostic(code, std::move(message), std::move(help)));
}

}  // namespace acl
