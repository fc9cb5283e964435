// Ancestry: the way up in a tree: whose child a node is, and which node stands at a place. Linear to make.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/hujson/tree.h"

namespace acl::lsp {

class Ancestry {
 public:
  static constexpr std::uint32_t nobody = 0xffffffff;

  explicit Ancestry(const hujson::Tree& tree);

  // nobody: of the root.
  [[nodiscard]] std::uint32_t parent(std::uint32_t node) const noexcept { return parents_[node]; }
  // A child of an object that is a member's name.
  [[nodiscard]] bool is_name(std::uint32_t node) const noexcept { return is_name_[node]; }
  // Of a member's value: the node of its name; nobody for what is no value of a member.
  [[nodiscard]] std::uint32_t name_of(std::uint32_t value) const noexcept;
  // The last node that begins at or before the offset and reaches it, or the nearest around it that does; nobody if none.
  [[nodiscard]] std::uint32_t innermost(std::uint32_t offset) const;
  // The node of exactly that span, the outermost; nothing if there is none.
  [[nodiscard]] std::optional<hujson::Value> node_with(Span span) const;

 private:
  const hujson::Tree& tree_;
  std::vector<std::uint32_t> parents_;
  std::vector<bool> is_name_;
};

}  // namespace acl::lsp
