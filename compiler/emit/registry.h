// The registry of diagnostic codes (engine/net/codes.def) as a table: what `aclc explain` prints, docs/codes.md holds
// and SARIF lists as rules. Everything lives as long as the program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl::emit {

struct CodePage {
  Code code{};
  std::string_view name;   // "E0231"
  std::string_view slug;   // "tag-not-found"
  std::string_view title;  // one line
  std::string_view page;   // Markdown, without blank lines around it
  Severity severity = Severity::error;
};

// All codes in the order of the registry: code_pages()[static_cast<std::size_t>(code)] is the page of `code`.
std::span<const CodePage> code_pages() noexcept;

// By name or slug, letter case ignored; null if there is none.
const CodePage* find_code(std::string_view name_or_slug) noexcept;

// The whole registry as one Markdown document, docs/codes.md.
std::string codes_markdown();

}  // namespace acl::emit
