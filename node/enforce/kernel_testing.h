// For tests (and benchmarks) of programs and maps in the kernel: one packet through a program, the contents of maps of flow state, a place for
// pins. Needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN) and a kernel with eBPF; whoever calls it skips elsewhere, and says so.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "engine/table/flow.h"

namespace acl::node {

// Gives this process a mount namespace of its own, with an empty /mnt; a folder below it may become a bpffs. False where that is not
// allowed.
inline bool private_mounts() {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", "/mnt", "tmpfs", 0, "mode=0700") == 0;
}

// What the program returns for a packet (BPF_PROG_TEST_RUN), with a context if it reads one, and what the context is afterwards. `error`
// is 0, or the kernel's negative errno.
struct TestRun {
  int error = 0;
  std::uint32_t returned = 0;
};
inline TestRun test_run(int program, std::span<const std::uint8_t> packet, const __sk_buff* context = nullptr,
                        __sk_buff* after = nullptr) {
  bpf_test_run_opts options{};  // LIBBPF_OPTS is no C++
  options.sz = sizeof options;
  options.data_in = packet.data();
  options.data_size_in = static_cast<std::uint32_t>(packet.size());
  options.ctx_in = context;
  options.ctx_size_in = context == nullptr ? 0 : sizeof *context;
  options.ctx_out = after;
  options.ctx_size_out = after == nullptr ? 0 : sizeof *after;
  options.repeat = 1;
  const int error = bpf_prog_test_run_opts(program, &options);
  return {error, options.retval};
}

// Calls `see` with each entry of a map.
template <class Key, class See>
void for_each_entry(int map, See see) {
  Key key{}, next{};
  acl_stamp stamp = 0;
  for (void* from = nullptr; bpf_map_get_next_key(map, from, &next) == 0; from = &key) {
    key = next;
    if (bpf_map_lookup_elem(map, &key, &stamp) == 0) see(key, stamp);
  }
}

// The entries of a map of records or marks, by the bytes of their keys.
using FlowEntries = std::map<std::string, acl_stamp>;

inline std::string key_bytes(const acl_flow_key& key) { return {reinterpret_cast<const char*>(&key), sizeof key}; }

inline FlowEntries flow_entries(int map) {
  FlowEntries entries;
  for_each_entry<acl_flow_key>(
      map, [&](const acl_flow_key& key, acl_stamp stamp) { entries.emplace(key_bytes(key), stamp); });
  return entries;
}

}  // namespace acl::node
