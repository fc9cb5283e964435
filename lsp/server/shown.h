// Shown: a diagnostic as an editor shows it: a range of the text in its own encoding, and ranges of others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/document.h"

namespace acl::lsp {

struct ShownRelated {
  std::string uri;
  Range range;
  std::string message;

  friend bool operator==(const ShownRelated&, const ShownRelated&) = default;
};

struct Shown {
  Range range;
  Code code{};
  Severity severity = Severity::error;
  std::string message;       // with what to do about it, on lines of its own
  bool unnecessary = false;  // what it is about could be removed: unused names, rules that never match
  std::vector<ShownRelated> related;

  friend bool operator==(const Shown&, const Shown&) = default;
};

// A text that diagnostics are about. `name` is what their places call it.
struct ShownText {
  std::string_view name;
  std::string_view text;
  const Lines* lines = nullptr;
  Encoding encoding = Encoding::utf16;
};

// Diagnostics without a place, or in another file, stand at the text's begin.
Shown show(const Diagnostic& diagnostic, const ShownText& text);
std::vector<Shown> show(const std::vector<Diagnostic>& diagnostics, const ShownText& text);

// Where people read about the code: its section of the installed docs/codes.md. "" if that is not installed.
std::string code_page_uri(Code code);

}  // namespace acl::lsp
