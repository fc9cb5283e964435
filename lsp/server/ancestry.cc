#include "lsp/server/ancestry.h"

#include <algorithm>

namespace acl::lsp {

using hujson::Kind;
using hujson::Node;

Ancestry::Ancestry(const hujson::Tree& tree)
    : tree_(tree), parents_(tree.nodes.size(), nobody), is_name_(tree.nodes.size()) {
  struct Open {
    std::uint32_t node;
    bool name_next;
  };
  std::vector<Open> open;
  for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
    while (!open.empty() && tree.nodes[open.back().node].next <= i) open.pop_back();
    if (!open.empty()) {
      parents_[i] = open.back().node;
      if (tree.nodes[open.back().node].kind == Kind::object) {
        is_name_[i] = open.back().name_next;
        open.back().name_next = !open.back().name_next;
      }
    }
    if (tree.nodes[i].next > i + 1) open.push_back({i, true});
  }
}

std::uint32_t Ancestry::name_of(std::uint32_t value) const noexcept {
  const std::uint32_t up = parents_[value];
  if (up == nobody || tree_.nodes[up].kind != Kind::object || is_name_[value]) return nobody;
  return parents_[value - 1] == up ? value - 1 : nobody;  // names are strings and have nothing inside
}

std::uint32_t Ancestry::innermost(std::uint32_t offset) const {
  const auto behind = std::upper_bound(tree_.nodes.begin(), tree_.nodes.end(), offset,
                                       [](std::uint32_t at, const Node& node) { return at < node.begin; });
  if (behind == tree_.nodes.begin()) return nobody;
  auto i = static_cast<std::uint32_t>(behind - tree_.nodes.begin() - 1);
  while (i != nobody && tree_.nodes[i].end < offset) i = parents_[i];
  return i;
}

std::optional<hujson::Value> Ancestry::node_with(Span span) const {
  auto it = std::lower_bound(tree_.nodes.begin(), tree_.nodes.end(), span.begin,
                             [](const Node& node, std::uint32_t at) { return node.begin < at; });
  for (; it != tree_.nodes.end() && it->begin == span.begin; ++it) {
    if (it->end == span.end) return hujson::Value(tree_, static_cast<std::uint32_t>(it - tree_.nodes.begin()));
  }
  return std::nullopt;
}

}  // namespace acl::lsp
