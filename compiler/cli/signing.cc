#include "compiler/cli/signing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/policy/duration.h"

namespace acl::cli {

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  constexpr std::int64_t day = 86400;
  std::int64_t days = 0;
  const std::size_t end = text.find_first_not_of("0123456789");
  if (end != 0 && end != std::string_view::npos && text[end] == 'd') {
    const auto number = release::parse_number(text.substr(0, end));
    if (!number || *number > static_cast<std::uint64_t>(release::longest_duration / day)) return std::nullopt;
    days = static_cast<std::int64_t>(*number);
    text.remove_prefix(end + 1);
    if (text.empty()) return days * day;
  }
  const auto rest = policy::parse_duration(text);
  if (!rest || rest->count() < 0 || rest->count() % 1'000'000'000 != 0 || text.starts_with('+')) return std::nullopt;
  const std::int64_t seconds = days * day + rest->count() / 1'000'000'000;
  if (seconds > release::longest_duration) return std::nullopt;
  return seconds;
}

std::string print_seconds(std::int64_t seconds) {
  std::string out;
  const auto take = [&](std::int64_t unit, char name) {
    if (seconds >= unit) out += fmt::format("{}{}", seconds / unit, name);
    seconds %= unit;
  };
  take(86400, 'd');
  take(3600, 'h');
  take(60, 'm');
  take(1, 's');
  return out.empty() ? "0s" : out;
}

release::Time wall_clock() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int give_up(const Diagnostic& diagnostic) {
  complain(diagnostic);
  switch (diagnostic.code) {
    case Code::E0002:
    case Code::E0003:
    case Code::E1005:
    case Code::E1006:
    case Code::E1027: return exit_unreadable;
    default: return exit_no;
  }
}

Expected<bool> sign_head(store::Folder& folder, const store::StoredHead& head, const store::StoredTrust& trust,
                         const release::SecretKey& key) {
  const release::PublicKey& own = key.public_key();
  const release::TrustedKey* const trusted = trust.trust.find(own.id);
  if (trusted == nullptr || trusted->key != own) {
    return fail(Code::E1021,
                fmt::format("key {} is not in the trust set of version {}", own.id.text(), trust.trust.version),
                "its keys are shown by `aclc trust show`");
  }
  const release::Generation& generation = head.head.generation;
  const auto signers = store::head_signers(folder, head, trust.trust);
  if (!signers) return tl::unexpected<Diagnostic>(signers.error());
  const bool signed_before =
      std::any_of(signers->begin(), signers->end(), [&](const auto& signer) { return signer.key == own; });
  if (!signed_before) {
    const std::string comment = fmt::format("timestamp:{}\tfile:{}", wall_clock(), release::head_name(generation));
    const std::string file = print_signature(key.sign(release::as_bytes(head.text), comment));
    const auto put = folder.put(head_signature_name(generation, own.id), release::as_bytes(file));
    if (!put) return tl::unexpected<Diagnostic>(put.error());
  }
  std::string why;
  const auto moved = store::advance_latest(folder, head, why);
  if (!moved) return tl::unexpected<Diagnostic>(moved.error());
  std::string out = fmt::format("{} {} by {} ({})\n", head_name(generation),
                                signed_before ? "was signed before" : "signed", trusted->label, own.id.text());
  out += *moved ? fmt::format("latest is now {}\n", generation.text()) : fmt::format("latest not moved: {}\n", why);
  return print_out(out);
}

}  // namespace acl::cli
