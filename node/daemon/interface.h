// The network interface by its name: its number, its master and its addresses, as the kernel has them now (getifaddrs(3), rtnetlink(7)).
#pragma once

#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"

namespace acl::node {

// 0: there is none of that name.
unsigned interface_index(const std::string& name) noexcept;
// The interface that this one is enslaved to (IFLA_MASTER in rtnetlink(7)), such as a VRF or a bridge; 0: none. E1401 if the kernel does not say.
Expected<unsigned> interface_master(unsigned ifindex);
// Ascending, without link-local ones (RFC 3927, RFC 4291 section 2.5.6), which name no node.
std::vector<net::Address> interface_addresses(const std::string& name);

}  // namespace acl::node
