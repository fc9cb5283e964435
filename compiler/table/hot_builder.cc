#include "compiler/table/hot_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/policy/ports.h"
#include "compiler/table/part_writer.h"

namespace acl::tables {

using resolve::Origin;
using resolve::Resolved;

namespace {

// (protocol, port) as one number, and ranges of them.
struct Allowed {
  std::uint32_t from, to;
  std::uint32_t rule;  // number
};

// Adds what is not allowed yet; the list stays disjoint and in order.
void allow(std::vector<Allowed>& list, std::uint32_t from, std::uint32_t to, std::uint32_t rule) {
  auto place =
      std::lower_bound(list.begin(), list.end(), from, [](const Allowed& a, std::uint32_t at) { return a.to < at; });
  while (from <= to) {
    if (place == list.end() || to < place->from) {
      list.insert(place, {from, to, rule});
      return;
    }
    if (from < place->from) {
      const std::uint32_t before = place->from - 1;
      place = list.insert(place, {from, before, rule}) + 1;
    }
    from = place->to + 1;
    ++place;
  }
}

constexpr std::uint8_t default_protocols[] = {1, 6, 17, 58};

class HotBuilder {
 public:
  HotBuilder(const Resolved& resolved, const Addresses& addresses, std::span<const PacketRule> rules)
      : resolved_(resolved), addresses_(addresses), rules_(rules) {}

  Expected<HotPart> run(std::size_t own_count, Classifier& classifier) {
    auto classes = classifier.run(columns());
    if (!classes) return tl::unexpected(classes.error());
    std::vector<std::uint64_t> own;
    std::vector<const std::vector<Interval>*> behind;
    for (const PacketRule& rule : rules_) {
      own.push_back(rule.own);
      behind.push_back(&rule.behind);
    }
    auto destinations = classify_destinations(own, behind, own_count);
    if (!destinations) return tl::unexpected(destinations.error());
    destinations_ = std::move(*destinations);
    if (auto done = make_lists(*classes); !done) return tl::unexpected(done.error());
    return write(*classes);
  }

 private:
  // One column for each set of sources.
  std::vector<Column> columns() {
    std::vector<Column> out;
    std::map<std::uint32_t, ColumnId> known;
    for (const PacketRule& rule : rules_) {
      const auto [place, fresh] = known.try_emplace(rule.sources, static_cast<ColumnId>(out.size()));
      if (fresh) {
        const resolve::Sources& sources = resolved_.sources[rule.sources];
        const auto& literals = addresses_.literals[rule.sources];
        out.push_back({sources.nodes, literals.empty() ? nullptr : &literals});
      }
      column_of_.push_back(place->second);
    }
    column_count_ = out.size();
    return out;
  }

  // Numbered in the order in which they are asked for.
  std::uint32_t rule_number(std::uint32_t rule) {
    std::uint32_t& number = numbers_[rule];
    if (number != no_number) return number;
    const auto known = std::find(origins_.begin(), origins_.end(), rules_[rule].origin);
    number = static_cast<std::uint32_t>(known - origins_.begin());
    if (known == origins_.end()) origins_.push_back(rules_[rule].origin);
    return number;
  }

  // What these rules, ascending, allow; the first of them is the one that is told.
  const std::vector<Allowed>& allowed(const std::vector<std::uint32_t>& rules) {
    std::vector<Allowed>& list = allowed_;
    list.clear();
    for (const std::uint32_t id : rules) {
      const PacketRule& rule = rules_[id];
      const std::uint32_t number = rule_number(id);
      const auto add = [&](std::uint32_t protocol) {
        const std::uint32_t base = protocol << 16;
        if (!policy::protocol_has_ports(static_cast<std::uint8_t>(protocol))) {
          allow(list, base, base | 0xffff, number);
          return;
        }
        for (const policy::PortRange& range : resolved_.port_lists[rule.ports])
          allow(list, base | range.first, base | range.last, number);
      };
      if (rule.protocol >= 0) {
        add(static_cast<std::uint32_t>(rule.protocol));
      } else {
        for (const std::uint8_t protocol : default_protocols) add(protocol);
      }
    }
    return list;
  }

  // The words of a list, neighbours of one rule and protocol joined.
  static void words_of(const std::vector<Allowed>& list, std::vector<std::uint64_t>& out) {
    out.clear();
    for (const Allowed& one : list) {
      const std::uint64_t word = std::uint64_t{one.from} << 40 | std::uint64_t{one.to} << 16 | one.rule;
      if (!out.empty()) {
        const std::uint64_t last = out.back();
        const std::uint64_t last_to = last >> 16 & 0xffffff;
        if (last_to + 1 == one.from && (last_to >> 16) == (one.from >> 16) && (last & 0xffff) == one.rule) {
          out.back() = (last & ~(std::uint64_t{0xffffff} << 16)) | std::uint64_t{one.to} << 16;
          continue;
        }
      }
      out.push_back(word);
    }
  }

  Expected<std::uint32_t> pair_word(std::vector<std::uint64_t>& list) {
    if (list.empty()) return 0;
    const std::size_t length = list.size();
    if (length >= (1U << acl_most_steps))
      return fail(Code::E1206, "a list of ports of one node has more than 16 million ranges");
    if (length >= acl_long_list) list.insert(list.begin(), std::uint64_t{length} << 16);
    const auto [known, fresh] = list_places_.try_emplace(list, static_cast<std::uint32_t>(words_.size()));
    if (fresh) words_.insert(words_.end(), list.begin(), list.end());
    if (words_.size() >= (1U << 24))
      return fail(Code::E1206, "the lists of ports of one node have more than 16 million ranges");
    return known->second << 8 | static_cast<std::uint32_t>(std::min<std::size_t>(length, acl_long_list));
  }

  // The rules of a destination class by their column: most sources have few columns.
  std::vector<std::vector<std::uint32_t>> by_column(const std::vector<std::uint32_t>& rules) const {
    std::vector<std::vector<std::uint32_t>> out(column_count_);
    for (const std::uint32_t rule : rules) out[column_of_[rule]].push_back(rule);
    return out;
  }

  Expected<void> make_lists(const Classes& classes) {
    numbers_.assign(rules_.size(), no_number);
    std::vector<std::vector<std::vector<std::uint32_t>>> by_destination;
    for (const std::vector<std::uint32_t>& rules : destinations_.rules) by_destination.push_back(by_column(rules));
    std::vector<std::uint32_t> rules;  // that have both the source and the destination
    std::vector<std::uint64_t> list;
    for (const std::vector<ColumnId>& columns : classes.columns) {
      for (const auto& of_column : by_destination) {
        rules.clear();
        for (const ColumnId column : columns)
          rules.insert(rules.end(), of_column[column].begin(), of_column[column].end());
        if (columns.size() > 1) std::sort(rules.begin(), rules.end());
        words_of(allowed(rules), list);
        const auto word = pair_word(list);
        if (!word) return tl::unexpected(word.error());
        pairs_.push_back(*word);
      }
    }
    if (origins_.size() > 0x10000)
      return fail(Code::E1206, fmt::format("{} rules concern one node, more than 65536", origins_.size()));
    return {};
  }

  Expected<HotPart> write(const Classes& classes) {
    PartWriter writer(sizeof(acl_hot));
    writer.reserve(sizeof(acl_hot) + exact_bytes(classes) + 4 * pairs_.size() + 8 * words_.size() +
                   32 * (classes.intervals.size() + destinations_.intervals.size()) + 16 * acl_line_bytes);
    acl_hot hot{};
    hot.part = part_header(acl_kind_hot, classes.columns.size());
    hot.destination_classes = static_cast<acl_u32>(destinations_.rules.size());
    hot.rules = static_cast<acl_u32>(origins_.size());
    hot.sources = writer.classifier(classes, addresses_);
    hot.destinations = writer.intervals(destinations_.intervals);
    hot.pair_line = writer.section<std::uint32_t>(pairs_);
    hot.list_words = static_cast<acl_u32>(words_.size());
    hot.list_line = writer.section<std::uint64_t>(words_);
    if (writer.size() >= std::size_t{acl_most_lines} * acl_line_bytes)
      return fail(Code::E1206, fmt::format("the table of one node has {} bytes, more than 512 MiB", writer.size()));
    return HotPart{writer.finish(hot), std::move(destinations_.own), std::move(origins_),
                   classes.exact.size() + classes.singles.size()};
  }

  const Resolved& resolved_;
  const Addresses& addresses_;
  std::span<const PacketRule> rules_;
  static constexpr std::uint32_t no_number = 0xffffffff;
  std::vector<ColumnId> column_of_;  // of each rule
  std::size_t column_count_ = 0;
  std::vector<std::uint32_t> numbers_;  // of each rule, once it has one
  DestinationClasses destinations_;
  std::vector<Origin> origins_;
  std::vector<Allowed> allowed_;  // of the pair at hand
  std::vector<std::uint32_t> pairs_;
  std::vector<std::uint64_t> words_;
  std::map<std::vector<std::uint64_t>, std::uint32_t> list_places_;
};

}  // namespace

Expected<DestinationClasses> classify_destinations(std::span<const std::uint64_t> own,
                                                   std::span<const std::vector<Interval>* const> behind,
                                                   std::size_t own_count) {
  DestinationClasses out;
  std::map<std::vector<std::uint32_t>, std::uint16_t> known;
  bool full = false;
  const auto number = [&](const std::vector<std::uint32_t>& rules) -> std::uint16_t {
    if (rules.empty()) return 0;
    const auto [place, fresh] = known.try_emplace(rules, static_cast<std::uint16_t>(out.rules.size() + 1));
    if (fresh) out.rules.push_back(rules);
    full = full || out.rules.size() > 0xffff;
    return place->second;
  };
  for (std::size_t address = 0; address < own_count; ++address) {
    std::vector<std::uint32_t> rules;
    for (std::uint32_t i = 0; i < own.size(); ++i) {
      if ((own[i] >> address & 1) != 0) rules.push_back(i);
    }
    out.own.push_back(number(rules));
  }
  for (const CutPiece& piece : cut(behind)) out.intervals.emplace_back(piece.interval, number(piece.sets));
  if (full) return fail(Code::E1206, "the destinations of one node make more than 65535 classes");
  return out;
}

Expected<HotPart> build_hot(const Resolved& resolved, const Addresses& addresses, std::span<const PacketRule> rules,
                            std::size_t own_count, Classifier& classifier) {
  return HotBuilder(resolved, addresses, rules).run(own_count, classifier);
}

}  // namespace acl::tables
