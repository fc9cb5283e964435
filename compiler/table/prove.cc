#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

#include "compiler/policy/ports.h"
#include "compiler/table/prove_shared.h"
#include "compiler/table/prove_sources.h"
#include "engine/table/hot.h"

namespace acl::tables {

using net::Address;
using resolve::Entry;
using resolve::EntryKind;
using resolve::Resolved;
using resolve::RuleView;

namespace {

constexpr std::uint64_t ones = ~std::uint64_t{0};

// What one rule allows towards one destination of the wire form.
struct Passage {
  std::size_t column;  // index into the node's sets of sources
  const Entry* destination;
  std::int16_t protocol;
  policy::PortRange ports;
  resolve::Origin origin;
  std::uint32_t shape = 0;  // the same number for the same protocol and ports

  // Of (protocol, port): the beginning of each range and what follows its end.
  void add_bounds(std::vector<std::uint32_t>& bounds) const {
    const auto add = [&](std::uint32_t one) {
      const bool whole = !policy::protocol_has_ports(static_cast<std::uint8_t>(one));
      bounds.push_back(one << 16 | (whole ? 0U : ports.first));
      bounds.push_back((one << 16 | (whole ? 0xffffU : ports.last)) + 1);
    };
    if (protocol >= 0)
      add(static_cast<std::uint32_t>(protocol));
    else
      for (const std::uint32_t one : {1U, 6U, 17U, 58U}) add(one);
  }
  [[nodiscard]] bool covers(std::uint32_t at) const noexcept {
    const std::uint32_t asked = at >> 16, port = at & 0xffff;
    if (protocol >= 0 ? asked != static_cast<std::uint32_t>(protocol)
                      : asked != 1 && asked != 6 && asked != 17 && asked != 58)
      return false;
    return (ports.first <= port && port <= ports.last) || !policy::protocol_has_ports(static_cast<std::uint8_t>(asked));
  }
};

class HotProof {
 public:
  HotProof(const Prover& prover, Prover::Scratch& scratch, NodeId node, const table::Hot& hot,
           std::span<const std::uint16_t> own_classes, std::span<const resolve::Origin> rules)
      : prover_(prover),
        scratch_(scratch),
        resolved_(prover.views().resolved()),
        node_(node),
        hot_(hot),
        own_classes_(own_classes),
        origins_(rules),
        views_(prover.views().rules(node)) {}

  Expected<void> run() {
    if (has_aliases(hot_.bytes(), hot_.header().sources)) return differs(resolved_, node_, "two networks pass for one");
    local_ = places_behind(resolved_, node_);
    read_rules();
    SourceProof sources(prover_, hot_, columns_, scratch_);
    if (!sources.run()) return differs(resolved_, node_, sources.difference());
    return check_pairs(sources);
  }

 private:
  // --- the rules, read anew ---

  void read_rules() {
    std::map<std::uint32_t, std::size_t> columns;
    for (const RuleView& view : views_) {
      if (view.rule->kind != resolve::RuleKind::ports || !concerns(view)) continue;
      const auto [place, fresh] = columns.try_emplace(view.rule->sources, columns_.size());
      if (fresh) columns_.push_back(view.rule->sources);
      for (const resolve::DstPort& dst : view.dst_ports) {
        passages_.push_back({place->second, &resolved_.entries[dst.entry], view.rule->protocol, dst.ports, dst.origin});
        order_.push_back({prover_.rule_of(dst.sequence), dst.sequence});
      }
    }
    // Rules are asked in the order of the list that all nodes share; the wire's differs at nodes with parts through routers.
    std::vector<std::size_t> sorted(passages_.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
    std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) { return order_[a] < order_[b]; });
    std::vector<Passage> in_order;
    in_order.reserve(sorted.size());
    for (const std::size_t i : sorted) in_order.push_back(passages_[i]);
    passages_ = std::move(in_order);
    std::vector<std::uint32_t> firsts;  // of the destination at hand, one for each of its ports
    for (std::uint32_t i = 0; i < passages_.size(); ++i) {
      if (i == 0 || order_[sorted[i]] != order_[sorted[i - 1]]) firsts.clear();
      const policy::PortRange& ports = passages_[i].ports;
      const auto same = std::find_if(firsts.begin(), firsts.end(), [&](std::uint32_t before) {
        return passages_[before].ports.first == ports.first && passages_[before].ports.last == ports.last;
      });
      same_as_.push_back(same == firsts.end() ? i : *same);
      if (same == firsts.end()) firsts.push_back(i);
    }
    number_shapes();
  }

  void number_shapes() {
    std::map<std::tuple<std::int16_t, std::uint16_t, std::uint16_t>, std::uint32_t> shapes;
    for (Passage& one : passages_) {
      const auto number = static_cast<std::uint32_t>(shapes.size());
      one.shape = shapes.try_emplace({one.protocol, one.ports.first, one.ports.last}, number).first->second;
    }
    asked_for_.assign(shapes.size(), 0);
  }

  // Whether a rule leads to anything that is at the node. An exit of one family is sent the rules about the internet of both.
  [[nodiscard]] bool concerns(const RuleView& view) const {
    const auto& own = resolved_.inventory->nodes[node_].addresses;
    return std::any_of(view.dst_ports.begin(), view.dst_ports.end(), [&](const resolve::DstPort& dst) {
      const Entry& entry = resolved_.entries[dst.entry];
      const auto overlaps = [&](const Interval& i) {
        return entry.kind == EntryKind::any || (entry.first <= i.last && i.first <= entry.last);
      };
      return std::any_of(own.begin(), own.end(), [&](const Address& address) { return holds(entry, address); }) ||
             std::any_of(local_.begin(), local_.end(), overlaps);
    });
  }

  // --- destinations, protocols, ports ---

  // An address for each piece of the destinations, with its class; and each own address.
  std::vector<std::pair<Address, std::uint32_t>> destinations() const {
    std::vector<std::pair<Address, std::uint32_t>> out;
    std::vector<Address> own = resolved_.inventory->nodes[node_].addresses;
    std::sort(own.begin(), own.end());
    for (std::size_t i = 0; i < own.size(); ++i) out.emplace_back(own[i], own_classes_[i]);
    std::vector<Address> bounds = {Address::v4(0), Address::v6(0, 0)};
    const auto add = [&](const Address& first, const Address& last) {
      bounds.push_back(first);
      if (resolve::successor(last) != last) bounds.push_back(resolve::successor(last));
    };
    for (const Address& address : own) add(address, address);
    for (const Interval& interval : local_) add(interval.first, interval.last);
    if (!local_.empty()) {
      for (const Passage& passage : passages_) {
        if (passage.destination->kind != EntryKind::any) add(passage.destination->first, passage.destination->last);
      }
    }
    const acl_intervals& d = hot_.header().destinations;
    const auto* v4 =
        reinterpret_cast<const std::uint32_t*>(hot_.bytes().data() + std::size_t{d.v4_line} * acl_line_bytes);
    const auto* v6 =
        reinterpret_cast<const std::uint64_t*>(hot_.bytes().data() + std::size_t{d.v6_line} * acl_line_bytes);
    for (std::size_t i = 0; i < d.v4_count; ++i) bounds.push_back(Address::v4(v4[i]));
    for (std::size_t i = 0; i < d.v6_count; ++i) bounds.push_back(Address::v6(v6[2 * i], v6[2 * i + 1]));
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    // The node's own addresses were looked up in its header.
    for (const Address& address : bounds) {
      if (!std::binary_search(own.begin(), own.end(), address))
        out.emplace_back(address, hot_.destination_class(address));
    }
    return out;
  }

  [[nodiscard]] bool is_local(const Address& address) const {
    const auto& own = resolved_.inventory->nodes[node_].addresses;
    return std::find(own.begin(), own.end(), address) != own.end() ||
           std::any_of(local_.begin(), local_.end(),
                       [&](const Interval& i) { return i.first <= address && address <= i.last; });
  }

  // The passages towards an address. A rule has one for each address of a node or entry of a set: of those that say the same, the
  // first stands for all.
  [[nodiscard]] std::vector<std::uint32_t> passages_to(const Address& address) const {
    std::vector<std::uint32_t> out;
    if (!is_local(address)) return out;
    for (std::uint32_t i = 0; i < passages_.size(); ++i) {
      if (!holds(*passages_[i].destination, address)) continue;
      if (out.empty() || out.back() != same_as_[i]) out.push_back(same_as_[i]);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Expected<void> check_pairs(const SourceProof& sources) {
    // Destinations of one class must be alike; one of each is then compared in full.
    std::map<std::uint32_t, std::pair<Address, std::vector<std::uint32_t>>> classes;
    for (const auto& [address, number] : destinations()) {
      const std::vector<std::uint32_t> reached = passages_to(address);
      if (number == 0) {
        if (!reached.empty())
          return differs(resolved_, node_, fmt::format("{} is a destination and not in the table", address.text()));
        continue;
      }
      const auto [known, fresh] = classes.try_emplace(number, address, reached);
      if (!fresh && known->second.second != reached)
        return differs(
            resolved_, node_,
            fmt::format("the destinations {} and {} are in one class", address.text(), known->second.first.text()));
    }
    std::vector<std::vector<std::uint32_t>> of_column(columns_.size());
    for (const auto& [number, destination] : classes) {
      for (std::vector<std::uint32_t>& list : of_column) list.clear();
      for (const std::uint32_t i : destination.second) of_column[passages_[i].column].push_back(i);
      for (std::uint32_t source = 1; source <= hot_.header().part.source_classes; ++source) {
        if (!sources.is_used(source)) continue;  // a class that no address has
        std::vector<std::uint32_t>& both = both_;
        both.clear();
        sources.each_column(source, [&](std::size_t column) {
          both.insert(both.end(), of_column[column].begin(), of_column[column].end());
        });
        std::sort(both.begin(), both.end());
        if (auto ok = check_pair(source, number, both, destination.first); !ok) return ok;
      }
    }
    return {};
  }

  // The passages of these numbers; of those with the same protocol and ports, the first, since it is the one that answers.
  void choose_answering(const std::vector<std::uint32_t>& numbers) {
    ++pair_number_;
    answering_.clear();
    for (const std::uint32_t i : numbers) {
      std::uint64_t& asked_for = asked_for_[passages_[i].shape];
      if (asked_for != pair_number_) answering_.push_back(&passages_[i]);
      asked_for = pair_number_;
    }
  }

  // `numbers`: of the passages that have both the source and the destination, in the order in which rules are asked.
  Expected<void> check_pair(std::uint32_t source, std::uint32_t destination, const std::vector<std::uint32_t>& numbers,
                            const Address& address) {
    choose_answering(numbers);
    const std::vector<const Passage*>& passages = answering_;
    const std::uint32_t pair = acl_pair(&hot_.raw(), source, destination);
    bounds_.assign({0});
    for (const Passage* passage : passages) passage->add_bounds(bounds_);
    add_table_bounds(pair);
    std::sort(bounds_.begin(), bounds_.end());
    bounds_.erase(std::unique(bounds_.begin(), bounds_.end()), bounds_.end());
    for (const std::uint32_t at : bounds_) {
      if (at > 0xffffff) continue;
      const auto found =
          std::find_if(passages.begin(), passages.end(), [&](const Passage* p) { return p->covers(at); });
      const std::uint32_t got = acl_allows(&hot_.raw(), pair, at >> 16, at & 0xffff);
      const bool same = found == passages.end()
                            ? got == 0
                            : got != 0 && got <= origins_.size() && origins_[got - 1] == (*found)->origin;
      if (same) continue;
      const std::string wanted = found == passages.end() ? "nothing" : resolve::origin_name((*found)->origin);
      const std::string has = got == 0                 ? "nothing"
                              : got <= origins_.size() ? resolve::origin_name(origins_[got - 1])
                                                       : "a rule that is not there";
      return differs(resolved_, node_,
                     fmt::format("class {} to {}, protocol {} port {}: {} allows it, in the table {}", source,
                                 address.text(), at >> 16, at & 0xffff, wanted, has));
    }
    return {};
  }

  void add_table_bounds(std::uint32_t pair) {
    if (pair == 0) return;
    const auto* words = reinterpret_cast<const std::uint64_t*>(hot_.bytes().data() +
                                                               std::size_t{hot_.header().list_line} * acl_line_bytes);
    std::uint64_t first = pair >> 8, count = pair & 0xff;
    if (count == acl_long_list) count = words[first++] >> 16;
    for (std::uint64_t i = first; i < first + count; ++i) {
      bounds_.push_back(static_cast<std::uint32_t>(words[i] >> 40));
      bounds_.push_back((static_cast<std::uint32_t>(words[i] >> 16) & 0xffffff) + 1);
    }
  }

  const Prover& prover_;
  Prover::Scratch& scratch_;
  const Resolved& resolved_;
  NodeId node_;
  const table::Hot& hot_;
  std::span<const std::uint16_t> own_classes_;
  std::span<const resolve::Origin> origins_;
  std::vector<RuleView> views_;
  std::vector<Passage> passages_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order_;  // of each passage: its rule, its place in it
  std::vector<std::uint32_t> same_as_;  // of each passage: the first one of the same destination and ports
  std::vector<std::uint32_t> columns_;  // sets of sources
  std::vector<Interval> local_;
  // Of the pair at hand.
  std::uint64_t pair_number_ = 0;
  std::vector<std::uint64_t> asked_for_;  // of each shape: the number of the pair for which it was last seen
  std::vector<std::uint32_t> both_, bounds_;
  std::vector<const Passage*> answering_;
};

}  // namespace

Prover::Prover(const resolve::Views& views, const Addresses& addresses)
    : views_(views), addresses_(addresses), ids_(ids_of_rules(*views.resolved().file)) {
  const Resolved& resolved = views.resolved();
  constexpr Rank no_node = 0xffffffff;
  std::vector<Rank> ranks(resolved.entries.size(), no_node);  // of entries that are one address of a node
  for (resolve::EntryId id = 0; id < resolved.entries.size(); ++id) {
    const Entry& entry = resolved.entries[id];
    if (entry.kind == EntryKind::any || entry.first != entry.last) continue;
    const auto place = std::lower_bound(addresses.list.begin(), addresses.list.end(), entry.first);
    if (place != addresses.list.end() && *place == entry.first)
      ranks[id] = static_cast<Rank>(place - addresses.list.begin());
  }
  for (const resolve::Sources& sources : resolved.sources) {
    SourceList list;
    for (const resolve::EntryId id : sources.entries) {
      const Entry& entry = resolved.entries[id];
      if (entry.kind == EntryKind::any) {
        list.others.push_back({Address::v4(0), Address::v4(0xffffffff)});
        list.others.push_back({Address::v6(0, 0), Address::v6(ones, ones)});
        continue;
      }
      if (ranks[id] != no_node) {
        list.ranks.push_back(ranks[id]);
      } else {
        list.others.push_back({entry.first, entry.last});
      }
    }
    // In the order of the addresses, in which memory about them is.
    std::sort(list.ranks.begin(), list.ranks.end());
    sources_.push_back(std::move(list));
  }
  for (Rank rank = 0; rank < addresses.list.size(); ++rank) rank_of_.emplace(addresses.list[rank].text(), rank);
  for (std::uint32_t rule = 0; rule < resolved.rules.size(); ++rule) {
    for (const resolve::Destination& destination : resolved.rules[rule].destinations) {
      if (destination.sequence >= rule_of_.size()) rule_of_.resize(destination.sequence + 1U);
      rule_of_[destination.sequence] = rule;
    }
  }
}

Expected<void> Prover::hot(NodeId node, std::span<const std::uint8_t> bytes, std::span<const std::uint16_t> own_classes,
                           std::span<const resolve::Origin> rules, Scratch& scratch) const {
  const auto hot = table::Hot::open(bytes);
  if (!hot) return tl::unexpected(hot.error());
  return HotProof(*this, scratch, node, *hot, own_classes, rules).run();
}

}  // namespace acl::tables
