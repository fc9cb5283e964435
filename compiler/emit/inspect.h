// What `aclc inspect` says of a release and of one node's table in it, for people and as JSON.
//
// In: values read and opened by the caller (compiler/cli/inspect.cc). Out: text ended by a line end; names that strangers chose are shown
// escaped (display.h). Nothing here fails.
//
// JSON of a release:
//
//   {"release": "1.3", "latest": "1.2"|null, "created", "expires", "on_expiry", "grace": SECONDS,
//    "trust": {"version", "threshold", "keys", "signers": [{"label", "key"}]}|null, "policy", "inventory", "root",
//    "nodes": N, "pages": {"count", "bytes"}, "parts": {"hot"|"ssh"|"names": {"count", "bytes"}},
//    "identities": [{"name", "key"|null, "user"|null, "tags", "addresses", "routes"}], "rules": [{RULE}]}
//
// JSON of a node:
//
//   {"release", "node": {"name", "key", "user"|null, "tags", "addresses", "routes"},
//    "packets": {"sources": [CLASS], "destinations": [{"class", "own": [ADDRESS], "behind": [RANGE]}],
//                "rules": [{"rule": RULE, "allows": [{"protocol", "name", "ports": [[FIRST, LAST]]}],
//                           "sources": [CLASS NUMBER], "destinations": [CLASS NUMBER]}]},
//    "logins": {"sources": [CLASS], "rules": [{"rule", "action", "check_period": SECONDS|"always"|null, "accounts",
//               "own_name": TEXT|null, "root", "nonroot", "environment", "recorders", "enforce_recorder",
//               "agent_forwarding", "local_forwarding", "remote_forwarding", "sources"}]},
//    "capabilities": {"sources", "destinations", "rules": [{"rule", "name", "value": JSON TEXT|null, "sources", "destinations"}]},
//    "knows": [NAME], "parts": {"hot"|"ssh"|"names": {"digest", "bytes"}}}
//
//   CLASS  {"class": NUMBER, "nodes": [NAME], "addresses": [RANGE]}; a node is named if all its addresses are in the class
//   RULE   {"name": "acls[2]", "file", "line"}; file "" and line 0 where it is not known
//   RANGE  "10.77.1.5", "10.77.1.0/24" or "10.0.0.1-10.0.0.9"
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "compiler/emit/decompile.h"
#include "engine/release/digest.h"
#include "engine/release/head.h"
#include "engine/release/tree.h"
#include "engine/release/trust.h"

namespace acl::emit {

inline constexpr std::array<const char*, 3> part_names{"hot", "ssh", "names"};

struct ReleaseReport {
  std::string folder;
  release::Head head;
  std::optional<release::Generation> latest;
  std::optional<release::TrustSet> trust;    // the head's; none with trust version 0
  std::vector<release::TrustedKey> signers;  // of the head, by keys of `trust`
  release::TreeCounts tree;
  struct Parts {
    std::uint64_t count = 0, bytes = 0;
  };
  std::array<Parts, 3> parts;  // distinct ones: hot, ssh, names
  std::vector<table::Identity> identities;
  table::Provenance rules;
};
std::string release_text(const ReleaseReport& report);
std::string release_json(const ReleaseReport& report);

struct NodeReport {
  std::string release;  // "1.3"
  table::Identity identity;
  table::NodeHeader header;
  PacketTable packets;
  LoginTable logins;
  CapabilityTable capabilities;
  std::vector<std::string> knows;  // names, itself left out
  std::array<release::Reference, 3> parts;
};
// `directory`: the whole tailnet's, so that whom a rule means is named even where the node does not know him.
std::string node_text(const NodeReport& report, const table::Directory& directory);
std::string node_json(const NodeReport& report, const table::Directory& directory);

// Whom sources are. Without a directory they are addresses; a name that is not among `knows` is marked as unknown to the node.
struct Naming {
  const table::Directory* directory = nullptr;
  const std::vector<std::string>* knows = nullptr;  // ascending; null: nobody is marked
  std::string self;
};
// One part by itself: classes by their addresses, rules by their numbers.
std::string packets_text(const PacketTable& table, const table::NodeHeader& own, const Naming& naming);
std::string logins_text(const LoginTable& table, const Naming& naming);
std::string capabilities_text(const CapabilityTable& table, const table::NodeHeader& own, const Naming& naming);
std::string packets_json(const PacketTable& table);
std::string logins_json(const LoginTable& table);
std::string names_json(const table::Names& names, const CapabilityTable& table);

// What one object says of an identity: "web-1  (tag:prod)  10.77.16.21".
std::string identity_line(const table::Identity& identity);
std::string key_text(const std::array<std::uint8_t, 32>& key);
// Names with commas, at most eight, and how many more.
std::string short_list(const std::vector<std::string>& names);
std::string identities_json(const std::vector<table::Identity>& identities);
std::string rules_json(const table::Provenance& provenance);

}  // namespace acl::emit
