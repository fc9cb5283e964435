// SteerProgram: steer.bpf.c, loaded, fed and pinned. For steering.cc.
//
// The link to the network namespace is pinned in the filter's folder; it holds the program and its maps, so that these need no names. Taking
// over replaces the program of the link in one step, when the new one's maps are filled.
#pragma once

#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/enforce/pins.h"

struct bpf_object;

namespace acl::node {

class SteerProgram {
 public:
  // E1401: the kernel does not take it; E1345.
  static Expected<SteerProgram> load(const std::string& bpffs_dir);
  SteerProgram(SteerProgram&& other) noexcept;
  SteerProgram& operator=(SteerProgram&& other) noexcept;
  SteerProgram(const SteerProgram&) = delete;
  SteerProgram& operator=(const SteerProgram&) = delete;
  ~SteerProgram();

  // `ifindex` 0: nothing is steered. `master` 0: it has none.
  Expected<void> set_interface(unsigned ifindex, unsigned master, std::uint16_t port) const;
  // Makes the set hold these and no others; those that go make room first.
  Expected<void> set_own(const std::vector<net::Address>& addresses) const;
  Expected<void> set_local(const std::vector<net::Address>& addresses) const;
  // -1: there is none, and its connections are refused.
  Expected<void> set_listeners(int v4, int v6) const;
  // Attached to this network namespace with this program, and pinned; puts right what is not.
  Expected<void> attach();

  static void remove(const std::string& bpffs_dir);

 private:
  SteerProgram(bpf_object* object, Pins pins) : object_(object), pins_(std::move(pins)) {}
  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] int program() const;

  bpf_object* object_ = nullptr;
  Pins pins_;
  Fd link_;
};

}  // namespace acl::node
