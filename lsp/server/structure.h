// Structure: what can be folded, and what a selection grows to, from the brackets and comments of a text alone.
//
// Folding reads the text with a scanner of its own, so that a text with errors folds as far as its brackets match. Linear; no recursion.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "engine/net/diagnostic.h"

namespace acl::lsp {

// Whole lines, from 0: the first one stays, those behind it up to the last are hidden.
struct Fold {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool comment = false;

  friend bool operator==(const Fold&, const Fold&) = default;
};

// Objects, arrays, and comments of several lines (block comments, and line comments that stand below each other). In the order of
// their first lines. Of an object the line with its closer stays, too.
std::vector<Fold> folds(std::string_view text);

// For each offset the ranges that contain it, innermost first, each larger than the one before: what stands between a string's
// quotes, the value, the member, what stands between brackets, and so on to the whole text. Never empty.
std::vector<std::vector<Span>> selections(const hujson::Tree& tree, std::string_view text,
                                          const std::vector<std::uint32_t>& offsets);

}  // namespace acl::lsp
