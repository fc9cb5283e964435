#include "engine/table/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include "engine/table/decide.h"

namespace acl::table {
namespace {

template <class T>
T read_at(std::span<const std::uint8_t> part, std::uint64_t line, std::uint64_t index) {
  T out;
  std::memcpy(&out, part.data() + line * acl_line_bytes + index * sizeof(T), sizeof(T));
  return out;
}

net::Address before(const net::Address& a) {
  if (a.is_v4()) return net::Address::v4(static_cast<std::uint32_t>(a.low()) - 1);
  return net::Address::v6(a.low() == 0 ? a.high() - 1 : a.high(), a.low() - 1);
}

constexpr net::Address last_v4 = net::Address::v4(0xffffffff);
constexpr net::Address last_v6 = net::Address::v6(~std::uint64_t{0}, ~std::uint64_t{0});

// Starts of intervals become ranges; neighbours of one class are one range.
void add_intervals(ClassRanges& out, const std::vector<net::Address>& starts, const std::vector<std::uint16_t>& classes,
                   const net::Address& last) {
  for (std::size_t i = 0; i < starts.size();) {
    std::size_t end = i + 1;
    while (end < starts.size() && classes[end] == classes[i]) ++end;
    if (classes[i] != 0) out[classes[i] - 1U].push_back({starts[i], end < starts.size() ? before(starts[end]) : last});
    i = end;
  }
}

std::vector<std::uint16_t> interval_classes(std::span<const std::uint8_t> part, std::uint32_t line, std::uint32_t count,
                                            std::uint32_t start_bytes) {
  const std::uint64_t starts = (std::uint64_t{count} * start_bytes + acl_line_bytes - 1) / acl_line_bytes;
  std::vector<std::uint16_t> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(read_at<std::uint16_t>(part, line + starts, i));
  return out;
}

// The network of each space; of a number that is there twice, the first.
std::map<std::uint32_t, acl_space> spaces_of(std::span<const std::uint8_t> part, const acl_classifier& c) {
  std::map<std::uint32_t, acl_space> out;
  for (std::uint64_t i = 0; i < std::uint64_t{c.space_lines} * acl_spaces; ++i) {
    const auto space = read_at<acl_space>(part, c.space_line, i);
    if (space.number != 0) out.emplace(space.number, space);
  }
  return out;
}

void add_exact(ClassRanges& out, std::span<const std::uint8_t> part, const acl_classifier& c) {
  const std::map<std::uint32_t, acl_space> spaces = spaces_of(part, c);
  const acl_table table{part.data()};
  for (std::uint64_t i = 0; i < std::uint64_t{c.hash_lines} * acl_slots; ++i) {
    const auto slot = read_at<std::uint64_t>(part, c.hash_line, i);
    const auto found = static_cast<std::uint32_t>(slot & 0xffff);
    const auto space = static_cast<std::uint32_t>(slot >> 48);
    const auto low = static_cast<std::uint32_t>(slot >> 16);
    if (found == 0 || acl_find_exact(&table, &c, slot >> 16) != found) continue;
    if (space == 0) {
      out[found - 1].push_back({net::Address::v4(low), net::Address::v4(low)});
      continue;
    }
    const auto network = spaces.find(space);
    if (network == spaces.end()) continue;
    const acl_space& one = network->second;
    if (acl_find_space(&table, &c, one.high, one.middle) != space) continue;
    const net::Address address = net::Address::v6(one.high, std::uint64_t{one.middle} << 32 | low);
    out[found - 1].push_back({address, address});
  }
  for (auto& ranges : out) {
    std::sort(ranges.begin(), ranges.end(),
              [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
    ranges.erase(std::unique(ranges.begin(), ranges.end()), ranges.end());
  }
}

tl::unexpected<Diagnostic> cannot_list(const std::string& what) {
  return fail(Code::E1210, fmt::format("the hot part of the table cannot be listed: {}", what),
              "it was not made by aclc, or was changed since");
}

// A word may reach over several protocols; then it is one allowance for each.
void add_word(std::vector<Allowance>& out, std::uint64_t word) {
  const auto from = static_cast<std::uint32_t>(word >> 40);
  const auto to = static_cast<std::uint32_t>(word >> 16) & 0xffffff;
  for (std::uint32_t protocol = from >> 16; protocol <= to >> 16; ++protocol) {
    const std::uint32_t first = protocol == from >> 16 ? from & 0xffff : 0;
    const std::uint32_t last = protocol == to >> 16 ? to & 0xffff : 0xffff;
    out.push_back({static_cast<std::uint8_t>(protocol), static_cast<std::uint16_t>(first),
                   static_cast<std::uint16_t>(last), static_cast<std::uint32_t>(word & 0xffff)});
  }
}

// `read`: words listed so far, over all lists.
Expected<std::vector<Allowance>> list_of(const Hot& hot, std::uint32_t pair, std::uint64_t& read) {
  const acl_hot& header = hot.header();
  std::uint64_t first = pair >> 8, count = pair & 0xff;
  if (count == acl_long_list) {
    count = read_at<std::uint64_t>(hot.bytes(), header.list_line, first) >> 16;
    ++first;
  }
  read += count;
  if (read > header.list_words) return cannot_list("its lists overlap");
  std::vector<Allowance> out;
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto word = read_at<std::uint64_t>(hot.bytes(), header.list_line, first + i);
    const std::uint64_t from = word >> 40, to = word >> 16 & 0xffffff;
    if (to < from || (i != 0 && from <= last)) return cannot_list("the ranges of a list do not ascend");
    last = to;
    add_word(out, word);
  }
  return out;
}

}  // namespace

ClassRanges list_sources(std::span<const std::uint8_t> part, const acl_classifier& c, std::uint32_t classes) {
  ClassRanges out(classes);
  add_exact(out, part, c);
  ClassRanges ranges = list_destinations(part, {c.v4_line, c.v4_count, c.v6_line, c.v6_count}, classes);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].insert(out[i].end(), ranges[i].begin(), ranges[i].end());
  return out;
}

ClassRanges list_destinations(std::span<const std::uint8_t> part, const acl_intervals& intervals,
                              std::uint32_t classes) {
  ClassRanges out(classes);
  std::vector<net::Address> starts;
  for (std::uint32_t i = 0; i < intervals.v4_count; ++i)
    starts.push_back(net::Address::v4(read_at<std::uint32_t>(part, intervals.v4_line, i)));
  add_intervals(out, starts, interval_classes(part, intervals.v4_line, intervals.v4_count, 4), last_v4);
  starts.clear();
  for (std::uint64_t i = 0; i < intervals.v6_count; ++i) {
    starts.push_back(net::Address::v6(read_at<std::uint64_t>(part, intervals.v6_line, 2 * i),
                                      read_at<std::uint64_t>(part, intervals.v6_line, 2 * i + 1)));
  }
  add_intervals(out, starts, interval_classes(part, intervals.v6_line, intervals.v6_count, 16), last_v6);
  return out;
}

Expected<HotLists> list_pairs(const Hot& hot) {
  const acl_hot& header = hot.header();
  HotLists out;
  std::unordered_map<std::uint32_t, std::uint32_t> known;  // pair word → index
  std::uint64_t read = 0;
  for (std::uint32_t source = 1; source <= header.part.source_classes; ++source) {
    for (std::uint32_t destination = 1; destination <= header.destination_classes; ++destination) {
      const std::uint32_t pair = acl_pair(&hot.raw(), source, destination);
      if (pair == 0) continue;
      const auto [place, fresh] = known.try_emplace(pair, static_cast<std::uint32_t>(out.lists.size()));
      if (fresh) {
        auto list = list_of(hot, pair, read);
        if (!list) return tl::unexpected(std::move(list.error()));
        out.lists.push_back(std::move(*list));
      }
      out.pairs.push_back({source, destination, place->second});
    }
  }
  return out;
}

}  // namespace acl::table
