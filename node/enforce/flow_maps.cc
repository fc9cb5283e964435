#include "node/enforce/flow_maps.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace acl::node {
namespace {

constexpr std::size_t coarse_bytes = ACL_COARSE_MARKS * sizeof(acl_stamp);
// A bucket never holds as many: maps have at least as many buckets as entries.
constexpr std::uint32_t most_in_bucket = 1U << 16;

Expected<void> expect_map(int fd, std::string_view name, std::uint32_t type, std::uint32_t key_size) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return flow_maps_fail(name, errno);
  if (info.type == type && info.key_size == key_size && info.value_size == sizeof(acl_stamp)) return {};
  return fail(Code::E1326,
              fmt::format("the map of {} has type {}, keys of {} and values of {} bytes; expected {}, {}, {}", name,
                          info.type, info.key_size, info.value_size, type, key_size, sizeof(acl_stamp)),
              "it was made by another version: remove its pin");
}

}  // namespace

tl::unexpected<Diagnostic> flow_maps_fail(std::string_view what, int error) {
  return fail(Code::E1326, fmt::format("{}: {}", what, std::strerror(error)),
              error == EPERM ? "it needs CAP_BPF, or root before Linux 5.8" : "");
}

Expected<FlowMaps> FlowMaps::open(int records, int marks, int coarse) {
  constexpr auto key_size = static_cast<std::uint32_t>(sizeof(acl_flow_key));
  if (auto fits = expect_map(records, "records", BPF_MAP_TYPE_LRU_HASH, key_size); !fits) {
    return tl::unexpected(fits.error());
  }
  if (auto fits = expect_map(marks, "marks", BPF_MAP_TYPE_HASH, key_size); !fits) return tl::unexpected(fits.error());
  if (auto fits = expect_map(coarse, "coarse marks", BPF_MAP_TYPE_ARRAY, 4); !fits) {
    return tl::unexpected(fits.error());
  }
  void* const mapped = ::mmap(nullptr, coarse_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, coarse, 0);
  if (mapped == MAP_FAILED) return flow_maps_fail("the map of coarse marks cannot be mapped", errno);
  auto* const stamps = static_cast<acl_stamp*>(mapped);
  FlowMaps maps(Fd(::fcntl(records, F_DUPFD_CLOEXEC, 3)), Fd(::fcntl(marks, F_DUPFD_CLOEXEC, 3)), stamps);
  if (!maps.records_ || !maps.marks_) return flow_maps_fail("no descriptor is left for the flow maps", errno);
  return maps;
}

FlowMaps::FlowMaps(FlowMaps&& other) noexcept
    : records_(std::move(other.records_)),
      marks_(std::move(other.marks_)),
      coarse_(std::exchange(other.coarse_, nullptr)) {}

FlowMaps::~FlowMaps() {
  if (coarse_ != nullptr) ::munmap(coarse_, coarse_bytes);
}

Expected<std::span<const MapWalk::Entry>> MapWalk::next(std::uint32_t most) {
  if (done_) inside_ = done_ = false;
  for (std::uint32_t room = std::max<std::uint32_t>(most, 1); room <= most_in_bucket; room *= 2) {
    keys_.resize(std::max<std::size_t>(keys_.size(), room));
    stamps_.resize(keys_.size());
    std::uint32_t count = room;
    std::uint32_t from = bucket_;
    const int failed =
        bpf_map_lookup_batch(map_, inside_ ? &from : nullptr, &bucket_, keys_.data(), stamps_.data(), &count, nullptr);
    if (failed != 0 && errno == ENOSPC) continue;  // the next bucket holds more than that
    if (failed != 0 && errno == EINTR) return std::span<const Entry>();
    if (failed != 0 && errno != ENOENT) return flow_maps_fail("walking through a map", errno);
    done_ = failed != 0;  // ENOENT: no bucket is left
    inside_ = !done_;
    entries_.clear();
    for (std::uint32_t i = 0; i < count; ++i) entries_.push_back({keys_[i], stamps_[i]});
    return std::span<const Entry>(entries_);
  }
  return flow_maps_fail("walking through a map", ENOSPC);
}

}  // namespace acl::node
