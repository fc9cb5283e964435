// Steering: which connections for port 22 come to aclnode and not to the sshd of the system.
//
// In: the WireGuard interface, the node's own addresses, this host's. Out: two listeners that get the connections which arrive by
// that interface for port 22 of an own address, from another host. All other connections stay whose they were, whoever listened first.
// While nobody accepts, since this process is gone, such connections are refused: the kernel's part stays (pinned, or a table of rules)
// until remove().
//
// Two ways: a program of the kernel (steer.bpf.c; Linux 5.17), and where the kernel has no such programs rules of nftables that hand
// packets to a socket (tproxy; https://docs.kernel.org/networking/tproxy.html), which keep addresses and ports as they are.
//
// Owns its descriptors; single-threaded; needs CAP_BPF and CAP_NET_ADMIN. Errors: E1401, and E1345 of the folder of pins. After an error
// of set() no connection is steered to a listener that should not get it; as much as can be is refused rather than left to the sshd of the
// system, and it may be called again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "node/steer/listeners.h"

namespace acl::node {

enum class SteerBy : std::uint8_t { whatever_there_is, program, rules };

struct SteeringOptions {
  std::string interface;
  std::string bpffs_dir;  // the filter's folder of pins
  std::string table;      // of nftables, for the rules: letters, digits, "_"
  SteerBy by = SteerBy::whatever_there_is;
  std::uint16_t port = 22;
};

struct SteeringFacts {
  unsigned ifindex = 0;  // 0: the interface is not there
  // What the interface is enslaved to; 0: nothing. Of a VRF sockets see packets come in by that one, as they do those of its other
  // interfaces: who came by WireGuard cannot be told. Port 22 of an own address is then refused at both, and set() is an error.
  unsigned master = 0;
  std::vector<net::Address> own;  // ascending
  // Ascending; nothing: not known, and who is of this host is not, so that there are no listeners.
  std::optional<std::vector<net::Address>> host;
  friend bool operator==(const SteeringFacts&, const SteeringFacts&) = default;
};

class Steering {
 public:
  // Loads what there is; nothing is steered yet, and what an earlier process left stays until set().
  static Expected<Steering> open(SteeringOptions options);
  Steering(Steering&&) noexcept;
  Steering& operator=(Steering&&) noexcept;
  ~Steering();  // the kernel's part stays

  // Steers by these facts, in one step for what comes in. Cheap if they are the same as before; then it looks whether the kernel's part
  // is still there, and puts it back.
  Expected<void> set(const SteeringFacts& facts);
  // The interface at which port 22 of the own addresses is no longer the system's, whether we listen or refuse; 0: there is none.
  [[nodiscard]] unsigned taken() const noexcept { return taken_; }
  // They are others after the interface was made anew.
  [[nodiscard]] const Listeners& listeners() const noexcept { return listeners_; }
  [[nodiscard]] std::string_view backend() const noexcept;  // "SK_LOOKUP", "nftables"

  // Takes the kernel's part away, also one that another process left; no error if there is none.
  static Expected<void> remove(const SteeringOptions& options);

 private:
  struct Program;
  explicit Steering(SteeringOptions options);
  [[nodiscard]] tl::unexpected<Diagnostic> fail_enslaved(const SteeringFacts& facts) const;
  Expected<void> look_after_listeners(const SteeringFacts& facts);
  Expected<void> set_program(const SteeringFacts& facts);
  Expected<void> fill_program(const SteeringFacts& facts) const;
  Expected<void> set_rules(const SteeringFacts& facts) const;

  SteeringOptions options_;
  std::unique_ptr<Program> program_;  // null: by rules
  Listeners listeners_;
  SteeringFacts facts_;
  bool in_force_ = false;  // facts_ are
  unsigned taken_ = 0;
};

}  // namespace acl::node
