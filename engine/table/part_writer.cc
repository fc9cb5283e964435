// Exact addresses go into lines of eight slots, six of them in use on average: into the first line of the two that an address hashes
// to, or, where that is full, into the second. Where both are, an address in them moves to its other line, whose place another one
// may have to leave first: the shortest chain of such moves is searched (breadth first). Full lines stay full, so that a lookup
// may stop at a first line with a free slot. If there is no chain, other multipliers are tried, then more lines. Everything
// follows from the addresses and their order, so that equal tables are equal bytes.
#include "engine/table/part_writer.h"

#include <algorithm>

#include "engine/table/decide.h"

namespace acl::table {

using net::Address;

namespace {

constexpr std::size_t filled_slots = 6;
constexpr std::size_t filled_spaces = 2;
constexpr int multipliers = 8;

// Odd numbers without a pattern: splitmix64 (Steele, Lea, Flood 2014) of 1, 2, 3, …
std::uint64_t multiplier(int attempt) noexcept {
  std::uint64_t z = 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(attempt + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (z ^ (z >> 31)) | 1;
}

}  // namespace

namespace {

// Items in lines of `Slots` places, each in one of its two lines.
template <class Item, std::uint32_t Slots>
class Lines {
 public:
  // `items`: the places, empty; `used`: memory for how many of each line are taken.
  Lines(std::span<Item> items, std::vector<std::uint8_t>& used)
      : lines_(static_cast<std::uint32_t>(items.size() / Slots)), items_(items), used_(used) {
    used_.assign(lines_, 0);
  }

  // False if it finds no place. `hash(item)` is the first hash of an item.
  template <class F>
  bool put(const Item& item, F hash) {
    const std::uint64_t first = hash(item);
    const std::uint32_t one = acl_home_line(first, lines_), other = acl_home_line(acl_second_hash(first), lines_);
    if (append(one, item) || append(other, item)) return true;
    return make_room(one, other, item, hash);
  }

 private:
  // A line that would be freed by moving the item at `place` of the line before it in the chain.
  struct Step {
    std::uint32_t line;
    std::uint32_t before;  // index of the step
    std::size_t place;     // in items_
  };
  static constexpr std::size_t most_steps = 512;
  static constexpr std::uint32_t start = 0xffffffff;

  bool append(std::uint32_t line, const Item& item) {
    if (used_[line] == Slots) return false;
    items_[std::size_t{line} * Slots + used_[line]++] = item;
    return true;
  }

  template <class F>
  bool make_room(std::uint32_t one, std::uint32_t other, const Item& item, F hash) {
    std::vector<Step> steps = {{one, start, 0}, {other, start, 0}};
    for (std::uint32_t at = 0; at < steps.size() && steps.size() < most_steps; ++at) {
      for (std::size_t place = std::size_t{steps[at].line} * Slots, end = place + Slots; place < end; ++place) {
        const std::uint64_t first = hash(items_[place]);
        const std::uint32_t home = acl_home_line(first, lines_);
        const std::uint32_t line = home == steps[at].line ? acl_home_line(acl_second_hash(first), lines_) : home;
        if (line == steps[at].line) continue;
        if (append(line, items_[place])) {
          shift(steps, at, place, item);
          return true;
        }
        steps.push_back({line, at, place});
      }
    }
    return false;
  }
  // The item at `place` has moved on: each before it in the chain takes the place of the next, the new one the first.
  void shift(const std::vector<Step>& steps, std::uint32_t at, std::size_t place, const Item& item) {
    for (; steps[at].before != start; at = steps[at].before) {
      items_[place] = items_[steps[at].place];
      place = steps[at].place;
    }
    items_[place] = item;
  }

  std::uint32_t lines_;
  std::span<Item> items_;
  std::vector<std::uint8_t>& used_;
};

}  // namespace

bool PartWriter::place_exact(acl_classifier& c, std::span<const std::uint64_t> slots, std::uint32_t count) {
  c.hash_lines = count;
  c.hash_line = start_line();
  Lines<std::uint64_t, acl_slots> lines(empty_lines<std::uint64_t>(count), used_);
  const auto hash = [&](std::uint64_t slot) { return (slot >> 16) * c.multiplier; };
  for (const std::uint64_t slot : slots) {
    if (!lines.put(slot, hash)) return false;
  }
  return true;
}

bool PartWriter::place_spaces(acl_classifier& c, std::span<const acl_space> spaces) {
  const auto count = static_cast<std::uint32_t>((spaces.size() + filled_spaces - 1) / filled_spaces);
  c.space_lines = count;
  c.space_line = start_line();
  Lines<acl_space, acl_spaces> lines(empty_lines<acl_space>(count), used_);
  const auto hash = [&](const acl_space& space) { return acl_space_hash(c.multiplier, space.high, space.middle); };
  for (const acl_space& space : spaces) {
    if (!lines.put(space, hash)) return false;
  }
  return true;
}

namespace {

// Exact addresses that found no space become ranges of one address and cut the ranges that they lie in. Both ascend.
std::vector<RangeClass> with_exact(std::span<const RangeClass> ranges, std::span<const ExactClass> exact) {
  std::vector<RangeClass> out;
  auto one = exact.begin();
  const auto single = [&] {
    out.push_back({{one->address, one->address}, one->number});
    ++one;
  };
  for (const auto& [range, number] : ranges) {
    while (one != exact.end() && one->address < range.first) single();
    Address next = range.first;
    bool whole = true;  // something is left
    while (one != exact.end() && one->address <= range.last) {
      const Address at = one->address;
      if (next < at) out.push_back({{next, net::predecessor(at)}, number});
      single();
      next = net::successor(at);
      whole = at < range.last;
    }
    if (whole) out.push_back({{next, range.last}, number});
  }
  while (one != exact.end()) single();
  return out;
}

}  // namespace

acl_classifier PartWriter::classifier(std::span<const ExactClass> exact, std::span<const RangeClass> ranges) {
  ExactSlots slots;
  slots.slots.reserve(exact.size());
  for (const ExactClass& one : exact) slots.add(one.address, one.number);
  return classifier(slots, ranges);
}

acl_classifier PartWriter::classifier(const ExactSlots& exact, std::span<const RangeClass> ranges) {
  const auto& [slots, spaces, more] = exact;
  acl_classifier c{};
  auto lines = static_cast<std::uint32_t>((slots.size() + filled_slots - 1) / filled_slots);
  for (int attempt = 0;; ++attempt) {
    if (attempt == multipliers) {
      attempt = 0;
      lines += lines / 8 + 1;
    }
    c.multiplier = multiplier(attempt);
    const std::size_t before = bytes_.size();
    if ((slots.empty() || place_exact(c, slots, lines)) && (spaces.empty() || place_spaces(c, spaces))) break;
    bytes_.resize(before);
  }
  const acl_intervals found = more.empty() ? intervals(ranges) : intervals(with_exact(ranges, more));
  c.v4_line = found.v4_line;
  c.v4_count = found.v4_count;
  c.v6_line = found.v6_line;
  c.v6_count = found.v6_count;
  return c;
}

acl_intervals PartWriter::intervals(std::span<const RangeClass> ranges) {
  struct Family {
    std::vector<Address> starts;
    std::vector<std::uint16_t> numbers;

    void begin(const Address& at, std::uint16_t number) {
      if (!starts.empty() && starts.back() == at) {
        numbers.back() = number;
      } else if (numbers.empty() || numbers.back() != number) {
        starts.push_back(at);
        numbers.push_back(number);
      }
    }
  };
  Family v4, v6;
  for (const auto& [range, number] : ranges) {
    Family& family = range.first.is_v4() ? v4 : v6;
    if (family.starts.empty()) family.begin(range.first.is_v4() ? Address::v4(0) : Address::v6(0, 0), 0);
    family.begin(range.first, number);
    const Address next = net::successor(range.last);
    if (next != range.last) family.begin(next, 0);
  }
  acl_intervals out{};
  std::vector<std::uint32_t> short_starts;
  for (const Address& start : v4.starts) short_starts.push_back(static_cast<std::uint32_t>(start.low()));
  std::vector<std::uint64_t> long_starts;
  for (const Address& start : v6.starts) {
    long_starts.push_back(start.high());
    long_starts.push_back(start.low());
  }
  out.v4_count = static_cast<acl_u32>(v4.starts.size());
  out.v4_line = section<std::uint32_t>(short_starts);
  section<std::uint16_t>(v4.numbers);
  out.v6_count = static_cast<acl_u32>(v6.starts.size());
  out.v6_line = section<std::uint64_t>(long_starts);
  section<std::uint16_t>(v6.numbers);
  return out;
}

}  // namespace acl::table
