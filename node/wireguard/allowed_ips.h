// AllowedIps: whose key an address belongs to, as WireGuard itself decides it: by the longest prefix.
//
// In: the sorted list of a Device. Prefixes nest, so they are laid flat once, into disjoint ranges that ascend; an address is
// then one binary search, and "which keys own this route, piece by piece?" a run of ranges. Neighbouring ranges of one
// key are one. A value; nothing can fail. 5,000 peers of two addresses take 0.8 MB.
#pragma once

#include <span>
#include <vector>

#include "engine/net/prefix.h"
#include "node/wireguard/device.h"

namespace acl::node {

// Addresses of one family, both ends included, that belong to one peer.
struct OwnedRange {
  net::Address first;
  net::Address last;
  Key peer{};

  friend bool operator==(const OwnedRange&, const OwnedRange&) = default;
};

class AllowedIps {
 public:
  AllowedIps() = default;
  // `allowed`: ascending by prefix, each prefix once, as Device::allowed.
  explicit AllowedIps(std::span<const AllowedIp> allowed);

  // Null if the address belongs to no peer. The key lives as long as this value.
  [[nodiscard]] const Key* owner(const net::Address& address) const noexcept;
  // What of [first, last], or of a prefix, belongs to whom: disjoint, ascending, cut to what was asked. Addresses of nobody are
  // in none of them. `first` and `last` are of one family.
  [[nodiscard]] std::vector<OwnedRange> owners(const net::Address& first, const net::Address& last) const;
  [[nodiscard]] std::vector<OwnedRange> owners(const net::Prefix& prefix) const {
    return owners(prefix.first(), prefix.last());
  }
  [[nodiscard]] std::span<const OwnedRange> ranges() const noexcept { return ranges_; }

 private:
  void append(const net::Address& first, const net::Address& last, const Key& peer);

  std::vector<OwnedRange> ranges_;
};

}  // namespace acl::node
