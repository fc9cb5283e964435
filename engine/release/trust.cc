#include "engine/release/trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/release/names.h"
#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::string_view format_line = "aclc trust 1";

bool is_label(std::string_view text) noexcept {
  return !text.empty() && text.size() <= longest_label &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

tl::unexpected<Diagnostic> too_few(std::string_view whose, std::uint64_t version, std::uint32_t has,
                                   std::uint32_t needs) {
  return fail(Code::E1014,
              fmt::format("\"{}\": {} of {} signatures by {} are valid", trust_name(version), has, needs, whose));
}

}  // namespace

const TrustedKey* TrustSet::find(const KeyId& id) const noexcept {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const TrustedKey& key) { return key.key.id == id; });
  return found == keys.end() ? nullptr : &*found;
}

std::string trust_fault(const TrustSet& trust) {
  if (trust.version == 0) return "version 0 is no version";
  if (trust.keys.empty()) return "it has no key";
  if (trust.keys.size() > most_keys) return fmt::format("it has {} keys, more than {}", trust.keys.size(), most_keys);
  std::set<std::array<std::uint8_t, 32>> distinct;
  const KeyId* last = nullptr;
  for (const TrustedKey& key : trust.keys) {
    if (last != nullptr && !(*last < key.key.id)) {
      return fmt::format("key {} is there twice or out of order", key.key.id.text());
    }
    if (!distinct.insert(key.key.key).second) {
      return fmt::format("key {} is another key under a new id", key.key.id.text());
    }
    if (!is_label(key.label)) return fmt::format("label {} is not 1 to 64 visible characters", quoted(key.label));
    last = &key.key.id;
  }
  if (trust.threshold == 0 || trust.threshold > trust.keys.size()) {
    return fmt::format("threshold {} is not from 1 to the number of keys, {}", trust.threshold, trust.keys.size());
  }
  return {};
}

Expected<TrustSet> parse_trust(std::string_view text, std::string_view name) {
  Lines lines(text.substr(0, trust_limit + 1), name, Code::E1002);
  TrustSet out;
  if (text.size() > trust_limit) lines.fault(fmt::format("it has more than {} bytes", trust_limit));
  lines.literal(format_line);
  const std::string_view network = lines.value("network");
  if (!lines.failed() && !unhex(network, out.network)) {
    lines.fault(fmt::format("network {} is not 32 hexadecimal digits", quoted(network)));
  }
  out.version = lines.number("version", largest_number);
  out.created = lines.time("created");
  out.threshold = static_cast<std::uint32_t>(lines.number("threshold", most_keys));
  while (!lines.failed() && !lines.at_end() && out.keys.size() <= most_keys) {
    std::string_view rest = lines.value("key");
    if (lines.failed()) break;
    const auto key = parse_public_key_line(take_word(rest));
    if (!key) lines.fault("no public key of 56 characters behind \"key\"");
    out.keys.push_back({key.value_or(PublicKey{}), std::string(rest)});
  }
  if (!lines.failed()) {
    if (std::string fault = trust_fault(out); !fault.empty()) lines.fault(std::move(fault));
  }
  if (auto problem = lines.finish()) return tl::unexpected<Diagnostic>(std::move(*problem));
  return out;
}

std::string print_trust(const TrustSet& trust) {
  std::string out = fmt::format("{}\nnetwork {}\nversion {}\ncreated {}\nthreshold {}\n", format_line,
                                hex(trust.network), trust.version, print_time(trust.created), trust.threshold);
  for (const TrustedKey& key : trust.keys) out += fmt::format("key {} {}\n", print_public_key_line(key.key), key.label);
  return out;
}

std::uint32_t count_valid(const TrustSet& trust, ByteView message, const std::vector<Signature>& signatures) {
  std::uint32_t count = 0;
  for (const TrustedKey& key : trust.keys) {
    const bool any = std::any_of(signatures.begin(), signatures.end(),
                                 [&](const Signature& signature) { return verify(signature, key.key, message); });
    if (any) ++count;
  }
  return count;
}

std::string succession_fault(const TrustSet& last, const TrustSet& next) {
  if (next.network != last.network) return fmt::format("it is of another network, {}", hex(next.network));
  if (next.version != last.version + 1) {
    return fmt::format("its version is {}, and not the one after {}", next.version, last.version);
  }
  return {};
}

Expected<TrustSet> follow_trust(const TrustSet& last, std::string_view text, const std::vector<Signature>& signatures) {
  const std::string name = trust_name(last.version + 1);
  auto next = parse_trust(text, name);
  if (!next) return next;
  if (const std::string fault = succession_fault(last, *next); !fault.empty()) {
    return fail(Code::E1030, fmt::format("\"{}\" does not follow version {}: {}", name, last.version, fault));
  }
  const std::uint32_t by_last = count_valid(last, as_bytes(text), signatures);
  if (by_last < last.threshold) {
    return too_few(fmt::format("version {}", last.version), next->version, by_last, last.threshold);
  }
  const std::uint32_t by_own = count_valid(*next, as_bytes(text), signatures);
  if (by_own < next->threshold) return too_few("its own keys", next->version, by_own, next->threshold);
  return next;
}

}  // namespace acl::release
