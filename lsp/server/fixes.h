// Fixes: the parts of code_actions.cc; no one else includes this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/ancestry.h"
#include "lsp/server/code_actions.h"
#include "lsp/server/occurrences.h"
#include "lsp/server/walk.h"

namespace acl::lsp {

// A file with what fixes ask about it.
class FixContext {
 public:
  explicit FixContext(const Snapshot& of);

  const Snapshot& snapshot;
  const hujson::Tree& tree;
  const std::string_view text;
  const Ancestry ancestry;
  const std::vector<Occurrence> names;

  [[nodiscard]] policy::Dialect dialect() const noexcept { return snapshot.file->policy.dialect; }
  [[nodiscard]] hujson::Value value(std::uint32_t node) const noexcept { return {tree, node}; }
  // The first name in the literal of that span; null if none.
  [[nodiscard]] const Occurrence* name_in(Span literal) const;
  // What the node means: its place on the walk; null for what the walk does not meet.
  [[nodiscard]] const Met* met(std::uint32_t node) const;
  [[nodiscard]] const std::vector<Met>& all_met() const noexcept { return met_; }
  // The value of the object's member of that name, letter case ignored.
  [[nodiscard]] std::optional<hujson::Value> find(hujson::Value object, std::string_view name) const;
  // The innermost array element or object member around the node, itself included, as child of its composite.
  [[nodiscard]] std::optional<std::vector<TextEdit>> without_entry(std::uint32_t node) const;
  // A member for a top-level section, which is made if there is none.
  [[nodiscard]] std::vector<TextEdit> define(std::string_view section, std::string_view name,
                                             std::string_view value) const;

 private:
  std::vector<Met> met_;  // in the order of their nodes
};

using Actions = std::vector<CodeAction>;

// The text between the next pair of double quotes behind `word`.
std::optional<std::string> quoted_behind(std::string_view text, std::string_view word);
// All texts in double quotes.
std::vector<std::string> all_quoted(std::string_view text);
// The literal as `text`, quoted.
TextEdit write(hujson::Value literal, std::string_view text);

// Fixes of one diagnostic; `literal` is the node it underlines. Each looks at codes of its own and leaves others alone.
void fix_names(const FixContext& c, const Diagnostic& d, hujson::Value literal, Actions& out);
void fix_fields(const FixContext& c, const Diagnostic& d, hujson::Value literal, Actions& out);
void fix_values(const FixContext& c, const Diagnostic& d, hujson::Value literal, Actions& out);
void fix_entries(const FixContext& c, const Diagnostic& d, hujson::Value literal, Actions& out);

// Whether an error touches the span.
bool has_error(const FixContext& c, Span span);

// Rewrites of what stands at the offset.
void rewrite_acl(const FixContext& c, std::uint32_t offset, Actions& out);
void add_test(const FixContext& c, std::uint32_t offset, Actions& out);
void sort_list(const FixContext& c, std::uint32_t offset, Actions& out);

}  // namespace acl::lsp
