#include "node/daemon/admission.h"

#include <algorithm>

namespace acl::node {

using net::Address;
using net::Family;
using net::Prefix;
using table::AddressRange;

namespace {

constexpr std::size_t most_examples = 16;

Address end_of(Family family) {
  return family == Family::v4 ? Address::v4(0xffffffff) : Address::v6(~std::uint64_t{0}, ~std::uint64_t{0});
}
// Of an address that is not the last of its family.
Address next(const Address& a) {
  if (a.is_v4()) return Address::v4(static_cast<std::uint32_t>(a.low() + 1));
  return Address::v6(a.high() + (a.low() == ~std::uint64_t{0} ? 1 : 0), a.low() + 1);
}
// Of an address that is not the first of its family.
Address previous(const Address& a) {
  if (a.is_v4()) return Address::v4(static_cast<std::uint32_t>(a.low() - 1));
  return Address::v6(a.high() - (a.low() == 0 ? 1 : 0), a.low() - 1);
}

// Who routes a piece of the address space: indices of identities, of the longest approved route alone.
struct Piece {
  AddressRange range;
  std::vector<std::uint32_t> routers;
};

struct Route {
  Prefix prefix;
  std::uint32_t identity;
};

// Routes as disjoint pieces: a prefix ends another or lies within it, so a stack of those that are open is enough.
std::vector<Piece> pieces_of(std::vector<Route> routes) {
  std::sort(routes.begin(), routes.end(), [](const Route& a, const Route& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.identity < b.identity;
  });
  struct Open {
    Prefix prefix;
    std::vector<std::uint32_t> routers;
    std::optional<Address> from;  // where its next piece begins; nothing: at its end
  };
  std::vector<Piece> out;
  std::vector<Open> open;
  const auto emit = [&](Open& one, const Address& last) {
    if (one.from && *one.from <= last) out.push_back({{*one.from, last}, one.routers});
  };
  const auto close = [&] {
    Open& top = open.back();
    const Address last = top.prefix.last();
    emit(top, last);
    open.pop_back();
    if (open.empty()) return;
    open.back().from = last == open.back().prefix.last() ? std::nullopt : std::optional(next(last));
  };
  for (const Route& route : routes) {
    while (!open.empty() && !open.back().prefix.contains(route.prefix)) close();
    if (!open.empty() && open.back().prefix == route.prefix) {
      open.back().routers.push_back(route.identity);
      continue;
    }
    if (!open.empty() && open.back().from && *open.back().from < route.prefix.first())
      emit(open.back(), previous(route.prefix.first()));
    open.push_back({route.prefix, {route.identity}, route.prefix.first()});
  }
  while (!open.empty()) close();
  std::sort(out.begin(), out.end(), [](const Piece& a, const Piece& b) { return a.range.first < b.range.first; });
  return out;
}

class Admitting {
 public:
  Admitting(const table::Directory& directory, const table::NodeHeader& own, const Key& own_key,
            const std::vector<Holding>& holdings)
      : directory_(directory), own_(own), own_key_(own_key), holdings_(holdings) {}

  Admission run() {
    admit_addresses();
    admit_routes();
    std::sort(out_.admitted.begin(), out_.admitted.end(),
              [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
    return std::move(out_);
  }

 private:
  [[nodiscard]] const Holding* holding_of(const Address& address) const {
    const auto after = std::upper_bound(holdings_.begin(), holdings_.end(), address,
                                        [](const Address& a, const Holding& h) { return a < h.range.first; });
    if (after == holdings_.begin()) return nullptr;
    const Holding& before = *(after - 1);
    return address <= before.range.last ? &before : nullptr;
  }
  [[nodiscard]] bool is_self(const table::Identity& identity) const {
    return !identity.unbound && identity.key == own_key_;
  }

  void admit_addresses() {
    // Of two nodes with one address, the directory's whois names one: it alone counts.
    for (const table::Directory::Numbered& node : directory_.identities()) {
      for (const Address& address : node.identity.addresses) {
        if (directory_.whois(address) != &node) continue;
        apart_.push_back(address);
        if (is_self(node.identity) || own_.find(address) != nullptr) continue;
        const Holding* holding = holding_of(address);
        if (node.identity.unbound || (holding != nullptr && holding->key == node.identity.key)) {
          out_.admitted.push_back({address, address});
        } else {
          fail(node.identity, Prefix(address), holding != nullptr ? std::optional(holding->key) : std::nullopt);
        }
      }
    }
    for (const table::OwnAddress& own : own_.own) apart_.push_back(own.address);
    std::sort(apart_.begin(), apart_.end());
    apart_.erase(std::unique(apart_.begin(), apart_.end()), apart_.end());
  }

  void admit_routes() {
    std::vector<Route> routes;
    const auto& identities = directory_.identities();
    for (std::uint32_t i = 0; i < identities.size(); ++i) {
      for (const Prefix& prefix : identities[i].identity.routes) routes.push_back({prefix, i});
    }
    std::vector<bool> used(identities.size());
    for (const Piece& piece : pieces_of(std::move(routes))) {
      const bool unbound = std::any_of(piece.routers.begin(), piece.routers.end(),
                                       [&](std::uint32_t i) { return identities[i].identity.unbound; });
      if (unbound) {
        for (const std::uint32_t i : piece.routers) used[i] = true;
        add(piece.range);
        continue;
      }
      auto holding = std::lower_bound(holdings_.begin(), holdings_.end(), piece.range.first,
                                      [](const Holding& h, const Address& a) { return h.range.last < a; });
      for (; holding != holdings_.end() && holding->range.first <= piece.range.last; ++holding) {
        for (const std::uint32_t i : piece.routers) {
          if (identities[i].identity.key != holding->key || is_self(identities[i].identity)) continue;
          used[i] = true;
          add({std::max(piece.range.first, holding->range.first), std::min(piece.range.last, holding->range.last)});
          break;
        }
      }
    }
    for (std::uint32_t i = 0; i < identities.size(); ++i) {
      const table::Identity& identity = identities[i].identity;
      if (used[i] || identity.routes.empty() || is_self(identity)) continue;
      const Holding* holding = holding_of(identity.routes.front().first());
      fail(identity, identity.routes.front(), holding != nullptr ? std::optional(holding->key) : std::nullopt);
    }
  }

  // A part of a route, without the addresses that are somebody's own.
  void add(AddressRange range) {
    auto hole = std::lower_bound(apart_.begin(), apart_.end(), range.first);
    for (; hole != apart_.end() && *hole <= range.last; ++hole) {
      if (range.first < *hole) out_.admitted.push_back({range.first, previous(*hole)});
      if (*hole == range.last || *hole == end_of(hole->family())) return;
      range.first = next(*hole);
    }
    out_.admitted.push_back(range);
  }

  void fail(const table::Identity& identity, const Prefix& place, std::optional<Key> holder) {
    ++out_.failures;
    if (out_.examples.size() < most_examples) out_.examples.push_back({identity.name, place, identity.key, holder});
  }

  const table::Directory& directory_;
  const table::NodeHeader& own_;
  const Key& own_key_;
  const std::vector<Holding>& holdings_;
  std::vector<Address> apart_;  // addresses that routes do not decide about
  Admission out_;
};

}  // namespace

Admission admit(const table::Directory& directory, const table::NodeHeader& own, const Key& own_key,
                const std::vector<Holding>& holdings) {
  return Admitting(directory, own, own_key, holdings).run();
}

}  // namespace acl::node
