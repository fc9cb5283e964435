#include "engine/release/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::string_view format_line = "aclc state 1";
constexpr std::string_view checksum_word = "checksum";

// Trust sets and heads inside a state: their diagnostics are about the state.
template <class T>
std::optional<T> inner(Lines& lines, const Expected<T>& parsed) {
  if (parsed) return *parsed;
  lines.fault(parsed.error().message);
  return std::nullopt;
}

}  // namespace

State first_state(TrustSet trust) {
  State out;
  out.last_time = trust.created;
  out.trust = std::move(trust);
  return out;
}

std::string print_state(const State& state) {
  const std::string trust = print_trust(state.trust);
  const std::string head = state.accepted ? print_head(*state.accepted) : std::string();
  std::string out = fmt::format("{}\ntime {}\ntrust {}\n{}head {}\n{}", format_line, print_time(state.last_time),
                                trust.size(), trust, head.size(), head);
  const Digest checksum = digest_of(as_bytes(out));
  return out + fmt::format("{} {}\n", checksum_word, checksum.text());
}

Expected<State> parse_state(std::string_view text, std::string_view name) {
  Lines lines(text.substr(0, state_limit + 1), name, Code::E1010);
  if (text.size() > state_limit) lines.fault(fmt::format("it has more than {} bytes", state_limit));
  State out;
  lines.literal(format_line);
  out.last_time = lines.time("time");
  const std::string_view trust = lines.block(lines.number("trust", trust_limit));
  if (!lines.failed()) {
    if (auto parsed = inner(lines, parse_trust(trust, "trust"))) out.trust = std::move(*parsed);
  }
  const std::string_view head = lines.block(lines.number("head", head_limit));
  if (!lines.failed() && !head.empty()) out.accepted = inner(lines, parse_head(head, "head"));
  if (out.accepted && (out.accepted->generation.trust == 0 || out.accepted->generation.trust > out.trust.version)) {
    lines.fault("the head's trust version is not one that led to this trust set");
  }
  const std::string_view summed = text.substr(0, text.size() - std::min(text.size(), lines.rest().size()));
  const Digest checksum = lines.digest(checksum_word);
  if (!lines.failed() && checksum != digest_of(as_bytes(summed))) lines.fault("the checksum is wrong: a damaged file");
  if (auto problem = lines.finish()) return tl::unexpected<Diagnostic>(std::move(*problem));
  return out;
}

Time known_time(const State& state, Time clock) noexcept {
  const Time known = std::max(clock, state.last_time);
  return state.accepted ? std::max(known, state.accepted->created) : known;
}

Standing standing(const State& state, Time clock) noexcept {
  if (!state.accepted) return Standing::none;
  const Time now = known_time(state, clock);
  if (now < state.accepted->expires) return Standing::current;
  return now - state.accepted->expires < state.accepted->grace ? Standing::grace : Standing::expired;
}

}  // namespace acl::release
