// parse: HuJSON text in, tree or diagnostics out.
//
// Two passes. The first is a strict PEGTL grammar that builds the tree and stops at the first error; it is the only one that
// a well-formed text ever sees. Only when it fails, recover() reads the text again, reports every error it can tell apart,
// and builds the tree of what is still recognisable, for an editor to work with.
//
// Errors carry the reference implementation's wording (`hujson: line L, column C: MESSAGE`, columns in bytes) as their
// `service_text`. Lines and columns are found only then.
//
// Any bytes: time and memory are linear in the size of the text (at most 24 bytes per structural byte, and two copies of no
// text); nesting beyond max_depth is an error.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "engine/net/source_text.h"

namespace acl::hujson {

// The reference parser has no limit; recursion in the first pass is bounded by this.
inline constexpr std::size_t max_depth = 1000;

// More errors than this in one text are counted, not listed.
inline constexpr std::size_t max_errors = 100;

// The strict grammar alone: nothing but a tree, or nothing.
std::optional<Tree> parse_strict(std::string_view text);

struct Recovered {
  Tree tree;  // the recognisable part; no nodes if there is none
  std::vector<Diagnostic> errors;
};

// The tolerant reader. Without errors its tree equals that of parse_strict().
Recovered recover(const SourceText& source);

struct ParseResult {
  Tree tree;                       // whole without errors, else what recover() could make out
  std::vector<Diagnostic> errors;  // the reference parser's first, the rest in the order of the text
  [[nodiscard]] bool ok() const noexcept { return errors.empty(); }
};

ParseResult parse(const SourceText& source);

}  // namespace acl::hujson
