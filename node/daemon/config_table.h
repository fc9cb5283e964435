// One table of aclnode.toml, read key by key: for the files that read a table of their own (config_*.cc), and no other.
//
// After the first fault, which is kept, harmless values come out. Every key of the table must be one that was asked for: only().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "engine/net/diagnostic.h"

namespace acl::node {

class ConfigTable {
 public:
  // `name` of the file and `table` outlive it.
  ConfigTable(const std::string& name, const toml::table& table) : name_(name), table_(table) {}

  void text(std::string_view key, std::string& out);
  void number(std::string_view key, std::uint32_t& out, std::uint32_t least, std::uint32_t most);
  void flag(std::string_view key, bool& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  // The table of that key; null if there is none.
  const toml::table* table(std::string_view key);
  void only();

  // At the key's value, or at the table where there is none.
  void wrong(std::string_view key, std::string message, std::string help = {});
  [[nodiscard]] std::optional<Diagnostic>& fault() noexcept { return fault_; }

 private:
  const toml::node* get(std::string_view key);
  void wrong_at(const toml::source_region& source, std::string message, std::string help);

  const std::string& name_;
  const toml::table& table_;
  std::vector<std::string_view> known_;
  std::optional<Diagnostic> fault_;
};

// A text as TOML writes it (toml.io, basic strings).
std::string toml_text(std::string_view text);

}  // namespace acl::node
