#include "node/daemon/admission.h"

#include <algorithm>

namespace acl::node {

using net::Address;
using net::Family;
using net::Prefix;
using table::AddressRange;
using table::Directory;
using table::Identity;

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

// Addresses that mean the same: whose they are, indices of identities. One of a node's own, several of a shared route.
struct Piece {
  AddressRange range;
  std::vector<std::uint32_t> holders;
};

struct Claim {
  Prefix prefix;
  std::uint32_t identity;
};

// Routes as disjoint pieces, of the longest prefix each: a prefix ends another or lies within it, so a stack of those that are
// open is enough.
class Flat {
 public:
  std::vector<Piece> lay(std::vector<Claim> claims) {
    std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
      return a.prefix != b.prefix ? a.prefix < b.prefix : a.identity < b.identity;
    });
    for (const Claim& claim : claims) {
      while (!open_.empty() && !open_.back().prefix.contains(claim.prefix)) close();
      if (!open_.empty() && open_.back().prefix == claim.prefix) {
        open_.back().holders.push_back(claim.identity);
        continue;
      }
      if (!open_.empty() && open_.back().from && *open_.back().from < claim.prefix.first())
        emit(open_.back(), previous(claim.prefix.first()));
      open_.push_back({claim.prefix, {claim.identity}, claim.prefix.first()});
    }
    while (!open_.empty()) close();
    std::sort(out_.begin(), out_.end(), [](const Piece& a, const Piece& b) { return a.range.first < b.range.first; });
    return std::move(out_);
  }

 private:
  struct Open {
    Prefix prefix;
    std::vector<std::uint32_t> holders;
    std::optional<Address> from;  // where its next piece begins; nothing: it is over
  };
  void emit(const Open& one, const Address& last) {
    if (one.from && *one.from <= last) out_.push_back({{*one.from, last}, one.holders});
  }
  void close() {
    const Address last = open_.back().prefix.last();
    emit(open_.back(), last);
    open_.pop_back();
    if (open_.empty()) return;
    open_.back().from = last == open_.back().prefix.last() ? std::nullopt : std::optional(next(last));
  }

  std::vector<Open> open_;
  std::vector<Piece> out_;
};

// All that the directory knows: nodes' own addresses, and their routes without those.
std::vector<Piece> pieces_of(const Directory& directory) {
  const auto& identities = directory.identities();
  std::vector<Piece> own;
  std::vector<Claim> claims;
  for (std::uint32_t i = 0; i < identities.size(); ++i) {
    for (const Address& address : identities[i].identity.addresses) {
      // Of two nodes with one address, the directory's whois names one.
      if (directory.whois(address) == &identities[i]) own.push_back({{address, address}, {i}});
    }
    for (const Prefix& prefix : identities[i].identity.routes) claims.push_back({prefix, i});
  }
  const auto by_first = [](const Piece& a, const Piece& b) { return a.range.first < b.range.first; };
  std::sort(own.begin(), own.end(), by_first);
  own.erase(std::unique(own.begin(), own.end(), [](const Piece& a, const Piece& b) { return a.range == b.range; }),
            own.end());
  std::vector<AddressRange> holes;
  holes.reserve(own.size());
  for (const Piece& piece : own) holes.push_back(piece.range);
  std::vector<Piece> out = own;
  auto hole = holes.begin();
  for (const Piece& piece : Flat().lay(std::move(claims))) {
    while (hole != holes.end() && hole->last < piece.range.first) ++hole;
    auto end = hole;
    while (end != holes.end() && end->first <= piece.range.last) ++end;
    for (const AddressRange& range : subtract(std::span(&piece.range, 1), {hole, end}))
      out.push_back({range, piece.holders});
  }
  std::sort(out.begin(), out.end(), by_first);
  return out;
}

class Admitting {
 public:
  Admitting(const Directory& directory, const table::NodeHeader& own, const Key& own_key,
            std::span<const OwnedRange> owned)
      : directory_(directory), own_key_(own_key), owned_(owned) {
    for (const table::OwnAddress& one : own.own) own_.push_back({one.address, one.address});
  }

  Admission run() {
    const auto& identities = directory_.identities();
    for (const Piece& piece : pieces_of(directory_)) {
      for (const AddressRange& range : subtract(std::span(&piece.range, 1), own_)) admit_range(piece, range);
    }
    for (std::uint32_t i = 0; i < identities.size(); ++i) find_failures(i);
    return std::move(out_);
  }

 private:
  // The first owned range that ends at or after an address.
  [[nodiscard]] auto owned_from(const Address& address) const {
    return std::lower_bound(owned_.begin(), owned_.end(), address,
                            [](const OwnedRange& range, const Address& a) { return range.last < a; });
  }
  [[nodiscard]] std::optional<Key> owner(const Address& address) const {
    const auto at = owned_from(address);
    if (at == owned_.end() || address < at->first) return std::nullopt;
    return at->peer;
  }
  [[nodiscard]] const Identity& identity(std::uint32_t index) const { return directory_.identities()[index].identity; }
  // Of this node: nothing that is its own comes in by its interface.
  [[nodiscard]] bool is_self(const Identity& one) const { return !one.unbound && one.key == own_key_; }

  void admit_range(const Piece& piece, const AddressRange& range) {
    if (std::any_of(piece.holders.begin(), piece.holders.end(), [&](std::uint32_t i) { return identity(i).unbound; })) {
      out_.admitted.push_back(range);
      return;
    }
    for (auto at = owned_from(range.first); at != owned_.end() && at->first <= range.last; ++at) {
      const bool bound = std::any_of(piece.holders.begin(), piece.holders.end(), [&](std::uint32_t i) {
        return identity(i).key == at->peer && !is_self(identity(i));
      });
      if (bound) out_.admitted.push_back({std::max(range.first, at->first), std::min(range.last, at->last)});
    }
  }

  void find_failures(std::uint32_t index) {
    const Identity& one = identity(index);
    if (one.unbound || is_self(one)) return;
    for (const Address& address : one.addresses) {
      const bool own = std::any_of(own_.begin(), own_.end(), [&](const AddressRange& r) { return r.first == address; });
      if (!own && owner(address) != one.key) fail(one, Prefix(address));
    }
    const bool routes =
        one.routes.empty() || std::any_of(one.routes.begin(), one.routes.end(), [&](const Prefix& route) {
          for (auto at = owned_from(route.first()); at != owned_.end() && at->first <= route.last(); ++at) {
            if (at->peer == one.key) return true;
          }
          return false;
        });
    if (!routes) fail(one, one.routes.front());
  }
  void fail(const Identity& one, const Prefix& place) {
    ++out_.failures;
    if (out_.examples.size() < most_examples) out_.examples.push_back({one.name, place, one.key, owner(place.first())});
  }

  const Directory& directory_;
  const Key& own_key_;
  std::span<const OwnedRange> owned_;
  std::vector<AddressRange> own_;
  Admission out_;
};

// What stands behind a piece: keys in order, or "believed without".
struct Meaning {
  std::vector<Key> keys;
  bool unbound = false;

  friend bool operator==(const Meaning&, const Meaning&) = default;
};
Meaning meaning_of(const Directory& directory, const Piece& piece) {
  Meaning out;
  for (const std::uint32_t i : piece.holders) {
    const Identity& one = directory.identities()[i].identity;
    if (one.unbound)
      out.unbound = true;
    else
      out.keys.push_back(one.key);
  }
  std::sort(out.keys.begin(), out.keys.end());
  return out;
}

}  // namespace

std::vector<AddressRange> subtract(std::span<const AddressRange> ranges, std::span<const AddressRange> holes) {
  std::vector<AddressRange> out;
  auto hole = holes.begin();
  for (AddressRange range : ranges) {
    while (hole != holes.end() && hole->last < range.first) ++hole;
    bool left = true;
    for (auto at = hole; left && at != holes.end() && at->first <= range.last; ++at) {
      if (range.first < at->first) out.push_back({range.first, previous(at->first)});
      left = at->last < range.last && at->last != end_of(at->last.family());
      if (left) range.first = next(at->last);
    }
    if (left) out.push_back(range);
  }
  return out;
}

Admission admit(const Directory& directory, const table::NodeHeader& own, const Key& own_key,
                std::span<const OwnedRange> owned) {
  return Admitting(directory, own, own_key, owned).run();
}

std::vector<AddressRange> rebound(const Directory& before, const Directory& after) {
  const std::vector<Piece> old_pieces = pieces_of(before), new_pieces = pieces_of(after);
  std::vector<AddressRange> same;
  auto fresh = new_pieces.begin();
  for (const Piece& piece : old_pieces) {
    const Meaning meaning = meaning_of(before, piece);
    while (fresh != new_pieces.end() && fresh->range.last < piece.range.first) ++fresh;
    for (auto at = fresh; at != new_pieces.end() && at->range.first <= piece.range.last; ++at) {
      if (meaning_of(after, *at) == meaning)
        same.push_back({std::max(piece.range.first, at->range.first), std::min(piece.range.last, at->range.last)});
    }
  }
  std::vector<AddressRange> all;
  all.reserve(old_pieces.size());
  for (const Piece& piece : old_pieces) all.push_back(piece.range);
  return subtract(all, same);
}

std::vector<AddressRange> unite(std::span<const AddressRange> a, std::span<const AddressRange> b) {
  std::vector<AddressRange> out(a.begin(), a.end());
  const std::vector<AddressRange> more = subtract(b, a);
  out.insert(out.end(), more.begin(), more.end());
  std::sort(out.begin(), out.end(), [](const AddressRange& x, const AddressRange& y) { return x.first < y.first; });
  return out;
}

}  // namespace acl::node
