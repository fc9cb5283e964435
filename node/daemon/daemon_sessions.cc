// What the daemon answers of logins that live, and to the hooks of the system's sshd.
#include <fmt/format.h>

#include "engine/release/text.h"
#include "node/daemon/daemon.h"
#include "node/daemon/sessions.h"
#include "node/daemon/sshd.h"
#include "node/steer/local_addresses.h"

namespace acl::node {

std::string Daemon::answer_sessions() const {
  const Logins* const logins = logins_->logins();
  return print_answer(live_sessions_json(logins != nullptr ? logins->live() : std::vector<LiveLogin>()));
}

std::string Daemon::answer_kill_session(const AskKillSession& ask) {
  const auto number = session_number(ask.session);
  Logins* const logins = logins_->logins();
  if (!number || logins == nullptr || !logins->end_one(*number, "this login was ended by an administrator"))
    return print_error(make_diagnostic(Code::E1454,
                                       fmt::format("no login that lives is {}", release::quoted(ask.session)),
                                       "`aclnode sessions list` has those that do"));
  decisions_.record(clocks_.wall(), "session-kill", {{"connection", ask.session}});
  return print_answer("{}");
}

std::optional<std::string> Daemon::answer_sshd(const Ask& ask, std::uint64_t& ticket) {
  if (config_.sshd.port == 0)
    return print_error(make_diagnostic(Code::E1455, "there is no [sshd] in aclnode.toml", "[sshd] and port = 2222"));
  if (ticket == 0) ticket = enforcer_->ask_again();
  if (enforcer_->answered() < ticket) return std::nullopt;
  return answer_sshd_now(ask);
}

std::string Daemon::answer_sshd_now(const Ask& ask) {
  const auto host = host_addresses();
  if (!host) return print_error(host.error());
  const CheckService& checks = logins_->checks();
  const LoginFacts facts{enforcer_->facts(), config_.ssh.deny_users, *host,
                         &checks.checks(),   checks.now(),           recording_of(config_)};
  const std::vector<net::Address> own = enforcer_->own_addresses();
  LoginAsked asked;
  asked.port = static_cast<std::uint16_t>(config_.sshd.port);
  if (const auto* sources = std::get_if<AskSshdSources>(&ask)) {
    asked.user = sources->user;
    asked.exists = sources->exists;
    asked.is_root = sources->is_root;
    return print_answer(sshd_sources_json(sshd_sources(facts, own, std::move(asked))));
  }
  const auto& login = std::get<AskSshdLogin>(ask);
  asked.user = login.user;
  asked.exists = login.exists;
  asked.is_root = login.is_root;
  const auto source = sshd_source(login.source);
  LoginAnswer answer;
  if (source) {
    asked.source = *source;
    answer = sshd_decision(facts, own, asked);
  } else {
    answer.reason = "what sshd says of its source is no address";
  }
  decisions_.record(clocks_.wall(), "sshd-login",
                    {{"verdict", answer.accept ? "accept" : "deny"},
                     {"source", login.source},
                     {"node", answer.node},
                     {"identity", answer.identity},
                     {"account", login.user},
                     {"rule", answer.why.rule},
                     {"reason", answer.reason}});
  // pam_aclnode.so compares the whole line, and reads no JSON.
  return print_answer(answer.accept ? "true" : "false");
}

}  // namespace acl::node
