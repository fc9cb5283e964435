// The network interface by its name: its number and its addresses, as the kernel has them now (getifaddrs(3)).
#pragma once

#include <string>
#include <vector>

#include "engine/net/address.h"

namespace acl::node {

// 0: there is none of that name.
unsigned interface_index(const std::string& name) noexcept;
// Ascending, without link-local ones (RFC 3927, RFC 4291 section 2.5.6), which name no node.
std::vector<net::Address> interface_addresses(const std::string& name);

}  // namespace acl::node
