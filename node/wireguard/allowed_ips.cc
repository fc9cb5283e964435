#include "node/wireguard/allowed_ips.h"

#include <algorithm>

namespace acl::node {
namespace {

using net::Address;

// The next address; `a` is not the last of its family.
Address after(const Address& a) noexcept {
  if (a.is_v4()) return Address::v4(static_cast<std::uint32_t>(a.low() + 1));
  return Address::v6(a.high() + (a.low() + 1 == 0 ? 1 : 0), a.low() + 1);
}

Address before(const Address& a) noexcept {
  if (a.is_v4()) return Address::v4(static_cast<std::uint32_t>(a.low() - 1));
  return Address::v6(a.high() - (a.low() == 0 ? 1 : 0), a.low() - 1);
}

}  // namespace

void AllowedIps::append(const Address& first, const Address& last, const Key& peer) {
  if (!ranges_.empty()) {
    OwnedRange& end = ranges_.back();
    // after() of the last address of all would not be above it; then nothing of that family can follow.
    if (end.peer == peer && end.last < first && end.last.family() == first.family() && after(end.last) == first) {
      end.last = last;
      return;
    }
  }
  ranges_.push_back({first, last, peer});
}

AllowedIps::AllowedIps(std::span<const AllowedIp> allowed) {
  // The prefixes that hold the place reached, outermost first: at most one for each length. `next` is the first address of
  // the innermost that is not laid out yet.
  struct Open {
    const AllowedIp* entry;
    Address next;
    bool full = false;  // laid out to its end
  };
  std::vector<Open> open;
  const auto close_innermost = [&] {
    const Open done = open.back();
    open.pop_back();
    const Address last = done.entry->prefix.last();
    if (!done.full) append(done.next, last, done.entry->peer);
    if (open.empty()) return;
    Open& outer = open.back();
    if (last == outer.entry->prefix.last()) {
      outer.full = true;
    } else {
      outer.next = after(last);
    }
  };
  ranges_.reserve(allowed.size());
  for (const AllowedIp& entry : allowed) {
    while (!open.empty() && !open.back().entry->prefix.contains(entry.prefix)) close_innermost();
    const Address first = entry.prefix.first();
    if (!open.empty() && open.back().next < first) {
      append(open.back().next, before(first), open.back().entry->peer);
      open.back().next = first;
    }
    open.push_back({&entry, first});
  }
  while (!open.empty()) close_innermost();
}

const Key* AllowedIps::owner(const Address& address) const noexcept {
  const auto above = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                      [](const Address& a, const OwnedRange& range) { return a < range.first; });
  if (above == ranges_.begin()) return nullptr;
  const OwnedRange& range = *std::prev(above);
  return address <= range.last ? &range.peer : nullptr;
}

std::vector<OwnedRange> AllowedIps::owners(const Address& first, const Address& last) const {
  std::vector<OwnedRange> owned;
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                             [](const OwnedRange& range, const Address& a) { return range.last < a; });
  for (; at != ranges_.end() && at->first <= last; ++at) {
    owned.push_back({std::max(at->first, first), std::min(at->last, last), at->peer});
  }
  return owned;
}

}  // namespace acl::node
