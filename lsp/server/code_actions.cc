#include "lsp/server/code_actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lsp/server/fixes.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Value;

// --- FixContext -------------------------------------------------------------------------------------------------------

FixContext::FixContext(const Snapshot& of)
    : snapshot(of), tree(of.file->tree), text(of.text()), ancestry(of.file->tree), names(occurrences(of)) {
  if (of.kind == FileKind::inventory) return;
  walk(tree, of.kind == FileKind::fixture ? policy::fixture_type() : policy::policy_type(),
       [&](const Met& met) { met_.push_back(met); });
}

const Occurrence* FixContext::name_in(Span literal) const {
  const auto first = std::lower_bound(names.begin(), names.end(), literal.begin,
                                      [](const Occurrence& one, std::uint32_t at) { return one.value.begin < at; });
  return first != names.end() && first->value == literal ? &*first : nullptr;
}

const Met* FixContext::met(std::uint32_t node) const {
  const auto found = std::lower_bound(met_.begin(), met_.end(), node,
                                      [](const Met& met, std::uint32_t wanted) { return met.value.index() < wanted; });
  return found != met_.end() && found->value.index() == node ? &*found : nullptr;
}

std::optional<Value> FixContext::find(Value object, std::string_view name) const {
  if (!object.is(Kind::object)) return std::nullopt;
  std::string buffer;
  for (auto it = object.begin(), end = object.end(); it != end; ++it) {
    const bool here = policy::equal_ignoring_case((*it).string(buffer), name);
    ++it;
    if (here) return *it;
  }
  return std::nullopt;
}

std::optional<std::vector<TextEdit>> FixContext::without_entry(std::uint32_t node) const {
  const std::uint32_t up = ancestry.parent(node);
  if (up == Ancestry::nobody) return std::nullopt;
  const Value composite = value(up);
  std::vector<bool> removed(entry_count(composite));
  const std::uint32_t index = entry_index(composite, node);
  if (index >= removed.size()) return std::nullopt;
  removed[index] = true;
  return remove_entries(tree, composite, removed);
}

std::vector<TextEdit> FixContext::define(std::string_view section, std::string_view name, std::string_view made) const {
  const std::string entry = fmt::format("{}: {}", hujson::quote(name), made);
  const Value root = tree.root();
  if (const auto known = find(root, section)) {
    if (known->is(Kind::object)) return append_entry(tree, *known, entry);
    return {{known->span(), fmt::format("{{{}}}", entry)}};  // null
  }
  const std::string end(line_end_of(text));
  const std::string unit(indent_unit(tree));
  const std::string comma = tree.standard() ? "" : ",";
  return append_entry(
      tree, root,
      fmt::format("{}: {{{}{}{}{}{}{}{}}}", hujson::quote(section), end, unit, unit, entry, comma, end, unit));
}

// --- texts ------------------------------------------------------------------------------------------------------------

std::optional<std::string> quoted_behind(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  const auto all = all_quoted(text.substr(at + word.size()));
  return all.empty() ? std::nullopt : std::optional(all.front());
}

std::vector<std::string> all_quoted(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = text.find('"'); at != std::string_view::npos;) {
    const std::size_t end = text.find('"', at + 1);
    if (end == std::string_view::npos) break;
    out.emplace_back(text.substr(at + 1, end - at - 1));
    at = text.find('"', end + 1);
  }
  return out;
}

TextEdit write(Value literal, std::string_view text) { return {literal.span(), hujson::quote(text)}; }

bool has_error(const FixContext& c, Span span) {
  return std::any_of(c.snapshot.diagnostics.begin(), c.snapshot.diagnostics.end(), [&](const Diagnostic& d) {
    return d.severity == Severity::error && d.place && d.place->bytes.begin < span.end &&
           span.begin < d.place->bytes.end;
  });
}

// --- all of them ------------------------------------------------------------------------------------------------------

namespace {

// Laying out an edited text anew costs as much as reading it. So much of that one request may take, in bytes of text.
constexpr std::size_t most_tidied = 2 << 20;

// So that a formatted text stays one. What rewrites most goes first: fix_all, rewrites, then the fixes; the rest stays as it is.
void tidy_all(const hujson::Tree& tree, Actions& actions) {
  if (actions.empty() || !is_formatted(tree)) return;
  std::size_t left = most_tidied / std::max<std::size_t>(tree.text.size(), 1);
  for (auto action = actions.rbegin(); action != actions.rend() && left > 0; ++action, --left) {
    action->edits = tidy(tree, std::move(action->edits));
  }
}

bool touches(Span a, Span b) noexcept { return a.begin <= b.end && b.begin <= a.end; }

void fix(const FixContext& c, std::uint32_t index, Actions& out) {
  const Diagnostic& d = c.snapshot.diagnostics[index];
  if (!d.place || d.place->file != c.snapshot.file->source.name()) return;
  // What underlines a part of the root only (its first byte) is about the whole.
  const auto found = c.ancestry.node_with(d.place->bytes);
  const Value literal = found ? *found : c.tree.root();
  const std::size_t before = out.size();
  fix_names(c, d, literal, out);
  fix_fields(c, d, literal, out);
  fix_values(c, d, literal, out);
  fix_entries(c, d, literal, out);
  for (std::size_t i = before; i < out.size(); ++i) out[i].fixes = {index};
}

// Edits of all safe actions that do not touch each other; what is left over is found by asking again.
CodeAction fix_all(const FixContext& c) {
  CodeAction all{"Fix all that changes no meaning", CodeAction::Kind::fix_all, {}, {}, false, true};
  Actions actions;
  for (std::uint32_t i = 0; i < c.snapshot.diagnostics.size(); ++i) fix(c, i, actions);
  std::map<std::uint32_t, Span> taken;  // by their ends, apart
  const auto free = [&](const TextEdit& edit) {
    const auto next = taken.lower_bound(edit.span.begin);
    return next == taken.end() || !touches(next->second, edit.span);
  };
  for (const CodeAction& action : actions) {
    if (!action.safe || !std::all_of(action.edits.begin(), action.edits.end(), free)) continue;
    for (const TextEdit& edit : action.edits) {
      taken.emplace(edit.span.end, edit.span);
      all.edits.push_back(edit);
    }
    all.fixes.insert(all.fixes.end(), action.fixes.begin(), action.fixes.end());
  }
  std::sort(all.edits.begin(), all.edits.end(),
            [](const TextEdit& a, const TextEdit& b) { return a.span.begin < b.span.begin; });
  return all;
}

}  // namespace

std::vector<CodeAction> code_actions(const Snapshot& snapshot, Span range, const Wanted& wanted) {
  Actions out;
  if (!snapshot.whole || snapshot.kind == FileKind::inventory || snapshot.file->tree.nodes.empty()) return out;
  const FixContext c(snapshot);
  if (!c.tree.root().is(Kind::object)) return out;
  if (wanted.quick_fixes) {
    for (std::uint32_t i = 0; i < snapshot.diagnostics.size(); ++i) {
      const Diagnostic& d = snapshot.diagnostics[i];
      if (d.place && touches(d.place->bytes, range)) fix(c, i, out);
    }
  }
  if (wanted.rewrites) {
    if (snapshot.kind == FileKind::policy) {
      rewrite_acl(c, range.begin, out);
      add_test(c, range.begin, out);
    }
    sort_list(c, range.begin, out);
  }
  if (wanted.fix_all) {
    CodeAction all = fix_all(c);
    if (!all.edits.empty()) out.push_back(std::move(all));
  }
  tidy_all(c.tree, out);
  return out;
}

}  // namespace acl::lsp
