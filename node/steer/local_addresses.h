// Every address of this host, whatever the interface: whoever comes from one of them is a process of this machine, and nobody's
// identity.
//
// As the kernel has them now (getifaddrs(3)), link-local ones among them; 127.0.0.0/8 and ::1 are beside the list (is_loopback). A few
// tens of microseconds. E1401 if the kernel does not say: then nobody may be taken for another host.
#pragma once

#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"

namespace acl::node {

// Ascending, each once.
Expected<std::vector<net::Address>> host_addresses();
[[nodiscard]] bool is_loopback(const net::Address& address) noexcept;
// `host` is ascending.
[[nodiscard]] bool is_of_host(const net::Address& address, const std::vector<net::Address>& host) noexcept;

}  // namespace acl::node
