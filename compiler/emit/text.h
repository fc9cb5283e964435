// The report for people:
//
//   policy.hujson:14:15: error E0231: src=tag not found: "tag:servr"
//      14 |   {"action": "accept", "src": ["tag:servr"], "dst": ["tag:db:5432"]},
//         |                                ^~~~~~~~~~~
//         = help: did you mean "tag:server" (line 7)? Tags are declared in "tagOwners".
//   policy.hujson: refused: 1 error
//
// Positions are byte columns, as everywhere; the underline is placed by displayed width. A range of several lines is
// underlined to the end of its first line. Related places follow as notes with a line and an underline of their own. A
// diagnostic without a place has no position, one in a file whose text is not at hand no line. Nothing of the policy or
// of a file name reaches the terminal unescaped (display.h).
#pragma once

#include <string>

#include "compiler/emit/report.h"
#include "engine/net/diagnostic.h"

namespace acl::emit {

struct TextOptions {
  bool color = false;
};

// One diagnostic, ending in a line end.
std::string render_text(const Diagnostic& diagnostic, const Sources& sources, const TextOptions& options);

// All diagnostics of a policy in their order, then the verdict ("policy.hujson: accepted, 2 warnings"), then a line for
// each thing that was not checked.
std::string render_text(const FileReport& report, const Sources& others, const TextOptions& options);

// Whether to colour what is written to this descriptor: a terminal that understands it (TERM is not "dumb"), and
// NO_COLOR is not set to anything (https://no-color.org).
bool want_color(int fd);

}  // namespace acl::emit
