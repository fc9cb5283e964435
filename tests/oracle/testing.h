// A small tailnet for unit tests, and terse ways to write policies for it and to ask about them.
#pragma once

#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::oracle {

inline Address address(const char* text) { return Address::parse(text).value(); }
inline Prefix prefix(const char* text) { return Prefix::parse(text).prefix; }

// The kind is told by the text, as far as these tests need it.
inline Selector select(const std::string& text) {
  static const std::map<std::string, Kind> words = {
      {"*", Kind::everything},
      {"autogroup:member", Kind::member},
      {"autogroup:tagged", Kind::tagged},
      {"autogroup:shared", Kind::shared},
      {"autogroup:self", Kind::self},
      {"autogroup:internet", Kind::internet},
      {"autogroup:danger-all", Kind::danger_all},
  };
  const auto begins = [&](std::string_view word) { return text.compare(0, word.size(), word) == 0; };
  const auto word = words.find(text);
  if (word != words.end()) return {word->second, text, {}, {}};
  if (begins("autogroup:")) return {Kind::role, text.substr(10), {}, {}};
  if (begins("group:")) return {Kind::group, text, {}, {}};
  if (begins("tag:")) return {Kind::tag, text, {}, {}};
  if (begins("svc:")) return {Kind::service, text, {}, {}};
  if (begins("ipset:")) return {Kind::ipset, text, {}, {}};
  if (begins("user:*@")) return {Kind::user_domain, text.substr(7), {}, {}};
  const auto parsed = Prefix::parse(text);
  if (parsed.error == net::PrefixError::none) {
    return {parsed.prefix.is_single() ? Kind::address : Kind::prefix, text, parsed.prefix, {}};
  }
  return {text.find('@') == std::string::npos ? Kind::host : Kind::user, text, {}, {}};
}

inline std::vector<Selector> select_all(std::initializer_list<const char*> texts) {
  std::vector<Selector> out;
  for (const char* text : texts) out.push_back(select(text));
  return out;
}

// Everybody these tests speak of. Addresses: 100.64.0.N and fd7a:115c:a1e0::N.
//
//   1 ana-laptop, 2 ana-phone   ana@example.com, owner       6 exit    tag:exit, 0.0.0.0/0 and ::/0 approved
//   3 bo-desk                   bo@example.com, member       7 guest   visitor@elsewhere.example, shared in
//   4 db                        tag:db, tag:web              8 plain   neither user nor tags
//   5 router                    tag:router, 10.33.0.0/16     9 second  tag:router, tag:east, the same route, younger
struct World {
  Policy policy;
  Tailnet tailnet;

  World() {
    tailnet.domains = {"example.com"};
    tailnet.users = {
        {"ana@example.com", "owner"}, {"bo@example.com", "member"}, {"visitor@elsewhere.example", "member"}};
    add("ana-laptop", "ana@example.com", {});
    add("ana-phone", "ana@example.com", {});
    add("bo-desk", "bo@example.com", {});
    add("db", "", {"tag:db", "tag:web"});
    add("router", "", {"tag:router"}).approved = {prefix("10.33.0.0/16")};
    add("exit", "", {"tag:exit"}).approved = {prefix("0.0.0.0/0"), prefix("::/0")};
    add("guest", "visitor@elsewhere.example", {}).shared = true;
    add("plain", "", {});
    add("second", "", {"tag:router", "tag:east"}).approved = {prefix("10.33.0.0/16")};
    policy.grants.emplace();
  }

  Node& add(const char* name, const char* user, std::vector<std::string> tags) {
    const auto number = static_cast<std::uint32_t>(tailnet.nodes.size() + 1);
    Node node{
        name, user, std::move(tags), {Address::v4(0x64400000U + number), Address::v6(0xfd7a115ca1e00000U, number)},
        {},   {},   number,          {},
        false};
    tailnet.nodes.push_back(std::move(node));
    return tailnet.nodes.back();
  }
  Node& node(std::string_view name) {
    for (Node& node : tailnet.nodes) {
      if (node.name == name) return node;
    }
    throw std::out_of_range(std::string(name));
  }
  Address ip(std::string_view name) { return node(name).addresses[0]; }

  Grant& grant(std::initializer_list<const char*> src, std::initializer_list<const char*> dst) {
    policy.grants->push_back({select_all(src), select_all(dst), {Traffic{}}, {}, {}, {}});
    return policy.grants->back();
  }
  Acl& acl(std::initializer_list<const char*> src, std::initializer_list<const char*> dst) {
    if (!policy.acls) policy.acls.emplace();
    Acl acl{select_all(src), {}, {}, {}};
    for (const char* text : dst) acl.dst.push_back({select(text), {Ports{}}});
    policy.acls->push_back(std::move(acl));
    return policy.acls->back();
  }
  SshRule& rule(bool check, std::initializer_list<const char*> src, std::initializer_list<const char*> dst,
                std::vector<std::string> users) {
    policy.ssh.push_back({check, select_all(src), select_all(dst), std::move(users), {}, {}});
    return policy.ssh.back();
  }

  // TCP to a node's own IPv4 address, or to any address through a node.
  bool reach(const char* from, const char* to, std::uint16_t port = 22, std::uint8_t protocol = 6) {
    return reaches(policy, tailnet, ip(from), ip(to), protocol, port, node(to));
  }
  bool through(const Address& source, const char* destination, const char* at, std::uint16_t port = 22) {
    return reaches(policy, tailnet, source, address(destination), 6, port, node(at));
  }
  std::vector<std::string> reached_from(const char* from) {
    std::vector<std::string> out;
    for (const Node& to : tailnet.nodes) {
      if (reach(from, to.name.c_str())) out.push_back(to.name);
    }
    return out;
  }
  std::vector<std::string> reaching(const char* to) {
    std::vector<std::string> out;
    for (const Node& from : tailnet.nodes) {
      if (reach(from.name.c_str(), to)) out.push_back(from.name);
    }
    return out;
  }
  std::string login(const char* from, const char* to, const char* name) {
    return text(ssh(policy, tailnet, node(from), node(to), name));
  }
  std::vector<std::string> peers(const char* name) {
    std::vector<std::string> out;
    const Openings all = openings(policy, tailnet);
    for (const Node& other : tailnet.nodes) {
      if (other.name != name && sees(all, node(name), other)) out.push_back(other.name);
    }
    return out;
  }
  std::vector<std::string> routes(const char* viewer, const char* peer) {
    std::vector<std::string> out;
    for (const Prefix& route : shown_routes(openings(policy, tailnet), node(viewer), node(peer)))
      out.push_back(route.text());
    return out;
  }
};

}  // namespace acl::oracle
