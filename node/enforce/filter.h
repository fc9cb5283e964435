// PacketFilter: the kernel's packet filter on one interface (filter.bpf.c): loaded, attached first, kept over the death of this process,
// given tables.
//
// What holds from the first attach() on: on the interface a packet in passes only if the table in force lets it in; with no table, none
// does. Tables take effect in one step, for both directions and all processors, and when enforce() returns no packet is judged by
// the one before. Programs, links and maps are pinned, so a process that ends, by its will or not, changes nothing; the next one
// takes over, also with a newer program, without a packet in between that is not judged.
//
// In: an interface and a folder for pins; hot parts narrowed to the sources admitted now (engine/table/hot_writer.h). Owns its
// descriptors; single-threaded; needs root (CAP_BPF, CAP_NET_ADMIN, and CAP_SYS_ADMIN to mount). Errors: E1341 to E1345, E1201.
// On an error what was in force stays in force.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "engine/table/node_header.h"
#include "node/enforce/attachment.h"
#include "node/enforce/filter_layout.h"
#include "node/enforce/pins.h"

struct bpf_object;

namespace acl::node {

enum class Backend : std::uint8_t { automatic, tcx, clsact };  // automatic: TCX where the kernel has it

struct FilterOptions {
  std::string bpffs_dir;  // of this interface alone
  // Entries; of maps that are pinned already, what they have stays.
  std::uint32_t records = 100'000;
  std::uint32_t marks = 100'000;
  std::uint32_t mark = 0x08000000;  // the bits set in skb->mark of packets let in
  std::uint32_t link_header = 0;    // bytes before the IP header: 0 on WireGuard and TUN interfaces, 14 on Ethernet
  Backend backend = Backend::automatic;
  // For tests, as in filter_layout.h.
  bool clock_from_cb = false;
  bool verdict_in_cb = false;
};

struct FilterCounters {
  std::array<std::uint64_t, ACL_COUNTERS> packets{};  // by enum acl_why, and ACL_DROP_NO_TABLE
};

class PacketFilter {
 public:
  // Loads the program, with the maps and the table that are pinned, if there are such. Nothing is attached yet, and nothing that is
  // attached changes.
  static Expected<PacketFilter> open(FilterOptions options);
  PacketFilter(PacketFilter&& other) noexcept;
  PacketFilter& operator=(PacketFilter&& other) noexcept;
  PacketFilter(const PacketFilter&) = delete;
  PacketFilter& operator=(const PacketFilter&) = delete;
  ~PacketFilter();  // what is attached stays

  // In both directions, before all other programs; what an earlier process attached by the other backend goes once this is there; also to an interface that was made anew. Where an older program of ours is
  // attached and its table cannot be taken over, that one stays until enforce() or deny_all().
  Expected<void> attach(unsigned ifindex);
  // E1344, in words, unless our program is attached in both directions, first, and pinned. A few system calls.
  [[nodiscard]] Expected<void> check() const;
  // Puts right what check() found.
  Expected<void> reattach();

  // `part`: a narrowed hot part; `own`: this node's addresses and their classes in it.
  Expected<void> enforce(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own);
  // Nothing comes in, until enforce(). Needs neither memory nor another program, once one has been attached.
  Expected<void> deny_all();

  [[nodiscard]] Expected<FilterCounters> counters() const;
  [[nodiscard]] std::string_view backend() const noexcept { return clsact_ ? "eBPF (clsact)" : "eBPF (TCX)"; }
  [[nodiscard]] unsigned ifindex() const noexcept { return ifindex_; }
  // Whether the flow maps are new, and not taken over from an earlier process.
  [[nodiscard]] bool made_flow_maps() const noexcept { return made_flow_maps_; }

  // Maps of flow state (engine/table/flow.h): acl_flow_key → acl_stamp, index → acl_stamp.
  [[nodiscard]] int records_fd() const noexcept;
  [[nodiscard]] int marks_fd() const noexcept;
  [[nodiscard]] int coarse_fd() const noexcept;
  [[nodiscard]] int tables_fd() const noexcept;
  [[nodiscard]] int program_fd(Direction direction) const noexcept;

  // Takes programs, maps and pins away: the interface is open but for the guard. The object is of no use afterwards.
  Expected<void> detach_and_remove();

 private:
  struct Program;  // one loaded object
  PacketFilter(FilterOptions options, Pins pins);

  Expected<std::unique_ptr<Program>> load(std::size_t table_map, const Program* maps_of, bool with_tables) const;
  Expected<void> pin_maps(bool all) const;
  Expected<void> put_table(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own);
  Expected<void> attach_direction(Direction direction, bool anew);
  Expected<void> attach_tcx(Direction direction, bool anew);
  Expected<void> attach_clsact(Direction direction, bool anew);
  Expected<void> detach_other_backend();
  void drop_link(Direction direction);
  Expected<void> check_direction(Direction direction) const;
  Expected<void> check_interface(unsigned ifindex) const;
  // Whether the program of ours that is attached now, of another process or version, is better than this one.
  [[nodiscard]] bool waits() const noexcept { return !has_table_; }

  FilterOptions options_;
  Pins pins_;
  std::unique_ptr<Program> program_;
  bool has_table_ = false;  // tables has an inner map, or had one until deny_all()
  bool made_flow_maps_ = false;
  bool settled_ = false;  // the programs attached are these, and their tables pinned
  bool clsact_ = false;
  unsigned ifindex_ = 0;
  std::array<Fd, 2> links_;
};

}  // namespace acl::node
