#include "engine/release/head.h"

#include <fmt/format.h>

#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::string_view format_line = "aclc head 1";

Generation read_generation(Lines& lines, Digest& trust) {
  std::string_view text = lines.value("trust");
  const std::string_view whole = text;
  const auto version = parse_number(take_word(text));
  const auto digest = Digest::parse(text);
  if (!lines.failed() && (!version || !digest)) {
    lines.fault(fmt::format("trust {} is no version and digest", quoted(whole)));
  }
  trust = digest.value_or(Digest{});
  const bool zero = trust == Digest{};
  if (!lines.failed() && (*version == 0) != zero) lines.fault("a digest goes with every trust version but 0");
  const std::uint64_t number = lines.number("generation", largest_number);
  if (!lines.failed() && number == 0) lines.fault("generations begin with 1");
  return {version.value_or(0), number};
}

std::string print_reference(std::string_view word, const Reference& reference) {
  return fmt::format("{} {} {}\n", word, reference.digest.text(), reference.length);
}

}  // namespace

std::string_view on_expiry_name(OnExpiry action) noexcept {
  switch (action) {
    case OnExpiry::keep: return "keep";
    case OnExpiry::ssh_restricted: return "ssh-restricted";
    case OnExpiry::deny: break;
  }
  return "deny";
}

std::optional<OnExpiry> parse_on_expiry(std::string_view text) noexcept {
  for (const OnExpiry action : {OnExpiry::keep, OnExpiry::ssh_restricted, OnExpiry::deny}) {
    if (text == on_expiry_name(action)) return action;
  }
  return std::nullopt;
}

Expected<Head> parse_head(std::string_view text, std::string_view name) {
  Lines lines(text.substr(0, head_limit + 1), name, Code::E1001);
  if (text.size() > head_limit) lines.fault(fmt::format("it has more than {} bytes", head_limit));
  Head out;
  lines.literal(format_line);
  out.generation = read_generation(lines, out.trust);
  out.created = lines.time("created");
  out.expires = lines.time("expires");
  if (!lines.failed() && out.expires <= out.created) lines.fault("it expires before it was created");
  const std::string_view action = lines.value("on-expiry");
  const auto on_expiry = parse_on_expiry(action);
  if (!lines.failed() && !on_expiry) {
    lines.fault(fmt::format("on-expiry {} is not keep, ssh-restricted or deny", quoted(action)));
  }
  out.on_expiry = on_expiry.value_or(OnExpiry::deny);
  out.grace = static_cast<std::int64_t>(lines.number("grace", static_cast<std::uint64_t>(longest_duration)));
  out.contents.root = lines.reference("root");
  out.contents.directory = lines.reference("directory");
  out.contents.rules = lines.reference("rules");
  out.contents.policy = lines.digest("policy");
  out.contents.inventory = lines.digest("inventory");
  if (auto problem = lines.finish()) return tl::unexpected<Diagnostic>(std::move(*problem));
  return out;
}

std::string print_head(const Head& head) {
  return fmt::format("{}\ntrust {} {}\ngeneration {}\ncreated {}\nexpires {}\non-expiry {}\ngrace {}\n", format_line,
                     head.generation.trust, head.trust.text(), head.generation.number, print_time(head.created),
                     print_time(head.expires), on_expiry_name(head.on_expiry), head.grace) +
         print_reference("root", head.contents.root) + print_reference("directory", head.contents.directory) +
         print_reference("rules", head.contents.rules) +
         fmt::format("policy {}\ninventory {}\n", head.contents.policy.text(), head.contents.inventory.text());
}

}  // namespace acl::release
