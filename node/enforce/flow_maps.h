// FlowMaps: the packet filter's flow state (docs/packet-semantics.md section 6) as user space works on it: the file
// descriptors of three eBPF maps, and walking through one in slices.
//
//   records  LRU_HASH  acl_flow_key → acl_stamp
//   marks    HASH      acl_flow_key → acl_stamp
//   coarse   ARRAY     ACL_COARSE_MARKS × acl_stamp, BPF_F_MMAPABLE: mapped here, for user space must exchange stamps atomically
//
// Owns the mapping and descriptors of its own for the maps, which outlive the program that brought them: the filter loads another one
// for a larger table. E1326: a map of another kind or size, or an operation that the kernel refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "engine/table/flow.h"

namespace acl::node {

class FlowMaps {
 public:
  static Expected<FlowMaps> open(int records, int marks, int coarse);
  FlowMaps(FlowMaps&& other) noexcept;
  FlowMaps& operator=(FlowMaps&&) = delete;
  FlowMaps(const FlowMaps&) = delete;
  FlowMaps& operator=(const FlowMaps&) = delete;
  ~FlowMaps();

  [[nodiscard]] int records() const noexcept { return records_.get(); }
  [[nodiscard]] int marks() const noexcept { return marks_.get(); }
  // Shared with the running program: only atomic accesses.
  [[nodiscard]] acl_stamp* coarse(std::uint32_t index) const noexcept { return coarse_ + index; }

 private:
  FlowMaps(Fd records, Fd marks, acl_stamp* coarse) noexcept
      : records_(std::move(records)), marks_(std::move(marks)), coarse_(coarse) {}

  Fd records_;
  Fd marks_;
  acl_stamp* coarse_;
};

// E1326 with the kernel's reason.
tl::unexpected<Diagnostic> flow_maps_fail(std::string_view what, int error);

// A walk through a hash map, so many entries at a time (BPF_MAP_LOOKUP_BATCH, Linux 5.6). Goes bucket by bucket: an entry that is
// there from the walk's beginning to its end is met once, whatever comes and goes meanwhile.
class MapWalk {
 public:
  explicit MapWalk(int map) noexcept : map_(map) {}

  struct Entry {
    acl_flow_key key;
    acl_stamp seen;
  };
  // The next entries, about `most` (more only if one bucket holds more). They are valid until the next call. After the last,
  // done() is true and the next call begins again.
  Expected<std::span<const Entry>> next(std::uint32_t most);
  [[nodiscard]] bool done() const noexcept { return done_; }

 private:
  int map_;
  std::uint32_t bucket_ = 0;
  bool inside_ = false;
  bool done_ = false;
  std::vector<acl_flow_key> keys_;
  std::vector<acl_stamp> stamps_;
  std::vector<Entry> entries_;
};

}  // namespace acl::node
