// The proof of the names part (prove.h): capabilities of every source at every place, whom the node knows.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/table/prove_shared.h"
#include "engine/table/decide.h"
#include "engine/table/names.h"

namespace acl::tables {

using net::Address;
using resolve::Resolved;
using resolve::RuleView;

namespace {

constexpr std::uint64_t ones = ~std::uint64_t{0};

// A grant of capabilities to some sources at some places, as the wire has it.
struct Award {
  const RuleView* view = nullptr;
  const resolve::CapGrant* grant = nullptr;
};

class NamesProof {
 public:
  NamesProof(const Prover& prover, NodeId node, const table::Names& part, std::span<const std::uint16_t> own_classes)
      : addresses_(prover.addresses().list),
        prover_(prover),
        resolved_(prover.views().resolved()),
        node_(node),
        part_(part),
        own_classes_(own_classes),
        views_(prover.views().rules(node)),
        behind_(places_behind(resolved_, node)),
        own_(resolved_.inventory->nodes[node].addresses) {
    std::sort(own_.begin(), own_.end());
  }

  Expected<void> run() {
    if (has_aliases(part_.bytes(), part_.header().sources))
      return differs(resolved_, node_, "two networks pass for one");
    read_awards();
    find_destinations();
    std::size_t listed = 0;
    for (const Source& source : sources()) {
      listed += is_exact(source.address) ? 1U : 0U;
      if (auto same = compare(source); !same) return same;
    }
    const std::size_t occupied = occupied_slots(part_.bytes(), part_.header().sources);
    if (occupied == listed) return {};
    return differs(resolved_, node_,
                   fmt::format("it lists {} sources of capabilities where {} are expected", occupied, listed));
  }

 private:
  template <class T>
  [[nodiscard]] const T* section(std::uint32_t line) const {
    return reinterpret_cast<const T*>(part_.bytes().data() + std::size_t{line} * acl_line_bytes);
  }

  [[nodiscard]] bool is_at_node(const resolve::CapGrant& grant) const {
    return std::any_of(grant.dsts.begin(), grant.dsts.end(), [&](const net::Prefix& prefix) {
      return std::any_of(own_.begin(), own_.end(), [&](const Address& address) { return prefix.contains(address); }) ||
             std::any_of(behind_.begin(), behind_.end(),
                         [&](const Interval& i) { return prefix.first() <= i.last && i.first <= prefix.last(); });
    });
  }

  void read_awards() {
    for (const RuleView& view : views_) {
      for (const resolve::CapGrant& grant : view.cap_grants) {
        if (is_at_node(grant)) awards_.push_back({&view, &grant});
      }
    }
    for (std::uint32_t i = 0; i < awards_.size(); ++i) {
      const Prover::SourceList& list = prover_.sources(awards_[i].view->rule->sources);
      for (const Rank rank : list.ranks) of_rank_.emplace_back(rank, i);
      for (const Interval& range : list.others) add_range(range_bounds_, range.first, range.last);
    }
    std::sort(of_rank_.begin(), of_rank_.end());
    of_rank_.erase(std::unique(of_rank_.begin(), of_rank_.end()), of_rank_.end());
    range_bounds_.insert(range_bounds_.end(), {Address::v4(0), Address::v6(0, 0)});
    sort(range_bounds_);
    of_piece_.resize(range_bounds_.size());
    for (std::uint32_t i = 0; i < awards_.size(); ++i) {
      for (const Interval& range : prover_.sources(awards_[i].view->rule->sources).others) {
        auto piece = std::lower_bound(range_bounds_.begin(), range_bounds_.end(), range.first);
        for (; piece != range_bounds_.end() && *piece <= range.last; ++piece) {
          auto& awards = of_piece_[static_cast<std::size_t>(piece - range_bounds_.begin())];
          if (awards.empty() || awards.back() != i) awards.push_back(i);
        }
      }
    }
  }

  // Of the first address that is not below.
  [[nodiscard]] std::size_t rank_of(const Address& address) const {
    return static_cast<std::size_t>(std::lower_bound(addresses_.begin(), addresses_.end(), address) -
                                    addresses_.begin());
  }
  // A node's address that some award lists by itself.
  [[nodiscard]] bool is_listed(const Address& address) const {
    const std::size_t rank = rank_of(address);
    if (rank == addresses_.size() || addresses_[rank] != address) return false;
    const auto place = std::lower_bound(of_rank_.begin(), of_rank_.end(), std::pair{static_cast<Rank>(rank), 0U});
    return place != of_rank_.end() && place->first == rank;
  }
  [[nodiscard]] bool is_exact(const Address& address) const {
    const acl_table table{part_.bytes().data()};
    const acl_classifier& c = part_.header().sources;
    if (address.is_v4()) return acl_find_exact(&table, &c, address.low()) != 0;
    const std::uint32_t space =
        acl_find_space(&table, &c, address.high(), static_cast<std::uint32_t>(address.low() >> 32));
    return space != 0 && acl_find_exact(&table, &c, std::uint64_t{space} << 32 | (address.low() & 0xffffffff)) != 0;
  }

  // --- what to ask ---

  static void add_range(std::vector<Address>& bounds, const Address& first, const Address& last) {
    bounds.push_back(first);
    if (resolve::successor(last) != last) bounds.push_back(resolve::successor(last));
  }
  void add_intervals(std::vector<Address>& bounds, const acl_intervals& intervals) const {
    const auto* v4 = section<std::uint32_t>(intervals.v4_line);
    const auto* v6 = section<std::uint64_t>(intervals.v6_line);
    for (std::size_t i = 0; i < intervals.v4_count; ++i) bounds.push_back(Address::v4(v4[i]));
    for (std::size_t i = 0; i < intervals.v6_count; ++i) bounds.push_back(Address::v6(v6[2 * i], v6[2 * i + 1]));
  }
  static void sort(std::vector<Address>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }

  struct Source {
    Address address;
    std::size_t listed;  // where its awards begin in of_rank_; its end if it is listed nowhere

    friend bool operator<(const Source& a, const Source& b) { return a.address < b.address; }
    friend bool operator==(const Source& a, const Source& b) { return a.address == b.address; }
  };

  // Every address that an award lists, every bound of a range of the rules or the table, and of what lies between two bounds the first
  // address that is listed on neither side. That nothing else is listed in the table is seen by counting.
  [[nodiscard]] std::vector<Source> sources() const {
    std::vector<Address> bounds = range_bounds_;
    const acl_classifier& c = part_.header().sources;
    add_intervals(bounds, {c.v4_line, c.v4_count, c.v6_line, c.v6_count});
    sort(bounds);
    std::vector<Source> out;
    for (std::size_t i = 0; i < of_rank_.size(); ++i) {
      if (i == 0 || of_rank_[i].first != of_rank_[i - 1].first) out.push_back({addresses_[of_rank_[i].first], i});
    }
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const bool more = i + 1 < bounds.size() && bounds[i + 1].family() == bounds[i].family();
      const Address end = bounds[i].is_v4() ? Address::v4(0xffffffff) : Address::v6(ones, ones);
      const Address last = more ? resolve::predecessor(bounds[i + 1]) : end;
      Address address = bounds[i];
      if (!is_listed(address)) out.push_back({address, of_rank_.size()});
      while (address != last && (is_listed(address) || is_exact(address))) address = resolve::successor(address);
      if (!is_listed(address)) out.push_back({address, of_rank_.size()});
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  struct Destination {
    Address address;
    std::uint32_t number = 0;           // its class in the table
    std::vector<std::uint32_t> awards;  // there, in their order
  };
  void add_destination(const Address& address, std::uint32_t number) {
    Destination out{address, number, {}};
    const bool here = std::binary_search(own_.begin(), own_.end(), address) ||
                      std::any_of(behind_.begin(), behind_.end(),
                                  [&](const Interval& i) { return i.first <= address && address <= i.last; });
    for (std::uint32_t i = 0; here && i < awards_.size(); ++i) {
      const auto& dsts = awards_[i].grant->dsts;
      if (std::any_of(dsts.begin(), dsts.end(), [&](const net::Prefix& prefix) { return prefix.contains(address); }))
        out.awards.push_back(i);
    }
    // One of those that are alike on both sides is enough.
    if (known_.emplace(number, out.awards).second) destinations_.push_back(std::move(out));
  }
  void find_destinations() {
    for (std::size_t i = 0; i < own_.size(); ++i) add_destination(own_[i], own_classes_[i]);
    std::vector<Address> bounds = {Address::v4(0), Address::v6(0, 0)};
    for (const Address& address : own_) add_range(bounds, address, address);
    for (const Interval& interval : behind_) add_range(bounds, interval.first, interval.last);
    for (const Award& award : awards_) {
      for (const net::Prefix& prefix : award.grant->dsts) add_range(bounds, prefix.first(), prefix.last());
    }
    add_intervals(bounds, part_.header().destinations);
    sort(bounds);
    for (const Address& address : bounds) {
      if (!std::binary_search(own_.begin(), own_.end(), address))
        add_destination(address, part_.destination_class(address));
    }
  }

  // --- the comparison ---

  // Into from_, ascending: those that list it, and those of the piece it lies in.
  void find_awards(const Source& source) {
    const auto piece =
        std::upper_bound(range_bounds_.begin(), range_bounds_.end(), source.address) - range_bounds_.begin() - 1;
    from_ = of_piece_[static_cast<std::size_t>(piece)];
    for (std::size_t i = source.listed; i < of_rank_.size() && of_rank_[i].first == of_rank_[source.listed].first; ++i)
      from_.push_back(of_rank_[i].second);
    std::sort(from_.begin(), from_.end());
    from_.erase(std::unique(from_.begin(), from_.end()), from_.end());
  }

  void add_values(const Award& award, std::vector<std::string>& out) const {
    const std::uint64_t id = prover_.id_of(award.grant->origin).value_or(0);
    for (const resolve::CapabilityValue& one : resolved_.capability_maps[award.view->rule->capabilities]) {
      const std::size_t before = out.size();
      if (one.value != resolve::none) {
        for (const hujson::Value value : hujson::Value(resolved_.file->tree, one.value))
          out.push_back(fmt::format("{} {} {}", one.name, hujson::minimize(value), id));
      }
      if (out.size() == before) out.push_back(fmt::format("{}  {}", one.name, id));
    }
  }

  Expected<void> compare(const Source& asked) {
    const Address& source = asked.address;
    find_awards(asked);
    const std::vector<std::uint32_t>& from = from_;
    const std::uint32_t source_class = part_.source_class(source);
    if ((source_class == 0) != from.empty())
      return differs(resolved_, node_, fmt::format("{} is a source of capabilities on one side only", source.text()));
    if (source_class == 0) return {};
    auto& compared = compared_[source_class];
    if (std::find(compared.begin(), compared.end(), from) != compared.end()) return {};
    for (const Destination& destination : destinations_) {
      std::vector<std::string> wanted, got;
      for (const std::uint32_t i : destination.awards) {
        if (std::binary_search(from.begin(), from.end(), i)) add_values(awards_[i], wanted);
      }
      for (const table::Capability& one : part_.capabilities(source, destination.number))
        got.push_back(fmt::format("{} {} {}", one.name, one.value, one.rule_id));
      if (wanted != got)
        return differs(resolved_, node_,
                       fmt::format("{} has other capabilities at {}", source.text(), destination.address.text()));
    }
    compared.push_back(from);
    return {};
  }

  const std::vector<Address>& addresses_;  // of the inventory
  const Prover& prover_;
  const Resolved& resolved_;
  NodeId node_;
  const table::Names& part_;
  std::span<const std::uint16_t> own_classes_;
  std::vector<RuleView> views_;
  std::vector<Interval> behind_;
  std::vector<Address> own_;  // ascending
  std::vector<Award> awards_;
  std::vector<std::pair<Rank, std::uint32_t>> of_rank_;  // awards that list an address of a node
  std::vector<Address> range_bounds_;                    // of the ranges of all awards, and the lowest addresses
  std::vector<std::vector<std::uint32_t>> of_piece_;     // of the piece from each bound to the next: awards
  std::vector<Destination> destinations_;
  std::set<std::pair<std::uint32_t, std::vector<std::uint32_t>>> known_;
  std::map<std::uint32_t, std::vector<std::vector<std::uint32_t>>> compared_;  // of each class
  std::vector<std::uint32_t> from_;
};

}  // namespace

Expected<void> Prover::known(NodeId node, std::span<const std::uint8_t> bytes, Scratch& scratch) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  if (scratch.marks.empty()) scratch.marks.emplace_back(resolved.node_count());
  resolve::Views::Marks& marks = scratch.marks.front();
  const bool all = views_.mark_peers(node, marks);
  resolve::Bits seen(resolved.node_count());
  if (all) seen.set_all(resolved.node_count());
  if (!all) {
    for (const NodeId peer : marks.members()) seen.set(resolved.inventory->age[peer]);
  }
  // As many, and each of them.
  std::size_t count = 0;
  bool wrong = false;
  part->each_known([&](std::uint32_t identity) {
    ++count;
    wrong = wrong || !seen.test(identity);
  });
  if (wrong || count != seen.count())
    return differs(resolved, node, "it knows other nodes than those that the node sees");
  return {};
}

Expected<void> Prover::capabilities(NodeId node, std::span<const std::uint8_t> bytes,
                                    std::span<const std::uint16_t> own_classes) const {
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  return NamesProof(*this, node, *part, own_classes).run();
}

}  // namespace acl::tables
