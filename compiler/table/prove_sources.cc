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

}  // namespace

SourceProof::SourceProof(const Prover& prover, const table::Hot& hot, std::span<const std::uint32_t> columns,
                         Prover::Scratch& scratch)
    : prover_(prover),
      list_(prover.addresses().list),
      hot_(hot),
      classifier_(hot.header().sources),
      columns_(columns),
      words_((columns.size() + 63) / 64),
      masks_(scratch.masks),
      touched_(scratch.touched),
      class_places_(hot.header().part.source_classes + std::size_t{1}, nowhere) {
  if (masks_.size() < list_.size() * words_) masks_.resize(list_.size() * words_);
  touched_.assign((list_.size() + 63) / 64, 0);
  nodes_.reserve(batch);
  other_.reserve(batch);
  other_keys_.reserve(batch);
}

bool SourceProof::run() {
  mark_listed();
  mark_ranges();
  cut_ranges();
  // Class 0 is that of whom no set holds.
  class_places_[0] = 0;
  class_masks_.assign(words_, 0);
  return ask_listed() && ask_bounds() && answer_nodes() && answer_others() && count() && ask_pieces();
}

// --- the rules --------------------------------------------------------------------------------------------------------

void SourceProof::mark_listed() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    for (const Rank rank : prover_.sources(columns_[i]).ranks) touch(rank)[i / 64] |= std::uint64_t{1} << (i % 64);
  }
}

// The mask of a node's address that is listed as a source by itself.
std::uint64_t* SourceProof::touch(Rank rank) {
  std::uint64_t* mask = masks_.data() + rank * words_;
  const std::uint64_t bit = std::uint64_t{1} << (rank % 64);
  if ((touched_[rank / 64] & bit) == 0) std::fill(mask, mask + words_, 0);
  touched_[rank / 64] |= bit;
  return mask;
}

// Calls f for each touched rank in [first, last), in order.
template <class F>
void SourceProof::each_touched(std::size_t first, std::size_t last, F f) const {
  for (std::size_t word = first / 64; word < touched_.size() && word * 64 < last; ++word) {
    for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1) {
      const std::size_t rank = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (rank >= first && rank < last) f(static_cast<Rank>(rank));
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
                   [&](Rank rank) { masks_[rank * words_ + i / 64] |= std::uint64_t{1} << (i % 64); });
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

// Most questions come in the order of addresses: the piece is that of the last one or a little further.
std::uint32_t SourceProof::piece_of(const Address& address) {
  if (address < piece_starts_[piece_]) {
    const auto after = std::upper_bound(piece_starts_.begin(), piece_starts_.end(), address);
    piece_ = static_cast<std::uint32_t>(after - piece_starts_.begin() - 1);
  }
  while (piece_ + std::size_t{1} < piece_starts_.size() && piece_starts_[piece_ + std::size_t{1}] <= address) ++piece_;
  return piece_;
}

// --- questions --------------------------------------------------------------------------------------------------------

bool SourceProof::ask_listed() {
  bool same = true;
  each_touched(0, list_.size(), [&](Rank rank) {
    if (!same) return;
    const Address& address = list_[rank];
    const Address before = resolve::predecessor(address), after = resolve::successor(address);
    // At an end of the family there is no neighbour; an address before the first is at no rank.
    same = (before == address || ask_neighbour(before, rank == 0 ? list_.size() : rank - std::size_t{1})) &&
           ask_node(rank) && (after == address || ask_neighbour(after, rank + std::size_t{1}));
  });
  return same;
}

// An address beside a source: a source itself, which has its own turn, or not listed.
bool SourceProof::ask_neighbour(const Address& address, std::size_t rank) {
  const bool node = rank < list_.size() && list_[rank] == address;
  return (node && is_touched(rank)) || ask_other(address);
}

// Where ranges begin and end there may be a piece of one address, which the table lists.
bool SourceProof::ask_bounds() {
  for (const auto& [range, column] : ranges_) {
    for (const Address& address :
         {resolve::predecessor(range.first), range.first, range.last, resolve::successor(range.last)}) {
      const auto place = std::lower_bound(list_.begin(), list_.end(), address) - list_.begin();
      if (!ask_neighbour(address, static_cast<std::size_t>(place))) return false;
    }
  }
  return true;
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
    // The first address of the piece that is no source by itself; a piece may have none.
    Address address = bounds[i];
    while (address != last && is_listed(address)) address = resolve::successor(address);
    if (is_listed(address)) continue;
    if (!check_class(address, hot_.source_class(address), piece_masks_.data() + piece_of(address) * words_))
      return false;
  }
  return true;
}

// By the rules or by the table.
bool SourceProof::is_listed(const Address& address) {
  const auto place = std::lower_bound(list_.begin(), list_.end(), address);
  if (place != list_.end() && *place == address && is_touched(static_cast<std::size_t>(place - list_.begin())))
    return true;
  return acl_find_exact(&hot_.raw(), &classifier_, key_of(address)) != 0;
}

// --- lookups ----------------------------------------------------------------------------------------------------------

// By the steps of the lookup. Neighbours are nearly always in one space, which is then looked up once.
std::uint64_t SourceProof::key_of(const Address& address) {
  if (address.is_v4()) return address.low();
  const auto middle = static_cast<std::uint32_t>(address.low() >> 32);
  if (!space_known_ || high_ != address.high() || middle_ != middle) {
    high_ = address.high();
    middle_ = middle;
    space_ = acl_find_space(&hot_.raw(), &classifier_, high_, middle);
    space_known_ = true;
  }
  return space_ == 0 ? ones : std::uint64_t{space_} << 32 | (address.low() & 0xffffffff);
}

// The line that the key is looked for in is on its way from now on.
void SourceProof::fetch(std::uint64_t key) const {
  const std::uint32_t line = acl_home_line(key * classifier_.multiplier, classifier_.hash_lines);
  __builtin_prefetch(hot_.raw().base + (std::uint64_t{classifier_.hash_line} + line) * acl_line_bytes);
}

bool SourceProof::ask_node(Rank rank) {
  nodes_.push_back({rank, key_of(list_[rank])});
  fetch(nodes_.back().key);
  return nodes_.size() < batch || answer_nodes();
}

bool SourceProof::ask_other(const Address& address) {
  other_.push_back({address, piece_of(address)});
  other_keys_.push_back(key_of(address));
  fetch(other_keys_.back());
  return other_.size() < batch || answer_others();
}

bool SourceProof::answer_nodes() {
  for (const Listed& asked : nodes_) {
    std::uint32_t found = acl_find_exact(&hot_.raw(), &classifier_, asked.key);
    exact_ += found != 0 ? 1U : 0U;
    if (found == 0) found = found_in_interval(list_[asked.rank]);
    if (!check_class(list_[asked.rank], found, masks_.data() + asked.rank * words_)) return false;
  }
  nodes_.clear();
  return true;
}

bool SourceProof::answer_others() {
  std::array<std::uint32_t, batch> exact{};
  table::find_exact_batch(hot_, other_keys_, exact);
  for (std::size_t i = 0; i < other_.size(); ++i) {
    const auto& [address, piece] = other_[i];
    if (exact[i] != 0) others_.push_back(address);
    const std::uint32_t found = exact[i] != 0 ? exact[i] : found_in_interval(address);
    if (piece == piece_seen_ && found == class_seen_) continue;
    if (!check_class(address, found, piece_masks_.data() + piece * words_)) return false;
    piece_seen_ = piece;
    class_seen_ = found;
  }
  other_.clear();
  other_keys_.clear();
  return true;
}

std::uint32_t SourceProof::found_in_interval(const Address& address) const {
  const acl_classifier& c = classifier_;
  if (address.is_v4())
    return acl_find_v4_interval(&hot_.raw(), c.v4_line, c.v4_count, static_cast<std::uint32_t>(address.low()));
  return acl_find_v6_interval(&hot_.raw(), c.v6_line, c.v6_count, address.high(), address.low());
}

bool SourceProof::check_class(const Address& address, std::uint32_t found, const std::uint64_t* expected) {
  const std::uint32_t place = class_places_[found];
  if (place != nowhere) {
    const std::uint64_t* mask = class_masks_.data() + place * words_;
    std::uint64_t other = 0;
    for (std::size_t i = 0; i < words_; ++i) other |= mask[i] ^ expected[i];
    if (other == 0) return true;
  }
  const bool none = std::all_of(expected, expected + words_, [](std::uint64_t word) { return word == 0; });
  if (none != (found == 0)) {
    return differ(fmt::format("{} {} a source and {} in the table", address.text(), none ? "is not" : "is",
                              found == 0 ? "none" : "one"));
  }
  if (place != nowhere)
    return differ(fmt::format("{} is in class {} with sources of other rules", address.text(), found));
  class_places_[found] = static_cast<std::uint32_t>(words_ == 0 ? 0 : class_masks_.size() / words_);
  class_masks_.insert(class_masks_.end(), expected, expected + words_);
  return true;
}

bool SourceProof::differ(std::string what) {
  if (difference_.empty()) difference_ = std::move(what);
  return false;
}

}  // namespace acl::tables
