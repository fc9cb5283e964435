// decompile: the parts of a node's table, opened, back into rules that people can read: the way from the bytes to the line of the policy.
//
// In: opened parts, and what gives their rules names, which may be missing: the names part and the provenance.
// Whose an address is, a directory says (members_of). Out: plain values that own their texts; classes keep their numbers, from 1. What is
// said is what the table decides: of two rules that allow the same, the table knows the first.
// E1210: a part that no compiler wrote (listing.h), or whose listing would take more than most_rows rows.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/table/listing.h"
#include "engine/table/node_table.h"
#include "engine/table/provenance.h"

namespace acl::emit {

inline constexpr std::size_t most_rows = 4'000'000;

// Where the names of rules come from; either may be null.
struct NameSources {
  const table::Names* names = nullptr;
  const table::Provenance* provenance = nullptr;
};

// Who is meant by some ranges of addresses.
struct Members {
  std::vector<std::string> nodes;                            // with every address they have
  std::vector<std::pair<std::string, std::string>> partial;  // node, one of its addresses
  std::vector<std::string> addresses;                        // of nobody known: "10.77.1.0/24", "10.0.0.1-10.0.0.9"
};
Members members_of(std::vector<table::AddressRange> ranges, const table::Directory* directory);
// The ranges of several classes together.
std::vector<table::AddressRange> together(const table::ClassRanges& ranges, const std::vector<std::uint32_t>& classes);
// Ranges that touch or overlap are one.
std::vector<table::AddressRange> joined(std::vector<table::AddressRange> ranges);
// "10.77.1.0/24", "10.77.1.5", "10.0.0.1-10.0.0.9"
std::string range_text(const table::AddressRange& range);

// A rule of the policy, as far as it is known.
struct RuleName {
  std::string name;  // "acls[2]"; "rule 7" where nothing says which it is
  std::string file;  // "policy.hujson"; may be empty
  std::uint32_t line = 0;

  // "acls[2], policy.hujson:44"
  [[nodiscard]] std::string text() const;
};

struct Service {
  std::uint8_t protocol = 0;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;  // ascending; of a protocol without ports, all

  friend auto operator<=>(const Service&, const Service&) = default;
};
// "tcp 22,80-90; icmp"; "port 53" is TCP and UDP with ICMP and ICMPv6, as a rule without a protocol has it.
std::string services_text(const std::vector<Service>& services);

struct PacketRow {
  RuleName rule;
  std::vector<Service> services;
  std::vector<std::uint32_t> sources, destinations;  // classes: each of these may send to each of those
};
struct PacketTable {
  table::ClassRanges sources, behind;  // by class
  std::vector<PacketRow> rows;         // in the order of the policy
};
Expected<PacketTable> decompile(const table::Hot& hot, const NameSources& sources);

struct LoginRow {
  RuleName rule;
  table::Ssh::Rule details;
  std::string own_name;                // also the account of this name, that of the person; may be empty
  std::vector<std::uint32_t> sources;  // classes
};
struct LoginTable {
  table::ClassRanges sources;
  std::vector<LoginRow> rows;  // in the order in which rules are asked
};
LoginTable decompile(const table::Ssh& ssh, const NameSources& sources);

struct CapabilityRow {
  RuleName rule;
  std::string name, value;  // JSON; empty: null
  std::vector<std::uint32_t> sources, destinations;
};
struct CapabilityTable {
  table::ClassRanges sources, behind;
  std::vector<CapabilityRow> rows;
};
Expected<CapabilityTable> decompile(const table::Names& names, const NameSources& sources);

}  // namespace acl::emit
