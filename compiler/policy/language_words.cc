// The words that a string of the language may be, each with a sentence for people.
//
// Sources: https://tailscale.com/docs/reference/syntax/policy-file, https://tailscale.com/docs/features/device-posture,
// https://tailscale.com/docs/reference/targets-and-selectors; protocols: https://www.iana.org/assignments/protocol-numbers; attributes and
// capabilities: github.com/tailscale/tailscale, tailcfg
#include <array>

#include "compiler/policy/language.h"

namespace acl::policy {
namespace {

constexpr bool no = false, yes = true;

constexpr std::array acl_actions = {
    Word{"accept", "Lets the traffic in. There is no other action: what no rule accepts is denied."},
};

constexpr std::array ssh_actions = {
    Word{"accept", "Lets the login in."},
    Word{"check", "Lets the login in once the person has signed in again, at most every `checkPeriod`."},
};

constexpr std::array protocols = {
    Word{"tcp", "TCP, protocol 6. Has ports."},
    Word{"udp", "UDP, protocol 17. Has ports."},
    Word{"sctp", "SCTP, protocol 132. Has ports."},
    Word{"icmp", "ICMP for IPv4, protocol 1. No ports: write `*`. ICMPv6 is `ipv6-icmp`."},
    Word{"icmpv4", "ICMP for IPv4, protocol 1. No ports: write `*`."},
    Word{"ipv6-icmp", "ICMP for IPv6, protocol 58. No ports: write `*`."},
    Word{"icmpv6", "ICMP for IPv6, protocol 58. No ports: write `*`."},
    Word{"igmp", "IGMP, protocol 2. No ports: write `*`."},
    Word{"ipv4", "IPv4 inside IP, protocol 4. No ports: write `*`."},
    Word{"ip-in-ip", "IPv4 inside IP, protocol 4. No ports: write `*`."},
    Word{"egp", "EGP, protocol 8. No ports: write `*`."},
    Word{"igp", "IGP, protocol 9. No ports: write `*`."},
    Word{"dccp", "DCCP, protocol 33. Filtered without ports: write `*`."},
    Word{"gre", "GRE, protocol 47. No ports: write `*`."},
    Word{"esp", "IPsec ESP, protocol 50. No ports: write `*`."},
    Word{"ah", "IPsec AH, protocol 51. No ports: write `*`."},
    Word{"tsmp", "The clients' own control messages, protocol 99. No ports: write `*`.", yes, no},
    Word{"fc", "Fibre Channel, protocol 133. No ports: write `*`.", no, yes},
};

constexpr std::array capabilities = {
    Word{"tailscale.com/cap/drive", "File shares: `{\"shares\": [\"docs\"], \"access\": \"ro\"}`."},
    Word{"tailscale.com/cap/relay", "Use of the destination as a peer relay."},
    Word{"tailscale.com/cap/webui", "The node's own web interface."},
    Word{"tailscale.com/cap/kubernetes", "The API server proxy: `{\"impersonate\": {\"groups\": [\"…\"]}}`."},
    Word{"tailscale.com/cap/tsidp", "The identity provider tsidp."},
    Word{"tailscale.com/cap/secrets", "The secret store setec."},
    Word{"tailscale.com/cap/golink", "The link shortener golink: `{\"admin\": true}`.", yes, no},
    Word{"tailscale.com/cap/tailsql", "The SQL front end tailsql: `{\"dataSrc\": [\"*\"]}`.", yes, no},
    Word{"tailscale.com/cap/pam", "Privileged access to applications.", yes, no},
    Word{"tailscale.com/cap/databases", "Access to databases.", yes, no},
    Word{"tailscale.com/cap/aperture", "The gateway Aperture.", yes, no},
};

// Those meant for policies first; then those that clients know, without a promise.
constexpr std::array node_attributes = {
    Word{"funnel", "The node may use Funnel, on ports 443, 8443 and 10000.", yes, no},
    Word{"randomize-client-port", "The node listens on a random UDP port."},
    Word{"disable-ipv4", "The node has no IPv4 address in the tailnet."},
    Word{"magicdns-aaaa", "Names of devices are also answered with IPv6 addresses."},
    Word{"drive:share", "The node may offer file shares."},
    Word{"drive:access", "The node may use file shares."},
    Word{"ssh-env-vars", "Makes `acceptEnv` of SSH rules take effect on the node."},
    Word{"suggest-exit-node", "The node takes part in suggestions of exit nodes."},
    Word{"auto-exit-node", "The node chooses its exit node by itself."},
    Word{"log-exit-flows", "The exit node logs the flows through it."},
    Word{"disable-relay-server", "The node is no peer relay."},
    Word{"disable-relay-client", "The node uses no peer relay."},
    Word{"disable-captive-portal-detection", "The node does not look for captive portals."},
    Word{"dns-subdomain-resolve", "Names below the node's name resolve to it."},
    Word{"disable-web-client", "The node has no web interface."},
    Word{"peer-mtu-enable", "The node finds out path MTUs to its peers."},
    Word{"store-appc-routes", "An app connector keeps the routes it has learned."},
    Word{"linux-netfilter?v=iptables", "On Linux the client uses iptables."},
    Word{"linux-netfilter?v=nftables", "On Linux the client uses nftables."},
    Word{"mullvad", "The node may use the exit nodes of the Mullvad add-on."},
    Word{"nextdns:no-device-info", "Withholds data about the device from NextDNS. `nextdns:ID` chooses a profile."},
    Word{"one-cgnat?v=true", "One route for all of `100.64.0.0/10`. Known to clients, not promised for policies."},
    Word{"one-cgnat?v=false", "One route for each peer. Known to clients, not promised for policies."},
    Word{"only-tcp-443", "Outgoing TCP to port 443 only. Known to clients, not promised for policies."},
    Word{"traffic-steering", "The server chooses paths. Known to clients, not promised for policies."},
    Word{"default-auto-update", "Whether clients update themselves by default. Not promised for policies."},
    Word{"ssh-behavior-v1", "The first way clients start logins. Not promised for policies."},
    Word{"ssh-behavior-v2", "The second way clients start logins. Not promised for policies."},
    Word{"cache-network-maps", "The last network map is kept on disk. Not promised for policies."},
    Word{"disable-cache-network-maps", "The last network map is not kept on disk. Not promised for policies."},
    Word{"disable-delta-updates", "Known to clients, not promised for policies."},
    Word{"silent-disco", "Known to clients, not promised for policies."},
    Word{"probe-udp-lifetime", "Known to clients, not promised for policies."},
    Word{"user-dial-routes", "Known to clients, not promised for policies."},
    Word{"native-ipv4", "Known to clients, not promised for policies."},
    Word{"service-host", "Known to clients, not promised for policies."},
    Word{"emit-runtime-metrics", "Known to clients, not promised for policies."},
    Word{"disable-hosts-file-updates", "Known to clients, not promised for policies."},
    Word{"disable-linux-cgnat-drop-rule", "Known to clients, not promised for policies."},
    Word{"disable-udp-gro", "Known to clients, not promised for policies."},
    Word{"disable-udp-gso", "Known to clients, not promised for policies."},
    Word{"client-side-reachability", "Known to clients, not promised for policies."},
    Word{"suggest-exit-node-ui", "Known to clients, not promised for policies."},
    Word{"tailscale.com/visible-groups", "Known to clients, not promised for policies."},
};

constexpr std::array posture_attributes = {
    Word{"node:os", "The operating system: `'linux'`, `'macos'`, `'windows'`, `'ios'`, `'android'`, …", yes, no},
    Word{"node:osVersion", "The operating system's version; compared as a version.", yes, no},
    Word{"node:tsVersion", "The client's version; compared as a version.", yes, no},
    Word{"node:tsReleaseTrack", "The client's release track: `'stable'` or `'unstable'`.", yes, no},
    Word{"node:tsAutoUpdate", "Whether the client updates itself: `true` or `false`.", yes, no},
    Word{"node:tsStateEncrypted", "Whether the client's state is encrypted on disk: `true` or `false`.", yes, no},
    Word{"ip:country", "The country of the device's public address: two capitals, such as `'DE'`.", yes, no},
    Word{"ip:publicAddress", "The device's public address.", yes, no},
};

constexpr std::array accounts = {
    Word{"autogroup:nonroot", "Any local account whose uid is not 0."},
    Word{"root", "The root account. No other entry includes it."},
};

constexpr std::array tested_accounts = {
    Word{"root", "The root account."},
};

constexpr std::array check_periods = {
    Word{"always", "Asks on every connection."},
    Word{"30m", "Half an hour."},
    Word{"1h", "One hour."},
    Word{"12h", "Half a day, the default."},
    Word{"24h", "One day. There is no unit for days."},
    Word{"168h", "One week, the longest."},
};

constexpr std::array environment = {
    Word{"GIT_*", "Variables of git: author, committer, protocol."},
    Word{"TZ", "The time zone."},
};

constexpr std::array cgnat_routes = {
    Word{"", "As clients do by default.", yes, no},
    Word{"mac-always", "On macOS always one route for `100.64.0.0/10`.", yes, no},
    Word{"mac-never", "On macOS one route for each peer, as elsewhere.", yes, no},
};

constexpr std::array verdicts = {
    Word{"accept", "It is allowed."},
    Word{"deny", "It is refused."},
    Word{"check", "The login is allowed after a check; of logins only."},
};

constexpr std::array ipset_operations = {
    Word{"add ", "Adds an address, prefix, range, `host:NAME`, `ipset:NAME` or `autogroup:internet`.", yes, no},
    Word{"remove ", "Takes a target away from what the lines above have added.", yes, no},
};

constexpr std::array grant_ips = {
    Word{"*", "TCP, UDP, ICMP and ICMPv6, every port."},
    Word{"tcp:*", "Every TCP port."},
    Word{"udp:*", "Every UDP port."},
};

struct AutogroupPage {
  std::string_view name;
  std::string_view about;
};

constexpr std::array autogroups = {
    AutogroupPage{"member", "Untagged devices of all direct members of the tailnet, whatever their role."},
    AutogroupPage{"members", "The old spelling of `autogroup:member`."},
    AutogroupPage{"tagged", "Every device with at least one tag."},
    AutogroupPage{"self",
                  "The source person's own untagged devices: each is reached by devices of the same user only."},
    AutogroupPage{"internet", "The public internet, through exit nodes."},
    AutogroupPage{"shared", "Devices of people who have accepted a share of the destination device."},
    AutogroupPage{"danger-all", "Every source address, inside and outside the tailnet."},
    AutogroupPage{"nonroot", "Any local account whose uid is not 0."},
    AutogroupPage{"owner", "Untagged devices of the tailnet's owner."},
    AutogroupPage{"admin", "Untagged devices of admins and of the owner."},
    AutogroupPage{"it-admin", "Untagged devices of IT admins."},
    AutogroupPage{"network-admin", "Untagged devices of network admins."},
    AutogroupPage{"billing-admin", "Untagged devices of billing admins."},
    AutogroupPage{"auditor", "Untagged devices of auditors."},
};

}  // namespace

std::span<const Word> words_of(Meaning meaning) noexcept {
  switch (meaning) {
    case Meaning::acl_action: return acl_actions;
    case Meaning::ssh_action: return ssh_actions;
    case Meaning::protocol: return protocols;
    case Meaning::capability: return capabilities;
    case Meaning::node_attribute: return node_attributes;
    case Meaning::attribute_name: return posture_attributes;
    case Meaning::account: return accounts;
    case Meaning::tested_account: return tested_accounts;
    case Meaning::check_period: return check_periods;
    case Meaning::environment: return environment;
    case Meaning::cgnat_route: return cgnat_routes;
    case Meaning::verdict: return verdicts;
    case Meaning::ipset_operation: return ipset_operations;
    case Meaning::grant_ip: return grant_ips;
    default: return {};
  }
}

std::string_view about_autogroup(std::string_view name) noexcept {
  constexpr std::string_view word = "autogroup:";
  if (name.substr(0, word.size()) == word) name.remove_prefix(word.size());
  for (const AutogroupPage& page : autogroups) {
    if (page.name == name) return page.about;
  }
  return {};
}

}  // namespace acl::policy
