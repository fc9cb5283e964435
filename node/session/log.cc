#include "node/session/log.h"

#include <fmt/format.h>
#include <unistd.h>

namespace acl::node::session {

void log_line(std::string_view text) noexcept {
  const std::string line = fmt::format("aclnode-session[{}]: {}\n", getpid(), text);
  // There is nobody to tell that the log is gone.
  [[maybe_unused]] const ssize_t wrote = write(STDERR_FILENO, line.data(), line.size());
}

void log_diagnostic(const Diagnostic& diagnostic) noexcept {
  std::string text = fmt::format("error {}: {}", code_name(diagnostic.code), diagnostic.message);
  if (!diagnostic.help.empty()) text += fmt::format(" (help: {})", diagnostic.help);
  log_line(text);
}

}  // namespace acl::node::session
