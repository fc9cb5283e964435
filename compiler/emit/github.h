// Annotations for GitHub workflows (`--format github`): one workflow command a line, which GitHub shows at the line of
// a pull request it is about.
//
//   ::error file=policy.hujson,line=14,col=15,endLine=14,endColumn=26,title=E0231::src=tag not found: "tag:servr"%0A…
//
// Severities: error, warning, and notice for info. The message is followed by the help on a line of its own. Columns
// count bytes; a range of several lines has none, as GitHub refuses them there. What was not checked for want of an
// inventory is a notice, so that a silent run does not look like a complete one.
//
// Escaping is that of https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions and its
// toolkit: %, CR and LF as %25, %0D and %0A, in properties also : and , as %3A and %2C. So no text of a policy can
// begin a command of its own. Other controls are shown as in display.h, because workflow logs interpret terminal escape
// sequences.
#pragma once

#include <span>
#include <string>

#include "compiler/emit/report.h"

namespace acl::emit {

std::string render_github(std::span<const FileReport> reports);

}  // namespace acl::emit
