// Ssh: the ssh part of a table, opened: who may log in at the node as whom. docs/table-format.md.
//
// In: any bytes. Out: a view whose lookups stay within them, or E1201; as for Hot (hot.h).
//
// A login is decided in the order of evaluation of a Tailscale node (https://tailscale.com/docs/features/tailscale-ssh; the
// order of the client's source, tailssh.go): rules in order, check rules before accept rules; of each rule that has the source, the
// requested name is looked for among its accounts, then under "every account but root"; the first rule that gives an account
// decides. `root`, and every account of user id 0, is never every account but root: only its name opens it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/layout.h"

namespace acl::table {

enum class LoginAction : std::uint8_t { deny, accept, check };

// What is asked. The caller has looked the account up: whether it exists, and whether it is user id 0.
struct LoginQuestion {
  net::Address source;
  std::string_view requested;
  bool account_exists = true;
  bool account_is_root = false;
};

struct LoginDecision {
  LoginAction action = LoginAction::deny;
  std::string_view account;        // the local account; the requested name
  std::uint32_t rule = 0;          // number of the ssh rule; meaningless with deny
  bool known_source = false;       // denied: some rule has the source, as somebody else
  std::uint32_t check_period = 0;  // seconds, acl_ssh_always: each time; of `check`
  bool agent_forwarding = false;
  bool local_forwarding = false;
  bool remote_forwarding = false;
  bool enforce_recorder = false;
  bool is_recorder = false;                   // this node has one of these tags
  std::vector<std::string_view> environment;  // patterns with * and ? of the variables a client may set
  std::vector<std::string_view> recorders;    // tags
};

class Ssh {
 public:
  static Expected<Ssh> open(std::span<const std::uint8_t> bytes);

  // The views in the answer live as long as the part and the question.
  [[nodiscard]] LoginDecision decide(const LoginQuestion& question) const;

  // For whoever lists a part: rules, and what each class of sources has. Numbers from 0, classes from 1.
  struct Rule {
    LoginAction action = LoginAction::accept;
    std::uint8_t flags = 0;
    std::uint32_t check_period = 0;
    std::vector<std::string_view> accounts, environment, recorders;
  };
  struct ClassRule {
    std::uint32_t rule = 0;
    bool own_name = false;  // gives the person's own account, too
  };
  [[nodiscard]] std::uint32_t rules() const noexcept { return header().rules; }
  [[nodiscard]] std::uint32_t classes() const noexcept { return header().part.source_classes; }
  [[nodiscard]] Rule rule(std::uint32_t number) const;
  [[nodiscard]] std::string_view own_name(std::uint32_t source_class) const noexcept;
  [[nodiscard]] std::vector<ClassRule> rules_of(std::uint32_t source_class) const;
  [[nodiscard]] std::uint32_t source_class(const net::Address& address) const noexcept;
  [[nodiscard]] const acl_ssh& header() const noexcept { return *reinterpret_cast<const acl_ssh*>(bytes_.data()); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

 private:
  explicit Ssh(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  template <class T>
  [[nodiscard]] const T* at(std::uint32_t line, std::uint64_t index) const noexcept {
    return reinterpret_cast<const T*>(bytes_.data() + std::uint64_t{line} * acl_line_bytes) + index;
  }
  [[nodiscard]] std::string_view text(std::uint32_t reference) const noexcept;
  [[nodiscard]] std::vector<std::string_view> texts(std::uint32_t first, std::uint32_t count) const;
  [[nodiscard]] bool gives(const acl_ssh_rule& rule, bool own, std::string_view own_name,
                           const LoginQuestion& question) const noexcept;

  std::span<const std::uint8_t> bytes_;
};

}  // namespace acl::table
