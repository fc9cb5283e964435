#include "compiler/table/cache.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/table/node_header.h"

namespace acl::tables {

using release::Digest;

std::string print_cache(const Cache& cache) {
  std::string out = fmt::format("aclc cache {}\n", cache_version);
  for (const auto& [key, part] : cache) {
    out += fmt::format("{} {} {} {}", key.text(), part.blob.digest.text(), part.blob.length, part.own_classes.size());
    for (const std::uint16_t one : part.own_classes) out += fmt::format(" {}", one);
    for (const std::uint64_t id : part.rule_ids) out += fmt::format(" {}", id);
    out += '\n';
  }
  return out;
}

namespace {

// The numbers up to the end of the line; nothing if something else stands there.
template <class T>
bool read_number(std::string_view& line, T& out) {
  if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out);
  if (error != std::errc() || end == line.data()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return true;
}

bool read_part(std::string_view line, Digest& key, CachedPart& part) {
  if (line.size() < 130) return false;
  const auto first = Digest::parse(line.substr(0, 64)), second = Digest::parse(line.substr(65, 64));
  if (!first || !second) return false;
  key = *first;
  part.blob.digest = *second;
  line.remove_prefix(129);
  std::size_t own = 0;
  if (!read_number(line, part.blob.length) || !read_number(line, own) || own > table::most_own) return false;
  for (; own > 0; --own) {
    if (!read_number(line, part.own_classes.emplace_back())) return false;
  }
  while (!line.empty()) {
    if (!read_number(line, part.rule_ids.emplace_back())) return false;
  }
  return true;
}

}  // namespace

Cache parse_cache(std::string_view text) {
  Cache out;
  const std::string head = fmt::format("aclc cache {}\n", cache_version);
  if (text.substr(0, head.size()) != head) return {};
  text.remove_prefix(head.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    Digest key;
    CachedPart part;
    if (!read_part(text.substr(0, end), key, part)) return {};
    out.emplace_hint(out.end(), key, std::move(part));
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace acl::tables
