#include "node/daemon/config_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/net/suggest.h"
#include "engine/release/text.h"

namespace acl::node {

using release::quoted;

const toml::node* ConfigTable::get(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void ConfigTable::text(std::string_view key, std::string& out) {
  if (get(key) == nullptr) return;
  const auto value = table_.get(key)->value_exact<std::string>();
  if (!value) return wrong(key, fmt::format("\"{}\" is a text: {} = \"…\"", key, key));
  if (value->find('\0') != std::string::npos || value->find('\n') != std::string::npos)
    return wrong(key, fmt::format("\"{}\" = {} has a zero byte or a line end in it", key, quoted(*value)));
  out = *value;
}

void ConfigTable::number(std::string_view key, std::uint32_t& out, std::uint32_t least, std::uint32_t most) {
  if (get(key) == nullptr) return;
  const auto value = table_.get(key)->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most)
    return wrong(key, fmt::format("\"{}\" is a number from {} to {}", key, least, most));
  out = static_cast<std::uint32_t>(*value);
}

void ConfigTable::flag(std::string_view key, bool& out) {
  if (get(key) == nullptr) return;
  const auto value = table_.get(key)->value_exact<bool>();
  if (!value) return wrong(key, fmt::format("\"{}\" is true or false", key));
  out = *value;
}

void ConfigTable::texts(std::string_view key, std::vector<std::string>& out) {
  if (get(key) == nullptr) return;
  const toml::array* values = table_.get(key)->as_array();
  if (values == nullptr) return wrong(key, fmt::format("\"{}\" is a list of texts", key));
  out.clear();
  for (const toml::node& one : *values) {
    const auto value = one.value_exact<std::string>();
    if (!value || value->empty() || value->find('\0') != std::string::npos)
      return wrong_at(one.source(), fmt::format("\"{}\" is a list of texts", key), {});
    out.push_back(*value);
  }
}

const toml::table* ConfigTable::table(std::string_view key) {
  const toml::node* node = get(key);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) wrong(key, fmt::format("\"{}\" is a table", key));
  return node->as_table();
}

void ConfigTable::only() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto near = nearest(name, known_);
    wrong_at(key.source(), fmt::format("unknown key {}", quoted(name)),
             near ? fmt::format("did you mean \"{}\"?", *near) : "aclnode.toml(5) lists the keys");
  }
}

void ConfigTable::wrong(std::string_view key, std::string message, std::string help) {
  const toml::node* node = table_.get(key);
  wrong_at(node != nullptr ? node->source() : table_.source(), std::move(message), std::move(help));
}

// The first fault counts.
void ConfigTable::wrong_at(const toml::source_region& source, std::string message, std::string help) {
  if (fault_) return;
  fault_ = make_diagnostic(Code::E1301, std::move(message), std::move(help));
  const Position start{source.begin.line, source.begin.column}, end{source.end.line, source.end.column};
  fault_->place = Place{name_, {}, start, end};
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + '"';
}

}  // namespace acl::node
