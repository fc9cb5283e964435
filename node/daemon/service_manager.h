// What the daemon tells the service manager (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names, by that page's own
// description simple enough to do without its library. Without the variable nothing is told.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace acl::node {

// "READY=1", "WATCHDOG=1", "STATUS=…", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=…".
void tell_service_manager(std::string_view state) noexcept;

// How often it wants to hear WATCHDOG=1: half of WATCHDOG_USEC, if that is for this process.
std::optional<std::chrono::milliseconds> watchdog_interval() noexcept;

}  // namespace acl::node
