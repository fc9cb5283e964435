// LoginDecision: may the source of this connection become that account here? docs/node.md, "Logins".
//
// A pure function of what the filter is enforced by (enforcement.h), the question, and the accounts that this machine denies. In this order:
//
//   mode     is there a table that may be enforced; without one, break-glass entries with a login
//   known    the source is a node's address, or behind one, and none of this host's
//   bound    WireGuard gives it to the key that the table has for it
//   here     the connection is for an own address of this node
//   packet   the hot part lets the source reach port 22 of it, or that of the sshd that asks
//   ssh      the ssh part gives the account; not by a rule that asks for what there is not (a check; a recorder: this node must
//            have a recorder's tag, or [recording] accept_local)
//   local    neither `deny_users` nor an expired release forbid it
//   account  it exists
//   check    where the rule asks for one: the person was checked within its period, in this connection or before, or is approved (checks.h)
//
// All of them answered yes is accept; the first no decides. Nothing here is wider than the table.
//
// Two texts: `reason` is for records and for whoever may ask the daemon; `tell` is one line for the person who logs in, and tells those whom
// the node does not know nothing but that access is denied.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "node/daemon/checks.h"
#include "node/daemon/config.h"
#include "node/daemon/config_recording.h"
#include "node/daemon/enforcement.h"
#include "node/daemon/questions.h"

namespace acl::node {

// What a login asks.
struct LoginAsked {
  net::Address source, own;
  std::string user;     // as the client wrote it
  bool exists = false;  // there is such an account
  bool is_root = false;
  // The person passed a check in this connection.
  struct Checked {
    CheckSubject subject;
    CheckPassed passed;
    release::Time began = 0;  // when it was first asked for
  };
  std::optional<Checked> checked;
  std::uint16_t port = 22;  // of `own`
  bool by_sshd = false;     // the system's sshd asks, whose sessions nobody here records
};

struct LoginFacts {
  Facts enforced;
  std::span<const std::string> deny_users;
  std::span<const net::Address> host;  // this host's addresses, ascending
  const Checks* checks = nullptr;      // none: nothing is remembered
  release::Time now = 0;               // that they are compared with
  RecordingSettings recording;
  ForwardingsAllowed allow = {};  // of the machine's settings
};

// What a rule asks for. A login that only lacks that it was passed: LoginAnswer::needs_check.
struct CheckAsked {
  CheckSubject subject;
  std::uint32_t period_s = 0;              // acl_ssh_always: each time
  std::vector<std::string> security_keys;  // of the person, as the inventory has them
  std::string sub;                         // of the person at the OpenID provider; empty: known by the e-mail address

  friend bool operator==(const CheckAsked&, const CheckAsked&) = default;
};

struct LoginAnswer {
  bool accept = false;
  std::string tell, reason;
  Why why;  // layers as above; rule, file and line of the SSH rule
  bool agent_forwarding = false, local_forwarding = false, remote_forwarding = false, x11_forwarding = false;
  std::uint8_t narrowed = 0;                       // which of these the settings take away (protocol::Narrowed)
  std::vector<std::string> patterns;               // of variables that the client may set
  std::string node, identity;                      // whose the source is: the node; the person, or the tags
  bool record = false, enforce_recording = false;  // what it says is recorded here; and what cannot be is not shown
  std::optional<CheckAsked> check;                 // of the rule
  bool needs_check = false;
  std::string checked;     // accepted by a check of this person
  std::string checked_by;  // for records: by what, and when
};

LoginAnswer decide_login(const LoginFacts& facts, const LoginAsked& asked);
// For a login that lives, which keeps the rights of `had` until it ends: forwardings, patterns. It is denied unless it would be given each
// of them still; what it would be given besides is not its.
LoginAnswer decide_login_again(const LoginFacts& facts, const LoginAsked& asked, const LoginAnswer& had);

// What WireGuard says, as an Owner: ranges ascending and disjoint, which must outlive it.
Owner owner_of(std::span<const OwnedRange> owned);

}  // namespace acl::node
