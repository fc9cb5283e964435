// What the tables of a tailnet are asked, and the first answer that differs from the oracle's or from that of `aclc can`
// (compiler/questions/reach.h). Every node's table, for every address of the inventory, its neighbours, and the edges of every rule.
//
// The three are not defined everywhere alike, so each comparison is made where both sides are:
//
//   packets, oracle     A table lets nothing in but to what is at its node: its own addresses, those of services it hosts, approved
//                       subnet routes, and the internet at an exit node. Elsewhere it must deny, whatever the oracle says of rules.
//                       Of a protocol without ports a table asks for no port: any rule that lists the protocol will do. Under a
//                       posture, addresses that are nobody's are not asked about: ranges may or may not be split into devices there.
//   packets, can        `can` asks the rules wherever the destination is. Compared are the node's own addresses, and what is behind
//                       its subnet routes and services where that is neither another node's address (which autogroup:self and
//                       identities mean elsewhere) nor internet (which exits have by rules of their own). Where `can` decides by a
//                       grant with `via`, which speaks of the way and not of the destination, nothing is compared. The rule that is
//                       told must be the same, too.
//   logins              All three, every node's address as a source; the account exists and is root's only by its name. Oracle and
//                       `can` know no accounts that are missing.
//   capabilities        At own addresses and behind the node, as the oracle has them, in no order.
//   known identities    Whom the node sees, by the oracle (itself may or may not be listed); the directory says of them what the tailnet does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/agreement/tables.h"
#include "tests/oracle/model.h"

namespace acl::agreement {

// How much was asked; so that a test can show that it asked something.
struct Asked {
  std::uint64_t packets = 0, allowed = 0;  // of the oracle
  std::uint64_t packets_of_can = 0;
  std::uint64_t logins = 0, capabilities = 0, known = 0;
};

// `tailnet` with all approvals. Nothing if everything agrees.
std::optional<std::string> first_difference(const oracle::Policy& policy, const oracle::Tailnet& tailnet,
                                            const Tables& tables, std::uint64_t seed, Asked& asked);

}  // namespace acl::agreement
