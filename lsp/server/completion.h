// Completion: what may stand at a place of a policy or a fixture: keys, names, values; all that is legal there and nothing that is
// not.
//
// Legal is what compiler/policy/places.h says of the kind in its place, and what the rest of the rule says: autogroup:self only with people
// as sources, ssh destinations by their sources, no ports where the protocol has none. What no source settles is not offered: it can be
// typed, and is marked with a hint. Names come from the policy, also while its text is broken, and from the inventory.
//
// An item replaces the text of the literal it stands in, or the part of it that is being typed ("tag:web:" | "443"), on one line. Where no
// quote is there yet it brings its own, with the commas that are missing. At most 300 names of a kind are offered, those that fit what is typed;
// the list then says that it is incomplete. Linear in the text and the number of names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/known.h"

namespace acl::lsp {

enum class ItemKind : std::uint8_t {
  field,
  group,
  tag,
  autogroup,
  user,
  host,
  ipset,
  service,
  posture,
  attribute,
  capability,
  account,
  node,
  word,
  port,
  rule,
  file,
  snippet,
};

struct CompletionItem {
  std::string label;
  ItemKind kind = ItemKind::word;
  std::string detail;    // a few words
  std::string about;     // Markdown; may be empty
  std::string selector;  // about_selector() can tell more; "" if there is nothing more to tell
  Span replace;
  std::string text;
  bool snippet = false;  // the text is an LSP snippet
  std::string filter;    // what is typed is compared with this
  std::string sort;
  std::optional<TextEdit> before;  // a comma that is missing in front
};

struct Completion {
  std::vector<CompletionItem> items;
  bool incomplete = false;
};

struct CompletionContext {
  const Snapshot& file;
  Known known;
  bool snippets = false;  // the client takes them
  // The names in a folder, relative to the file; folders end in "/". May be empty.
  std::function<std::vector<std::string>(const std::string& folder)> folder;
};

Completion complete(const CompletionContext& context, std::uint32_t offset);

}  // namespace acl::lsp
