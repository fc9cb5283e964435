#include "lsp/server/shown.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "compiler/policy/selector.h"
#include "lsp/server/uri.h"

namespace acl::lsp {
namespace {

// Names that nothing uses and rules that nothing can reach.
constexpr std::array unnecessary = {Code::W0322, Code::W0323, Code::W0324, Code::I0325, Code::W0326, Code::W0413};

bool is_unnecessary(Code code) noexcept {
  for (const Code one : unnecessary) {
    if (one == code) return true;
  }
  return false;
}

// In another file only the byte columns of the place are known.
Range range_elsewhere(const Place& place) noexcept {
  const auto point = [](Position position) { return Point{position.line - 1, position.column - 1}; };
  return {point(place.start), point(place.end)};
}

}  // namespace

Shown show(const Diagnostic& diagnostic, const ShownText& text) {
  const auto here = [&](const Place& place) { return place.file == text.name; };
  const auto range = [&](const Place& place) {
    return here(place) ? text.lines->range(text.text, place.bytes, text.encoding) : range_elsewhere(place);
  };
  Shown out;
  out.code = diagnostic.code;
  out.severity = diagnostic.severity;
  out.message = diagnostic.message;
  if (!diagnostic.help.empty()) out.message += "\n" + diagnostic.help;
  out.unnecessary = is_unnecessary(diagnostic.code);
  if (diagnostic.place && here(*diagnostic.place)) out.range = range(*diagnostic.place);
  for (const Related& related : diagnostic.related) {
    out.related.push_back({uri_of(related.place.file), range(related.place), related.message});
  }
  return out;
}

std::vector<Shown> show(const std::vector<Diagnostic>& diagnostics, const ShownText& text) {
  std::vector<Shown> out;
  out.reserve(diagnostics.size());
  for (const Diagnostic& diagnostic : diagnostics) out.push_back(show(diagnostic, text));
  return out;
}

namespace {

// Installed beside the program, or where it was built; "" if there is neither.
std::string find_code_pages() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  for (const char* relative : {"../share/doc/aclc/codes.md", "../../docs/codes.md"}) {
    const std::filesystem::path path = (self.parent_path() / relative).lexically_normal();
    if (std::filesystem::is_regular_file(path, error)) return uri_of(path.string());
  }
  return {};
}

}  // namespace

std::string code_page_uri(Code code) {
  static const std::string pages = find_code_pages();
  return pages.empty() ? pages : fmt::format("{}#{}", pages, policy::lower_case(code_name(code)));
}

}  // namespace acl::lsp
