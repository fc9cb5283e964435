#include "node/daemon/check_prompts.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "engine/net/file.h"
#include "engine/table/layout.h"
#include "node/protocol/login_conversation.h"

namespace acl::node {

using daemon::OpenidProcess;
using daemon::Verifier;

namespace {

// Processes that look at what was given, at a time.
constexpr std::size_t most_verifiers = 4;
// Prompts of OpenID of one person at one source, so that they are not all of one.
constexpr std::ptrdiff_t most_prompts_each = 4;
constexpr std::string_view settings_changed = "the settings of this machine have changed";
constexpr std::size_t secret_limit = 4096;
// A beginning of what ssh-keygen prints, and nothing else: the first of the lines that were pasted.
constexpr std::string_view first_line = "-----BEGIN SSH SIGNATURE-----";

std::array<std::uint8_t, 32> random_nonce() {
  std::array<std::uint8_t, 32> nonce{};
  while (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) {
  }
  return nonce;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

Expected<std::unique_ptr<OpenidProcess>> open_provider(const CheckPrompts::Settings& settings, std::string& key_set) {
  const OpenidConfig& config = settings.check.openid;
  auto keys = read_file(config.keys_file, protocol::longest_key_set);
  if (!keys) return fail(Code::E1434, keys.error().message, "see check.openid in aclnode.toml(5)");
  daemon::OpenidSettings openid;
  openid.program = settings.program;
  openid.provider.issuer = config.issuer;
  openid.provider.device_authorization_endpoint = config.device_authorization_endpoint;
  openid.provider.token_endpoint = config.token_endpoint;
  openid.provider.client_id = config.client_id;
  openid.provider.scope = config.scope;
  openid.provider.ca_file = config.ca_file;
  openid.provider.prompt = config.prompt;
  if (!config.client_secret_file.empty()) {
    const auto secret = read_file(config.client_secret_file, secret_limit);
    if (!secret) return fail(Code::E1436, secret.error().message);
    openid.provider.client_secret = secret->substr(0, secret->find('\n'));
  }
  key_set = std::move(*keys);
  return OpenidProcess::make(std::move(openid));
}

}  // namespace

LoginAge login_age(std::uint32_t period_s, std::uint32_t max_auth_age_s) {
  if (period_s == acl_ssh_always) return {1, check_skew_s};
  // 0 would be no parameter at all.
  const std::uint32_t age = std::max(1U, std::min(max_auth_age_s, period_s));
  return {age, age};
}

CheckPrompts::CheckPrompts(const Clocks& clocks, std::function<release::Time()> wall)
    : clocks_(clocks), wall_(std::move(wall)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Expected<void> CheckPrompts::set(Settings settings) {
  // Keys may have been put in the same place.
  std::string key_set;
  const bool wanted = settings.check.has("openid") && !settings.check.openid.issuer.empty();
  Expected<std::unique_ptr<OpenidProcess>> fresh =
      wanted ? open_provider(settings, key_set) : Expected<std::unique_ptr<OpenidProcess>>();
  if (fresh && settings == settings_ && key_set == key_set_ && (openid_ != nullptr) == wanted) return {};
  if (!settings.check.has("fido2")) drop_security_keys();
  while (!prompts_.empty()) came_to_nothing(prompts_.begin()->first, std::string(settings_changed));
  settings_ = std::move(settings);
  key_set_ = std::move(key_set);
  openid_.reset();
  if (!fresh) return tl::unexpected(fresh.error());
  openid_ = std::move(*fresh);
  if (!openid_) return {};
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, openid_->fd(), &event) == 0) return {};
  openid_.reset();
  return fail(Code::E1436, "it cannot be watched");
}

// --- logins come and go -------------------------------------------------------------------------------------------------------

Expected<void> CheckPrompts::begin(CheckWanted wanted) {
  const std::uint64_t login = wanted.login;
  const bool fido2 = settings_.check.has("fido2") && !wanted.asked.security_keys.empty();
  if (!fido2 && !openid_)
    return fail(Code::E1425, fmt::format("this machine has no way to check {}", wanted.asked.subject.person));
  const std::optional<std::uint64_t> prompt = openid_ ? join_prompt(wanted) : std::nullopt;
  if (!prompt && !fido2)
    return fail(Code::E1422, "too many people are being checked at once, or too many times one person");
  Waiting& waiting = waiting_[login];
  waiting.wanted = std::move(wanted);
  waiting.until_ms = clocks_.steady_ms() + std::int64_t{settings_.check.wait_s} * 1000;
  if (waiting.wanted.until_ms) waiting.until_ms = std::min(waiting.until_ms, *waiting.wanted.until_ms);
  waiting.prompt = prompt;
  if (fido2) make_text(waiting);
  if (!prompt || prompts_.at(*prompt).code) show(waiting, {});
  return {};
}

void CheckPrompts::make_text(Waiting& waiting) const {
  const CheckWanted& wanted = waiting.wanted;
  waiting.to_sign =
      text_to_sign({wanted.node, wanted.asked.subject.source, wanted.account, wanted.connection, random_nonce()});
}

std::optional<std::uint64_t> CheckPrompts::join_prompt(const CheckWanted& wanted) {
  const std::int64_t now = clocks_.steady_ms(), wait = std::int64_t{settings_.check.wait_s} * 1000;
  const bool shared = wanted.asked.period_s != acl_ssh_always;
  for (auto& [number, prompt] : prompts_) {
    if (!shared || prompt.period_s != wanted.asked.period_s || prompt.subject != wanted.asked.subject ||
        prompt.sub != wanted.asked.sub || prompt.token || prompt.verifier || prompt.until_ms - now < wait / 2)
      continue;
    prompt.logins.insert(wanted.login);
    return number;
  }
  const auto of_subject = [&](const auto& one) { return one.second.subject == wanted.asked.subject; };
  if (std::count_if(prompts_.begin(), prompts_.end(), of_subject) >= most_prompts_each) return std::nullopt;
  const LoginAge age = login_age(wanted.asked.period_s, settings_.check.openid.max_auth_age_s);
  const auto number = openid_->begin(2 * wait, age.told_s, now);
  if (!number) return std::nullopt;
  Prompt& prompt = prompts_[*number];
  prompt.subject = wanted.asked.subject;
  prompt.sub = wanted.asked.sub;
  prompt.period_s = wanted.asked.period_s;
  prompt.began = wall_();
  prompt.until_ms = now + 2 * wait;
  prompt.logins.insert(wanted.login);
  return number;
}

void CheckPrompts::leave_prompt(std::uint64_t login, std::uint64_t number) {
  const auto at = prompts_.find(number);
  if (at == prompts_.end()) return;
  at->second.logins.erase(login);
  if (!at->second.logins.empty()) return;
  if (openid_) openid_->cancel(number);
  prompts_.erase(at);
}

void CheckPrompts::end(std::uint64_t login) {
  const auto at = waiting_.find(login);
  if (at == waiting_.end()) return;
  const std::optional<std::uint64_t> prompt = at->second.prompt;
  waiting_.erase(at);
  if (prompt) leave_prompt(login, *prompt);
}

void CheckPrompts::finish(std::uint64_t login, std::optional<CheckPassed> passed, std::string reason) {
  events_.emplace_back(CheckEnd{login, std::move(passed), std::move(reason)});
  end(login);
}

void CheckPrompts::show(Waiting& waiting, std::string reason) {
  CheckShown shown;
  const std::int64_t left = std::max<std::int64_t>(0, waiting.until_ms - clocks_.steady_ms());
  shown.person = waiting.wanted.asked.subject.person;
  shown.account = waiting.wanted.account;
  shown.wait_s = static_cast<std::uint32_t>((left + 999) / 1000);
  shown.reason = std::move(reason);
  if (const auto prompt = waiting.prompt ? prompts_.find(*waiting.prompt) : prompts_.end();
      prompt != prompts_.end() && prompt->second.code) {
    shown.address = prompt->second.code->address;
    shown.complete_address = prompt->second.code->complete_address;
    shown.code = prompt->second.code->code;
  }
  shown.to_sign = waiting.to_sign;
  shown.name_space = settings_.name_space;
  events_.emplace_back(
      CheckShow{waiting.wanted.login, shown.wait_s, challenge_of(shown, !std::exchange(waiting.shown, true))});
}

// --- what people give ---------------------------------------------------------------------------------------------------------

void CheckPrompts::answer(std::uint64_t login, std::string text) {
  const auto at = waiting_.find(login);
  if (at == waiting_.end()) return;
  Waiting& waiting = at->second;
  ++waiting.answers;
  if (waiting.passed) return finish(login, waiting.passed, {});
  text = trimmed(text);
  const auto again = [&](std::string why) {
    if (waiting.answers >= protocol::most_check_answers) return finish(login, std::nullopt, std::move(why));
    show(waiting, std::move(why));
  };
  if (text.empty() && waiting.prompt) return again("That you have logged in is not known yet.");
  if (text.empty()) return again(waiting.failed.empty() ? "There is no signature in that." : waiting.failed);
  if (text == first_line && !waiting.to_sign.empty()) {
    make_text(waiting);
    return again("Only the first of several lines has come: the end of the line that is shown makes one of them.");
  }
  waiting.given = std::move(text);
}

std::optional<Verifier> CheckPrompts::start(const protocol::VerifyQuestion& question, std::string& fault) {
  auto verifier = Verifier::start(settings_.program, question, clocks_.steady_ms());
  if (!verifier) {
    fault = verifier.error().message;
    return std::nullopt;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  // One that cannot be watched is found at its deadline.
  static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, verifier->fd(), &event));
  return std::move(*verifier);
}

void CheckPrompts::start_verifiers() {
  const auto runs = [](const auto& one) { return one.second.verifier.has_value(); };
  std::size_t running = static_cast<std::size_t>(std::count_if(waiting_.begin(), waiting_.end(), runs) +
                                                 std::count_if(prompts_.begin(), prompts_.end(), runs));
  std::string fault;
  for (auto at = prompts_.begin(); at != prompts_.end() && running < most_verifiers;) {
    const auto here = at++;
    Prompt& prompt = here->second;
    if (!prompt.token) continue;
    const OpenidConfig& openid = settings_.check.openid;
    protocol::TokenToVerify question;
    question.token = *std::exchange(prompt.token, std::nullopt);
    question.key_set = key_set_;
    question.issuer = openid.issuer;
    question.audience = openid.client_id;
    question.email = prompt.subject.person;
    question.sub = prompt.sub;
    question.now_s = wall_();
    question.oldest_s = prompt.began - login_age(prompt.period_s, openid.max_auth_age_s).taken_s;
    prompt.verifier = start(question, fault);
    if (prompt.verifier)
      ++running;
    else
      came_to_nothing(here->first, fault);
  }
  for (auto at = waiting_.begin(); at != waiting_.end() && running < most_verifiers;) {
    const auto here = at++;
    Waiting& waiting = here->second;
    if (!waiting.given || waiting.verifier) continue;
    protocol::SignatureToVerify question;
    question.pasted = *std::exchange(waiting.given, std::nullopt);
    // Good for this answer alone.
    question.message = std::exchange(waiting.to_sign, {});
    question.name_space = settings_.name_space;
    question.keys = waiting.wanted.asked.security_keys;
    // Nothing was shown that could have been signed. The empty text is none.
    if (question.message.empty()) {
      refuse_answer(here->first);
      continue;
    }
    waiting.verifier = start(question, fault);
    if (waiting.verifier)
      ++running;
    else
      judge_signature(here->first, fail(Code::E1431, fault));
  }
}

void CheckPrompts::refuse_answer(std::uint64_t login) {
  const std::string why = "There is no line that this could have signed.";
  Waiting& waiting = waiting_.at(login);
  if (waiting.answers >= protocol::most_check_answers) return finish(login, std::nullopt, why);
  show(waiting, why);
}

void CheckPrompts::hear_verifiers() {
  const std::int64_t now = clocks_.steady_ms();
  for (auto at = prompts_.begin(); at != prompts_.end();) {
    const auto here = at++;
    if (!here->second.verifier) continue;
    const auto outcome = here->second.verifier->step(now);
    if (outcome) judge_token(here->first, *outcome);
  }
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto here = at++;
    if (!here->second.verifier) continue;
    const auto outcome = here->second.verifier->step(now);
    if (!outcome) continue;
    here->second.verifier.reset();
    judge_signature(here->first, *outcome);
  }
}

void CheckPrompts::judge_signature(std::uint64_t login, const Expected<protocol::Verified>& outcome) {
  Waiting& waiting = waiting_.at(login);
  if (outcome) {
    const CheckPassed passed{wall_(), "fido2"};
    const CheckSubject subject = waiting.wanted.asked.subject;
    finish(login, passed, {});
    events_.emplace_back(CheckSeen{subject, passed});
    return;
  }
  if (waiting.passed) return finish(login, waiting.passed, {});
  if (waiting.answers >= protocol::most_check_answers)
    return finish(login, std::nullopt, fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message));
  make_text(waiting);
  show(waiting, outcome.error().message + "; sign the new line.");
}

void CheckPrompts::judge_token(std::uint64_t number, const Expected<protocol::Verified>& outcome) {
  if (!outcome)
    return came_to_nothing(number, fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message));
  const Prompt prompt = std::move(prompts_.at(number));
  prompts_.erase(number);
  // The provider's clock may be ahead.
  const CheckPassed passed{std::min<release::Time>(wall_(), outcome->auth_time_s), "openid"};
  for (const std::uint64_t login : prompt.logins) {
    Waiting& waiting = waiting_.at(login);
    waiting.prompt.reset();
    if (waiting.to_sign.empty() && !waiting.verifier)
      finish(login, passed, {});
    else
      waiting.passed = passed;
  }
  events_.emplace_back(CheckSeen{prompt.subject, passed});
}

// --- OpenID -------------------------------------------------------------------------------------------------------------------

void CheckPrompts::hear_openid() {
  if (!openid_) return;
  const std::int64_t now = clocks_.steady_ms();
  for (daemon::OpenidEvent& event : openid_->step(now)) {
    if (auto* code = std::get_if<daemon::OpenidCode>(&event)) {
      const auto at = prompts_.find(code->number);
      if (at == prompts_.end()) continue;
      Prompt& prompt = at->second;
      prompt.until_ms = std::min(prompt.until_ms, now + std::int64_t{code->expires_s} * 1000);
      prompt.code = std::move(*code);
      for (const std::uint64_t login : prompt.logins) show(waiting_.at(login), {});
    } else if (auto* token = std::get_if<daemon::OpenidToken>(&event)) {
      const auto at = prompts_.find(token->number);
      if (at != prompts_.end()) at->second.token = std::move(token->token);
    } else if (const auto* failed = std::get_if<daemon::OpenidFailed>(&event)) {
      came_to_nothing(failed->number,
                      fmt::format("{}: {}", code_name(failed->diagnostic.code), failed->diagnostic.message));
    }
  }
}

// Who has passed by OpenID meanwhile has passed; who waits for that goes on, or ends with its prompt.
void CheckPrompts::drop_security_keys() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto here = at++;
    Waiting& waiting = here->second;
    waiting.to_sign.clear();
    waiting.given.reset();
    waiting.verifier.reset();
    if (!waiting.prompt) finish(here->first, waiting.passed, waiting.passed ? "" : std::string(settings_changed));
  }
}

// Those who have a security key can still use it.
void CheckPrompts::came_to_nothing(std::uint64_t number, const std::string& words) {
  const auto at = prompts_.find(number);
  if (at == prompts_.end()) return;
  const Prompt prompt = std::move(at->second);
  prompts_.erase(at);
  if (openid_) openid_->cancel(number);
  for (const std::uint64_t login : prompt.logins) {
    Waiting& waiting = waiting_.at(login);
    waiting.prompt.reset();
    waiting.failed = fmt::format("Logging in at the provider failed: {}", words);
    if (waiting.to_sign.empty() && !waiting.verifier)
      finish(login, std::nullopt, words);
    else if (!waiting.shown)
      show(waiting, waiting.failed);
  }
}

// --- time ---------------------------------------------------------------------------------------------------------------------

void CheckPrompts::look_at_deadlines() {
  const std::int64_t now = clocks_.steady_ms();
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto here = at++;
    if (now >= here->second.until_ms)
      finish(here->first, std::nullopt, fmt::format("nobody was checked within {} s", settings_.check.wait_s));
  }
}

std::optional<std::int64_t> CheckPrompts::next_ms() const {
  if (!events_.empty()) return clocks_.steady_ms();
  std::optional<std::int64_t> next = openid_ ? openid_->next_ms() : std::nullopt;
  const auto by = [&](std::int64_t at) { next = std::min(next.value_or(at), at); };
  for (const auto& [login, waiting] : waiting_) {
    by(waiting.until_ms);
    if (waiting.verifier) by(waiting.verifier->deadline_ms());
  }
  for (const auto& [number, prompt] : prompts_) {
    if (prompt.verifier) by(prompt.verifier->deadline_ms());
  }
  return next;
}

std::vector<CheckEvent> CheckPrompts::step() {
  hear_openid();
  hear_verifiers();
  start_verifiers();
  look_at_deadlines();
  return std::exchange(events_, {});
}

}  // namespace acl::node
