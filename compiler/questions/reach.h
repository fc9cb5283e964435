// reach: does a rule let this packet or this login through? The one answer that tests, `aclc can` and others share.
//
// A packet is asked about as a source, a destination, a protocol and a port; the rules are asked, not the topology: whether
// some router leads to the destination is another question (can.h). Protocols without ports match whatever ports a rule has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/resolve/view.h"

namespace acl::questions {

// One end of a packet: an address, and the node that has it, if any.
struct End {
  net::Address address;
  resolve::NodeId node = resolve::none;
};

struct Packet {
  End source;
  End destination;
  std::uint8_t protocol = 6;
  std::optional<std::uint16_t> port;  // nothing: every port must be allowed
};

// Why a rule does not let a packet through: the first condition that failed.
enum class Failed : std::uint8_t { nothing, source, destination, protocol, port };

struct Decision {
  bool allowed = false;
  std::uint32_t rule = resolve::none;  // index into Resolved::rules
  resolve::Origin origin;              // of the destination that matched
};

// The first rule that allows the packet.
Decision decide(const resolve::Views& views, const Packet& packet);

// The rules that have the source among theirs, ascending; then the first of them that allows a packet from there. For many
// questions about one source.
std::vector<std::uint32_t> rules_from(const resolve::Views& views, const End& source);
Decision decide(const resolve::Views& views, const std::vector<std::uint32_t>& rules_from_source, const Packet& packet);

// What is open on one protocol and port to whoever these rules begin at, in the order of the rules: for many questions that differ in their
// destination alone. `source` and `destination` of decide() are of one family.
struct Opening {
  std::uint32_t rule;
  const resolve::Destination* destination;
};
std::vector<Opening> openings(const resolve::Views& views, const std::vector<std::uint32_t>& rules_from_source,
                              std::uint8_t protocol, std::optional<std::uint16_t> port);
Decision decide(const resolve::Views& views, const std::vector<Opening>& open, const End& destination);

// Of one rule's destination: what failed first, in the order source, destination, protocol, port.
Failed why_not(const resolve::Views& views, const resolve::Rule& rule, const resolve::Destination& destination,
               const Packet& packet);

// Whether everything but the source fits.
bool allows_but_for_source(const resolve::Views& views, const resolve::Rule& rule,
                           const resolve::Destination& destination, const Packet& packet);

bool covers_source(const resolve::Resolved& resolved, const resolve::Sources& sources, const End& source);

enum class Verdict : std::uint8_t { deny, accept, check };
std::string_view verdict_name(Verdict verdict) noexcept;

struct Login {
  Verdict verdict = Verdict::deny;
  std::string local;                   // the account that is used
  std::uint32_t rule = resolve::none;  // ssh[rule]
  bool reaches_node = false;           // some rule admits the source to the node, as somebody
};

// May `source` log in at `destination` as `requested`? Rules in the order of the wire, the first that fits decides.
Login decide_login(const resolve::Views& views, resolve::NodeId source, resolve::NodeId destination,
                   std::string_view requested);

}  // namespace acl::questions
