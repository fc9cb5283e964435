// Selector: a name in a rule that stands for sources, destinations or people, told apart by its form alone.
//
// The order of the tests: `*`; the prefixes group: tag: autogroup: ipset: svc: user: localpart: posture: host:; an address; a
// prefix; a range; anything with `@` (a login); all else is a host alias. What a selector may be used for is a matter of
// its place (places.h), whether its name exists a matter of the policy (names.h).
// Source: https://tailscale.com/docs/reference/targets-and-selectors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/net/prefix.h"

namespace acl::policy {

enum class SelectorKind : std::uint8_t {
  wildcard,     // *
  user,         // ana@example.com, ana@github; Headscale also ana@
  user_domain,  // user:*@example.com
  group,        // group:eng
  tag,          // tag:web
  autogroup,    // autogroup:member
  ipset,        // ipset:dc
  service,      // svc:wiki
  localpart,    // localpart:*@example.com
  posture,      // posture:managed
  address,      // 100.64.0.7
  prefix,       // 10.0.0.0/8
  range,        // 10.0.0.1-10.0.0.9
  host,         // a name of `hosts`, also written host:NAME
  empty,        // nothing at all
};

enum class Autogroup : std::uint8_t {
  none,
  member,
  tagged,
  self,
  internet,
  shared,
  danger_all,
  nonroot,
  owner,
  admin,
  it_admin,
  network_admin,
  billing_admin,
  auditor,
  unknown,
};

// Whether it is one of owner, admin, it-admin, network-admin, billing-admin, auditor.
bool is_role(Autogroup autogroup) noexcept;

enum class SelectorFault : std::uint8_t {
  none,
  user_pattern,  // user: not followed by *@DOMAIN
  prefix,        // has the form of a prefix, but is none
  host_bits,     // a prefix with bits beyond its length; masked
  range,         // ends of two families, or out of order
  name,          // nothing behind the colon
  wildcard,      // a `*` inside a login
};

struct Selector {
  SelectorKind kind = SelectorKind::empty;
  Autogroup autogroup = Autogroup::none;
  SelectorFault fault = SelectorFault::none;
  bool plural = false;      // autogroup:members, the old spelling of autogroup:member
  bool prefixed = false;    // a host written host:NAME
  bool odd_case = false;    // the word before the colon has capitals
  net::Prefix prefix;       // address, prefix; the first address of a range
  net::Address range_last;  // range
  std::string_view text;    // as written, less white space around it
  std::string_view name;    // what follows the colon, or the whole text
  Span span;                // of the text in the source
};

// `text` without white space around it. Total: any text is some selector.
Selector parse_selector(std::string_view text, Span span);

// "a group", "a tag", "the autogroup".
std::string_view selector_kind_name(SelectorKind kind) noexcept;

// Whether the text holds a placeholder of a template language: ${…}, {{…}}, %{…}.
bool looks_like_template(std::string_view text) noexcept;

// Names compare without regard to ASCII case: tags, domains, field names.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string lower_case(std::string_view text);

}  // namespace acl::policy
