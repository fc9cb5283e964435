// What aclnode-session tells the log: a line to standard error, which its unit gives to the journal. Who logged in and why is for aclnode
// to record; here stands what went wrong.
#pragma once

#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl::node::session {

// In one write, so that lines of several processes stay apart.
void log_line(std::string_view text) noexcept;
void log_diagnostic(const Diagnostic& diagnostic) noexcept;

}  // namespace acl::node::session
