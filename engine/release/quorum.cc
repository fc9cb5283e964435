#include "engine/release/quorum.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::release {

Quorum::Quorum(std::string text, const TrustSet& first, const std::optional<TrustSet>& second)
    : text_(std::move(text)) {
  sides_.push_back({first, 0});
  if (second) sides_.push_back({*second, 0});
  for (const Side& side : sides_) {
    for (const TrustedKey& key : side.trust.keys) {
      const KeyId& id = key.key.id;
      if (std::find(candidates_.begin(), candidates_.end(), id) == candidates_.end()) candidates_.push_back(id);
    }
  }
  std::stable_partition(candidates_.begin(), candidates_.end(), [&](const KeyId& id) {
    return std::all_of(sides_.begin(), sides_.end(), [&](const Side& side) { return side.trust.find(id) != nullptr; });
  });
}

bool Quorum::helps(const KeyId& key) const noexcept {
  return std::any_of(sides_.begin(), sides_.end(),
                     [&](const Side& side) { return side.lacks() != 0 && side.trust.find(key) != nullptr; });
}

std::vector<KeyId> Quorum::ask() {
  std::size_t wanted = 0;
  for (const Side& side : sides_) wanted = std::max<std::size_t>(wanted, side.lacks());
  std::vector<KeyId> out;
  for (; next_ < candidates_.size() && open_.size() < wanted; ++next_) {
    const KeyId& key = candidates_[next_];
    if (!helps(key)) continue;
    open_.push_back(key);
    out.push_back(key);
  }
  return out;
}

void Quorum::answer(const KeyId& key, const std::optional<std::string_view>& file) {
  const auto asked = std::find(open_.begin(), open_.end(), key);
  if (asked == open_.end()) return;
  open_.erase(asked);
  if (!file) return;
  const auto signature = parse_signature(*file, "signature");
  if (!signature) return;
  for (Side& side : sides_) {
    // The number in the file must be the one asked for: verify() compares it with the key's.
    const TrustedKey* const trusted = side.trust.find(key);
    if (trusted != nullptr && verify(*signature, trusted->key, as_bytes(text_))) ++side.valid;
  }
}

bool Quorum::met() const noexcept {
  return std::all_of(sides_.begin(), sides_.end(), [](const Side& side) { return side.lacks() == 0; });
}

bool Quorum::hopeless() const noexcept {
  return !met() && open_.empty() &&
         std::none_of(candidates_.begin() + static_cast<std::ptrdiff_t>(next_), candidates_.end(),
                      [&](const KeyId& key) { return helps(key); });
}

std::string Quorum::account() const {
  std::string out;
  for (const Side& side : sides_) {
    out += fmt::format("{}{} of {} signatures of trust version {} are valid", out.empty() ? "" : ", ", side.valid,
                       side.trust.threshold, side.trust.version);
  }
  return out;
}

}  // namespace acl::release
