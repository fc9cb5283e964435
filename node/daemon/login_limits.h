// LoginLimits: how many connections may be on their way to a login at once, of one source and in all, so that whoever connects and
// says nothing keeps nobody else out. A source is a peer of WireGuard, whatever address behind it is used: a routed prefix is no more of them
// than a single address. A value; memory is bounded by the greater limit.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <tuple>

#include "engine/net/address.h"
#include "node/daemon/questions.h"

namespace acl::node {

struct LoginOrigin {
  std::optional<Key> peer;
  net::Address address;  // counts where there is no peer

  friend bool operator<(const LoginOrigin& a, const LoginOrigin& b) {
    if (a.peer || b.peer) return a.peer < b.peer;
    return a.address < b.address;
  }
};

class LoginLimits {
 public:
  LoginLimits(std::size_t in_all, std::size_t of_one) : in_all_(in_all), of_one_(of_one) {}
  void set(std::size_t in_all, std::size_t of_one) noexcept {
    in_all_ = in_all;
    of_one_ = of_one;
  }
  // False: there is no room. Else it counts until end().
  bool begin(const LoginOrigin& source);
  void end(const LoginOrigin& source);
  [[nodiscard]] std::size_t starting() const noexcept { return starting_; }

 private:
  std::size_t in_all_, of_one_, starting_ = 0;
  std::map<LoginOrigin, std::size_t> of_source_;
};

}  // namespace acl::node
