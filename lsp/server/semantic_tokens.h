// Semantic tokens: what each name and word of a file is, for colours that follow the meaning.
//
// Types and modifiers are those of the protocol, so that every editor's theme has colours for them; two modifiers are our own.
// Strings are split where they have parts: "tag:db:5432" is a name and a number. In the order of the text, none over another, none over
// a line's end.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

enum class TokenType : std::uint8_t {
  property,   // a key of the language; attributes
  klass,      // groups
  type,       // tags
  variable,   // hosts, nodes
  structure,  // ipsets
  interface,  // postures
  parameter,  // users
  function,   // services, rules
  macro,      // autogroups
  member,     // accounts
  space,      // capabilities
  keyword,    // actions, verdicts, protocols, add, remove
  number,     // addresses, ports
};
inline constexpr std::array<std::string_view, 13> token_types = {
    "property", "class", "type",       "variable",  "struct",  "interface", "parameter",
    "function", "macro", "enumMember", "namespace", "keyword", "number"};

namespace modifier {
inline constexpr std::uint32_t definition = 1, deprecated = 2, built_in = 4, unknown = 8, unused = 16;
}
inline constexpr std::array<std::string_view, 5> token_modifiers = {"definition", "deprecated", "defaultLibrary",
                                                                    "unknown", "unused"};

struct Token {
  Span span;
  TokenType type{};
  std::uint32_t modifiers = 0;
};

// `policy`: of a fixture, the policy that it names; null if it cannot be read. Only tokens that touch `range`.
std::vector<Token> semantic_tokens(const Snapshot& snapshot, const Snapshot* policy, Span range);

// As the protocol writes them: five numbers each, relative to the one before.
std::vector<std::uint32_t> encode(const std::vector<Token>& tokens, std::string_view text, const Lines& lines,
                                  Encoding encoding);

}  // namespace acl::lsp
