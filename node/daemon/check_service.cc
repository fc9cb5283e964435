#include "node/daemon/check_service.h"

#include <fmt/format.h>

#include <set>

#include "engine/release/text.h"

namespace acl::node {
namespace {

std::string file_of(const Config& config) { return config.state_dir + "/checks"; }

}  // namespace

CheckService::CheckService(const Config& config, const Clocks& clocks, Decisions& decisions, CheckSource source)
    : config_(config),
      clocks_(clocks),
      decisions_(decisions),
      source_(std::move(source)),
      prompts_(clocks, source_.now) {}

void CheckService::set() {
  if (!std::exchange(read_, true)) {
    auto checks = read_checks(file_of(config_));
    report(store_trouble_, checks ? Expected<void>() : tl::unexpected(checks.error()));
    if (checks) checks_ = std::move(*checks);
  }
  // What is signed names the network, so that a signature is for no other one.
  std::string tailnet = config_.check.tailnet;
  if (const release::TrustSet* trust = source_.trust(); tailnet.empty() && trust != nullptr)
    tailnet = release::hex(trust->network);
  report(trouble_,
         prompts_.set({config_.check, check_name_space(tailnet), {config_.net_program, config_.net_user, {}}}));
}

void CheckService::look_again() {
  const Facts facts = source_.facts();
  if (facts.table == nullptr) return;
  std::set<CheckSubject> known;
  for (const auto& one : facts.table->directory().identities()) {
    if (!one.identity.login.empty()) known.insert({one.identity.key, one.identity.login});
  }
  // Where addresses are believed without a key, WireGuard's is the source's.
  const bool unbound =
      std::any_of(facts.table->directory().identities().begin(), facts.table->directory().identities().end(),
                  [](const auto& one) { return one.identity.unbound; });
  const auto stays = [&](const CheckSubject& subject) { return unbound || known.count(subject) == 1; };
  if (checks_.prune(now(), stays)) keep();
}

void CheckService::remember(const CheckSubject& subject, const CheckPassed& passed) {
  checks_.remember(subject, passed);
  keep();
}

void CheckService::keep() { report(store_trouble_, write_checks(file_of(config_), checks_)); }

void CheckService::report(std::string& kept, const Expected<void>& outcome) {
  const std::string text =
      outcome ? "" : fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message);
  if (text == kept) return;
  kept = text;
  if (outcome) return decisions_.record(clocks_.wall(), "check", {{"well", "again"}});
  decisions_.record(clocks_.wall(), "check", {{"error", text}, {"help", outcome.error().help}});
}

}  // namespace acl::node
