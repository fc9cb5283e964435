// Language: the policy language as data: which keys an object has, what kind of text a string is, and what to tell a person
// about each. Completion, hover, rename, the outline and the JSON Schema all read this one table (language.cc); a test holds
// it equal to what decode.cc accepts.
//
// A Type describes one JSON value. Types live as long as the program and are compared by address.
// Source of the language: https://tailscale.com/docs/reference/syntax/policy-file, https://tailscale.com/docs/reference/syntax/grants
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "compiler/policy/places.h"

namespace acl::policy {

// What a string (a value, or a key that is data) means.
enum class Meaning : std::uint8_t {
  none,               // free text: opaque values, names of relays
  selector,           // where: Type::location
  target,             // SELECTOR:PORTS, where: Type::location (acl_dst, test_dst)
  group_name,         // key of groups: a definition
  host_name,          // key of hosts: a definition
  ipset_name,         // key of ipsets: a definition
  tag_name,           // key of tagOwners: a definition
  posture_name,       // key of postures: a definition
  posture_reference,  // an element of srcPosture, defaultSrcPosture
  posture_assertion,  // "node:os == 'linux'"
  attribute_name,     // key of srcPostureAttrs: "node:os"
  host_value,         // an address or a prefix
  ipset_operation,    // "add 10.0.0.0/8", "remove host:vault", "ipset:dc"
  protocol,           // "tcp", "6"
  grant_ip,           // "tcp:443", "*"
  capability,         // key of app: "tailscale.com/cap/drive"
  acl_action,         // "accept"
  ssh_action,         // "accept", "check"
  account,            // an element of ssh users: "root", "autogroup:nonroot", "localpart:*@example.com"
  tested_account,     // an element of sshTests accept, check, deny: a local user's name
  check_period,       // "12h", "always"
  environment,        // "GIT_*"
  route,              // key of autoApprovers.routes: a prefix
  service_name,       // key of autoApprovers.services: svc:NAME or a tag
  node_attribute,     // "funnel"
  ip_pool,            // a prefix of 100.64.0.0/10
  cgnat_route,        // "", "mac-always", "mac-never"
  file_path,          // of a fixture: another file, relative to it
  question_source,    // of a fixture's expectation: a name as `aclc can` takes it
  question_target,    // DST[:PORT[/PROTO]]
  question_login,     // USER@NODE
  verdict,            // "accept", "deny", "check"
  rule_name,          // "acls[3]"
};

enum class Shape : std::uint8_t {
  record,  // an object with `fields`
  map,     // an object whose keys are data (`key`), each value an `element`
  list,    // an array of `element`
  text,    // a string
  boolean,
  number,
  scalar,  // a string, number or boolean
  opaque,  // any JSON
};

struct Field;

struct Type {
  Shape shape = Shape::opaque;
  Meaning meaning = Meaning::none;         // text; map: of the keys
  Location location = Location::rule_src;  // selector, target
  std::span<const Field> fields{};         // record
  const Type* element = nullptr;           // map, list
};

struct Field {
  std::string_view name;
  const Type* type;
  std::string_view about;    // Markdown: what it says, one to three sentences
  std::string_view snippet;  // its value as an LSP snippet ("[$1]"), for completion
  bool required = false;
  bool in_tailscale = true;
  bool in_headscale = true;
  std::string_view modern{};  // it is the old spelling of this field
};

// The file's root.
const Type& policy_type() noexcept;
const Type& fixture_type() noexcept;  // *.test.hujson (fixture.h)

// The field of a record, letter case ignored; null if there is none.
const Field* find_field(const Type& record, std::string_view name) noexcept;
bool in_dialect(const Field& field, Dialect dialect) noexcept;

// Words that may stand for a whole text of this meaning, each with a sentence for people: actions, protocols, known capabilities,
// node attributes, posture attributes, autogroups among accounts … Empty where names of the policy stand (selectors).
struct Word {
  std::string_view text;
  std::string_view about;
  bool in_tailscale = true;
  bool in_headscale = true;
};
std::span<const Word> words_of(Meaning meaning) noexcept;

// What an autogroup stands for, one sentence; "" for an unknown one.
std::string_view about_autogroup(std::string_view name) noexcept;

// The language as a JSON Schema (draft-07) document, for editors without a language server. Keys in a fixed order.
std::string json_schema(Dialect dialect);

}  // namespace acl::policy
