#include "compiler/policy/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::policy {

Diagnostic& Findings::add(Code code, Span span, std::string message, std::string help) {
  const bool error = code_severity(code) == Severity::error;
  if (error) ++errors_;
  // The first error is kept whatever came before it: it decides, and it is what the service would answer.
  if (list_.size() >= max_findings && !(error && errors_ == 1)) {
    ++unlisted_;
    if (error) ++unlisted_errors_;
    beyond_ = Diagnostic{};
    return beyond_;
  }
  list_.push_back(make_diagnostic(code, std::move(message), std::move(help)));
  list_.back().place = source_.place(span);
  if (error) list_.back().service_text = service_text_;
  return list_.back();
}

void Findings::relate(Diagnostic& diagnostic, std::string message, Span span) const {
  diagnostic.related.push_back({std::move(message), source_.place(span)});
}

std::vector<Diagnostic> Findings::take() {
  const auto is_error = [](const Diagnostic& d) { return d.severity == Severity::error; };
  const auto first = std::find_if(list_.begin(), list_.end(), is_error);
  const auto rest = first == list_.end() ? list_.begin() : list_.begin() + 1;
  if (first != list_.end()) std::rotate(list_.begin(), first, first + 1);
  std::stable_sort(rest, list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.place->bytes.begin < b.place->bytes.begin;
  });
  if (unlisted_ != 0) {
    const Code code = unlisted_errors_ != 0 ? Code::E0106 : Code::I0107;
    list_.push_back(make_diagnostic(code, fmt::format("{} more problems are not listed", unlisted_)));
  }
  return std::move(list_);
}

}  // namespace acl::policy
