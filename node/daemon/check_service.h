// CheckService: checks as one part of the daemon: what is remembered and its file in the state folder, the prompts that people see, and what root
// and others ask by `aclnode check`.
//
//   set()         as configured now; at the first time what is remembered is read, and what is damaged counts for nothing
//   look_again()  what is enforced, or the trust set, may be something else: a source whose key is no longer that person's is forgotten, and so is
//                 an approval by a key that is trusted no more
//
// What fails is kept in trouble(). Owns what it holds; the daemon's one thread calls it.
#pragma once

#include <functional>
#include <string>

#include "engine/release/trust.h"
#include "node/daemon/check_prompts.h"
#include "node/daemon/checks.h"
#include "node/daemon/config.h"
#include "node/daemon/decisions.h"
#include "node/daemon/enforcement.h"

namespace acl::node {

// What checks are made by, as the daemon has it.
struct CheckSource {
  std::function<const release::TrustSet*()> trust;  // null: none yet
  std::function<release::Time()> now;               // never runs back
  std::function<Facts()> facts;
};

class CheckService {
 public:
  // All outlive it.
  CheckService(const Config& config, const Clocks& clocks, Decisions& decisions, CheckSource source);

  void set();
  void look_again();
  // Once a second: looks again where the trust set is another.
  void tick();

  [[nodiscard]] const Checks& checks() const noexcept { return checks_; }
  [[nodiscard]] release::Time now() const { return source_.now(); }
  [[nodiscard]] CheckPrompts& prompts() noexcept { return prompts_; }
  [[nodiscard]] const CheckPrompts& prompts() const noexcept { return prompts_; }
  void remember(const CheckSubject& subject, const CheckPassed& passed);
  // Empty: none. Of settings, or of the file.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_.empty() ? store_trouble_ : trouble_; }

  // `aclnode check …` (check_answers.cc): the answer's JSON. E1424.
  [[nodiscard]] std::string list() const;
  // `source`: a node's name or address, or its key. `user` may be empty: whose node it is.
  Expected<std::string> approve(const std::string& source, const std::string& user, std::uint32_t for_s);
  Expected<std::string> approve_signed(const std::string& text, const std::string& signature);
  // The text of such an approval, for somebody to sign.
  [[nodiscard]] Expected<std::string> request(const std::string& source, const std::string& user,
                                              std::uint32_t for_s) const;
  Expected<std::string> revoke(const std::string& source, const std::string& user);

 private:
  [[nodiscard]] Expected<CheckSubject> subject_of(const std::string& source, const std::string& user) const;
  Expected<std::string> approved(const CheckSubject& subject, const CheckApproval& approval);
  Expected<void> keep();
  // The file goes, and with it all that it says; what is known here is written with the next change.
  bool forget_file();
  void report(std::string& kept, const Expected<void>& outcome);

  const Config& config_;
  const Clocks& clocks_;
  Decisions& decisions_;
  CheckSource source_;
  CheckPrompts prompts_;
  Checks checks_;
  bool read_ = false;
  std::uint64_t trust_version_ = 0;
  std::string trouble_, store_trouble_;
};

}  // namespace acl::node
