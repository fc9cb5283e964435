#include "tests/bench/lookup_tables.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "compiler/table/part_writer.h"

namespace acl::bench {
namespace {

std::vector<std::uint32_t> groups_of(const Shape& shape, std::uint32_t host) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < shape.memberships; ++i) out.push_back(group_of(shape, host, i));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// The words of what a set of groups may reach (engine/table/layout.h).
std::vector<std::uint64_t> list_of(const Shape& shape, const std::vector<std::uint32_t>& groups) {
  std::vector<std::uint64_t> out;
  for (const std::uint32_t group : groups) {
    for (std::uint32_t rule = group; rule < shape.rules; rule += shape.groups()) {
      const std::uint64_t at = std::uint64_t{tcp} << 16 | (1000 + rule);
      out.push_back(at << 40 | at << 16 | rule);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<std::uint64_t> make_hot(const Shape& shape) {
  tables::Classes classes;
  std::map<std::vector<std::uint32_t>, std::uint16_t> known;
  std::vector<std::uint32_t> pairs;
  std::vector<std::uint64_t> words;
  for (std::uint32_t host = 0; host < shape.hosts; ++host) {
    std::vector<std::uint32_t> groups = groups_of(shape, host);
    const auto [place, fresh] = known.try_emplace(groups, static_cast<std::uint16_t>(known.size() + 1));
    if (fresh) {
      const std::vector<std::uint64_t> list = list_of(shape, groups);
      const bool is_long = list.size() >= acl_long_list;
      pairs.push_back(static_cast<std::uint32_t>(words.size()) << 8 |
                      (is_long ? acl_long_list : static_cast<std::uint32_t>(list.size())));
      if (is_long) words.push_back(std::uint64_t{list.size()} << 16);
      words.insert(words.end(), list.begin(), list.end());
    }
    classes.singles.emplace_back(net::Address::v4(v4_of(host)), place->second);
    classes.singles.emplace_back(net::Address::v6(v6_high, v6_of(host)), place->second);
  }
  std::sort(classes.singles.begin(), classes.singles.end());

  const inventory::Inventory nobody;
  resolve::Resolved resolved;
  resolved.inventory = &nobody;
  const tables::Addresses addresses(resolved);
  tables::PartWriter writer(sizeof(acl_hot));
  acl_hot hot{};
  hot.part = tables::part_header(acl_kind_hot, known.size());
  hot.destination_classes = destination;
  hot.rules = shape.rules;
  hot.sources = writer.classifier(classes, addresses);
  hot.pair_line = writer.section<std::uint32_t>(pairs);
  hot.list_words = static_cast<acl_u32>(words.size());
  hot.list_line = writer.section<std::uint64_t>(words);
  const table::LineBytes bytes = writer.finish(hot);
  std::vector<std::uint64_t> out(bytes.size() / sizeof(std::uint64_t));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

table::Hot open_hot(const std::vector<std::uint64_t>& words) {
  auto hot =
      table::Hot::open({reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * sizeof(std::uint64_t)});
  if (hot) return *hot;
  std::fprintf(stderr, "%s\n", hot.error().message.c_str());
  std::abort();
}

}  // namespace acl::bench
