// Formatting: the edits that make of a text what `aclc fmt` prints (compiler/hujson/format.h).
//
// Small edits rather than one of everything, so that the editor keeps its cursor, its marks and its folds: most are about the white space
// between two tokens. In the order of the text, none touching another. Linear in the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "lsp/server/document.h"

namespace acl::lsp {

// Of a tree without errors.
std::vector<TextEdit> format_edits(const hujson::Tree& tree);

// Those within the fewest whole members or elements that cover the span, white space and comments before each included.
std::vector<TextEdit> format_edits(const hujson::Tree& tree, Span span);

// What turns one text into another that differs from it in white space, commas, and the spelling of strings. Right for any two
// texts, small for such.
std::vector<TextEdit> edits_between(std::string_view from, std::string_view to);

std::string with_edits(std::string_view text, const std::vector<TextEdit>& edits);

}  // namespace acl::lsp
