#include "lsp/server/semantic_tokens.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "lsp/server/literal.h"
#include "lsp/server/occurrences.h"
#include "lsp/server/walk.h"

namespace acl::lsp {
namespace {

TokenType type_of(Named kind) noexcept {
  switch (kind) {
    case Named::group: return TokenType::klass;
    case Named::tag: return TokenType::type;
    case Named::host:
    case Named::node: return TokenType::variable;
    case Named::ipset: return TokenType::structure;
    case Named::posture: return TokenType::interface;
    case Named::user: return TokenType::parameter;
    case Named::service:
    case Named::rule: return TokenType::function;
    case Named::autogroup: return TokenType::macro;
    case Named::account: return TokenType::member;
    case Named::capability: return TokenType::space;
    case Named::attribute: return TokenType::property;
    case Named::protocol: return TokenType::keyword;
    case Named::literal: break;
  }
  return TokenType::number;
}

// Names as a set; kinds do not mix but for hosts, since the others have a word in front.
class Known {
 public:
  explicit Known(const Snapshot& snapshot, const std::vector<Occurrence>& all) {
    for (const Occurrence& one : all) {
      if (one.definition) defined_.insert(key(one));
      if (!one.definition) used_.insert(key(one));
    }
    if (snapshot.inventory != nullptr) {
      for (const auto& group : snapshot.inventory->inventory.synced_groups) {
        defined_.insert(std::to_string(static_cast<int>(Named::group)) + group.name);
      }
    }
  }
  [[nodiscard]] bool defined(const Occurrence& one) const { return defined_.count(key(one)) != 0; }
  [[nodiscard]] bool used(const Occurrence& one) const { return used_.count(key(one)) != 0; }

 private:
  static std::string key(const Occurrence& one) { return std::to_string(static_cast<int>(one.kind)) + one.name; }
  std::unordered_set<std::string> defined_, used_;
};

class Tokens {
 public:
  explicit Tokens(Span range) : range_(range) {}

  void add(Span span, TokenType type, std::uint32_t modifiers = 0) {
    if (span.begin >= span.end || span.end < range_.begin || range_.end < span.begin) return;
    out_.push_back({span, type, modifiers});
  }

  void meet(const Met& met) {
    if (met.what == Met::What::field) {
      std::uint32_t modifiers = met.field == nullptr ? modifier::unknown : 0;
      if (met.field != nullptr && !met.field->modern.empty()) modifiers |= modifier::deprecated;
      return add(inside(met.value), TokenType::property, modifiers);
    }
    if (met.what != Met::What::text) return;
    switch (met.type->meaning) {
      case policy::Meaning::acl_action:
      case policy::Meaning::ssh_action:
      case policy::Meaning::verdict:
      case policy::Meaning::cgnat_route: return add(inside(met.value), TokenType::keyword);
      case policy::Meaning::check_period: return add(inside(met.value), TokenType::number);
      case policy::Meaning::ipset_operation: return operation(met.value);
      case policy::Meaning::target:
      case policy::Meaning::grant_ip:
      case policy::Meaning::question_target: return ports(met.value);
      default: return;
    }
  }

  std::vector<Token> take() {
    std::stable_sort(out_.begin(), out_.end(),
                     [](const Token& a, const Token& b) { return a.span.begin < b.span.begin; });
    std::vector<Token> apart;
    apart.reserve(out_.size());
    for (const Token& token : out_) {
      if (!apart.empty() && token.span.begin < apart.back().span.end) continue;
      apart.push_back(token);
    }
    return apart;
  }

 private:
  static Span inside(hujson::Value value) {
    const Span span = value.span();
    return span.end < span.begin + 2 ? Span{span.begin, span.begin} : Span{span.begin + 1, span.end - 1};
  }
  void operation(hujson::Value value) {
    const Literal literal(value);
    for (const std::string_view word : {"add ", "remove "}) {
      if (literal.text().substr(0, word.size()) != word) continue;
      add(literal.span(0, word.size() - 1), TokenType::keyword);
    }
  }
  void ports(hujson::Value value) {
    const Literal literal(value);
    const std::string_view text = literal.text();
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return;
    const std::string_view behind = text.substr(colon + 1);
    const std::string_view port = behind.substr(0, behind.find('/'));
    if (port.find_first_not_of("0123456789-,* ") == std::string_view::npos) add(literal.span(port), TokenType::number);
    if (port.size() < behind.size()) add(literal.span(behind.substr(port.size() + 1)), TokenType::keyword);
  }

  Span range_;
  std::vector<Token> out_;
};

std::uint32_t modifiers_of(const Occurrence& one, const Known& here, const Known* policy) {
  if (one.definition) {
    return modifier::definition | (defined_in_policies(one.kind) && !here.used(one) && !policy ? modifier::unused : 0);
  }
  if (one.kind == Named::autogroup) return modifier::built_in;
  if (!defined_in_policies(one.kind)) return 0;
  const bool defined = here.defined(one) || (policy != nullptr && policy->defined(one));
  // Groups with an @ are the identity provider's; the inventory may not list them.
  const bool synced = one.kind == Named::group && one.name.find('@') != std::string::npos;
  return defined || synced ? 0 : modifier::unknown;
}

}  // namespace

std::vector<Token> semantic_tokens(const Snapshot& snapshot, const Snapshot* policy, Span range) {
  if (snapshot.file->tree.nodes.empty()) return {};
  const std::vector<Occurrence> all = occurrences(snapshot);
  const Known here(snapshot, all);
  std::optional<Known> there;
  if (policy != nullptr && policy != &snapshot) there.emplace(*policy, occurrences(*policy));
  // Without its policy nothing can be said of a fixture's names, nor of an inventory's.
  const bool told = snapshot.kind == FileKind::policy || there;
  Tokens out(range);
  for (const Occurrence& one : all) {
    const std::uint32_t modifiers = modifiers_of(one, here, there ? &*there : nullptr);
    const std::uint32_t certain = modifier::definition | modifier::built_in;
    out.add(one.span, type_of(one.kind), told ? modifiers : modifiers & certain);
  }
  if (snapshot.kind != FileKind::inventory) {
    const policy::Type& root = snapshot.kind == FileKind::fixture ? policy::fixture_type() : policy::policy_type();
    walk(snapshot.file->tree, root, [&](const Met& met) { out.meet(met); });
  }
  return out.take();
}

std::vector<std::uint32_t> encode(const std::vector<Token>& tokens, std::string_view text, const Lines& lines,
                                  Encoding encoding) {
  std::vector<std::uint32_t> out;
  out.reserve(tokens.size() * 5);
  Point last;
  for (const Token& token : tokens) {
    const Range range = lines.range(text, token.span, encoding);
    if (range.start.line != range.end.line || range.end.character <= range.start.character) continue;
    const bool same = range.start.line == last.line;
    out.push_back(range.start.line - last.line);
    out.push_back(same ? range.start.character - last.character : range.start.character);
    out.push_back(range.end.character - range.start.character);
    out.push_back(static_cast<std::uint32_t>(token.type));
    out.push_back(token.modifiers);
    last = range.start;
  }
  return out;
}

}  // namespace acl::lsp
