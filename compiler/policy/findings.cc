#include "compiler/policy/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::policy {
namespace {

// Texts quote what stands in the file, which may be of any size.
std::string shortened(std::string text) {
  constexpr std::size_t longest = 2000;
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;  // not inside a character
  text.resize(end);
  text.shrink_to_fit();
  return text + "…";
}

}  // namespace

Diagnostic& Findings::add(Code code, Span span, std::string message, std::string help) {
  const bool error = code_severity(code) == Severity::error;
  std::size_t& count = error ? errors_ : others_;
  if (++count > max_findings) {
    beyond_ = Diagnostic{};
    return beyond_;
  }
  list_.push_back(make_diagnostic(code, shortened(std::move(message)), shortened(std::move(help))));
  list_.back().place = source_.place(span);
  if (error) list_.back().service_text = service_text_;
  if (error && !error_help_.empty()) list_.back().help = shortened(error_help_);
  return list_.back();
}

void Findings::relate(Diagnostic& diagnostic, std::string message, Span span) const {
  diagnostic.related.push_back({shortened(std::move(message)), source_.place(span)});
}

std::vector<Diagnostic> Findings::take() {
  const auto is_error = [](const Diagnostic& d) { return d.severity == Severity::error; };
  // Too many: what is no error gives way, the last found first.
  const std::size_t listed_errors = std::min(errors_, max_findings);
  const std::size_t listed_others = std::min(others_, max_findings - listed_errors);
  std::size_t others = 0;
  const auto surplus = std::stable_partition(
      list_.begin(), list_.end(), [&](const Diagnostic& d) { return is_error(d) || ++others <= listed_others; });
  list_.erase(surplus, list_.end());

  const auto first = std::find_if(list_.begin(), list_.end(), is_error);
  const auto rest = first == list_.end() ? list_.begin() : list_.begin() + 1;
  if (first != list_.end()) std::rotate(list_.begin(), first, first + 1);
  std::stable_sort(rest, list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.place->bytes.begin < b.place->bytes.begin;
  });
  const std::size_t unlisted = errors_ + others_ - list_.size();
  if (unlisted != 0) {
    const Code code = errors_ > listed_errors ? Code::E0106 : Code::I0107;
    list_.push_back(make_diagnostic(code, fmt::format("{} more problems are not listed", unlisted)));
  }
  return std::move(list_);
}

}  // namespace acl::policy
