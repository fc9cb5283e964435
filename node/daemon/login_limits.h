// LoginLimits: how many connections may be on their way to a login at once, of one source and in all, so that whoever connects and
// says nothing keeps nobody else out. A value; memory is bounded by the greater limit.
#pragma once

#include <cstddef>
#include <map>

#include "engine/net/address.h"

namespace acl::node {

class LoginLimits {
 public:
  LoginLimits(std::size_t in_all, std::size_t of_one) : in_all_(in_all), of_one_(of_one) {}
  void set(std::size_t in_all, std::size_t of_one) noexcept {
    in_all_ = in_all;
    of_one_ = of_one;
  }
  // False: there is no room. Else it counts until end().
  bool begin(const net::Address& source);
  void end(const net::Address& source);
  [[nodiscard]] std::size_t starting() const noexcept { return starting_; }

 private:
  std::size_t in_all_, of_one_, starting_ = 0;
  std::map<net::Address, std::size_t> of_source_;
};

}  // namespace acl::node
