#include "engine/table/hot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "engine/table/part.h"

namespace acl::table {

using net::Address;

namespace {

Expected<LineBytes> finished(PartWriter& writer, const acl_hot& header) {
  if (writer.size() >= std::size_t{acl_most_lines} * acl_line_bytes)
    return fail(Code::E1206, fmt::format("the filter's table has {} bytes, more than 512 MiB", writer.size()));
  return writer.finish(header);
}

// --- narrow ---

// The sections of an opened part.
template <class T>
std::span<const T> section(const Hot& hot, std::uint32_t line, std::size_t count) {
  return {reinterpret_cast<const T*>(hot.bytes().data() + std::size_t{line} * acl_line_bytes), count};
}
template <class Start>
std::span<const std::uint16_t> numbers(const Hot& hot, std::uint32_t line, std::size_t count) {
  const auto starts = (count * sizeof(Start) + acl_line_bytes - 1) / acl_line_bytes;
  return section<std::uint16_t>(hot, line + static_cast<std::uint32_t>(starts), count);
}

struct V6Start {
  std::uint64_t high, low;
};

Address address_of(std::uint32_t start) { return Address::v4(start); }
Address address_of(const V6Start& start) { return Address::v6(start.high, start.low); }

// What intervals of one family say of a range, piece by piece.
template <class Start>
void cut_by_intervals(const Hot& hot, std::uint32_t line, std::size_t count, const AddressRange& range,
                      std::vector<RangeClass>& out) {
  if (count == 0) {
    out.push_back({range, 0});
    return;
  }
  const auto starts = section<Start>(hot, line, count);
  const auto classes = numbers<Start>(hot, line, count);
  auto at = static_cast<std::size_t>(
      std::upper_bound(starts.begin(), starts.end(), range.first,
                       [](const Address& a, const Start& start) { return a < address_of(start); }) -
      starts.begin() - 1);
  Address first = range.first;
  for (;; ++at) {
    const bool last = at + 1 == count || range.last < address_of(starts[at + 1]);
    out.push_back({{first, last ? range.last : net::predecessor(address_of(starts[at + 1]))}, classes[at]});
    if (last) return;
    first = address_of(starts[at + 1]);
  }
}

bool contains(std::span<const AddressRange> ranges, const Address& address) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                      [](const Address& a, const AddressRange& range) { return a < range.first; });
  return after != ranges.begin() && address <= std::prev(after)->last;
}

// The exact addresses of the part that lie in these ranges, in no order; some may come twice.
Expected<std::vector<Address>> exact_within(const Hot& hot, std::span<const AddressRange> ranges) {
  std::vector<Address> out;
  const acl_classifier& c = hot.header().sources;
  std::vector<const acl_space*> spaces;  // by number
  for (const acl_space& space : section<acl_space>(hot, c.space_line, std::size_t{c.space_lines} * acl_spaces)) {
    if (space.number == 0) continue;
    if (spaces.size() <= space.number) spaces.resize(space.number + std::size_t{1});
    if (spaces[space.number] != nullptr)
      return bad_part("hot", fmt::format("two address spaces have the number \"{}\"", space.number));
    spaces[space.number] = &space;
  }
  for (const std::uint64_t slot : section<std::uint64_t>(hot, c.hash_line, std::size_t{c.hash_lines} * acl_slots)) {
    if (slot == 0) continue;
    const auto number = static_cast<std::size_t>(slot >> 48);
    const auto low = static_cast<std::uint32_t>(slot >> 16);
    Address address = Address::v4(low);
    if (number != 0) {
      if (number >= spaces.size() || spaces[number] == nullptr) continue;
      address = Address::v6(spaces[number]->high, std::uint64_t{spaces[number]->middle} << 32 | low);
    }
    if (contains(ranges, address)) out.push_back(address);
  }
  return out;
}

// Admitted sources with the classes of the signed part, 0 where it has none.
struct Sources {
  std::vector<ExactClass> exact;   // ascending
  std::vector<RangeClass> ranges;  // disjoint, ascending
};

Expected<Sources> classify(const Hot& hot, std::span<const AddressRange> admitted) {
  Sources out;
  std::vector<AddressRange> wide;
  const auto add = [&](const Address& address) {
    out.exact.push_back({address, static_cast<std::uint16_t>(hot.source_class(address))});
  };
  out.exact.reserve(admitted.size());
  for (const AddressRange& range : admitted) {
    if (range.first == range.last) {
      add(range.first);
    } else {
      wide.push_back(range);
    }
  }
  if (wide.empty()) return out;
  const acl_classifier& c = hot.header().sources;
  for (const AddressRange& range : wide) {
    if (range.first.is_v4()) {
      cut_by_intervals<std::uint32_t>(hot, c.v4_line, c.v4_count, range, out.ranges);
    } else {
      cut_by_intervals<V6Start>(hot, c.v6_line, c.v6_count, range, out.ranges);
    }
  }
  auto more = exact_within(hot, wide);
  if (!more) return tl::unexpected(more.error());
  std::sort(more->begin(), more->end());
  more->erase(std::unique(more->begin(), more->end()), more->end());
  const auto middle = static_cast<std::ptrdiff_t>(out.exact.size());
  for (const Address& address : *more) add(address);
  std::inplace_merge(out.exact.begin(), out.exact.begin() + middle, out.exact.end(),
                     [](const ExactClass& a, const ExactClass& b) { return a.address < b.address; });
  return out;
}

// Gives what has no class the number; whether there was any.
bool number_classless(Sources& sources, std::uint16_t number) {
  bool any = false;
  for (ExactClass& one : sources.exact) {
    any = any || one.number == 0;
    if (one.number == 0) one.number = number;
  }
  for (RangeClass& one : sources.ranges) {
    any = any || one.number == 0;
    if (one.number == 0) one.number = number;
  }
  return any;
}

acl_intervals copy_intervals(PartWriter& writer, const Hot& hot, const acl_intervals& from) {
  acl_intervals out{};
  out.v4_count = from.v4_count;
  out.v4_line = writer.section(section<std::uint32_t>(hot, from.v4_line, from.v4_count));
  if (from.v4_count != 0) writer.section(numbers<std::uint32_t>(hot, from.v4_line, from.v4_count));
  out.v6_count = from.v6_count;
  out.v6_line = writer.section(section<V6Start>(hot, from.v6_line, from.v6_count));
  if (from.v6_count != 0) writer.section(numbers<V6Start>(hot, from.v6_line, from.v6_count));
  return out;
}

}  // namespace

Expected<LineBytes> narrow(const Hot& hot, std::span<const AddressRange> admitted) {
  auto sources = classify(hot, admitted);
  if (!sources) return tl::unexpected(sources.error());
  acl_hot header = hot.header();
  const std::uint32_t classes = header.part.source_classes;
  const bool more = number_classless(*sources, static_cast<std::uint16_t>(classes + 1));
  if (more && classes == 0xffff)
    return fail(Code::E1206, "the table has 65535 source classes, which leaves none for sources without rights");
  header.part.source_classes = classes + (more ? 1 : 0);

  PartWriter writer(sizeof header);
  header.sources = writer.classifier(sources->exact, sources->ranges);
  header.destinations = copy_intervals(writer, hot, header.destinations);
  const auto signed_pairs =
      section<std::uint32_t>(hot, header.pair_line, std::size_t{classes} * header.destination_classes);
  std::vector<std::uint32_t> pairs(signed_pairs.begin(), signed_pairs.end());
  pairs.resize(std::size_t{header.part.source_classes} * header.destination_classes);
  const auto lists = section<std::uint64_t>(hot, header.list_line, header.list_words);
  header.pair_line = writer.section<std::uint32_t>(pairs);
  header.list_line = writer.section(lists);
  return finished(writer, header);
}

std::vector<AddressRange> without(std::span<const AddressRange> ranges, std::span<const net::Address> addresses) {
  std::vector<AddressRange> out;
  auto one = addresses.begin();
  for (AddressRange range : ranges) {
    while (one != addresses.end() && *one < range.first) ++one;
    bool left = true;
    for (; left && one != addresses.end() && *one <= range.last; ++one) {
      if (range.first < *one) out.push_back({range.first, net::predecessor(*one)});
      left = *one < range.last;
      range.first = net::successor(*one);
    }
    if (left) out.push_back(range);
  }
  return out;
}

// --- write_hot ---

namespace {

// List words of what these rules allow together, ascending; of what two allow, the first has it.
std::vector<std::uint64_t> words_of(std::span<const SourceRule> rules, const std::vector<std::uint32_t>& asked) {
  std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> taken;  // from → to, rule; both as in a list word
  for (const std::uint32_t rule : asked) {
    for (const Allowed& one : rules[rule].allowed) {
      std::uint32_t from = std::uint32_t{one.protocol} << 16 | one.first;
      const std::uint32_t to = std::uint32_t{one.protocol} << 16 | one.last;
      auto next = taken.upper_bound(from);
      if (next != taken.begin() && std::prev(next)->second.first >= from) from = std::prev(next)->second.first + 1;
      while (from <= to) {
        const bool free_to_end = next == taken.end() || next->first > to;
        if (free_to_end || from < next->first) taken.emplace(from, std::pair{free_to_end ? to : next->first - 1, rule});
        if (free_to_end) break;
        from = next->second.first + 1;
        ++next;
      }
    }
  }
  std::vector<std::uint64_t> out;
  out.reserve(taken.size());
  for (const auto& [from, rest] : taken)
    out.push_back(std::uint64_t{from} << 40 | std::uint64_t{rest.first} << 16 | rest.second);
  return out;
}

// Where sources begin to be treated otherwise: the start of each rule, and what follows its end.
std::vector<Address> edges_of(std::span<const SourceRule> rules) {
  std::vector<Address> edges;
  for (const SourceRule& rule : rules) {
    edges.push_back(rule.sources.first);
    const Address after = net::successor(rule.sources.last);
    if (after != rule.sources.last) edges.push_back(after);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

struct SmallTable {
  std::vector<ExactClass> exact;
  std::vector<RangeClass> ranges;
  std::vector<std::uint32_t> pairs;  // one for each class
  std::vector<std::uint64_t> words;
  std::map<std::vector<std::uint32_t>, std::uint16_t> known;  // rules → class

  std::uint16_t class_of(std::span<const SourceRule> rules, const std::vector<std::uint32_t>& asked) {
    const auto [place, fresh] = known.try_emplace(asked, static_cast<std::uint16_t>(pairs.size() + 1));
    if (!fresh) return place->second;
    const std::vector<std::uint64_t> list = words_of(rules, asked);
    pairs.push_back(list.empty() ? 0
                                 : static_cast<std::uint32_t>(words.size()) << 8 |
                                       static_cast<std::uint32_t>(std::min<std::size_t>(list.size(), acl_long_list)));
    if (list.size() >= acl_long_list) words.push_back(std::uint64_t{list.size()} << 16);
    words.insert(words.end(), list.begin(), list.end());
    return place->second;
  }
};

// The last address of the piece that begins at an edge. All pieces that a rule has end before the next edge.
Address end_of_piece(std::span<const Address> edges, std::size_t at, const SourceRule& rule) {
  const bool next = at + 1 < edges.size() && edges[at + 1].is_v4() == edges[at].is_v4();
  return next && edges[at + 1] <= rule.sources.last ? net::predecessor(edges[at + 1]) : rule.sources.last;
}

}  // namespace

Expected<LineBytes> write_hot(std::span<const SourceRule> rules) {
  if (rules.size() > 0x7fff) return fail(Code::E1206, fmt::format("{} rules are more than 32767", rules.size()));
  SmallTable table;
  const std::vector<Address> edges = edges_of(rules);
  for (std::size_t at = 0; at < edges.size(); ++at) {
    std::vector<std::uint32_t> asked;
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      if (rules[i].sources.first <= edges[at] && edges[at] <= rules[i].sources.last) asked.push_back(i);
    }
    if (asked.empty()) continue;
    const std::uint16_t number = table.class_of(rules, asked);
    const Address last = end_of_piece(edges, at, rules[asked.front()]);
    if (last == edges[at]) {
      table.exact.push_back({last, number});
    } else {
      table.ranges.push_back({{edges[at], last}, number});
    }
    if (table.words.size() >= (1U << 24)) return fail(Code::E1206, "the rules have more than 16 million port ranges");
  }
  PartWriter writer(sizeof(acl_hot));
  acl_hot header{};
  header.part = part_header(acl_kind_hot, table.pairs.size());
  header.destination_classes = 1;
  header.rules = static_cast<acl_u32>(rules.size());
  header.sources = writer.classifier(table.exact, table.ranges);
  header.pair_line = writer.section<std::uint32_t>(table.pairs);
  header.list_words = static_cast<acl_u32>(table.words.size());
  header.list_line = writer.section<std::uint64_t>(table.words);
  return finished(writer, header);
}

}  // namespace acl::table
