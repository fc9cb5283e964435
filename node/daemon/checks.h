// Checks: when whom this node has checked, and who was approved beforehand: what `check` rules of the policy ask for.
//
// Kept for a source and a person: the WireGuard key of the node that the person comes from, and the person's login. Another key is another
// source, so that a key change forgets. A rule compares the time with its own period; one of `always` takes none that is remembered. An approval counts
// while it lasts, for every rule. Neither says who may do what: the table is asked all the same.
//
// A value: times go in. What lies ahead of now (the clock was set back) is not believed. Bounded: at most most_subjects, of which the one that was checked
// longest ago makes room. What root says of a source and a person settles it: approvals that others have signed before that moment count no more,
// who may still hold them. The text, with a checksum as release/state.h has it, which finds a damaged file, not a forged one:
//
//   aclnode checks 1
//   checked <key, base64> 2026-11-26T15:55:55Z fido2 ann@example.com
//   approved <key, base64> 2026-11-26T15:55:55Z 2026-11-26T16:55:55Z root ann@example.com
//   settled <key, base64> 2026-11-26T15:55:55Z root ann@example.com
//   checksum 3f0c…
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/time.h"
#include "node/daemon/questions.h"

namespace acl::node {

struct CheckSubject {
  Key source{};
  std::string person;

  friend bool operator==(const CheckSubject&, const CheckSubject&) = default;
  friend bool operator<(const CheckSubject& a, const CheckSubject& b) {
    return a.source != b.source ? a.source < b.source : a.person < b.person;
  }
};

// That a person was checked, and by what: a word, "openid", "fido2".
struct CheckPassed {
  release::Time at = 0;
  std::string by;
};

// How far another's clock may be behind, where what it says must not be from before it was asked for.
inline constexpr release::Time check_skew_s = 60;

struct CheckApproval {
  release::Time from = 0, until = 0;
  std::string by;  // "root", or the number of the key that signed it

  friend bool operator==(const CheckApproval&, const CheckApproval&) = default;
};

class Checks {
 public:
  static constexpr std::size_t most_subjects = 4096;
  // The longest period that a policy can ask for (checkPeriod: 168h), and that an approval can last.
  static constexpr release::Time longest_period = release::Time{7} * 24 * 3600;

  struct Entry {
    std::optional<CheckPassed> passed;
    std::optional<CheckApproval> approval;
    std::optional<release::Time> settled;  // by root, last; remembered for as long as an approval can last
  };

  // Whether it can be kept: a login of one line, not too long.
  static bool can_keep(const CheckSubject& subject) noexcept;

  void remember(const CheckSubject& subject, CheckPassed passed);
  // Takes the place of one that is there. False: no room.
  bool approve(const CheckSubject& subject, CheckApproval approval);
  // From now on approvals that begin before, or now, do not count; the caller asks is_settled() of those that are signed. False: no room.
  bool settle(const CheckSubject& subject, release::Time now);
  [[nodiscard]] bool is_settled(const CheckSubject& subject, release::Time from) const;
  // Neither checked nor approved any more, and settled. False: there was nothing.
  bool revoke(const CheckSubject& subject, release::Time now);

  // What satisfies a rule of this period (acl_ssh_always: only an approval) at this time, for a record.
  [[nodiscard]] std::optional<CheckPassed> find(const CheckSubject& subject, std::uint32_t period_s,
                                                release::Time now) const;

  // Takes away what can count no more: too old, ended, of whom `stays` says no, approved by whom `may_approve` denies. Whether anything was.
  bool prune(release::Time now, const std::function<bool(const CheckSubject&)>& stays,
             const std::function<bool(const std::string& by)>& may_approve);

  [[nodiscard]] const std::map<CheckSubject, Entry>& entries() const noexcept { return entries_; }

 private:
  bool make_room(const CheckSubject& subject);

  std::map<CheckSubject, Entry> entries_;
};

std::string print_checks(const Checks& checks);
// E1423.
Expected<Checks> parse_checks(std::string_view text, const std::string& name);

// The file of the state folder: nothing there is nothing remembered. E1423.
Expected<Checks> read_checks(const std::string& path);
// Durable once it returns. E1423.
Expected<void> write_checks(const std::string& path, const Checks& checks);

}  // namespace acl::node
