#include "compiler/policy/load.h"

#include <algorithm>

#include "compiler/hujson/parse.h"
#include "compiler/policy/check.h"
#include "compiler/policy/decode.h"
#include "compiler/policy/findings.h"

namespace acl::policy {
namespace {

bool is_error(const Diagnostic& diagnostic) noexcept { return diagnostic.severity == Severity::error; }

}  // namespace

bool Loaded::accepted() const noexcept { return std::none_of(diagnostics.begin(), diagnostics.end(), is_error); }

const std::string* Loaded::message() const noexcept {
  const auto first = std::find_if(diagnostics.begin(), diagnostics.end(), is_error);
  return first == diagnostics.end() ? nullptr : &first->service_message();
}

Loaded load_policy(std::string name, std::string text, Dialect dialect, const Facts* facts) {
  Loaded loaded;
  loaded.file = std::make_unique<PolicyFile>(std::move(name), std::move(text));
  PolicyFile& file = *loaded.file;
  file.policy.dialect = dialect;
  auto parsed = hujson::parse(file.source);
  file.tree = std::move(parsed.tree);
  if (!parsed.ok()) {
    loaded.diagnostics = std::move(parsed.errors);
    return loaded;
  }
  Findings findings(file.source);
  decode(file, findings);
  check(file, findings, facts, loaded.skipped);
  loaded.diagnostics = findings.take();
  return loaded;
}

}  // namespace acl::policy
