// Exact addresses go into lines of eight, six of them in use on average: the line that an address hashes to, or, where that is
// full, one of the next seven. If some address finds no place, other multipliers are tried, then more lines. Everything follows from the addresses, so that equal tables are equal bytes.
#include "compiler/table/part_writer.h"

#include <algorithm>
#include <unordered_map>

#include "engine/table/decide.h"

namespace acl::tables {

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

bool PartWriter::place_exact(acl_classifier& c, std::span<const Keyed> keyed, std::uint32_t lines,
                             std::vector<std::uint64_t>& slots) const {
  // Sorted by home line, keeping their order in one (a counting sort).
  std::vector<std::uint32_t> home(keyed.size()), order(keyed.size());
  std::vector<std::uint32_t> first(std::size_t{lines} + 1, 0);
  for (std::size_t i = 0; i < keyed.size(); ++i) {
    home[i] = acl_home_line(keyed[i].key * c.multiplier, lines);
    ++first[home[i] + 1];
  }
  for (std::size_t line = 0; line < lines; ++line) first[line + 1] += first[line];
  std::vector<std::uint32_t> next = first;
  for (std::size_t i = 0; i < keyed.size(); ++i) order[next[home[i]]++] = static_cast<std::uint32_t>(i);

  // Line by line, each with those that found no place before it waiting, the longest first. Who is at home goes before who waits,
  // because a lookup that finds its address in the first line is the fastest; except before those for whom it is the last line.
  slots.assign(std::size_t{lines} * acl_slots, 0);
  std::vector<std::uint32_t> waiting;
  std::size_t served = 0;
  std::uint32_t probes = 1;
  for (std::uint64_t at = 0; at < lines || served < waiting.size(); ++at) {
    const auto line = static_cast<std::uint32_t>(at % lines);
    std::uint64_t* slot = slots.data() + std::size_t{line} * acl_slots;
    std::uint64_t* const end = slot + acl_slots;
    while (slot != end && *slot != 0) ++slot;
    const auto distance = [&] { return (line + lines - home[waiting[served]]) % lines; };
    const auto place = [&](std::uint32_t index) { *slot++ = keyed[index].key << 16 | keyed[index].number; };
    const auto place_waiting = [&](std::uint32_t least) {
      for (; slot != end && served < waiting.size() && distance() >= least; ++served) {
        probes = std::max(probes, distance() + 1);
        place(waiting[served]);
      }
    };
    place_waiting(acl_most_probes - 1);
    if (at < lines) {
      for (std::uint32_t i = first[line]; i < first[line + 1]; ++i) {
        if (slot != end) {
          place(order[i]);
        } else {
          waiting.push_back(order[i]);
        }
      }
    }
    place_waiting(1);
    if (at >= std::uint64_t{lines} + acl_most_probes || probes > acl_most_probes) return false;
    if (served < waiting.size() && distance() >= acl_most_probes - 1) return false;
  }
  c.hash_lines = lines;
  c.hash_probes = static_cast<acl_u8>(std::min(probes, lines));
  return true;
}

bool PartWriter::place_spaces(acl_classifier& c, std::span<const acl_space> spaces,
                              std::vector<acl_space>& lines) const {
  const auto count = static_cast<std::uint32_t>((spaces.size() + filled_spaces - 1) / filled_spaces);
  lines.assign(std::size_t{count} * acl_spaces, {});
  std::uint32_t probes = 1;
  for (const acl_space& space : spaces) {
    std::uint32_t line = acl_home_line(acl_space_hash(c.multiplier, space.high, space.middle), count);
    std::uint32_t probe = 1;
    acl_space* place = nullptr;
    for (; probe <= acl_most_probes && place == nullptr; ++probe) {
      for (std::uint32_t i = 0; i < acl_spaces && place == nullptr; ++i) {
        acl_space& slot = lines[std::size_t{line} * acl_spaces + i];
        if (slot.number == 0) place = &slot;
      }
      line = line + 1 == count ? 0 : line + 1;
    }
    if (place == nullptr) return false;
    *place = space;
    probes = std::max(probes, probe - 1);
  }
  c.space_lines = count;
  c.space_probes = static_cast<acl_u8>(std::min(probes, count));
  return true;
}

acl_classifier PartWriter::classifier(const Classes& classes, const Addresses& addresses) {
  acl_classifier c{};
  std::vector<Keyed> keyed;
  keyed.reserve(classes.exact.size() + classes.singles.size());
  std::vector<acl_space> spaces;
  std::vector<std::pair<Interval, std::uint16_t>> more;  // exact addresses beyond the last space
  const auto add = [&](const Address& address, std::uint16_t number) {
    if (address.is_v4()) {
      keyed.push_back({address.low(), number});
      return;
    }
    // Ascending, so that an address is in the space of the one before it, or in a new one.
    const auto middle = static_cast<std::uint32_t>(address.low() >> 32);
    if (spaces.empty() || spaces.back().high != address.high() || spaces.back().middle != middle) {
      if (spaces.size() == 0xffff) {
        more.push_back({{address, address}, number});
        return;
      }
      spaces.push_back({address.high(), middle, static_cast<acl_u32>(spaces.size() + 1)});
    }
    keyed.push_back({std::uint64_t{spaces.back().number} << 32 | (address.low() & 0xffffffff), number});
  };
  // Both ascend; merged, so that a space comes up once.
  auto single = classes.singles.begin();
  for (const auto& [rank, number] : classes.exact) {
    for (; single != classes.singles.end() && single->first < addresses.list[rank]; ++single)
      add(single->first, single->second);
    add(addresses.list[rank], number);
  }
  for (; single != classes.singles.end(); ++single) add(single->first, single->second);

  std::vector<std::uint64_t> slots;
  std::vector<acl_space> space_lines;
  auto lines = static_cast<std::uint32_t>((keyed.size() + filled_slots - 1) / filled_slots);
  for (int attempt = 0;; ++attempt) {
    if (attempt == multipliers) {
      attempt = 0;
      lines += lines / 8 + 1;
    }
    c.multiplier = multiplier(attempt);
    if ((keyed.empty() || place_exact(c, keyed, lines, slots)) &&
        (spaces.empty() || place_spaces(c, spaces, space_lines)))
      break;
  }
  c.hash_line = section<std::uint64_t>(slots);
  c.space_line = section<acl_space>(space_lines);
  // What found no space cuts the intervals that it lies in.
  std::vector<std::pair<Interval, std::uint16_t>> all = classes.intervals;
  for (const auto& one : more) {
    const Address at = one.first.first;
    const auto around =
        std::find_if(all.begin(), all.end(), [&](const auto& i) { return i.first.first <= at && at <= i.first.last; });
    if (around != all.end()) {
      const auto [interval, number] = *around;
      around->first.last = resolve::predecessor(at);
      if (interval.first == at) all.erase(around);
      if (at < interval.last) all.push_back({{resolve::successor(at), interval.last}, number});
    }
    all.push_back(one);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first.first < b.first.first; });
  const acl_intervals found = intervals(all);
  c.v4_line = found.v4_line;
  c.v4_count = found.v4_count;
  c.v6_line = found.v6_line;
  c.v6_count = found.v6_count;
  return c;
}

acl_intervals PartWriter::intervals(const std::vector<std::pair<Interval, std::uint16_t>>& intervals) {
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
  for (const auto& [interval, number] : intervals) {
    Family& family = interval.first.is_v4() ? v4 : v6;
    if (family.starts.empty()) family.begin(interval.first.is_v4() ? Address::v4(0) : Address::v6(0, 0), 0);
    family.begin(interval.first, number);
    const Address next = resolve::successor(interval.last);
    if (next != interval.last) family.begin(next, 0);
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

std::uint32_t TextHeap::add(std::string_view text) {
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  const auto at = static_cast<std::uint32_t>(bytes_.size());
  bytes_.push_back(static_cast<std::uint8_t>(text.size() & 0xff));
  bytes_.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  known_.emplace(text, at);
  return at;
}

}  // namespace acl::tables
