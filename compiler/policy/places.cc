#include "compiler/policy/places.h"

#include <array>

namespace acl::policy {
namespace {

// Columns: the members of Location in their order. Y: yes, N: no, ?: no source settles it.
//   rule_src, acl_dst, grant_dst, via, ssh_src, ssh_dst, test_src, test_dst, ssh_test_src, ssh_test_dst, tag_owner,
//   group_member, ipset_target, approver, node_attr
struct Row {
  SelectorKind kind;
  Autogroup autogroup;
  std::string_view columns;
};

constexpr std::size_t columns = 15;
constexpr Autogroup any = Autogroup::none;

constexpr std::array rows = {
    //                                            src acl gr via  ssh  ssh  test    sshtest  own grp set apr attr
    Row{SelectorKind::wildcard, any,
        "YYYN"
        "NN"
        "NN"
        "NN"
        "NNNNY"},
    Row{SelectorKind::user, any,
        "YYYN"
        "YY"
        "YY"
        "YY"
        "YYNYY"},
    Row{SelectorKind::user_domain, any,
        "YYYN"
        "YN"
        "??"
        "??"
        "YNNY?"},
    Row{SelectorKind::group, any,
        "YYYN"
        "YN"
        "YY"
        "YY"
        "YNNYY"},
    Row{SelectorKind::tag, any,
        "YYYY"
        "YY"
        "YY"
        "YY"
        "YNNYY"},
    Row{SelectorKind::address, any,
        "YYYN"
        "NN"
        "YY"
        "YY"
        "NNYNY"},
    Row{SelectorKind::prefix, any,
        "YYYN"
        "NN"
        "NN"
        "NN"
        "NNYNY"},
    Row{SelectorKind::range, any,
        "NNNN"
        "NN"
        "NN"
        "NN"
        "NNYNN"},
    Row{SelectorKind::host, any,
        "YYYN"
        "NN"
        "YY"
        "YY"
        "NNYNY"},
    Row{SelectorKind::ipset, any,
        "YYYN"
        "NN"
        "N?"
        "NN"
        "NNYNN"},
    Row{SelectorKind::service, any,
        "NYYN"
        "NN"
        "NY"
        "NN"
        "NNNNN"},
    Row{SelectorKind::localpart, any,
        "NNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::posture, any,
        "NNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::empty, any,
        "NNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::autogroup, Autogroup::member,
        "YYYN"
        "YN"
        "NN"
        "NN"
        "YNNYY"},
    Row{SelectorKind::autogroup, Autogroup::owner,
        "YYYN"
        "YN"
        "NN"
        "NN"
        "YNNYY"},  // and the other roles
    Row{SelectorKind::autogroup, Autogroup::tagged,
        "YYYN"
        "YY"
        "NN"
        "NN"
        "YNNYY"},
    Row{SelectorKind::autogroup, Autogroup::self,
        "NYYN"
        "NY"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::autogroup, Autogroup::internet,
        "NYYN"
        "NN"
        "NN"
        "NN"
        "NNYNN"},
    Row{SelectorKind::autogroup, Autogroup::shared,
        "YNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::autogroup, Autogroup::danger_all,
        "YNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
    Row{SelectorKind::autogroup, Autogroup::nonroot,
        "NNNN"
        "NN"
        "NN"
        "NN"
        "NNNNN"},
};

constexpr bool rows_are_complete() {
  for (const Row& row : rows) {
    if (row.columns.size() != columns) return false;
  }
  return true;
}
static_assert(rows_are_complete(), "a row of the matrix lacks a column");

bool is_test(Location location) noexcept {
  return location == Location::test_src || location == Location::test_dst || location == Location::ssh_test_src ||
         location == Location::ssh_test_dst;
}

Allowed headscale_difference(const Selector& selector, Location location, Allowed hosted) noexcept {
  switch (selector.kind) {
    case SelectorKind::user_domain:
    case SelectorKind::service:
    case SelectorKind::ipset: return Allowed::no;
    case SelectorKind::autogroup:
      // Owners of tags and approvers are users, groups and tags there (hscontrol/policy/v2/types.go, parseOwner).
      if (location == Location::tag_owner || location == Location::approver) return Allowed::no;
      if (!known_to_headscale(selector)) return Allowed::no;
      if (selector.autogroup == Autogroup::member && location == Location::ssh_dst) return Allowed::yes;
      if (is_test(location) && (selector.autogroup == Autogroup::member || selector.autogroup == Autogroup::tagged)) {
        return Allowed::unsettled;
      }
      return hosted;
    default: return hosted;
  }
}

}  // namespace

bool known_to_headscale(const Selector& selector) noexcept {
  switch (selector.autogroup) {
    case Autogroup::member: return !selector.plural;
    case Autogroup::tagged:
    case Autogroup::self:
    case Autogroup::internet:
    case Autogroup::danger_all:
    case Autogroup::nonroot: return true;
    default: return false;
  }
}

Allowed allowed_at(const Selector& selector, Location location, Dialect dialect) noexcept {
  const Autogroup wanted = is_role(selector.autogroup) ? Autogroup::owner : selector.autogroup;
  Allowed allowed = Allowed::no;
  for (const Row& row : rows) {
    if (row.kind != selector.kind || row.autogroup != wanted) continue;
    const char cell = row.columns[static_cast<std::size_t>(location)];
    allowed = cell == 'Y' ? Allowed::yes : cell == '?' ? Allowed::unsettled : Allowed::no;
  }
  return dialect == Dialect::headscale ? headscale_difference(selector, location, allowed) : allowed;
}

bool may_reach_self(const Selector& source, bool acl) noexcept {
  switch (source.kind) {
    case SelectorKind::user:
    case SelectorKind::user_domain:
    case SelectorKind::group: return true;
    case SelectorKind::wildcard: return acl;  // narrowed to the node's own user; grants refuse it
    case SelectorKind::autogroup:
      return source.autogroup == Autogroup::member || is_role(source.autogroup) ||
             source.autogroup == Autogroup::unknown;
    default: return false;
  }
}

std::string_view location_name(Location location) noexcept {
  switch (location) {
    case Location::rule_src: return "the source of a rule";
    case Location::acl_dst: return "the destination of an acls entry";
    case Location::grant_dst: return "the destination of a grants entry";
    case Location::via: return "via";
    case Location::ssh_src: return "an ssh source";
    case Location::ssh_dst: return "an ssh destination";
    case Location::test_src: return "the source of a test";
    case Location::test_dst: return "the destination of a test";
    case Location::ssh_test_src: return "the source of an sshTests entry";
    case Location::ssh_test_dst: return "the destination of an sshTests entry";
    case Location::tag_owner: return "an owner of a tag";
    case Location::group_member: return "a member of a group";
    case Location::ipset_target: return "a target of an ipset";
    case Location::approver: return "an approver";
    case Location::node_attr: return "the target of a nodeAttrs entry";
  }
  return "this place";
}

std::string autogroups_at(Location location, Dialect dialect) {
  static constexpr std::array<std::string_view, 13> names = {
      "member", "tagged", "self",     "internet",      "shared",        "danger-all", "nonroot",
      "owner",  "admin",  "it-admin", "network-admin", "billing-admin", "auditor",
  };
  std::string out;
  for (const std::string_view name : names) {
    const std::string text = "autogroup:" + std::string(name);
    if (allowed_at(parse_selector(text, {}), location, dialect) == Allowed::no) continue;
    if (!out.empty()) out += ", ";
    out += text;
  }
  return out;
}

}  // namespace acl::policy
