// For the tests of this folder: diagnostics about a piece of text, without counting columns by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "compiler/emit/report.h"

namespace acl::emit {

// The first place where `piece` stands in the source.
inline Place place_of(const SourceText& source, std::string_view piece) {
  const auto begin = static_cast<std::uint32_t>(source.text().find(piece));
  return source.place({begin, begin + static_cast<std::uint32_t>(piece.size())});
}

inline Diagnostic diagnostic_at(const SourceText& source, std::string_view piece, std::string message,
                                std::string help = {}) {
  Diagnostic diagnostic = make_diagnostic(Code::E0101, std::move(message), std::move(help));
  diagnostic.place = place_of(source, piece);
  return diagnostic;
}

inline Diagnostic warning_at(const SourceText& source, std::string_view piece, std::string message) {
  Diagnostic diagnostic = diagnostic_at(source, piece, std::move(message));
  diagnostic.severity = Severity::warning;
  return diagnostic;
}

}  // namespace acl::emit
