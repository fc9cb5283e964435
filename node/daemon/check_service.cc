#include "node/daemon/check_service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
  const release::TrustSet* trust = source_.trust();
  const auto may_approve = [&](const std::string& by) {
    if (by == "root" || trust == nullptr) return by == "root";
    return std::any_of(trust->keys.begin(), trust->keys.end(),
                       [&](const auto& key) { return key.key.id.text() == by; });
  };
  if (checks_.prune(now(), stays, may_approve)) static_cast<void>(keep());
}

void CheckService::tick() {
  const release::TrustSet* trust = source_.trust();
  const std::uint64_t version = trust != nullptr ? trust->version : 0;
  if (std::exchange(trust_version_, version) != version) look_again();
}

void CheckService::remember(const CheckSubject& subject, const CheckPassed& passed) {
  checks_.remember(subject, passed);
  static_cast<void>(keep());
}

Expected<void> CheckService::keep() {
  auto written = write_checks(file_of(config_), checks_);
  report(store_trouble_, written);
  return written;
}

bool CheckService::forget_file() {
  const std::string file = file_of(config_);
  return ::unlink(file.c_str()) == 0 || errno == ENOENT;
}

void CheckService::report(std::string& kept, const Expected<void>& outcome) {
  const std::string text =
      outcome ? "" : fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message);
  if (text == kept) return;
  kept = text;
  if (outcome) return decisions_.record(clocks_.wall(), "check", {{"well", "again"}});
  decisions_.record(clocks_.wall(), "check", {{"error", text}, {"help", outcome.error().help}});
}

}  // namespace acl::node
