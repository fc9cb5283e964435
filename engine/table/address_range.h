// AddressRange: the addresses of one family from `first` to `last`, both included. A value.
#pragma once

#include "engine/net/address.h"

namespace acl::table {

struct AddressRange {
  net::Address first, last;  // first <= last

  [[nodiscard]] bool is_single() const noexcept { return first == last; }
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

}  // namespace acl::table
