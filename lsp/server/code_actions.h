// Code actions: what can be done about a diagnostic, and about the rule or list under the cursor.
//
// Edits are of one file without syntax errors. Applied, the text parses, keeps its comments and its layout, and a fix's diagnostic
// is gone: code_actions_test.cc applies each action that is offered anywhere in the example policies and looks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct CodeAction {
  enum class Kind : std::uint8_t { quick_fix, rewrite, fix_all };
  std::string title;
  Kind kind = Kind::quick_fix;
  std::vector<TextEdit> edits;       // in the order of the text, none over another
  std::vector<std::uint32_t> fixes;  // indices into Snapshot::diagnostics
  bool preferred = false;            // the one to take without asking
  bool safe = false;                 // the policy means the same afterwards: part of fix_all
};

struct Wanted {
  bool quick_fixes = true, rewrites = true, fix_all = false;
};

// A formatted text stays one, but where many actions are offered for a large one: the layout of the last is then not looked after.
// Those for the diagnostics that touch the range, and for what stands at its begin. fix_all: one action for all safe fixes of the file.
std::vector<CodeAction> code_actions(const Snapshot& snapshot, Span range, const Wanted& wanted);

}  // namespace acl::lsp
