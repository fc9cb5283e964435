#include "lsp/server/links.h"

#include <fmt/format.h>

#include "compiler/emit/registry.h"
#include "lsp/server/literal.h"
#include "lsp/server/related.h"
#include "lsp/server/shown.h"
#include "lsp/server/walk.h"

namespace acl::lsp {
namespace {

// Codes are a letter and four digits, in words of their own.
void codes_in(std::string_view text, std::uint32_t begin, std::uint32_t end, std::vector<Link>& out) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  constexpr std::uint32_t size = 5;
  for (std::uint32_t at = begin; at + size <= end; ++at) {
    if (text[at] != 'E' && text[at] != 'W' && text[at] != 'I') continue;
    const bool apart = (at == begin || !is_word(text[at - 1])) && (at + size == end || !is_word(text[at + size]));
    const std::string_view word = text.substr(at, size);
    if (!apart || word.find_first_not_of("0123456789", 1) != std::string_view::npos) continue;
    const emit::CodePage* page = emit::find_code(word);
    if (page == nullptr) continue;
    out.push_back({{at, at + size}, "", code_page_uri(page->code), fmt::format("{}: {}", page->name, page->title)});
    at += size;
  }
}

}  // namespace

std::vector<Link> links(const Snapshot& snapshot) {
  std::vector<Link> out;
  const hujson::Tree& tree = snapshot.file->tree;
  const std::string_view text = snapshot.text();
  if (snapshot.kind == FileKind::fixture && !snapshot.path.empty()) {
    walk(tree, policy::fixture_type(), [&](const Met& met) {
      const bool path = met.type->meaning == policy::Meaning::file_path && met.value.is(hujson::Kind::string);
      if (!path || met.what == Met::What::field) return;
      const Literal literal(met.value);
      if (literal.text().empty()) return;
      std::string file = resolve_path(snapshot.path, literal.text());
      out.push_back({literal.span(), file, "", fmt::format("open {}", file)});
    });
  }
  if (!tree.has_comments || !snapshot.whole) return out;
  for (const hujson::Node& node : tree.nodes) {
    codes_in(text, node.before, node.begin, out);
    codes_in(text, node.end, node.after, out);
  }
  return out;
}

}  // namespace acl::lsp
