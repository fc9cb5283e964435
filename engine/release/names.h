// Names of the objects of a release folder, and the text of `latest`.
//
//   trust/<v>   trust/<v>.<keyid>.minisig   head/<v>.<gen>   head/<v>.<gen>.<keyid>.minisig   page/<hex>   blob/<hex>   latest
//
// Numbers are decimal without leading zeros, from 1 to 2^53-1 (so that no program of any language rounds them), a head's trust
// version from 0; key ids are 16 upper-case, digests 64 lower-case hexadecimal digits. Nothing else is a name, so that a name
// can neither leave the folder nor meet a file of another kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/minisign.h"

namespace acl::release {

inline constexpr std::uint64_t largest_number = (std::uint64_t{1} << 53) - 1;

// The order of releases: trust version first, so that a rotation of keys begins a new count.
struct Generation {
  std::uint64_t trust = 0;
  std::uint64_t number = 0;

  [[nodiscard]] std::string text() const;  // "2.17"

  friend constexpr bool operator==(const Generation&, const Generation&) noexcept = default;
  friend constexpr auto operator<=>(const Generation&, const Generation&) noexcept = default;
};

std::string trust_name(std::uint64_t version);
std::string trust_signature_name(std::uint64_t version, const KeyId& key);
std::string head_name(const Generation& generation);
std::string head_signature_name(const Generation& generation, const KeyId& key);
std::string page_name(const Digest& digest);
std::string blob_name(const Digest& digest);
inline constexpr std::string_view latest_name = "latest";

enum class NameKind : std::uint8_t { trust, trust_signature, head, head_signature, page, blob, latest };

// A name taken apart; members that its kind does not have are at their defaults.
struct ObjectName {
  NameKind kind = NameKind::latest;
  Generation generation;  // head: both; trust: `trust` alone
  KeyId key;
  Digest digest;

  // page and blob: what they hold follows from the name.
  [[nodiscard]] bool names_its_content() const noexcept { return kind == NameKind::page || kind == NameKind::blob; }
};

// Nothing unless the text is a name in the one form.
std::optional<ObjectName> parse_name(std::string_view text) noexcept;

// A decimal number in the one form: no sign, no leading zero, at most largest_number.
std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

// `latest`: "<v> <gen>\n", the only object that changes. Unsigned: generation floor and signatures guard it.
inline constexpr std::size_t latest_limit = 40;
std::string print_latest(const Generation& generation);
// E1009. A trust version of 0 is no release and refused.
Expected<Generation> parse_latest(std::string_view text);

}  // namespace acl::release
