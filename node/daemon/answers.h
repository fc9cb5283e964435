// Answers: the JSON of what a node says about itself, and the text that people get of it.
//
// `why` has the members of `aclc can --json`; the others are described in aclnode(8). Every text in it may come from a policy or from
// the network, so JSON escapes all that is not plain and text shows it escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/release/head.h"
#include "engine/release/time.h"
#include "node/daemon/questions.h"

namespace acl::node {

enum class Mode : std::uint8_t { deny_all, enforcing, break_glass };
std::string_view mode_name(Mode mode) noexcept;  // "deny-all"

// Logins by policy ([ssh]).
struct SshStatus {
  bool enabled = false;
  bool listening = false;  // port 22 is steered here, and there are host keys
  std::string steered_by;  // "SK_LOOKUP", "nftables"
  std::uint64_t sessions = 0, starting = 0, checking = 0, refused = 0;
  std::string foreign_keys;  // the folder of another program whose host keys are used
  std::string trouble;
};

struct Status {
  Mode mode = Mode::deny_all;
  std::optional<release::Generation> generation;
  std::uint64_t trust_version = 0;
  std::int64_t age_s = 0;  // since the release was made
  std::optional<release::Time> expires;
  std::string standing;  // "current", "grace", "expired", "none"
  std::string source;
  std::string trust_fingerprint;
  std::string backend;  // "tcx", "clsact"
  std::string interface;
  bool attached = false;
  bool guarded = false;
  std::uint64_t known = 0, admitted = 0;  // nodes; ranges of source addresses
  std::uint64_t binding_failures = 0;
  std::uint64_t lost_records = 0;         // decision records that found no room
  std::uint64_t passed = 0, dropped = 0;  // incoming packets since the filter was first attached
  SshStatus ssh;
  std::string last_error;
  release::Time last_error_at = 0;
};

std::string status_json(const Status& status);
std::string whois_json(const net::Address& address, const Whois& answer);
std::string why_json(const Why& answer);

// The JSON of a `why` with one more layer; one that is not ok makes its verdict "deny". What is no such JSON stays as it is.
std::string add_layer(std::string_view why_json, const Layer& layer);

// From the JSON of an answer: what people read. Empty if it is not of that form.
std::string status_text(std::string_view json);
std::string whois_text(std::string_view json);
std::string why_text(std::string_view json);
std::string checks_text(std::string_view json);
// The text that is to be signed, as it is.
std::string request_text(std::string_view json);
// Of `why`: whether it passes. Of `status`: whether the node enforces a table.
bool says_yes(std::string_view json);

}  // namespace acl::node
