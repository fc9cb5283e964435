// Cursor: what stands, or may be typed, at a place in a text that may be broken there.
//
// Reads the text from its beginning with a tolerant scanner of its own (no tree: at the place where somebody is typing there is
// none worth having), so that it knows the containers around the place, the key and the index, and the literal under it. A string that
// is not closed on its line ends at the line's end. Linear in the offset, or in the rule, no recursion, memory linear in the depth (bounded).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "compiler/policy/language.h"
#include "engine/net/diagnostic.h"

namespace acl::lsp {

struct Step {
  bool in_object = false;
  std::string key;          // in an object: of the member (when the cursor is in a name: what stands there)
  std::uint32_t index = 0;  // in an array

  friend bool operator==(const Step&, const Step&) = default;
};

enum class At : std::uint8_t {
  name,   // a member's name, or where one may begin
  value,  // a value, or where one may begin
  other,  // between a value and its comma, behind a name: nothing to complete
  comment,
};

// A string in the object around: the value of siblings[member], or an element of its array.
struct NearText {
  std::uint32_t member = 0;
  Span literal;

  friend bool operator==(const NearText&, const NearText&) = default;
};

struct Cursor {
  At at = At::other;
  std::vector<Step> path;       // from the root; the last is the member or element the cursor is in
  std::optional<Span> literal;  // the string (quotes included, as far as they are there) or bare word under the cursor
  bool quoted = false;          // the literal is a string
  bool closed = false;          // and has its closing quote
  std::string typed;            // of the literal, up to the cursor; escapes undone
  std::vector<std::string>
      siblings;                 // names the object around has before the cursor and, as far as they can be told, behind
  std::vector<NearText> texts;  // the one under the cursor excepted
  std::uint32_t previous_end = 0;    // where the token before the literal or the place ends, comments excepted
  bool comma_needed_before = false;  // a value stands before, without a comma between
  bool colon_follows = false;        // of a name
  char next = '\0';                  // the first byte of what follows the literal or the place, comments excepted

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// `offset` beyond the text counts as its end. Inside a rule, a group, or whatever else stands in a section of a text that is `whole`, its
// tree tells what is around: the text before is not read then. The answer is the same.
Cursor cursor_at(std::string_view text, std::uint32_t offset, const hujson::Tree* whole = nullptr);

// The text of a literal: escapes undone, quotes removed as far as they are there.
std::string literal_text(std::string_view text, Span literal);

// The type of the value at the end of the path (for At::name: of the object around it), and the field it is in, if the language knows
// them. Null for what it does not know.
struct Typed {
  const policy::Type* type = nullptr;
  const policy::Field* field = nullptr;  // nearest record field on the path
};
Typed type_at(const policy::Type& root, const std::vector<Step>& path, At at);

}  // namespace acl::lsp
