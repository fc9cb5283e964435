// Names: what a policy defines (groups, hosts, ipsets, tags, postures) and whether anything uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/policy/policy.h"

namespace acl::policy {

enum class NameKind : std::uint8_t { group, host, ipset, tag, posture };

struct Definition {
  std::string_view name;
  Span span;
  bool used = false;
};

class Names {
 public:
  explicit Names(const Policy& policy);

  // Null if there is none. Tags are looked up in lower case, as decode() left them.
  Definition* find(NameKind kind, std::string_view name);
  [[nodiscard]] const std::vector<Definition>& all(NameKind kind) const { return table(kind).list; }

  // The defined name nearest to one that is not, if near enough. Gives up once much work has gone into such searches, so
  // that a file full of unknown names stays cheap.
  const Definition* nearest(NameKind kind, std::string_view name);

 private:
  struct Table {
    std::vector<Definition> list;
    std::unordered_map<std::string_view, std::size_t> index;
    std::vector<std::string_view> names;  // of `list`, for nearest()
    std::size_t bytes = 0;                // of all names
  };
  void define(NameKind kind, const Text& name);
  Table& table(NameKind kind) { return tables_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Table& table(NameKind kind) const { return tables_[static_cast<std::size_t>(kind)]; }

  Table tables_[5];
  std::size_t work_ = 0;  // done in nearest()
};

}  // namespace acl::policy
