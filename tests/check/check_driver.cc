// What aclnode does with an answer to `check`, for tests in Python: asks the real aclnode-net, and prints what comes of it.
//
//   check_driver NET_PROGRAM USER signature KEY=VALUE…    pasted=FILE message=FILE namespace=… key=… (several)
//   check_driver NET_PROGRAM USER token KEY=VALUE…        token=FILE, and as below
//   check_driver NET_PROGRAM USER openid KEY=VALUE…       issuer, client_id, client_secret, scope, ca, max_age, prompt, bound_ms (60000), times (1): so
//                                                         many at once; keys=FILE audience email sub nonce oldest (s before now, 600) ahead (s, 0)
//
// Prints "code NUMBER ADDRESS CODE COMPLETE" when there is something for a person to do, then for each one "verified KEY AUTH_TIME" or "refused CODE words"
// ("openid" puts the number in front of neither: with several they come in any order). Exit: 0 all verified, 1 not all, 2 wrong usage.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "node/daemon/openid_process.h"
#include "node/daemon/verifier.h"

namespace acl::node::daemon {
namespace {

using Arguments = std::multimap<std::string, std::string>;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string value(const Arguments& arguments, const std::string& name, const std::string& otherwise = {}) {
  const auto at = arguments.find(name);
  return at != arguments.end() ? at->second : otherwise;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void wait(int fd, std::int64_t until_ms) {
  pollfd waiting{fd, POLLIN, 0};
  poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(until_ms - now_ms(), 0, 60'000)));
}

bool report(const Diagnostic& diagnostic) {
  fmt::print("refused {} {}\n", code_name(diagnostic.code), diagnostic.message);
  std::fflush(stdout);
  return false;
}

bool verify(const NetProgram& program, const protocol::VerifyQuestion& question) {
  auto verifier = Verifier::start(program, question, now_ms());
  if (!verifier) return report(verifier.error());
  for (;;) {
    wait(verifier->fd(), verifier->deadline_ms());
    const auto outcome = verifier->step(now_ms());
    if (!outcome) continue;
    if (!*outcome) return report(outcome->error());
    fmt::print("verified {} {}\n", (*outcome)->key, (*outcome)->auth_time_s);
    std::fflush(stdout);
    return true;
  }
}

protocol::VerifyQuestion signature_question(const Arguments& arguments) {
  protocol::SignatureToVerify out{
      contents(value(arguments, "pasted")), contents(value(arguments, "message")), value(arguments, "namespace"), {}};
  for (auto [at, end] = arguments.equal_range("key"); at != end; ++at) out.keys.push_back(at->second);
  return out;
}

protocol::VerifyQuestion token_question(const Arguments& arguments, std::string token) {
  protocol::TokenToVerify out;
  out.token = std::move(token);
  out.key_set = contents(value(arguments, "keys"));
  out.issuer = value(arguments, "issuer");
  out.audience = value(arguments, "audience", value(arguments, "client_id"));
  out.email = value(arguments, "email");
  out.sub = value(arguments, "sub");
  out.nonce = value(arguments, "nonce");
  out.now_s = std::time(nullptr) + std::stoll(value(arguments, "ahead", "0"));
  out.oldest_s = out.now_s - std::stoll(value(arguments, "oldest", "600"));
  return out;
}

bool authorize(const NetProgram& program, const Arguments& arguments) {
  OpenidSettings settings;
  settings.program = program;
  settings.provider.issuer = value(arguments, "issuer");
  settings.provider.client_id = value(arguments, "client_id");
  settings.provider.client_secret = value(arguments, "client_secret");
  settings.provider.scope = value(arguments, "scope", settings.provider.scope);
  settings.provider.ca_file = value(arguments, "ca");
  settings.provider.prompt = value(arguments, "prompt");
  auto process = OpenidProcess::make(std::move(settings));
  if (!process) return report(process.error());
  const auto bound_ms = std::stoll(value(arguments, "bound_ms", "60000"));
  const auto max_age_s = static_cast<std::uint32_t>(std::stoul(value(arguments, "max_age", "0")));
  int open = 0;
  for (int i = std::stoi(value(arguments, "times", "1")); i > 0; --i)
    open += (*process)->begin(bound_ms, max_age_s, now_ms()).has_value() ? 1 : 0;
  bool all = open > 0;
  while (open > 0) {
    wait((*process)->fd(), (*process)->next_ms().value_or(now_ms() + 1000));
    for (OpenidEvent& event : (*process)->step(now_ms())) {
      if (const auto* code = std::get_if<OpenidCode>(&event)) {
        fmt::print("code {} {} {} {}\n", code->number, code->address, code->code, code->complete_address);
        std::fflush(stdout);
        continue;
      }
      --open;
      if (const auto* failed = std::get_if<OpenidFailed>(&event)) all = report(failed->diagnostic);
      if (auto* token = std::get_if<OpenidToken>(&event))
        all = verify(program, token_question(arguments, std::move(token->token))) && all;
    }
  }
  return all;
}

}  // namespace
}  // namespace acl::node::daemon

int main(int count, char** words) {
  using namespace acl::node::daemon;  // NOLINT(google-build-using-namespace): a program of one file
  Arguments arguments;
  for (int i = 4; i < count; ++i) {
    const std::string word = words[i];
    const std::size_t place = word.find('=');
    if (place == std::string::npos) return 2;
    arguments.emplace(word.substr(0, place), word.substr(place + 1));
  }
  if (count < 4) return 2;
  const NetProgram program{words[1], words[2], {}};
  const std::string what = words[3];
  if (what == "signature") return verify(program, signature_question(arguments)) ? 0 : 1;
  if (what == "token") return verify(program, token_question(arguments, contents(value(arguments, "token")))) ? 0 : 1;
  return what == "openid" ? (authorize(program, arguments) ? 0 : 1) : 2;
}
