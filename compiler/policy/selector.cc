#include "compiler/policy/selector.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace acl::policy {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct Form {
  std::string_view word;  // with its colon
  SelectorKind kind;
};

constexpr std::array forms = {
    Form{"group:", SelectorKind::group},         Form{"tag:", SelectorKind::tag},
    Form{"autogroup:", SelectorKind::autogroup}, Form{"ipset:", SelectorKind::ipset},
    Form{"svc:", SelectorKind::service},         Form{"user:", SelectorKind::user_domain},
    Form{"localpart:", SelectorKind::localpart}, Form{"posture:", SelectorKind::posture},
    Form{"host:", SelectorKind::host},
};

struct AutogroupName {
  std::string_view name;
  Autogroup autogroup;
};

constexpr std::array autogroup_names = {
    AutogroupName{"member", Autogroup::member},
    AutogroupName{"members", Autogroup::member},
    AutogroupName{"tagged", Autogroup::tagged},
    AutogroupName{"self", Autogroup::self},
    AutogroupName{"internet", Autogroup::internet},
    AutogroupName{"shared", Autogroup::shared},
    AutogroupName{"danger-all", Autogroup::danger_all},
    AutogroupName{"nonroot", Autogroup::nonroot},
    AutogroupName{"owner", Autogroup::owner},
    AutogroupName{"admin", Autogroup::admin},
    AutogroupName{"it-admin", Autogroup::it_admin},
    AutogroupName{"network-admin", Autogroup::network_admin},
    AutogroupName{"billing-admin", Autogroup::billing_admin},
    AutogroupName{"auditor", Autogroup::auditor},
};

Autogroup find_autogroup(std::string_view name) noexcept {
  for (const auto& entry : autogroup_names) {
    if (entry.name == name) return entry.autogroup;
  }
  return Autogroup::unknown;
}

// Letters and digits of addresses only: spares every alias and login the attempt to read it as an address.
bool may_be_address(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':' ||
           c == '/' || c == '-';
  });
}

// "10.0.0.0/8", "10.0.0.0/33": digits, then a slash.
bool has_prefix_form(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && net::Address::parse(text.substr(0, slash)).has_value();
}

void read_address_form(Selector& selector) {
  const std::string_view text = selector.text;
  const auto parsed = net::Prefix::parse(text);
  if (parsed.error == net::PrefixError::none || parsed.error == net::PrefixError::host_bits) {
    const bool slash = text.find('/') != std::string_view::npos;
    selector.kind = slash ? SelectorKind::prefix : SelectorKind::address;
    selector.prefix = parsed.prefix;
    if (parsed.error == net::PrefixError::host_bits) selector.fault = SelectorFault::host_bits;
    return;
  }
  if (has_prefix_form(text)) {
    selector.kind = SelectorKind::prefix;
    selector.fault = SelectorFault::prefix;
    return;
  }
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return;
  const auto first = net::Address::parse(text.substr(0, dash));
  const auto last = net::Address::parse(text.substr(dash + 1));
  if (!first || !last) return;
  selector.kind = SelectorKind::range;
  selector.prefix = net::Prefix(*first);
  selector.range_last = *last;
  if (first->family() != last->family() || *last < *first) selector.fault = SelectorFault::range;
}

void read_worded_form(Selector& selector, const Form& form) {
  selector.kind = form.kind;
  selector.odd_case = selector.text.substr(0, form.word.size()) != form.word;
  selector.name = selector.text.substr(form.word.size());
  if (selector.name.empty()) selector.fault = SelectorFault::name;
  if (form.kind == SelectorKind::autogroup) {
    selector.autogroup = find_autogroup(selector.name);
    selector.plural = selector.name == "members";
  } else if (form.kind == SelectorKind::host) {
    selector.prefixed = true;
  } else if (form.kind == SelectorKind::user_domain) {
    if (selector.name.size() > 2 && selector.name.substr(0, 2) == "*@") {
      selector.name.remove_prefix(2);
    } else {
      selector.fault = SelectorFault::user_pattern;
    }
  }
}

}  // namespace

bool is_role(Autogroup autogroup) noexcept { return autogroup >= Autogroup::owner && autogroup <= Autogroup::auditor; }

Selector parse_selector(std::string_view text, Span span) {
  Selector selector;
  selector.text = selector.name = text;
  selector.span = span;
  if (text.empty()) return selector;
  if (text == "*") {
    selector.kind = SelectorKind::wildcard;
    return selector;
  }
  for (const Form& form : forms) {
    if (lower(text.front()) == form.word.front() && text.size() >= form.word.size() &&
        equal_ignoring_case(text.substr(0, form.word.size()), form.word)) {
      read_worded_form(selector, form);
      return selector;
    }
  }
  selector.kind = SelectorKind::host;
  if (may_be_address(text)) read_address_form(selector);
  if (selector.kind == SelectorKind::host && text.find('@') != std::string_view::npos) {
    selector.kind = SelectorKind::user;
    if (text.find('*') != std::string_view::npos) selector.fault = SelectorFault::wildcard;
  }
  return selector;
}

std::string_view selector_kind_name(SelectorKind kind) noexcept {
  switch (kind) {
    case SelectorKind::wildcard: return "the wildcard";
    case SelectorKind::user: return "a user";
    case SelectorKind::user_domain: return "the users of a domain";
    case SelectorKind::group: return "a group";
    case SelectorKind::tag: return "a tag";
    case SelectorKind::autogroup: return "this autogroup";
    case SelectorKind::ipset: return "an IP set";
    case SelectorKind::service: return "a service";
    case SelectorKind::localpart: return "a local part";
    case SelectorKind::posture: return "a posture";
    case SelectorKind::address: return "an address";
    case SelectorKind::prefix: return "a prefix";
    case SelectorKind::range: return "an address range";
    case SelectorKind::host: return "a host alias";
    case SelectorKind::empty: return "an empty string";
  }
  return "a selector";
}

bool looks_like_template(std::string_view text) noexcept {
  if (text.find('{') == std::string_view::npos) return false;
  return text.find("${") != std::string_view::npos || text.find("{{") != std::string_view::npos ||
         text.find("%{") != std::string_view::npos;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  return std::memcmp(a.data(), b.data(), a.size()) == 0 ||  // most often they are spelt alike
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

}  // namespace acl::policy
