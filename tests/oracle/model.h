// The oracle's own model of a policy and of a tailnet: plain values, names spelled out as a person would.
//
// It shares nothing with the compiler but addresses and prefixes: no index, no interning, no source positions. Names keep
// their prefix ("group:eng", "tag:web", "ipset:dc", "svc:wiki", "posture:managed"), logins and tags are in lower case.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/net/prefix.h"

namespace acl::oracle {

using net::Address;
using net::Family;
using net::Prefix;

// --- the policy ---

enum class Kind : std::uint8_t {
  everything,   // *
  user,         // ana@example.com
  user_domain,  // user:*@example.com
  group,
  tag,
  member,      // autogroup:member
  tagged,      // autogroup:tagged
  role,        // autogroup:admin and its like
  shared,      // autogroup:shared
  danger_all,  // autogroup:danger-all
  self,        // autogroup:self
  internet,    // autogroup:internet
  address,
  prefix,
  range,  // in ipsets only
  host,
  ipset,
  service,
};

struct Selector {
  Kind kind = Kind::everything;
  // The login, the domain, the role ("admin"), or the name with its prefix; a host's bare name.
  std::string name;
  Prefix prefix;  // of an address, a prefix; its first address begins a range
  Address last;   // ends a range
};

struct Ports {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;  // 0-65535 is what `*` means

  friend bool operator==(const Ports&, const Ports&) = default;
};

struct Target {
  Selector selector;
  std::vector<Ports> ports;
};

struct Acl {
  std::vector<Selector> src;
  std::vector<Target> dst;
  std::optional<std::uint8_t> protocol;
  std::optional<std::vector<std::string>> posture;  // srcPosture
};

// An entry of a grant's `ip`.
struct Traffic {
  std::optional<std::uint8_t> protocol;
  Ports ports;
};

struct Capability {
  std::string name;
  std::vector<std::string> values;  // JSON texts without white space
};

struct Grant {
  std::vector<Selector> src;
  std::vector<Selector> dst;
  std::vector<Traffic> ip;
  std::vector<Capability> app;
  std::vector<std::string> via;
  std::optional<std::vector<std::string>> posture;
};

struct SshRule {
  bool check = false;  // else accept
  std::vector<Selector> src;
  std::vector<Selector> dst;
  std::vector<std::string> users;
  std::vector<std::string> accept_env;
  std::optional<std::vector<std::string>> posture;
};

struct IpsetOperation {
  bool remove = false;
  Selector target;  // address, prefix, range, host, ipset or internet
};

using Value = std::variant<std::string, double, bool>;

// One assertion of a posture.
struct Condition {
  enum class Operator : std::uint8_t {
    equal,
    not_equal,
    less,
    at_most,
    greater,
    at_least,
    in,
    not_in,
    is_set,
    not_set
  };

  std::string attribute;
  Operator op = Operator::equal;
  std::vector<Value> operands;
};

struct NodeAttribute {
  std::vector<Selector> target;
  std::vector<std::string> attributes;
};

struct Test {
  Selector src;
  std::optional<std::uint8_t> protocol;
  std::vector<Target> accept;
  std::vector<Target> deny;
};

struct SshTest {
  Selector src;
  std::vector<Selector> dst;
  std::vector<std::string> accept;
  std::vector<std::string> check;
  std::vector<std::string> deny;
};

struct Policy {
  std::map<std::string, std::vector<std::string>> groups;
  std::map<std::string, Prefix> hosts;
  std::map<std::string, std::vector<IpsetOperation>> ipsets;
  std::map<std::string, std::vector<Selector>> tag_owners;
  std::optional<std::vector<Acl>> acls;
  std::optional<std::vector<Grant>> grants;
  std::vector<SshRule> ssh;
  std::map<std::string, std::vector<Condition>> postures;
  std::optional<std::vector<std::string>> default_posture;
  std::vector<std::pair<Prefix, std::vector<Selector>>> route_approvers;
  std::vector<Selector> exit_approvers;
  std::vector<NodeAttribute> node_attributes;
  std::vector<Test> tests;
  std::vector<SshTest> ssh_tests;
  bool disable_ipv4 = false;
  std::string one_cgnat_route;  // without a meaning here, like the next two
  bool randomize_client_port = false;
  bool derp_map = false;
};

// --- the tailnet ---

struct User {
  std::string login;
  std::string role = "member";
};

struct Node {
  std::string name;
  std::string user;               // a login; empty on a tagged node
  std::vector<std::string> tags;  // empty on a user's node
  std::vector<Address> addresses;
  std::vector<Prefix> advertised;
  std::vector<Prefix> approved;
  std::int64_t created = 0;
  std::map<std::string, Value> attributes;  // posture
  bool shared = false;                      // shared in from another tailnet
};

struct Service {
  std::string name;
  std::vector<Address> addresses;
  std::vector<std::string> hosts;  // names of nodes
};

struct Tailnet {
  std::vector<std::string> domains;
  std::vector<User> users;
  std::vector<Node> nodes;
  std::vector<Service> services;
  std::map<std::string, std::vector<std::string>> synced_groups;
};

}  // namespace acl::oracle
