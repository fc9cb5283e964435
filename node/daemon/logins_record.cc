// What is said of logins: counts, and records of every decision, session and check.
#include <fmt/format.h>

#include "node/daemon/logins.h"

namespace acl::node {
namespace {

std::string line_of(const Why& why) {
  if (why.rule.empty()) return {};
  return why.line != 0 ? fmt::format("{}:{}", why.file, why.line) : why.file;
}

}  // namespace

Logins::Counts Logins::counts() const {
  Counts out;
  for (const auto& [key, login] : logins_) out.sessions += login.live ? 1 : 0;
  out.starting = limits_.starting();
  out.checking = check_limits_.starting();
  out.refused = refused_;
  return out;
}

void Logins::record_decision(const Login& login, const char* event) {
  const Facts facts = source_.facts();
  const std::string generation = facts.table != nullptr ? facts.table->release().head.generation.text() : "";
  decisions_.record(clocks_.wall(), event,
                    {{"verdict", login.answer.accept ? "accept" : "deny"},
                     {"connection", std::to_string(login.number)},
                     {"source", login.source.address.text()},
                     {"node", login.answer.node},
                     {"identity", login.answer.identity},
                     {"account", login.asked.user},
                     {"rule", login.answer.why.rule},
                     {"line", line_of(login.answer.why)},
                     {"reason", login.answer.reason},
                     {"check", login.answer.checked_by},
                     {"generation", generation}});
}

void Logins::record_session(const Login& login, const char* event, const std::string& words) {
  const std::int64_t duration = clocks_.steady_ms() - login.since_ms;
  decisions_.record(clocks_.wall(), event,
                    {{"connection", std::to_string(login.number)},
                     {"source", login.source.address.text()},
                     {"node", login.answer.node},
                     {"identity", login.answer.identity},
                     {"account", login.asked.user},
                     {"rule", login.answer.why.rule},
                     {"line", line_of(login.answer.why)},
                     {"duration_s", fmt::format("{}.{:03}", duration / 1000, duration % 1000)},
                     {"words", words}});
}

void Logins::record_check(const Login& login, std::string_view state, std::string_view words) {
  decisions_.record(clocks_.wall(), "check",
                    {{"state", state},
                     {"connection", std::to_string(login.number)},
                     {"source", login.source.address.text()},
                     {"node", login.answer.node},
                     {"identity", login.answer.identity},
                     {"account", login.asked.user},
                     {"rule", login.answer.why.rule},
                     {"words", words}});
}

}  // namespace acl::node
