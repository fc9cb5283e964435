#include "compiler/table/prove_sources.h"

#include <algorithm>
#include <array>
#include <bit>

#include "compiler/table/prove_shared.h"
#include "engine/table/decide.h"

namespace acl::tables {

using net::Address;

namespace {

constexpr std::uint64_t ones = ~std::uint64_t{0};
// Upper bits of a key that no slot has: of an address in no space.
constexpr std::uint64_t no_key = std::uint64_t{0xffffffff} << 32;

// What the sets are noted in: see SourceProof.
struct Marked {
  const std::uint64_t* touched;
  const std::uint32_t* below;
  std::uint64_t* masks;
  std::size_t words;
};

[[gnu::always_inline]] inline void mark_each(const Marked& to, std::span<const Rank> ranks, std::uint64_t bit) {
  for (const Rank rank : ranks) {
    const std::uint64_t before = to.touched[rank / 64] & ((std::uint64_t{1} << (rank % 64)) - 1);
    to.masks[(to.below[rank / 64] + static_cast<unsigned>(__builtin_popcountll(before))) * to.words] |= bit;
  }
}

// Sets a bit in the mask of each of these addresses, which are touched.
void mark_plain(const Marked& to, std::span<const Rank> ranks, std::uint64_t bit) { mark_each(to, ranks, bit); }

#if defined(__x86_64__)
// The same with an instruction for what is a dozen else.
[[gnu::target("popcnt")]] void mark_counting(const Marked& to, std::span<const Rank> ranks, std::uint64_t bit) {
  mark_each(to, ranks, bit);
}
const auto mark = __builtin_cpu_supports("popcnt") != 0 ? mark_counting : mark_plain;
#else
constexpr auto mark = mark_plain;
#endif

}  // namespace

SourceProof::SourceProof(const Prover& prover, const table::Hot& hot, std::span<const std::uint32_t> columns,
                         Prover::Scratch& scratch)
    : prover_(prover),
      list_(prover.addresses().list),
      hot_(hot),
      classifier_(hot.header().sources),
      columns_(columns),
      words_((columns.size() + 63) / 64),
      touched_(scratch.touched),
      below_(scratch.below),
      masks_(scratch.masks),
      class_used_(hot.header().part.source_classes + std::size_t{1}),
      class_masks_(class_used_.size() * words_) {
  touched_.assign((list_.size() + 63) / 64, 0);
  below_.assign(touched_.size(), 0);
}

bool SourceProof::run() {
  mark_listed();
  mark_ranges();
  cut_ranges();
  class_used_[0] = 1;  // the class of whom no set holds
  return prove();
}

bool SourceProof::prove() {
  return ask_listed() && answer_listed() && answer_beside() && ask_bounds() && count() && ask_pieces();
}

// --- the rules --------------------------------------------------------------------------------------------------------

void SourceProof::mark_listed() {
  for (const std::uint32_t column : columns_) {
    for (const Rank rank : prover_.sources(column).ranks) touched_[rank / 64] |= std::uint64_t{1} << (rank % 64);
  }
  std::uint32_t count = 0;
  for (std::size_t word = 0; word < touched_.size(); ++word) {
    below_[word] = count;
    count += static_cast<std::uint32_t>(std::popcount(touched_[word]));
  }
  masks_.assign(count * words_, 0);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Marked to{touched_.data(), below_.data(), masks_.data() + i / 64, words_};
    mark(to, prover_.sources(columns_[i]).ranks, std::uint64_t{1} << (i % 64));
  }
}

// Calls f(rank, mask) for each touched rank in [first, last), in order.
template <class F>
void SourceProof::each_touched(std::size_t first, std::size_t last, F f) const {
  for (std::size_t word = first / 64; word < touched_.size() && word * 64 < last; ++word) {
    std::uint64_t* mask = masks_.data() + below_[word] * words_;
    for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1, mask += words_) {
      const std::size_t rank = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (rank >= first && rank < last) f(static_cast<Rank>(rank), mask);
    }
  }
}

// A node's address that is listed has what the ranges around it have, too.
void SourceProof::mark_ranges() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    for (const Interval& range : prover_.sources(columns_[i]).others) {
      ranges_.push_back({range, i});
      const auto first = std::lower_bound(list_.begin(), list_.end(), range.first);
      const auto last = std::upper_bound(first, list_.end(), range.last);
      each_touched(static_cast<std::size_t>(first - list_.begin()), static_cast<std::size_t>(last - list_.begin()),
                   [&](Rank, std::uint64_t* mask) { mask[i / 64] |= std::uint64_t{1} << (i % 64); });
    }
  }
}

// The address space cut at every bound of a range: the mask of each piece, for addresses that are no node's.
void SourceProof::cut_ranges() {
  piece_starts_ = {Address::v4(0), Address::v6(0, 0)};
  for (const auto& [range, column] : ranges_) {
    piece_starts_.push_back(range.first);
    const Address next = resolve::successor(range.last);
    if (next != range.last) piece_starts_.push_back(next);
  }
  std::sort(piece_starts_.begin(), piece_starts_.end());
  piece_starts_.erase(std::unique(piece_starts_.begin(), piece_starts_.end()), piece_starts_.end());
  piece_masks_.assign(piece_starts_.size() * words_, 0);
  for (const auto& [range, column] : ranges_) {
    const auto first = std::lower_bound(piece_starts_.begin(), piece_starts_.end(), range.first);
    for (auto at = static_cast<std::size_t>(first - piece_starts_.begin());
         at < piece_starts_.size() && piece_starts_[at] <= range.last; ++at)
      piece_masks_[at * words_ + column / 64] |= std::uint64_t{1} << (column % 64);
  }
}

std::size_t SourceProof::piece_of(const Address& address) const {
  const auto after = std::upper_bound(piece_starts_.begin(), piece_starts_.end(), address);
  return static_cast<std::size_t>(after - piece_starts_.begin()) - 1;
}

// --- questions --------------------------------------------------------------------------------------------------------

// Within a network, an address is its last 32 bits, and so is its key.
bool SourceProof::ask_listed() {
  const std::vector<std::uint32_t>& low_bits = prover_.addresses().low_bits;
  std::uint64_t space = 0;  // of the network, as it is in keys
  Rank end = 0;             // of the network
  Rank before = 0;          // the source before this one in the network
  bool same = true;
  const auto beside = [&](Rank rank, std::uint64_t low) {
    beside_.keys[beside_.count] = space | low;
    beside_.ranks[beside_.count++] = rank;
  };
  each_touched(0, list_.size(), [&](Rank rank, const std::uint64_t*) {
    if (!same) return;
    const std::uint64_t low = low_bits[rank];
    if (rank >= end) {
      if (end != 0) same = ask_end(before, resolve::successor(list_[before]));
      const Addresses::Network& network = prover_.addresses().network_of(rank);
      end = network.end;
      space = 0;
      if (!network.is_v4) {
        const std::uint32_t number = acl_find_space(&hot_.raw(), &classifier_, network.high, network.middle);
        space = number == 0 ? no_key : std::uint64_t{number} << 32;
      }
      same = same && ask_end(rank, resolve::predecessor(list_[rank]));
    } else if (const std::uint64_t last = low_bits[before]; low - last > 1) {
      beside(before, last + 1);
      beside(rank, low - 1);
    }
    listed_.keys[listed_.count] = space | low;
    listed_.ranks[listed_.count++] = rank;
    before = rank;
    if (listed_.count == batch) same = answer_listed();
    if (beside_.count + 2 > batch) same = same && answer_beside();
  });
  return same && (end == 0 || ask_end(before, resolve::successor(list_[before])));
}

// Beside the first and the last source of a network, where the address may be one of another network, or of none.
bool SourceProof::ask_end(Rank rank, const Address& beside) { return beside == list_[rank] || ask_other(beside); }

// Where ranges begin and end there may be a piece of one address, which the table lists.
bool SourceProof::ask_bounds() {
  return std::all_of(ranges_.begin(), ranges_.end(), [&](const auto& range) {
    const auto& [first, last] = range.first;
    return ask_other(resolve::predecessor(first)) && ask_other(first) && ask_other(last) &&
           ask_other(resolve::successor(last));
  });
}

// Since as many are listed as the table has occupied slots, it lists no other.
bool SourceProof::count() {
  std::sort(others_.begin(), others_.end());
  others_.erase(std::unique(others_.begin(), others_.end()), others_.end());
  const std::size_t listed = occupied_slots(hot_.bytes(), classifier_);
  if (listed == exact_ + others_.size()) return true;
  return differ(fmt::format("it lists {} addresses where {} are expected", listed, exact_ + others_.size()));
}

// What is not listed one by one: the table's intervals and the rules' pieces, cut at each other's bounds.
bool SourceProof::ask_pieces() {
  std::vector<Address> bounds = piece_starts_;
  const acl_classifier& c = classifier_;
  const auto* v4 =
      reinterpret_cast<const std::uint32_t*>(hot_.bytes().data() + std::size_t{c.v4_line} * acl_line_bytes);
  const auto* v6 =
      reinterpret_cast<const std::uint64_t*>(hot_.bytes().data() + std::size_t{c.v6_line} * acl_line_bytes);
  for (std::size_t i = 0; i < c.v4_count; ++i) bounds.push_back(Address::v4(v4[i]));
  for (std::size_t i = 0; i < c.v6_count; ++i) bounds.push_back(Address::v6(v6[2 * i], v6[2 * i + 1]));
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const bool more = i + 1 < bounds.size() && bounds[i + 1].family() == bounds[i].family();
    const Address end = bounds[i].is_v4() ? Address::v4(0xffffffff) : Address::v6(ones, ones);
    const Address last = more ? resolve::predecessor(bounds[i + 1]) : end;
    // The first and the last address of the piece that are no sources by themselves; a piece may have none.
    Address lowest = bounds[i], highest = last;
    while (lowest != last && is_listed(lowest)) lowest = resolve::successor(lowest);
    if (is_listed(lowest)) continue;
    while (is_listed(highest)) highest = resolve::predecessor(highest);
    const std::uint64_t* expected = piece_masks_.data() + piece_of(lowest) * words_;
    if (!check_class(lowest, hot_.source_class(lowest), expected)) return false;
    if (!check_class(highest, hot_.source_class(highest), expected)) return false;
  }
  return true;
}

// By the rules.
bool SourceProof::is_source(const Address& address) const {
  const auto place = std::lower_bound(list_.begin(), list_.end(), address);
  return place != list_.end() && *place == address && is_touched(static_cast<std::size_t>(place - list_.begin()));
}

// By the rules or by the table.
bool SourceProof::is_listed(const Address& address) const { return is_source(address) || find_exact(address) != 0; }

// --- lookups ----------------------------------------------------------------------------------------------------------

// By the steps of the lookup.
std::uint32_t SourceProof::find_exact(const Address& address) const {
  if (address.is_v4()) return acl_find_exact(&hot_.raw(), &classifier_, address.low());
  const std::uint32_t space =
      acl_find_space(&hot_.raw(), &classifier_, address.high(), static_cast<std::uint32_t>(address.low() >> 32));
  if (space == 0) return 0;
  return acl_find_exact(&hot_.raw(), &classifier_, std::uint64_t{space} << 32 | (address.low() & 0xffffffff));
}

// An address that may have its own turn, as a source.
bool SourceProof::ask_other(const Address& address) {
  if (is_source(address)) return true;
  const std::uint32_t exact = find_exact(address);
  if (exact != 0) others_.push_back(address);
  return check_class(address, exact != 0 ? exact : found_in_interval(address),
                     piece_masks_.data() + piece_of(address) * words_);
}

bool SourceProof::answer_listed() {
  std::array<std::uint32_t, batch> found;
  table::find_exact_batch(hot_, std::span(listed_.keys).first(listed_.count), found);
  for (std::size_t i = 0; i < listed_.count; ++i, ++answered_) {
    const Rank rank = listed_.ranks[i];
    exact_ += found[i] != 0 ? 1U : 0U;
    const std::uint32_t number = found[i] != 0 ? found[i] : found_in_interval(list_[rank]);
    const std::uint64_t* expected = masks_.data() + answered_ * words_;
    if (words_ == 1 && class_used_[number] != 0 && class_masks_[number] == *expected) continue;
    if (!check_class(list_[rank], number, expected)) return false;
  }
  listed_.count = 0;
  return true;
}

// What is found is in no rule's list of nodes: a range of one address begins here, or the table lists too much.
bool SourceProof::answer_beside() {
  std::array<std::uint32_t, batch> found;
  table::find_exact_batch(hot_, std::span(beside_.keys).first(beside_.count), found);
  for (std::size_t i = 0; i < beside_.count; ++i) {
    if (found[i] == 0) continue;
    const Address& source = list_[beside_.ranks[i]];
    const bool above = static_cast<std::uint32_t>(beside_.keys[i]) > prover_.addresses().low_bits[beside_.ranks[i]];
    if (!ask_other(above ? resolve::successor(source) : resolve::predecessor(source))) return false;
  }
  beside_.count = 0;
  return true;
}

std::uint32_t SourceProof::found_in_interval(const Address& address) const {
  const acl_classifier& c = classifier_;
  if (address.is_v4())
    return acl_find_v4_interval(&hot_.raw(), c.v4_line, c.v4_count, static_cast<std::uint32_t>(address.low()));
  return acl_find_v6_interval(&hot_.raw(), c.v6_line, c.v6_count, address.high(), address.low());
}

bool SourceProof::check_class(const Address& address, std::uint32_t found, const std::uint64_t* expected) {
  std::uint64_t* const mask = class_masks_.data() + found * words_;
  const bool used = class_used_[found] != 0;
  if (used && std::equal(mask, mask + words_, expected)) return true;
  const bool none = std::all_of(expected, expected + words_, [](std::uint64_t word) { return word == 0; });
  if (none != (found == 0)) {
    return differ(fmt::format("{} {} a source and {} in the table", address.text(), none ? "is not" : "is",
                              found == 0 ? "none" : "one"));
  }
  if (used) return differ(fmt::format("{} is in class {} with sources of other rules", address.text(), found));
  class_used_[found] = 1;
  std::copy(expected, expected + words_, mask);
  return true;
}

bool SourceProof::differ(std::string what) {
  if (difference_.empty()) difference_ = std::move(what);
  return false;
}

}  // namespace acl::tables
