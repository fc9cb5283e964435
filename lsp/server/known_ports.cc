#include "lsp/server/known_ports.h"

#include <algorithm>
#include <array>

namespace acl::lsp {
namespace {

constexpr bool no = false, yes = true;

constexpr std::array ports = {
    KnownPort{21, "ftp"},
    KnownPort{22, "ssh"},
    KnownPort{25, "smtp"},
    KnownPort{53, "dns", yes, yes},
    KnownPort{80, "http"},
    KnownPort{88, "kerberos", yes, yes},
    KnownPort{123, "ntp", no, yes},
    KnownPort{143, "imap"},
    KnownPort{161, "snmp", no, yes},
    KnownPort{389, "ldap"},
    KnownPort{443, "https", yes, yes},
    KnownPort{445, "smb"},
    KnownPort{465, "smtps"},
    KnownPort{514, "syslog", no, yes},
    KnownPort{587, "submission"},
    KnownPort{631, "ipp"},
    KnownPort{636, "ldaps"},
    KnownPort{873, "rsync"},
    KnownPort{993, "imaps"},
    KnownPort{1433, "sql server"},
    KnownPort{1883, "mqtt"},
    KnownPort{2049, "nfs"},
    KnownPort{2379, "etcd"},
    KnownPort{3000, "grafana"},
    KnownPort{3306, "mysql"},
    KnownPort{3389, "rdp", yes, yes},
    KnownPort{5060, "sip", yes, yes},
    KnownPort{5432, "postgresql"},
    KnownPort{5900, "vnc"},
    KnownPort{6379, "redis"},
    KnownPort{6443, "kubernetes"},
    KnownPort{8080, "http-alt"},
    KnownPort{8200, "vault"},
    KnownPort{8443, "https-alt"},
    KnownPort{9090, "prometheus"},
    KnownPort{9100, "node exporter"},
    KnownPort{9200, "elasticsearch"},
    KnownPort{27017, "mongodb"},
    KnownPort{51820, "wireguard", no, yes},
};

}  // namespace

std::span<const KnownPort> known_ports() noexcept { return ports; }

std::string_view port_name(std::uint16_t port) noexcept {
  const auto found = std::lower_bound(ports.begin(), ports.end(), port,
                                      [](const KnownPort& known, std::uint16_t wanted) { return known.port < wanted; });
  return found != ports.end() && found->port == port ? found->name : std::string_view();
}

}  // namespace acl::lsp
