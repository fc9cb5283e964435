#include "lsp/server/structure.h"

#include <algorithm>

#include "lsp/server/ancestry.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Node;

namespace {

// One past the end of the token that begins at `at`: a string (which ends with its line at the latest), a comment, or one byte.
std::size_t token_end(std::string_view text, std::size_t at) {
  const auto line_end = [&] { return std::min(text.find('\n', at), text.size()); };
  if (text[at] == '"') {
    for (std::size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] != '\n') {
        ++i;
      } else if (text[i] == '"') {
        return i + 1;
      }
    }
    return line_end();
  }
  if (text[at] != '/' || at + 1 == text.size()) return at + 1;
  if (text[at + 1] == '/') return line_end();
  if (text[at + 1] != '*') return at + 1;
  const std::size_t close = text.find("*/", at + 2);
  return close == std::string_view::npos ? text.size() : close + 2;
}

}  // namespace

namespace {

class Folder {
 public:
  explicit Folder(std::string_view text) : text_(text) {}

  std::vector<Fold> read() {
    for (std::size_t at = 0; at < text_.size();) at = step(at);
    end_comments();
    std::stable_sort(out_.begin(), out_.end(), [](const Fold& a, const Fold& b) { return a.first < b.first; });
    return std::move(out_);
  }

 private:
  struct Open {
    bool object;
    std::uint32_t line;
  };

  [[nodiscard]] bool ends_line(std::size_t at) const noexcept {
    return text_[at] == '\n' || (text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] != '\n'));
  }

  // Reads one token; one past its end.
  std::size_t step(std::size_t at) {
    const char c = text_[at];
    if (ends_line(at)) {
      ++line_;
      alone_ = true;
      return at + 1;
    }
    if (c == ' ' || c == '\t' || c == '\r') return at + 1;
    const std::size_t end = token_end(text_, at);
    const std::uint32_t first = line_;
    for (std::size_t i = at; i < end; ++i) line_ += ends_line(i) ? 1 : 0;
    const std::string_view opener = text_.substr(at, 2);
    if (opener == "//" && alone_ && line_ == first) {
      line_comment();
    } else if (opener == "/*" && line_ > first) {
      out_.push_back({first, line_, true});
    } else if (c == '{' || c == '[') {
      open_.push_back({c == '{', line_});
      ++(c == '{' ? objects_ : arrays_);
    } else if (c == '}' || c == ']') {
      close(c == '}');
    }
    alone_ = false;
    return end;
  }

  void line_comment() {
    if (in_comments_ && comments_.last + 1 == line_) {
      comments_.last = line_;
      return;
    }
    end_comments();
    comments_ = {line_, line_, true};
    in_comments_ = true;
  }
  void end_comments() {
    if (in_comments_ && comments_.last > comments_.first) out_.push_back(comments_);
    in_comments_ = false;
  }

  // A closer without its opener closes nothing; openers inside that were never closed are dropped.
  void close(bool object) {
    if ((object ? objects_ : arrays_) == 0) return;
    for (bool found = false; !found;) {
      const Open last = open_.back();
      open_.pop_back();
      --(last.object ? objects_ : arrays_);
      found = last.object == object;
      if (found && line_ > last.line + 1) out_.push_back({last.line, line_ - 1, false});
    }
  }

  std::string_view text_;
  std::vector<Fold> out_;
  std::vector<Open> open_;
  std::size_t objects_ = 0, arrays_ = 0;  // among open_
  Fold comments_;                         // the run of line comments that is being read
  bool in_comments_ = false;              // there is one
  bool alone_ = true;                     // nothing stands on this line so far
  std::uint32_t line_ = 0;
};

}  // namespace

std::vector<Fold> folds(std::string_view text) { return Folder(text).read(); }

// --- selections -------------------------------------------------------------------------------------------------------

namespace {

constexpr std::uint32_t nobody = Ancestry::nobody;

// The end of a composite's last child, which it has.
std::uint32_t last_end(const hujson::Tree& tree, const Ancestry& ancestry, std::uint32_t composite) {
  std::uint32_t last = tree.nodes[composite].next - 1;
  while (ancestry.parent(last) != composite) last = ancestry.parent(last);
  return tree.nodes[last].end;
}

// Name and value of the member that the node is a part of; empty if it is none.
Span member_of(const hujson::Tree& tree, const Ancestry& ancestry, std::uint32_t node) {
  if (ancestry.is_name(node)) {
    const std::uint32_t value = tree.nodes[node].next;
    const bool has_value = value < tree.nodes[ancestry.parent(node)].next;
    return has_value ? Span{tree.nodes[node].begin, tree.nodes[value].end} : Span{};
  }
  const std::uint32_t name = ancestry.name_of(node);
  return name == nobody ? Span{} : Span{tree.nodes[name].begin, tree.nodes[node].end};
}

std::vector<Span> selection(const hujson::Tree& tree, const Ancestry& ancestry, std::uint32_t size,
                            std::uint32_t offset) {
  std::vector<Span> out;
  const auto grow = [&](Span span) {
    if (span.begin > offset || offset > span.end || span.begin > span.end) return;
    const bool larger =
        out.empty() || (span.begin <= out.back().begin && out.back().end <= span.end && !(span == out.back()));
    if (larger) out.push_back(span);
  };
  for (std::uint32_t i = ancestry.innermost(offset); i != nobody; i = ancestry.parent(i)) {
    const Node& node = tree.nodes[i];
    const bool inside = node.kind == Kind::string || node.kind == Kind::object || node.kind == Kind::array;
    if (node.next > i + 1) grow({tree.nodes[i + 1].begin, last_end(tree, ancestry, i)});
    if (inside && node.end >= node.begin + 2) grow({node.begin + 1, node.end - 1});
    grow({node.begin, node.end});
    if (const Span member = member_of(tree, ancestry, i); member.end != 0) grow(member);
  }
  grow({0, size});
  if (out.empty()) out.push_back({offset, offset});
  return out;
}

}  // namespace

std::vector<std::vector<Span>> selections(const hujson::Tree& tree, std::string_view text,
                                          const std::vector<std::uint32_t>& offsets) {
  const Ancestry ancestry(tree);
  const auto size = static_cast<std::uint32_t>(text.size());
  std::vector<std::vector<Span>> out;
  out.reserve(offsets.size());
  for (const std::uint32_t offset : offsets) out.push_back(selection(tree, ancestry, size, std::min(offset, size)));
  return out;
}

}  // namespace acl::lsp
