#include "node/enforce/table_map.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/table/flow.h"
#include "engine/table/hot.h"

namespace acl::node {
namespace {

// Read-only for programs; the kernel then lets nobody map it for writing either, so it is filled by a system call.
constexpr std::uint32_t table_map_flags = BPF_F_RDONLY_PROG;

std::pair<std::uint64_t, std::uint64_t> numbers_of(const net::Address& address) noexcept {
  if (address.is_v4()) return {0, ACL_V4_LOW | address.low()};
  return {address.high(), address.low()};
}

bool place(acl_filter_head& head, std::span<const table::OwnAddress> own) noexcept {
  for (acl_own_slot& slot : head.own) slot = {};
  for (const table::OwnAddress& one : own) {
    const auto [high, low] = numbers_of(one.address);
    acl_own_slot& slot = head.own[acl_own_index(head.multiplier, high, low)];
    if (slot.number != 0 && (slot.high != high || slot.low != low)) return false;
    slot = {high, low, one.hot_class + 1U, 0};
  }
  return true;
}

tl::unexpected<Diagnostic> no_map(int error) {
  return fail(Code::E1341, fmt::format("cannot make a map for the table: {}", std::strerror(error)),
              error == EPERM ? "run as root, with CAP_BPF and CAP_NET_ADMIN" : "");
}

}  // namespace

std::size_t table_map_size(std::size_t part_bytes, std::size_t in_use) noexcept {
  const std::size_t needed = sizeof(acl_filter_head) + part_bytes + acl_line_bytes;  // decide.h reads a line at a time
  if (needed > greatest_table_map) return 0;
  if (needed <= in_use && (needed >= in_use / 8 || in_use == least_table_map)) return in_use;
  return std::max(least_table_map, std::bit_ceil(needed));
}

acl_filter_head make_head(std::span<const table::OwnAddress> own, std::size_t part_bytes) noexcept {
  acl_filter_head head{};
  head.table_bytes = static_cast<acl_u32>(part_bytes);
  // Of 64 addresses one multiplier in a few thousand separates all; of the usual two nearly every one does. Odd numbers without a
  // pattern: splitmix64 (Steele, Lea, Flood 2014).
  std::uint64_t state = 0;
  do {
    state += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    head.multiplier = (z ^ (z >> 31)) | 1;
  } while (!place(head, own));
  return head;
}

Expected<void> check_table(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own) {
  const auto hot = table::Hot::open(part);
  if (!hot) return tl::unexpected(hot.error());
  if (own.size() > table::most_own)
    return fail(Code::E1342, fmt::format("{} addresses of this node are more than {}", own.size(), table::most_own));
  for (const table::OwnAddress& one : own) {
    if (one.hot_class > hot->header().destination_classes)
      return fail(Code::E1342, fmt::format("this node's address \"{}\" has the class \"{}\", the table has {}",
                                           one.address.text(), one.hot_class, hot->header().destination_classes));
    if (hot->source_class(one.address) != 0)
      return fail(Code::E1342,
                  fmt::format("this node's own address \"{}\" is admitted as a source", one.address.text()),
                  "this is a mistake of the program: own addresses are taken out before the table is narrowed");
  }
  return {};
}

Expected<Fd> make_table_map(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own,
                            std::size_t size) {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = table_map_flags;
  Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "acl_table", 4, static_cast<std::uint32_t>(size), 1, &options));
  if (!map) return no_map(errno);
  std::vector<std::uint8_t> value(size);
  const acl_filter_head head = make_head(own, part.size());
  std::memcpy(value.data(), &head, sizeof head);
  if (!part.empty()) std::memcpy(value.data() + sizeof head, part.data(), part.size());
  const std::uint32_t zero = 0;
  if (bpf_map_update_elem(map.get(), &zero, value.data(), BPF_ANY) != 0) return no_map(errno);
  if (bpf_map_freeze(map.get()) != 0) return no_map(errno);
  return map;
}

std::size_t table_map_size_of(int outer) noexcept {
  const std::uint32_t zero = 0;
  std::uint32_t id = 0;
  if (bpf_map_lookup_elem(outer, &zero, &id) != 0) return 0;
  const Fd inner(bpf_map_get_fd_by_id(id));
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  if (!inner || bpf_obj_get_info_by_fd(inner.get(), &info, &length) != 0) return 0;
  const bool ours = info.type == BPF_MAP_TYPE_ARRAY && info.key_size == 4 && info.max_entries == 1 &&
                    info.map_flags == table_map_flags && std::has_single_bit(info.value_size) &&
                    info.value_size >= least_table_map && info.value_size <= greatest_table_map;
  return ours ? info.value_size : 0;
}

}  // namespace acl::node
