// An acls entry as the equal grant: the same sources, destinations, protocols and ports.
//
// A grant says ports once for all its destinations, so an entry whose destinations have different ports becomes several grants. Not
// offered where a grant cannot say it: `*` as a source of autogroup:self, 0.0.0.0/0 as a destination. Comments in the entry and right
// above it go with it. That both mean the same is proved over the example policies by rewrite_acl_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "lsp/server/fixes.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Node;
using hujson::Value;
using policy::Acl;
using policy::PortRange;
using policy::SelectorKind;
using policy::Target;

namespace {

std::vector<std::string> ip_entries(const Acl& acl, const std::vector<PortRange>& ports) {
  const std::string protocol = acl.protocol ? policy::protocol_name(*acl.protocol) + ":" : "";
  std::vector<std::string> out;
  for (const PortRange& range : ports) {
    std::string text = "*";
    if (!range.is_all())
      text = range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
    text = hujson::quote(protocol + text);
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  }
  return out;
}

struct Part {
  std::vector<PortRange> ports;
  std::vector<std::string> dst;  // as literals
};

// The destinations by their ports.
std::vector<Part> parts_of(const Acl& acl) {
  std::vector<Part> out;
  for (const Target& target : acl.dst) {
    auto part = std::find_if(out.begin(), out.end(), [&](const Part& known) { return known.ports == target.ports; });
    if (part == out.end()) part = out.insert(out.end(), {target.ports, {}});
    std::string text = hujson::quote(target.selector.text);
    if (std::find(part->dst.begin(), part->dst.end(), text) == part->dst.end()) part->dst.push_back(std::move(text));
  }
  return out;
}

bool can_be_grant(const Acl& acl) {
  if (acl.damaged || acl.src.empty() || acl.dst.empty()) return false;
  bool self = false;
  for (const Target& target : acl.dst) {
    const policy::Selector& dst = target.selector;
    const bool everything = dst.kind == SelectorKind::prefix && dst.prefix.is_everything();
    const bool odd = dst.text.empty() || dst.text.find('[') != std::string_view::npos;
    if (target.ports.empty() || everything || odd) return false;
    self = self || dst.autogroup == policy::Autogroup::self;
  }
  const auto wildcard = [](const policy::Selector& src) { return src.kind == SelectorKind::wildcard; };
  return !self || std::none_of(acl.src.begin(), acl.src.end(), wildcard);
}

bool has_comment(std::string_view text) { return text.find('/') != std::string_view::npos; }

// Of the entry's object: comments anywhere outside its strings.
bool has_comment(const FixContext& c, Value entry) {
  std::uint32_t at = entry.node().begin;
  for (std::uint32_t i = entry.index() + 1; i < entry.node().next; ++i) {
    const Node& node = c.tree.nodes[i];
    if (has_comment(c.text.substr(at, node.begin - at))) return true;
    at = node.kind == hujson::Kind::object || node.kind == hujson::Kind::array ? node.begin : node.end;
  }
  return has_comment(c.text.substr(at, entry.node().end - at));
}

std::string joined(const std::vector<std::string>& texts, std::string_view between = ", ") {
  return fmt::format("{}", fmt::join(texts, between));
}

// The edits that make one grant of the entry where it stands.
std::vector<TextEdit> in_place(const FixContext& c, Value entry, const Acl& acl, const Part& part) {
  std::vector<TextEdit> out;
  std::vector<bool> removed(entry_count(entry));
  std::size_t index = 0;
  for (auto it = entry.begin(), end = entry.end(); it != end; ++it, ++index) {
    const Value name = *it;
    ++it;
    const Value value = *it;
    const Met* met = c.met(name.index());
    if (met == nullptr || met->field == nullptr) continue;
    const std::string_view field = met->field->name;
    removed[index] = field == "action" || field == "proto";
    if (field == "users") out.push_back(write(name, "src"));
    if (field != "dst" && field != "ports") continue;
    if (field == "ports") out.push_back(write(name, "dst"));
    std::vector<bool> repeated(entry_count(value));
    std::size_t i = 0;
    for (const Value element : value) {
      repeated[i] = i >= part.dst.size();
      if (!repeated[i]) out.push_back({element.span(), part.dst[i]});
      ++i;
    }
    for (TextEdit& edit : remove_entries(c.tree, value, repeated)) out.push_back(std::move(edit));
    // Right behind the destinations, on a line of its own where they have one.
    const std::string_view before = c.text.substr(name.node().before, name.node().begin - name.node().before);
    std::string gap = " ";
    if (before.find('\n') != std::string_view::npos) {
      gap = std::string(line_end_of(c.text)) + std::string(indent_at(c.text, name.node().begin));
    }
    out.push_back({{value.node().end, value.node().end},
                   fmt::format(",{}\"ip\": [{}]", gap, joined(ip_entries(acl, part.ports)))});
  }
  for (TextEdit& edit : remove_entries(c.tree, entry, removed)) out.push_back(std::move(edit));
  return out;
}

// The entry's text as grants, one for each part.
std::vector<std::string> grants_of(const FixContext& c, Value entry, const Acl& acl, const std::vector<Part>& parts) {
  const std::uint32_t begin = entry.node().begin;
  if (parts.size() == 1) {
    std::vector<TextEdit> edits = in_place(c, entry, acl, parts[0]);
    for (TextEdit& edit : edits) {
      edit.span.begin -= begin;
      edit.span.end -= begin;
    }
    return {apply_edits(entry.text(), std::move(edits))};
  }
  const auto src = c.find(entry, "src") ? c.find(entry, "src") : c.find(entry, "users");
  const auto posture = c.find(entry, "srcPosture");
  std::vector<std::string> out;
  for (const Part& part : parts) {
    std::string text = fmt::format("{{\"src\": {}, \"dst\": [{}], \"ip\": [{}]", src->text(), joined(part.dst),
                                   joined(ip_entries(acl, part.ports)));
    if (posture && posture->is(hujson::Kind::array)) text += fmt::format(", \"srcPosture\": {}", posture->text());
    out.push_back(text + "}");
  }
  return out;
}

// An entry that has its lines for itself, with the comments above it and behind it.
struct Block {
  std::uint32_t begin, end;  // whole lines
  std::string above;         // lines, each with its end; the one behind comes last
};

std::optional<Block> block_of(const FixContext& c, Value entry) {
  const Node& node = entry.node();
  const std::string_view indent = indent_at(c.text, node.begin);
  const auto line = static_cast<std::uint32_t>(node.begin - indent.size());
  if (line != 0 && c.text[line - 1] != '\n') return std::nullopt;
  const std::uint32_t behind = node.comma ? node.after + 1 : node.end;
  if (node.comma && node.after != node.end) return std::nullopt;
  std::size_t end = std::min(c.text.find('\n', behind), c.text.size());
  std::string_view rest = c.text.substr(behind, end - behind);
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  const std::size_t comment = rest.find_first_not_of(" \t");
  const bool plain = comment == std::string_view::npos;
  if (!plain && rest.substr(comment, 2) != "//") return std::nullopt;
  Block out{line, static_cast<std::uint32_t>(std::min(end + 1, c.text.size())), ""};
  // The lines of line comments right above.
  while (out.begin > node.before) {
    const std::size_t above = out.begin < 2 ? std::string_view::npos : c.text.rfind('\n', out.begin - 2);
    if (above == std::string_view::npos || above + 1 <= node.before) break;
    const std::string_view text = c.text.substr(above + 1, out.begin - above - 1);
    const std::size_t first = text.find_first_not_of(" \t");
    if (text.substr(std::min(first, text.size()), 2) != "//") break;
    out.begin = static_cast<std::uint32_t>(above + 1);
  }
  out.above = c.text.substr(out.begin, line - out.begin);
  if (!plain) out.above += std::string(indent) + std::string(rest.substr(comment)) + std::string(line_end_of(c.text));
  return out;
}

// The grants at the end of "grants", which there is.
std::vector<TextEdit> appended(const FixContext& c, Value grants, const std::vector<std::string>& texts,
                               const std::optional<Block>& block, std::string_view indent) {
  const std::string end(line_end_of(c.text));
  std::string entry = joined(texts, "," + end + std::string(indent));
  if (!block || block->above.empty()) return append_entry(c.tree, grants, entry);
  // append_entry() puts the indent in front itself.
  std::string above = block->above;
  above.erase(0, std::min(above.find_first_not_of(" \t"), above.size()));
  return append_entry(c.tree, grants, above + std::string(indent) + entry);
}

std::vector<TextEdit> cut(const FixContext& c, Value acls, Value entry, const std::optional<Block>& block) {
  if (entry_count(acls) == 1 &&
      !has_comment(c.text.substr(acls.node().begin, (block ? block->begin : entry.node().begin) - acls.node().begin)) &&
      !has_comment(c.text.substr(block ? block->end : entry.node().end,
                                 acls.node().end - (block ? block->end : entry.node().end)))) {
    if (auto section = c.without_entry(acls.index())) return std::move(*section);
  }
  std::vector<TextEdit> out = *c.without_entry(entry.index());
  if (!block) return out;
  // The whole block goes; what remains is the comma of the entry before, if that is the last one now.
  std::erase_if(out, [&](const TextEdit& edit) { return edit.span.begin >= block->begin; });
  out.push_back({{block->begin, block->end}, ""});
  return out;
}

}  // namespace

void rewrite_acl(const FixContext& c, std::uint32_t offset, Actions& out) {
  const auto acls = c.find(c.tree.root(), "acls");
  const auto& policy = c.snapshot.file->policy;
  if (!acls || !acls->is(hujson::Kind::array) || !policy.acls) return;
  std::size_t index = 0;
  for (const Value entry : *acls) {
    const Span span = entry.span();
    if (offset < span.begin || span.end < offset) {
      ++index;
      continue;
    }
    if (index >= policy.acls->size() || !entry.is(hujson::Kind::object)) return;
    const Acl& acl = (*policy.acls)[index];
    if (!can_be_grant(acl) || has_error(c, span)) return;
    const std::vector<Part> parts = parts_of(acl);
    const bool commented = has_comment(c, entry);
    if (commented && parts.size() > 1) return;
    const std::vector<std::string> texts = grants_of(c, entry, acl, parts);
    CodeAction action{parts.size() == 1 ? "Turn into a grant" : fmt::format("Turn into {} grants", parts.size()),
                      CodeAction::Kind::rewrite,
                      {},
                      {}};
    const std::string end(line_end_of(c.text));
    const std::string indent(indent_at(c.text, span.begin));
    const auto grants = c.find(c.tree.root(), "grants");
    if (grants && !grants->is(hujson::Kind::array)) return;
    const bool only = entry_count(*acls) == 1;
    if (!grants && only) {
      action.edits.push_back(write(c.value(c.ancestry.name_of(acls->index())), "grants"));
      action.edits.push_back({span, joined(texts, "," + end + indent)});
    } else {
      const auto block = block_of(c, entry);
      action.edits = cut(c, *acls, entry, block);
      std::vector<TextEdit> more;
      if (grants) {
        more = appended(c, *grants, texts, block, indent);
      } else {
        const std::string outer(indent_at(c.text, c.tree.nodes[c.ancestry.name_of(acls->index())].begin));
        const std::string above = block ? block->above : "";
        const std::string comma = c.tree.standard() ? "" : ",";
        more.push_back({{acls->node().end, acls->node().end},
                        fmt::format(",{}{}\"grants\": [{}{}{}{}{}{}{}]", end, outer, end, above, indent,
                                    joined(texts, "," + end + indent), comma, end, outer)});
      }
      for (TextEdit& edit : more) action.edits.push_back(std::move(edit));
    }
    std::stable_sort(action.edits.begin(), action.edits.end(),
                     [](const TextEdit& a, const TextEdit& b) { return a.span.begin < b.span.begin; });
    out.push_back(std::move(action));
    return;
  }
}

}  // namespace acl::lsp
