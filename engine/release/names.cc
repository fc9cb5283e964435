#include "engine/release/names.h"

#include <fmt/format.h>

#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::string_view signature_ending = ".minisig";

// "NUMBER.KEYID.minisig", the number with one dot in it for heads: cut at the first dot after `dots` others.
std::optional<KeyId> take_signer(std::string_view& text, unsigned dots) noexcept {
  std::size_t at = 0;
  for (unsigned i = 0;; ++i) {
    at = text.find('.', at);
    if (at == std::string_view::npos) return std::nullopt;
    if (i == dots) break;
    ++at;
  }
  std::string_view signer = text.substr(at + 1);
  if (!signer.ends_with(signature_ending)) return std::nullopt;
  signer.remove_suffix(signature_ending.size());
  text = text.substr(0, at);
  return KeyId::parse(signer);
}

std::optional<Generation> parse_generation(std::string_view text, char between) noexcept {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) return std::nullopt;
  const auto trust = parse_number(text.substr(0, at));
  const auto number = parse_number(text.substr(at + 1));
  if (!trust || !number || *number == 0) return std::nullopt;
  return Generation{*trust, *number};
}

std::optional<ObjectName> parse_trust_name(std::string_view text) noexcept {
  ObjectName out;
  out.kind = NameKind::trust;
  if (text.ends_with(signature_ending)) {
    const auto signer = take_signer(text, 0);
    if (!signer) return std::nullopt;
    out.kind = NameKind::trust_signature;
    out.key = *signer;
  }
  const auto version = parse_number(text);
  if (!version || *version == 0) return std::nullopt;
  out.generation.trust = *version;
  return out;
}

std::optional<ObjectName> parse_head_name(std::string_view text) noexcept {
  ObjectName out;
  out.kind = NameKind::head;
  if (text.ends_with(signature_ending)) {
    const auto signer = take_signer(text, 1);
    if (!signer) return std::nullopt;
    out.kind = NameKind::head_signature;
    out.key = *signer;
  }
  const auto generation = parse_generation(text, '.');
  if (!generation) return std::nullopt;
  out.generation = *generation;
  return out;
}

std::optional<ObjectName> parse_content_name(std::string_view text, NameKind kind) noexcept {
  const auto digest = Digest::parse(text);
  if (!digest) return std::nullopt;
  ObjectName out;
  out.kind = kind;
  out.digest = *digest;
  return out;
}

}  // namespace

std::string Generation::text() const { return fmt::format("{}.{}", trust, number); }

std::string trust_name(std::uint64_t version) { return fmt::format("trust/{}", version); }
std::string trust_signature_name(std::uint64_t version, const KeyId& key) {
  return fmt::format("trust/{}.{}{}", version, key.text(), signature_ending);
}
std::string head_name(const Generation& generation) { return "head/" + generation.text(); }
std::string head_signature_name(const Generation& generation, const KeyId& key) {
  return fmt::format("head/{}.{}{}", generation.text(), key.text(), signature_ending);
}
std::string page_name(const Digest& digest) { return "page/" + digest.text(); }
std::string blob_name(const Digest& digest) { return "blob/" + digest.text(); }

std::optional<ObjectName> parse_name(std::string_view text) noexcept {
  if (text == latest_name) return ObjectName{};
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view folder = text.substr(0, slash);
  const std::string_view rest = text.substr(slash + 1);
  if (folder == "trust") return parse_trust_name(rest);
  if (folder == "head") return parse_head_name(rest);
  if (folder == "page") return parse_content_name(rest, NameKind::page);
  if (folder == "blob") return parse_content_name(rest, NameKind::blob);
  return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  if (text.empty() || text.size() > 16 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > largest_number) return std::nullopt;
  return value;
}

std::string print_latest(const Generation& generation) {
  return fmt::format("{} {}\n", generation.trust, generation.number);
}

Expected<Generation> parse_latest(std::string_view text) {
  if (text.ends_with('\n')) {
    const auto generation = parse_generation(text.substr(0, text.size() - 1), ' ');
    if (generation && generation->trust != 0) return *generation;
  }
  return fail(Code::E1009, fmt::format("\"latest\": {} is no trust version and generation", quoted(text)),
              "one line such as \"2 17\"; `aclc sign` writes it");
}

}  // namespace acl::release
