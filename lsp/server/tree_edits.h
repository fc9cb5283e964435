// Tree edits: members and elements put into a text and taken out of it, in the layout that stands around them.
//
// Of a tree without errors. Comments stay, but those inside a value that is removed. A trailing comma is written where there was one.
// Edits of one call do not overlap and are in the order of the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "lsp/server/document.h"

namespace acl::lsp {

// A new last element of an array, or member of an object; `entry` is its text ("\"tag:x\": []").
std::vector<TextEdit> append_entry(const hujson::Tree& tree, hujson::Value composite, std::string_view entry);

// Without the children for which `removed` is set: elements of an array, members of an object, each counted once.
std::vector<TextEdit> remove_entries(const hujson::Tree& tree, hujson::Value composite,
                                     const std::vector<bool>& removed);

// The place of a child among its composite's entries. `child` is a child of it (an object's: name or value).
std::uint32_t entry_index(hujson::Value composite, std::uint32_t child);
std::uint32_t entry_count(hujson::Value composite);

// The text with the edits applied; they do not overlap, in any order.
std::string apply_edits(std::string_view text, std::vector<TextEdit> edits);

// Whether the text is in the standard layout. Of very large texts false: they are not laid out anew for an edit.
bool is_formatted(const hujson::Tree& tree);
// Of a text in the standard layout: edits to the standard layout of the outcome, so that a formatted file stays formatted. What differs
// is replaced by lines.
std::vector<TextEdit> tidy(const hujson::Tree& tree, std::vector<TextEdit> edits);

// "\n", or "\r\n" where the text's first line ends so.
std::string_view line_end_of(std::string_view text) noexcept;
// The white space that the line of this offset begins with.
std::string_view indent_at(std::string_view text, std::uint32_t offset) noexcept;
// What one level is indented by: a tab, unless the root's first member stands behind spaces.
std::string_view indent_unit(const hujson::Tree& tree) noexcept;

}  // namespace acl::lsp
