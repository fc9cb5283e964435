// Flow upkeep: what user space does with the flow state beside the packet filter, while it runs (docs/packet-semantics.md
// sections 6 and 8): sweeping marks whose time is over, forgetting an address's records, seeding records at the first attach.
//
// Work comes in slices, so that an event loop is never held up: each call looks at about `most` entries and says whether the walk is
// done. Time is passed in: nanoseconds of CLOCK_BOOTTIME, as in the stamps. E1326: the kernel refused; what was done so far is
// consistent, and the next call goes on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/address_range.h"
#include "engine/table/flow.h"
#include "node/enforce/flow_maps.h"

namespace acl::node {

// `a` as packets carry it (packet.h).
[[nodiscard]] acl_address packet_address(const net::Address& a) noexcept;

struct Slice {
  bool done = false;        // the walk is over; the next call begins anew
  std::uint32_t seen = 0;   // entries looked at
  std::uint32_t taken = 0;  // entries removed
};

// Takes out marks that are no longer fresh, each in the order of section 6, so that none that is renewed meanwhile is lost.
class MarkSweep {
 public:
  // `maps` outlives it.
  explicit MarkSweep(const FlowMaps& maps) noexcept : maps_(&maps), walk_(maps.marks()) {}

  Expected<Slice> step(acl_stamp now, std::uint32_t most);

 private:
  Expected<bool> take(const acl_flow_key& key, acl_stamp now);

  const FlowMaps* maps_;
  MapWalk walk_;
};

// Deletes every record and pair record that has one of the addresses at either end. To be stepped until done, after the new table
// has taken effect and before the addresses are bound again.
class RecordForget {
 public:
  RecordForget(const FlowMaps& maps, const std::vector<table::AddressRange>& addresses);

  Expected<Slice> step(std::uint32_t most);

 private:
  struct Range {
    acl_address first;
    acl_address last;
  };
  [[nodiscard]] bool concerns(const acl_address& address) const noexcept;

  int records_;
  MapWalk walk_;
  std::vector<Range> ranges_;  // ascending, disjoint
  std::vector<acl_flow_key> deleted_;
};

// Flows under way when the filter is switched on (socket_list.h).
struct Seeds {
  std::vector<acl_flow_key> records;  // this side started; tuples
  std::vector<acl_flow_key> marks;    // the other side did
};
// Writes them, each record with its pair record; marks for which there is no room become coarse marks.
Expected<void> write_seeds(const FlowMaps& maps, const Seeds& seeds, acl_stamp now);

}  // namespace acl::node
