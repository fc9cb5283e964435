// What random tailnets and their policies (tailnet.h) are made of: names, addresses, ports, and the kinds of selectors that each place
// takes. The simplest stand first.
#pragma once

#include <array>
#include <cstdint>

#include "tests/oracle/model.h"

namespace acl::generate::words {

inline constexpr std::array logins = {"ana@example.com",  "bo@example.com", "cy@example.com",
                                      "dee@corp.example", "eli@github",     "root@corp.example"};
inline constexpr const char* stranger = "visitor@elsewhere.example";  // owns the nodes shared in
inline constexpr std::array roles = {"member",        "admin",         "owner",  "it-admin",
                                     "network-admin", "billing-admin", "auditor"};
inline constexpr std::array domains = {"example.com", "corp.example"};
inline constexpr std::array groups = {"group:eng", "group:ops", "group:none"};
inline constexpr const char* synced_group = "group:team@example.com";
inline constexpr std::array tags = {"tag:web", "tag:db", "tag:router", "tag:exit", "tag:spare"};
inline constexpr std::array ipsets = {"ipset:one", "ipset:two", "ipset:three"};
inline constexpr std::array postures = {"posture:managed", "posture:fresh", "posture:odd"};
inline constexpr std::array services = {"svc:wiki", "svc:mail"};
inline constexpr std::array accounts = {
    "ubuntu", "root", "autogroup:nonroot", "localpart:*@example.com", "localpart:*@corp.example", "ana", "tag:foo"};

// Nested, overlapping, of both families, public, 4via6, one around tailnet addresses, exit routes.
inline constexpr std::array routes = {
    "10.33.0.0/16",    "10.0.0.0/8",     "10.33.5.0/24", "0.0.0.0/0",     "::/0",
    "10.44.0.0/16",    "192.168.1.0/24", "fd00:1::/64",  "fd00:1::/48",   "10.33.0.0/17",
    "198.51.100.0/24", "192.168.0.0/23", "10.45.0.0/16", "2001:db8::/32", "fd7a:115c:a1e0:b1a:0:7:a21:0/112"};
// Literals that are no routes: a single address, wider and narrower ones, the tailnet, parts of the internet.
inline constexpr std::array literals = {
    "10.33.5.9/32",   "100.64.0.0/24",       "10.33.4.0/23",          "100.64.0.1/32",
    "100.64.0.0/10",  "fd7a:115c:a1e0::/64", "fd7a:115c:a1e0::1/128", "198.51.100.8/32",
    "192.168.0.0/16", "10.44.9.0/24",        "fd00:1::5/128",         "8.8.8.0/24",
    "172.16.0.0/12",  "2001:db8::53/128",    "203.0.113.0/24",        "100.115.92.0/23"};
inline constexpr std::array ports = {oracle::Ports{0, 65535},     oracle::Ports{22, 22}, oracle::Ports{443, 443},
                                     oracle::Ports{8000, 8010},   oracle::Ports{80, 80}, oracle::Ports{1, 65535},
                                     oracle::Ports{65535, 65535}, oracle::Ports{1, 1},   oracle::Ports{53, 53},
                                     oracle::Ports{8005, 9000}};
inline constexpr std::array<std::uint8_t, 18> protocols = {6,  17, 1,  58, 132, 2,  4, 8,   9,
                                                           33, 47, 50, 51, 99,  89, 0, 255, 6};
inline constexpr std::array attributes = {"funnel", "magicdns-aaaa", "disable-ipv4", "ssh-env-vars", "drive:share"};

inline constexpr std::array people = {oracle::Kind::user, oracle::Kind::group, oracle::Kind::member, oracle::Kind::role,
                                      oracle::Kind::user_domain};
inline constexpr std::array devices = {oracle::Kind::tag, oracle::Kind::tagged};
inline constexpr std::array rule_sources = {oracle::Kind::everything, oracle::Kind::user,        oracle::Kind::tag,
                                            oracle::Kind::group,      oracle::Kind::member,      oracle::Kind::address,
                                            oracle::Kind::prefix,     oracle::Kind::user_domain, oracle::Kind::tagged,
                                            oracle::Kind::role,       oracle::Kind::host,        oracle::Kind::ipset,
                                            oracle::Kind::shared,     oracle::Kind::danger_all};
inline constexpr std::array rule_destinations = {
    oracle::Kind::everything, oracle::Kind::tag,     oracle::Kind::user,   oracle::Kind::group,
    oracle::Kind::member,     oracle::Kind::address, oracle::Kind::prefix, oracle::Kind::user_domain,
    oracle::Kind::tagged,     oracle::Kind::role,    oracle::Kind::host,   oracle::Kind::ipset,
    oracle::Kind::service,    oracle::Kind::internet};
inline constexpr std::array approvers = {oracle::Kind::tag,        oracle::Kind::user, oracle::Kind::group,
                                         oracle::Kind::member,     oracle::Kind::role, oracle::Kind::tagged,
                                         oracle::Kind::user_domain};
inline constexpr std::array attribute_targets = {
    oracle::Kind::everything, oracle::Kind::tag,    oracle::Kind::user,    oracle::Kind::group,  oracle::Kind::member,
    oracle::Kind::role,       oracle::Kind::tagged, oracle::Kind::address, oracle::Kind::prefix, oracle::Kind::host};
inline constexpr std::array ipset_targets = {oracle::Kind::prefix, oracle::Kind::address, oracle::Kind::range,
                                             oracle::Kind::host,   oracle::Kind::ipset,   oracle::Kind::internet};
inline constexpr std::array test_sources = {oracle::Kind::user,    oracle::Kind::tag,  oracle::Kind::group,
                                            oracle::Kind::address, oracle::Kind::host, oracle::Kind::host};
inline constexpr std::array test_destinations = {oracle::Kind::address, oracle::Kind::tag, oracle::Kind::host,
                                                 oracle::Kind::service, oracle::Kind::host};

}  // namespace acl::generate::words
