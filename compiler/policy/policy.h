// Policy: a tailnet policy file, typed. Every value keeps the range of the text it came from.
//
// decode.h makes it from a HuJSON tree; check.h judges it. Both report what is wrong and go on: a policy with errors holds
// what could be understood, and must not be resolved. All text in it is viewed, not owned: the SourceText and the PolicyFile
// it came from must outlive it (load.h).
//
// Section and field meanings: https://tailscale.com/docs/reference/syntax/policy-file
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "compiler/policy/ports.h"
#include "compiler/policy/posture.h"
#include "compiler/policy/selector.h"
#include "engine/net/diagnostic.h"

namespace acl::policy {

// Whose policy language: the hosted service's, or Headscale's.
enum class Dialect : std::uint8_t { tailscale, headscale };

// A string of the file, escapes undone and white space around it removed; the span covers the literal with its quotes.
struct Text {
  std::string_view value;
  Span span;

  [[nodiscard]] bool empty() const noexcept { return value.empty(); }
};

struct Group {
  Text name;  // "group:eng"
  std::vector<Selector> members;
};

struct Host {
  Text name;
  Text value;
  std::optional<net::Prefix> prefix;  // nothing if the value is malformed
};

struct IpsetOperation {
  bool remove = false;
  bool bare = false;  // written without "add"
  Selector target;
  Span span;
};

struct Ipset {
  Text name;  // "ipset:dc"
  std::vector<IpsetOperation> operations;
};

struct TagOwners {
  Text name;  // "tag:web"
  std::vector<Selector> owners;
};

// `selector:ports` of acls, `selector:port` of tests.
struct Target {
  Selector selector;
  std::vector<PortRange> ports;  // empty if they could not be read; 0-0 in tests of protocols without ports
  Text text;
};

struct Acl {
  Span span;
  bool damaged = false;  // its structure was at fault: what is missing may not have been left out
  Text action;
  std::vector<Selector> src;
  std::vector<Target> dst;
  std::optional<Text> proto;
  std::optional<std::uint8_t> protocol;  // of `proto`, unless absent, empty or unknown
  std::optional<std::vector<Text>> src_posture;
};

struct GrantIp {
  Text text;
  std::optional<IpEntry> entry;
};

// The value of an `app` map or of a `nodeAttrs` entry's: opaque JSON, to be found in the tree.
struct Capability {
  Text name;
  std::uint32_t node = 0;  // index of the value in the tree
};

struct Grant {
  Span span;
  bool damaged = false;
  std::vector<Selector> src;
  std::vector<Selector> dst;
  std::vector<GrantIp> ip;
  std::vector<Capability> app;
  std::vector<Selector> via;
  std::optional<std::vector<Text>> src_posture;
};

struct SshRule {
  Span span;
  bool damaged = false;
  std::optional<Text> action;
  std::vector<Selector> src;
  std::vector<Selector> dst;
  std::vector<Text> users;
  std::optional<Text> check_period;
  std::optional<std::chrono::nanoseconds> check_duration;  // of `check_period`, unless "always" or malformed
  std::vector<Text> accept_env;
  std::optional<std::vector<Text>> src_posture;
  std::vector<Selector> recorder;
  bool enforce_recorder = false;
};

struct PostureAttribute {
  Text name;
  std::uint32_t node = 0;  // index of the value in the tree: a string, number or boolean
};

struct PolicyTest {
  Span span;
  bool damaged = false;
  std::optional<Selector> src;
  std::optional<Text> proto;
  std::optional<std::uint8_t> protocol;
  std::vector<Target> accept;
  std::vector<Target> deny;
  std::vector<PostureAttribute> src_posture_attrs;
};

struct SshTest {
  Span span;
  bool damaged = false;
  std::optional<Selector> src;
  std::vector<Selector> dst;
  std::vector<Text> accept;
  std::vector<Text> check;
  std::vector<Text> deny;
  std::vector<PostureAttribute> src_posture_attrs;
};

struct RouteApprovers {
  Text route;
  std::optional<net::Prefix> prefix;
  std::vector<Selector> approvers;
};

struct ServiceApprovers {
  Selector service;  // svc:NAME or a tag
  std::vector<Selector> approvers;
};

struct AutoApprovers {
  std::vector<RouteApprovers> routes;
  std::vector<Selector> exit_node;
  std::vector<ServiceApprovers> services;
};

struct NodeAttr {
  Span span;
  bool damaged = false;
  std::vector<Selector> target;
  std::vector<Text> attr;
  std::vector<Capability> app;
  std::vector<Text> ip_pool;
};

struct Posture {
  Text name;  // "posture:managed"
  std::vector<Text> texts;
  std::vector<std::optional<PostureAssertion>> assertions;  // one for each text, nothing where it is malformed
};

struct Policy {
  Dialect dialect = Dialect::tailscale;
  std::vector<Group> groups;
  std::vector<Host> hosts;
  std::vector<Ipset> ipsets;
  std::vector<TagOwners> tag_owners;
  // Absent is not empty: without both sections everything is allowed, an empty one allows nothing.
  std::optional<std::vector<Acl>> acls;
  std::optional<std::vector<Grant>> grants;
  std::vector<SshRule> ssh;
  std::vector<PolicyTest> tests;
  std::vector<SshTest> ssh_tests;
  AutoApprovers auto_approvers;
  std::vector<NodeAttr> node_attrs;
  std::vector<Posture> postures;
  std::optional<std::vector<Text>> default_src_posture;
  bool disable_ipv4 = false;
  bool randomize_client_port = false;
  std::optional<Text> one_cgnat_route;
  std::optional<std::uint32_t> derp_map;  // index in the tree

  [[nodiscard]] bool allows_everything() const noexcept { return !acls && !grants; }
};

}  // namespace acl::policy
