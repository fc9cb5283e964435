// FileReport: what `aclc check` found in one policy. Every output format of this folder is a function of such values:
// text.h for people, json.h for programs, sarif.h for code scanning, github.h for workflow annotations.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/source_text.h"

namespace acl::emit {

struct FileReport {
  std::string file;                    // as the user named it
  const SourceText* source = nullptr;  // not owned; null if the file could not be read
  bool accepted = true;                // true exactly if no diagnostic is an error
  std::optional<std::string> message;  // what the hosted service would answer: its first error
  std::vector<std::string> skipped;    // what was not checked for want of an inventory
  std::vector<Diagnostic> diagnostics;
};

// The texts of further files that diagnostics may point into (an inventory); not owned, no null pointers.
struct Sources {
  std::vector<const SourceText*> texts;
};

// The text of the file of that name: the report's own, else one of the others; null if none has the name.
inline const SourceText* find_source(std::string_view file, const SourceText* own, const Sources& others) noexcept {
  if (own != nullptr && own->name() == file) return own;
  for (const SourceText* text : others.texts) {
    if (text->name() == file) return text;
  }
  return nullptr;
}

}  // namespace acl::emit
