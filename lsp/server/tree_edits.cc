#include "lsp/server/tree_edits.h"

#include <algorithm>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Node;
using hujson::Tree;
using hujson::Value;

namespace {

// Larger texts are not laid out anew for an edit.
constexpr std::size_t longest_tidied = 1 << 20;

struct Entry {
  std::uint32_t first;  // the element, or the member's name
  std::uint32_t last;   // the element, or the member's value
};

std::vector<Entry> entries_of(Value composite) {
  std::vector<Entry> out;
  for (auto it = composite.begin(), end = composite.end(); it != end; ++it) {
    const std::uint32_t first = (*it).index();
    if (composite.is(Kind::object)) ++it;
    out.push_back({first, (*it).index()});
  }
  return out;
}

// One past the white space and comments that follow on the same line; the line's end is not passed.
std::uint32_t line_rest(std::string_view text, std::uint32_t at) noexcept {
  for (;;) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
    const std::string_view ahead = text.substr(at);
    if (ahead.substr(0, 2) == "//") {
      std::size_t end = std::min(ahead.find('\n'), ahead.size());
      if (end > 0 && ahead[end - 1] == '\r') --end;
      return at + static_cast<std::uint32_t>(end);
    }
    if (ahead.substr(0, 2) != "/*") return at;
    const std::size_t close = ahead.find("*/", 2);
    const std::size_t line_end = ahead.find('\n');
    if (close == std::string_view::npos || line_end < close) return at;
    at += static_cast<std::uint32_t>(close) + 2;
  }
}

bool at_line_end(std::string_view text, std::uint32_t at) noexcept {
  return at >= text.size() || text[at] == '\n' || (text[at] == '\r' && text.substr(at, 2) == "\r\n");
}

std::uint32_t line_begin(std::string_view text, std::uint32_t at) noexcept {
  const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return before == std::string_view::npos ? 0 : static_cast<std::uint32_t>(before + 1);
}

bool first_on_line(std::string_view text, std::uint32_t at) noexcept {
  return indent_at(text, at).size() == at - line_begin(text, at);
}

// Whether its entries stand on lines of their own.
bool is_expanded(std::string_view text, const Tree& tree, Value composite) {
  const Node& first = tree.nodes[composite.index() + 1];
  return text.substr(first.before, first.begin - first.before).find('\n') != std::string_view::npos;
}

std::vector<TextEdit> append_to_empty(const Tree& tree, Value composite, std::string_view entry) {
  const std::string_view text = tree.text;
  const Node& node = composite.node();
  const std::string_view inside = text.substr(node.begin + 1, node.end - node.begin - 2);
  if (inside.find_first_not_of(" \t\r\n") != std::string_view::npos) {  // a comment
    return {{{node.end - 1, node.end - 1}, std::string(entry)}};
  }
  const bool section = first_on_line(text, tree.nodes[composite.index() == 0 ? 0 : composite.index() - 1].begin);
  std::string out(entry);
  if (section || composite.index() == 0) {
    const std::string end(line_end_of(text));
    const std::string indent(indent_at(text, node.begin));
    out = end + indent + std::string(indent_unit(tree)) + out + (tree.standard() ? "" : ",") + end + indent;
  }
  return {{{node.begin + 1, node.end - 1}, out}};
}

}  // namespace

std::string_view line_end_of(std::string_view text) noexcept {
  const std::size_t first = text.find('\n');
  return first != std::string_view::npos && first > 0 && text[first - 1] == '\r' ? "\r\n" : "\n";
}

std::string_view indent_at(std::string_view text, std::uint32_t offset) noexcept {
  const std::string_view line = text.substr(line_begin(text, offset));
  return line.substr(0, std::min(line.find_first_not_of(" \t"), line.size()));
}

std::string_view indent_unit(const Tree& tree) noexcept {
  if (tree.nodes.size() < 2 || !first_on_line(tree.text, tree.nodes[1].begin)) return "\t";
  const std::string_view indent = indent_at(tree.text, tree.nodes[1].begin);
  return indent.empty() ? "\t" : indent;
}

std::uint32_t entry_count(Value composite) { return static_cast<std::uint32_t>(entries_of(composite).size()); }

std::uint32_t entry_index(Value composite, std::uint32_t child) {
  const auto entries = entries_of(composite);
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.first == child || e.last == child; });
  return static_cast<std::uint32_t>(found - entries.begin());
}

std::vector<TextEdit> append_entry(const Tree& tree, Value composite, std::string_view entry) {
  if (composite.empty()) return append_to_empty(tree, composite, entry);
  const std::string_view text = tree.text;
  const Entry last = entries_of(composite).back();
  const Node& value = tree.nodes[last.last];
  const std::uint32_t behind = value.comma ? value.after + 1 : value.end;
  if (!is_expanded(text, tree, composite)) {
    if (value.comma) return {{{behind, behind}, " " + std::string(entry) + ","}};
    return {{{behind, behind}, ", " + std::string(entry)}};
  }
  std::string line(line_end_of(text));
  line += indent_at(text, tree.nodes[composite.index() + 1].begin);
  line += entry;
  const std::uint32_t rest = line_rest(text, behind);
  const std::uint32_t at = at_line_end(text, rest) ? rest : behind;
  if (value.comma) return {{{at, at}, line + ","}};
  if (at == behind) return {{{at, at}, "," + line}};
  return {{{behind, behind}, ","}, {{at, at}, line}};
}

std::vector<TextEdit> remove_entries(const Tree& tree, Value composite, const std::vector<bool>& removed) {
  const std::string_view text = tree.text;
  const auto entries = entries_of(composite);
  std::vector<TextEdit> out;
  const auto cut = [&](std::uint32_t begin, std::uint32_t end) {
    if (begin < end) out.push_back({{begin, end}, ""});
  };
  std::size_t last_kept = entries.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!removed[i]) last_kept = i;
  }
  const bool trailing = !entries.empty() && tree.nodes[entries.back().last].comma;
  const bool drop_comma = !trailing && last_kept + 1 < entries.size() && last_kept < entries.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Node& value = tree.nodes[entries[i].last];
    if (!removed[i]) {
      // What was behind it is gone, and so is its comma, with the white space up to what was removed.
      if (drop_comma && i == last_kept && value.comma) {
        std::uint32_t end = value.after + 1;
        const bool line_stays = at_line_end(text, line_rest(text, end));
        while (!line_stays && end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
        cut(value.after, end);
      }
      continue;
    }
    const std::uint32_t begin = tree.nodes[entries[i].first].begin;
    // A comment between value and comma stays.
    const bool plain = !value.comma || value.after == value.end;
    std::uint32_t end = value.comma && plain ? value.after + 1 : value.end;
    std::uint32_t rest = end;
    while (rest < text.size() && (text[rest] == ' ' || text[rest] == '\t')) ++rest;
    if (plain && first_on_line(text, begin) && at_line_end(text, rest)) {
      rest += text.substr(rest, 2) == "\r\n" ? 2 : rest < text.size() ? 1 : 0;
      cut(line_begin(text, begin), rest);
      continue;
    }
    const bool comment_follows = text.substr(rest, 1) == "/";
    if (plain && value.comma && !comment_follows && !at_line_end(text, rest)) end = rest;
    cut(begin, end);
    if (!plain) cut(value.after, value.after + 1);
  }
  return out;
}

std::string apply_edits(std::string_view text, std::vector<TextEdit> edits) {
  std::stable_sort(edits.begin(), edits.end(),
                   [](const TextEdit& a, const TextEdit& b) { return a.span.begin < b.span.begin; });
  std::string out;
  std::size_t at = 0;
  for (const TextEdit& edit : edits) {
    out += text.substr(at, edit.span.begin - at);
    out += edit.text;
    at = edit.span.end;
  }
  return out += text.substr(at);
}

bool is_formatted(const Tree& tree) { return tree.text.size() <= longest_tidied && hujson::format(tree) == tree.text; }

std::vector<TextEdit> tidy(const Tree& tree, std::vector<TextEdit> edits) {
  const std::string_view text = tree.text;
  if (edits.empty()) return edits;
  const std::string edited = apply_edits(text, edits);
  const auto parsed = hujson::parse_strict(edited);
  if (!parsed) return edits;
  const std::string wanted = hujson::format(*parsed);
  if (wanted == edited) return edits;
  // Whole lines that both have in common in front and behind stay as they are.
  std::size_t front = 0;
  while (front < text.size() && front < wanted.size() && text[front] == wanted[front]) ++front;
  front = front == 0 ? 0 : text.rfind('\n', front - 1) + 1;  // npos + 1 is 0
  std::size_t back = 0;
  const std::size_t most = std::min(text.size(), wanted.size()) - front;
  while (back < most && text[text.size() - 1 - back] == wanted[wanted.size() - 1 - back]) ++back;
  const std::size_t line = text.find('\n', text.size() - back);
  back = line == std::string_view::npos ? 0 : text.size() - line - 1;
  return {{{static_cast<std::uint32_t>(front), static_cast<std::uint32_t>(text.size() - back)},
           wanted.substr(front, wanted.size() - back - front)}};
}

}  // namespace acl::lsp
