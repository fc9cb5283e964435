// Known ports: the names by which people know ports, for completion and hover.
// Source: https://www.iana.org/assignments/service-names-port-numbers, and the documentation of the services' own makers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace acl::lsp {

struct KnownPort {
  std::uint16_t port;
  std::string_view name;
  bool tcp = true;
  bool udp = false;
};

// Ascending.
std::span<const KnownPort> known_ports() noexcept;
// "https"; "" if it has no name.
std::string_view port_name(std::uint16_t port) noexcept;

}  // namespace acl::lsp
