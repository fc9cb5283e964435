#include "node/enforce/flow_upkeep.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <compare>
#include <utility>

namespace acl::node {
namespace {

std::strong_ordering order(const acl_address& a, const acl_address& b) noexcept {
  if (a.high != b.high) return a.high <=> b.high;
  return a.low <=> b.low;
}

// The map is full: a hash map says E2BIG, one whose memory is given out as needed may say ENOMEM.
bool is_full(int error) { return error == E2BIG || error == ENOMEM || error == ENOSPC; }

}  // namespace

acl_address packet_address(const net::Address& a) noexcept {
  if (a.is_v4()) return {0, ACL_V4_LOW | a.low()};
  return {a.high(), a.low()};
}

// Whether it was taken out. The coarse mark stands in for the mark while that is not there.
Expected<bool> MarkSweep::take(const acl_flow_key& key, acl_stamp now) {
  const std::atomic_ref<acl_stamp> coarse(*maps_->coarse(acl_coarse_index(&key)));
  // An exchange, since the program may stamp it between a look and a write.
  const acl_stamp former = coarse.exchange(now);
  acl_stamp seen = 0;
  if (bpf_map_lookup_and_delete_elem(maps_->marks(), &key, &seen) != 0) {
    const int error = errno;
    acl_stamp ours = now;
    coarse.compare_exchange_strong(ours, former);
    if (error == ENOENT) return false;  // somebody else took it
    return flow_maps_fail("taking out a mark", error);
  }
  if (acl_stamp_state(key.protocol, seen, now) != ACL_STAMP_NONE) {
    // Renewed since it was read. A program that looked meanwhile has seen no mark and may not have looked at the coarse one
    // yet, so that stays: until it is old it refuses what the mark would.
    if (bpf_map_update_elem(maps_->marks(), &key, &seen, BPF_NOEXIST) == 0) return false;
    if (errno == EEXIST || is_full(errno)) return false;
    return flow_maps_fail("putting back a mark", errno);
  }
  acl_stamp ours = now;
  coarse.compare_exchange_strong(ours, former);
  return true;
}

Expected<Slice> MarkSweep::step(acl_stamp now, std::uint32_t most) {
  const auto entries = walk_.next(most);
  if (!entries) return tl::unexpected(entries.error());
  Slice slice{walk_.done(), static_cast<std::uint32_t>(entries->size()), 0};
  for (const MapWalk::Entry& entry : *entries) {
    if (acl_stamp_state(entry.key.protocol, entry.seen, now) != ACL_STAMP_NONE) continue;
    const auto taken = take(entry.key, now);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken) ++slice.taken;
  }
  return slice;
}

RecordForget::RecordForget(const FlowMaps& maps, const std::vector<table::AddressRange>& addresses)
    : records_(maps.records()), walk_(maps.records()) {
  for (const table::AddressRange& range : addresses) {
    ranges_.push_back({packet_address(range.first), packet_address(range.last)});
  }
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return order(a.first, b.first) < 0; });
  // Overlapping ones become one.
  std::size_t kept = 0;
  for (const Range& range : ranges_) {
    if (kept != 0 && order(range.first, ranges_[kept - 1].last) <= 0) {
      if (order(ranges_[kept - 1].last, range.last) < 0) ranges_[kept - 1].last = range.last;
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
}

bool RecordForget::concerns(const acl_address& address) const noexcept {
  const auto above =
      std::upper_bound(ranges_.begin(), ranges_.end(), address,
                       [](const acl_address& a, const Range& range) { return order(a, range.first) < 0; });
  return above != ranges_.begin() && order(address, std::prev(above)->last) <= 0;
}

Expected<Slice> RecordForget::step(std::uint32_t most) {
  const auto entries = walk_.next(most);
  if (!entries) return tl::unexpected(entries.error());
  Slice slice{walk_.done(), static_cast<std::uint32_t>(entries->size()), 0};
  for (const MapWalk::Entry& entry : *entries) {
    if (!concerns(entry.key.local) && !concerns(entry.key.remote)) continue;
    // ENOENT: evicted, or ended by an answer with SYN and ACK.
    if (bpf_map_delete_elem(records_, &entry.key) != 0 && errno != ENOENT) {
      return flow_maps_fail("deleting a record", errno);
    }
    deleted_.push_back(entry.key);
    ++slice.taken;
  }
  if (slice.done) {
    // A packet that went out at that very moment may have found its record fresh before it was deleted, and renewed it after.
    for (const acl_flow_key& key : deleted_) {
      if (bpf_map_delete_elem(records_, &key) != 0 && errno != ENOENT) {
        return flow_maps_fail("deleting a record", errno);
      }
    }
    deleted_.clear();
  }
  return slice;
}

Expected<void> write_seeds(const FlowMaps& maps, const Seeds& seeds, acl_stamp now) {
  for (const acl_flow_key& key : seeds.records) {
    acl_flow_key pair;
    acl_pair_of(&key, &pair);
    if (bpf_map_update_elem(maps.records(), &key, &now, BPF_ANY) != 0 ||
        bpf_map_update_elem(maps.records(), &pair, &now, BPF_ANY) != 0) {
      return flow_maps_fail("writing a record", errno);
    }
  }
  for (const acl_flow_key& key : seeds.marks) {
    if (bpf_map_update_elem(maps.marks(), &key, &now, BPF_ANY) == 0) continue;
    if (!is_full(errno)) return flow_maps_fail("writing a mark", errno);
    std::atomic_ref<acl_stamp>(*maps.coarse(acl_coarse_index(&key))).store(now);
  }
  return {};
}

}  // namespace acl::node
