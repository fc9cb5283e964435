// The report as SARIF 2.1.0 (`--format sarif`), for code scanning and editors: one log with one run for all policies.
//
// - Rules are all codes of the registry in its order, with their pages; a result names its rule by id and index.
// - Levels: error, warning, and note for info. A result's message is the diagnostic's, its help on a line of its own.
// - File names become URIs: relative ones relative (".", ".." and doubled slashes resolved), absolute ones as
//   file:///….
// - Regions count columns in UTF-16 code units, as columnKind says, converted from bytes by the source line; where a
//   file's text is not at hand the byte column stands. A diagnostic without a place is located in its policy without a
//   region.
// - What was not checked for want of an inventory is a notification of the run's invocation, which counts as successful
//   if every policy could be read.
// - The output is valid UTF-8 whatever the policy holds: bytes that are none become U+FFFD.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compiler/emit/report.h"

namespace acl::emit {

// `version`: of aclc, as in "0.1.0".
std::string render_sarif(std::span<const FileReport> reports, const Sources& others, std::string_view version);

}  // namespace acl::emit
