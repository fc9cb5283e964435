// Findings: the diagnostics of one policy file while they are being collected.
//
// Errors come in the order in which the hosted service would meet them (the structure first, then the sections in the order
// of check.h), because the service answers with its first error only; take() keeps that one in front and puts all others in
// the order of the file. Their number and length are bounded, so that no input can make much memory out of little text;
// errors take precedence over warnings and notes.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/source_text.h"

namespace acl::policy {

inline constexpr std::size_t max_findings = 1000;

class Findings {
 public:
  explicit Findings(const SourceText& source) : source_(source) {}

  // The new diagnostic, to be completed; valid until the next call. Beyond max_findings errors, or that
  // many others, it is counted and not kept.
  Diagnostic& add(Code code, Span span, std::string message, std::string help = {});
  // While set, the service's answer to every error added, whatever our own message says.
  void service_text(std::string text) { service_text_ = std::move(text); }
  // While set, the help of every error added.
  void error_help(std::string text) { error_help_ = std::move(text); }
  void relate(Diagnostic& diagnostic, std::string message, Span span) const;

  [[nodiscard]] Place place(Span span) const { return source_.place(span); }
  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
  std::vector<Diagnostic> take();

 private:
  const SourceText& source_;
  std::vector<Diagnostic> list_;
  Diagnostic beyond_;
  std::string service_text_;
  std::string error_help_;
  std::size_t errors_ = 0;  // all of them, listed or not
  std::size_t others_ = 0;
};

}  // namespace acl::policy
