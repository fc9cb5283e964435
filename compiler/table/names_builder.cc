#include "compiler/table/names_builder.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "compiler/table/part_writer.h"

namespace acl::tables {
namespace {

using resolve::Resolved;

class NamesBuilder {
 public:
  NamesBuilder(const Resolved& resolved, const Addresses& addresses, const RuleIds& ids, const NamesInput& input)
      : resolved_(resolved), addresses_(addresses), ids_(ids), input_(input) {}

  Expected<NamesPart> run(Classifier& classifier) {
    const auto classes = classifier.run(columns());
    if (!classes) return tl::unexpected(classes.error());
    std::vector<std::uint64_t> own;
    std::vector<const std::vector<Interval>*> behind;
    for (const CapabilityRule& rule : input_.capabilities) {
      own.push_back(rule.own);
      behind.push_back(&rule.behind);
    }
    auto destinations = classify_destinations(own, behind, input_.own_count);
    if (!destinations) return tl::unexpected(destinations.error());
    for (const CapabilityRule& rule : input_.capabilities) {
      if (auto added = add_capabilities(rule); !added) return tl::unexpected(added.error());
    }
    for (const std::vector<ColumnId>& set : classes->columns) {
      for (const std::vector<std::uint32_t>& rules : destinations->rules) add_pair(set, rules);
    }
    return write(*classes, std::move(*destinations));
  }

 private:
  std::vector<Column> columns() {
    std::vector<Column> out;
    std::map<std::uint32_t, ColumnId> known;
    for (const CapabilityRule& rule : input_.capabilities) {
      const auto [place, fresh] = known.try_emplace(rule.sources, static_cast<ColumnId>(out.size()));
      if (fresh) {
        const auto& literals = addresses_.literals[rule.sources];
        out.push_back({resolved_.sources[rule.sources].nodes, literals.empty() ? nullptr : &literals});
      }
      column_of_.push_back(place->second);
    }
    return out;
  }

  // A capability is its name with each of its values; without one, with null.
  Expected<void> add_capabilities(const CapabilityRule& rule) {
    std::vector<std::uint32_t> indices;
    for (const resolve::CapabilityValue& capability : resolved_.capability_maps[rule.map]) {
      const auto add = [&](const std::string& value) -> Expected<void> {
        if (value.size() > 0xffff)
          return fail(Code::E1206, fmt::format("a value of the capability \"{}\" has {} bytes, more than 65535",
                                               capability.name, value.size()));
        acl_capability one{heap_.add(capability.name), value.empty() ? 0 : heap_.add(value), ids_.of(rule.origin)};
        indices.push_back(static_cast<std::uint32_t>(capabilities_.size()));
        capabilities_.push_back(one);
        return {};
      };
      bool any = false;
      if (capability.value != resolve::none) {
        const hujson::Value list(resolved_.file->tree, capability.value);
        if (list.is(hujson::Kind::array)) {
          for (const hujson::Value value : list) {
            any = true;
            if (auto added = add(hujson::minimize(value)); !added) return added;
          }
        }
      }
      if (any) continue;
      if (auto added = add({}); !added) return added;
    }
    indices_.push_back(std::move(indices));
    return {};
  }

  void add_pair(const std::vector<ColumnId>& set, const std::vector<std::uint32_t>& rules) {
    const std::uint64_t first = words_.size();
    for (const std::uint32_t rule : rules) {
      if (!std::binary_search(set.begin(), set.end(), column_of_[rule])) continue;
      words_.insert(words_.end(), indices_[rule].begin(), indices_[rule].end());
    }
    pairs_.push_back(words_.size() == first ? 0 : first << 32 | (words_.size() - first));
  }

  NamesPart write(const Classes& classes, DestinationClasses destinations) {
    PartWriter writer(sizeof(acl_names));
    writer.reserve(sizeof(acl_names) + exact_bytes(classes) + heap_.bytes().size() + input_.known.size() +
                   8 * (pairs_.size() + words_.size() + 2 * capabilities_.size() + input_.hot_rules.size() +
                        input_.ssh_rules.size()) +
                   std::size_t{16} * acl_line_bytes);
    acl_names names{};
    names.part = part_header(acl_kind_names, classes.columns.size());
    names.destination_classes = static_cast<acl_u32>(destinations.rules.size());
    names.sources = writer.classifier(classes, addresses_);
    names.destinations = writer.intervals(destinations.intervals);
    names.pair_line = writer.section<std::uint64_t>(pairs_);
    names.words = static_cast<acl_u32>(words_.size());
    names.word_line = writer.section<std::uint32_t>(words_);
    names.capabilities = static_cast<acl_u32>(capabilities_.size());
    names.capability_line = writer.section<acl_capability>(capabilities_);
    names.text_bytes = static_cast<acl_u32>(heap_.bytes().size());
    names.text_line = writer.section<std::uint8_t>(heap_.bytes());
    std::vector<std::uint64_t> rule_ids;
    for (const auto* rules : {&input_.hot_rules, &input_.ssh_rules})
      rule_ids.insert(rule_ids.end(), rules->begin(), rules->end());
    names.hot_rules = static_cast<acl_u32>(input_.hot_rules.size());
    names.ssh_rules = static_cast<acl_u32>(input_.ssh_rules.size());
    names.id_line = writer.section<std::uint64_t>(rule_ids);
    names.known_bytes = static_cast<acl_u32>(input_.known.size());
    names.known_line = writer.section<std::uint8_t>(input_.known);
    return {writer.finish(names), std::move(destinations.own)};
  }

  const Resolved& resolved_;
  const Addresses& addresses_;
  const RuleIds& ids_;
  const NamesInput& input_;
  std::vector<ColumnId> column_of_;
  TextHeap heap_;
  std::vector<acl_capability> capabilities_;
  std::vector<std::vector<std::uint32_t>> indices_;  // of each rule: its capabilities
  std::vector<std::uint64_t> pairs_;
  std::vector<std::uint32_t> words_;
};

}  // namespace

Expected<NamesPart> build_names(const Resolved& resolved, const Addresses& addresses, const RuleIds& ids,
                                const NamesInput& input, Classifier& classifier) {
  return NamesBuilder(resolved, addresses, ids, input).run(classifier);
}

// --- rules ------------------------------------------------------------------------------------------------------------

RuleIds::RuleIds(const policy::PolicyFile& file) {
  provenance_.file = std::filesystem::path(file.source.name()).filename().string();
  std::map<std::string, std::uint32_t> seen;  // section and text → how many there were
  const auto id_of = [](const std::string& text, std::uint32_t repeat) {
    const std::string whole = fmt::format("{}\n{}", text, repeat);
    std::array<unsigned char, 32> digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(whole.data()), whole.size(),
                       nullptr, 0);
    std::uint64_t id = 0;
    std::memcpy(&id, digest.data(), sizeof id);
    return id;
  };
  // The value in the tree that has the rule's span; values are in the order of the text.
  const auto text_at = [&](Span span) {
    const auto& nodes = file.tree.nodes;
    auto node = std::lower_bound(nodes.begin(), nodes.end(), span.begin,
                                 [](const hujson::Node& one, std::uint32_t begin) { return one.begin < begin; });
    while (node != nodes.end() && node->begin == span.begin && node->end != span.end) ++node;
    if (node == nodes.end() || node->begin != span.begin) return std::string();
    return hujson::minimize({file.tree, static_cast<std::uint32_t>(node - nodes.begin())});
  };
  const auto add = [&](table::RuleSection section, std::uint32_t index, Span span, std::vector<std::uint64_t>& ids) {
    const std::string text = fmt::format("{}\n{}", static_cast<int>(section), text_at(span));
    const std::uint64_t id = id_of(text, seen[text]++);
    ids.push_back(id);
    provenance_.rules.push_back({id, section, index, file.source.position(span.begin).line});
  };
  const policy::Policy& policy = file.policy;
  if (policy.grants) {
    for (std::uint32_t i = 0; i < policy.grants->size(); ++i)
      add(table::RuleSection::grants, i, (*policy.grants)[i].span, grants_);
  }
  if (policy.acls) {
    for (std::uint32_t i = 0; i < policy.acls->size(); ++i)
      add(table::RuleSection::acls, i, (*policy.acls)[i].span, acls_);
  }
  for (std::uint32_t i = 0; i < policy.ssh.size(); ++i) add(table::RuleSection::ssh, i, policy.ssh[i].span, ssh_);
  if (policy.allows_everything()) {
    allow_all_ = id_of("everything", 0);
    provenance_.rules.push_back({allow_all_, table::RuleSection::allow_all, 0, 0});
  }
  std::sort(provenance_.rules.begin(), provenance_.rules.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
}

std::uint64_t RuleIds::of(const resolve::Origin& origin) const {
  switch (origin.section) {
    case resolve::Section::grants: return grants_[origin.index];
    case resolve::Section::acls: return acls_[origin.index];
    case resolve::Section::ssh: return ssh_[origin.index];
    case resolve::Section::allow_all: break;
  }
  return allow_all_;
}

std::optional<resolve::Origin> RuleIds::rule(std::uint64_t id) const {
  const table::RulePlace* place = provenance_.find(id);
  if (place == nullptr) return std::nullopt;
  switch (place->section) {
    case table::RuleSection::grants: return resolve::Origin{resolve::Section::grants, place->index};
    case table::RuleSection::acls: return resolve::Origin{resolve::Section::acls, place->index};
    case table::RuleSection::ssh: return resolve::Origin{resolve::Section::ssh, place->index};
    case table::RuleSection::allow_all: break;
  }
  return resolve::Origin{};
}

// --- identities -------------------------------------------------------------------------------------------------------

std::vector<table::Identity> identities(const Resolved& resolved) {
  const inventory::Inventory& inventory = *resolved.inventory;
  std::vector<table::Identity> out(inventory.nodes.size());
  for (NodeId node = 0; node < inventory.nodes.size(); ++node) {
    const inventory::Node& device = inventory.nodes[node];
    table::Identity& one = out[inventory.age[node]];
    one.unbound = !device.bound;
    one.shared = device.shared;
    one.name = device.name;
    if (device.user != inventory::none && device.tags.empty()) {
      const inventory::User& user = inventory.users[device.user];
      one.login = user.login;
      one.sub = user.sub;
      one.security_keys = user.security_keys;
    }
    for (const std::uint32_t tag : device.tags) one.tags.push_back(inventory.tags[tag]);
    one.addresses = device.addresses;
    one.routes = resolved.approved_routes[node];
    one.host_keys = device.ssh_host_keys;
    if (!device.key.empty()) {
      std::size_t length = 0;
      sodium_base642bin(one.key.data(), one.key.size(), device.key.data(), device.key.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL);
    }
  }
  return out;
}

KnownSets::KnownSets(const resolve::Views& views)
    : views_(views), resolved_(views.resolved()), scratch_(resolved_.node_count()) {
  large_ = std::max<std::size_t>(64, resolved_.node_count() / 128);
  covered_.resize(resolved_.sources.size());
  receivers_.resize(resolved_.rules.size());
  // What every node knows: the receivers of rules whose sources cover all nodes, and the sources of rules for all.
  base_ = resolve::Bits(resolved_.node_count());
  const auto add_to_base = [&](const std::vector<NodeId>& nodes) {
    for (const NodeId node : nodes) base_.set(resolved_.inventory->age[node]);
  };
  for (const std::uint32_t rule : views_.covering_all()) {
    everybody_ = everybody_ || views_.everywhere(rule);
    add_to_base(views_.receivers(rule));
  }
  for (const resolve::Incidence& incidence : resolved_.everywhere) {
    const resolve::Sources& sources = resolved_.sources[resolved_.rules[incidence.rule].sources];
    everybody_ = everybody_ || sources.covers_all;
    add_to_base(sources.covered);
  }
}

std::vector<std::uint32_t> KnownSets::received(NodeId node) const {
  std::vector<std::uint32_t> out;
  for (std::uint64_t i = resolved_.incidence_first[node]; i < resolved_.incidence_first[node + 1]; ++i) {
    const std::uint32_t rule = resolved_.incidences[i].rule;
    if (out.empty() || out.back() != rule) out.push_back(rule);
  }
  return out;
}

std::string KnownSets::key(NodeId node) const {
  std::vector<std::uint32_t> numbers;
  if (!everybody_) {
    // Rules of the same sources make the same known.
    for (const std::uint32_t rule : received(node)) numbers.push_back(resolved_.rules[rule].sources);
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    numbers.push_back(resolve::none);
    for (const std::uint32_t rule : views_.covering(node)) numbers.push_back(rule);
  }
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::uint32_t)};
}

void KnownSets::add(const std::vector<NodeId>& nodes, resolve::Bits& cached) {
  if (nodes.size() < large_) {
    for (const NodeId node : nodes) scratch_.set(resolved_.inventory->age[node]);
    return;
  }
  if (cached.empty()) {
    cached = resolve::Bits(resolved_.node_count());
    for (const NodeId node : nodes) cached.set(resolved_.inventory->age[node]);
  }
  scratch_.merge(cached);
}

std::vector<std::uint8_t> KnownSets::blocks(NodeId node) {
  bool all = everybody_;
  scratch_ = base_;
  for (const std::uint32_t rule : received(node)) {
    const std::uint32_t sources = resolved_.rules[rule].sources;
    all = all || resolved_.sources[sources].covers_all;
    add(resolved_.sources[sources].covered, covered_[sources]);
  }
  for (const std::uint32_t rule : views_.covering(node)) {
    all = all || views_.everywhere(rule);
    add(views_.receivers(rule), receivers_[rule]);
  }
  if (all) scratch_.set_all(resolved_.node_count());
  std::vector<std::uint8_t> out;
  const auto put = [&](const void* data, std::size_t size) {
    const std::size_t at = out.size();
    out.resize(at + size);
    std::memcpy(out.data() + at, data, size);
  };
  std::vector<std::uint16_t> numbers;
  for (std::uint32_t chunk = 0; std::size_t{chunk} * acl_chunk_identities < resolved_.node_count(); ++chunk) {
    const std::size_t base = std::size_t{chunk} * acl_chunk_identities;
    const auto words = scratch_.words().subspan(base / 64);
    std::array<std::uint64_t, acl_chunk_identities / 64>
        map{};  // bit i % 8 of byte i / 8, since numbers are little-endian
    std::copy_n(words.begin(), std::min(words.size(), map.size()), map.begin());
    std::size_t count = 0;
    for (const std::uint64_t word : map) count += static_cast<std::size_t>(std::popcount(word));
    if (count == 0) continue;
    const bool bits = count * 2 > acl_chunk_identities / 8;
    const acl_known block{chunk, bits ? acl_known_bits : static_cast<acl_u32>(count)};
    put(&block, sizeof block);
    if (bits) {
      put(map.data(), sizeof map);
      continue;
    }
    numbers.clear();
    scratch_.each_in(base, base + acl_chunk_identities,
                     [&](std::size_t id) { numbers.push_back(static_cast<std::uint16_t>(id - base)); });
    if (numbers.size() % 2 != 0) numbers.push_back(0);
    put(numbers.data(), numbers.size() * 2);
  }
  return out;
}

}  // namespace acl::tables
