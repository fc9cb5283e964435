// The report for programs (`--format json`): one object for one policy, for several an array in their order; a line end
// last. The members and their order are part of the interface, as docs describe it:
//
//   {"file", "accepted": bool, "message": TEXT|null, "skipped": [TEXT…],
//    "diagnostics": [{"code", "severity": "error|warning|info", "message", "file",
//                     "range": {"start": {"line", "column"}, "end": {"line", "column"}}|null,
//                     "help": TEXT|null, "related": [{"message", "file", "range"}]}]}
//
// A diagnostic without a place carries the policy's name and the range null. The output is valid UTF-8 whatever the
// policy holds: bytes that are none become U+FFFD.
#pragma once

#include <span>
#include <string>

#include "compiler/emit/report.h"

namespace acl::emit {

std::string render_json(std::span<const FileReport> reports);

}  // namespace acl::emit
