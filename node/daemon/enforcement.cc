#include "node/daemon/enforcement.h"

#include <algorithm>

#include "engine/table/hot_writer.h"

namespace acl::node {

using table::AddressRange;

namespace {

// Each entry as far as WireGuard gives its addresses to its key.
std::vector<table::SourceRule> break_glass_rules(const Facts& facts) {
  std::vector<table::SourceRule> rules;
  std::vector<AddressRange> own;
  for (const net::Address& address : facts.own_addresses) own.push_back({address, address});
  std::sort(own.begin(), own.end(), [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
  for (const BreakGlass& entry : facts.break_glass) {
    std::vector<table::Allowed> allowed;
    for (const PortSpan& span : entry.ports) allowed.push_back({span.protocol, span.first, span.last});
    for (const OwnedRange& range : facts.owned) {
      if (range.peer != entry.key || range.last < entry.from.first() || entry.from.last() < range.first) continue;
      const AddressRange held{std::max(range.first, entry.from.first()), std::min(range.last, entry.from.last())};
      for (const AddressRange& part : subtract(std::span(&held, 1), own)) rules.push_back({part, allowed});
    }
  }
  return rules;
}

Expected<Enforcement> break_glass(const Facts& facts) {
  Enforcement out;
  out.mode = Mode::break_glass;
  const std::vector<table::SourceRule> rules = break_glass_rules(facts);
  out.admitted = rules.size();
  if (rules.empty()) return out;
  auto part = table::write_hot(rules);
  if (!part) return tl::unexpected(part.error());
  out.part = std::move(*part);
  for (const net::Address& address : facts.own_addresses) {
    if (out.own.size() < table::most_own) out.own.push_back({address, 1, 0});
  }
  std::sort(out.own.begin(), out.own.end(),
            [](const table::OwnAddress& a, const table::OwnAddress& b) { return a.address < b.address; });
  return out;
}

}  // namespace

bool may_enforce(const LoadedTable& table, release::Standing standing) noexcept {
  switch (standing) {
    case release::Standing::none: return false;
    case release::Standing::current:
    case release::Standing::grace: return true;
    case release::Standing::expired: return table.release().head.on_expiry != release::OnExpiry::deny;
  }
  return false;
}

Expected<Enforcement> enforcement(const Facts& facts) {
  if (facts.table == nullptr || !may_enforce(*facts.table, facts.standing)) {
    return facts.break_glass.empty() ? Enforcement() : break_glass(facts);
  }
  Enforcement out;
  out.mode = Mode::enforcing;
  out.binding = admit(facts.table->directory(), facts.table->header(), facts.own_key, facts.owned);
  std::vector<AddressRange> admitted = std::move(out.binding.admitted);
  out.binding.admitted.clear();
  if (!facts.withheld.empty()) admitted = subtract(admitted, facts.withheld);
  out.admitted = admitted.size();
  auto part = table::narrow(facts.table->hot(), admitted);
  if (!part) return tl::unexpected(part.error());
  out.part = std::move(*part);
  out.own = facts.table->header().own;
  return out;
}

}  // namespace acl::node
