#include "engine/net/diagnostic.h"

#include <array>

namespace acl {
namespace {

struct Entry {
  std::string_view name;
  Severity severity;
};

constexpr Severity error = Severity::error;
constexpr Severity warning = Severity::warning;
constexpr Severity info = Severity::info;

constexpr std::array entries = {
#define ACL_CODE(id, severity, slug, title, page) Entry{#id, severity},
#include "engine/net/codes.def"
#undef ACL_CODE
};

}  // namespace

std::string_view severity_name(Severity severity) noexcept {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::info: return "info";
  }
  return "error";
}

std::string_view code_name(Code code) noexcept { return entries[static_cast<std::size_t>(code)].name; }

Severity code_severity(Code code) noexcept { return entries[static_cast<std::size_t>(code)].severity; }

Diagnostic make_diagnostic(Code code, std::string message, std::string help) {
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.severity = code_severity(code);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

}  // namespace acl
