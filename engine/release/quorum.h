// Quorum: which signatures of a text to ask for next, and when there are enough. For one trust set (a head) or for two at once
// (a trust set: the one before and its own). Nothing is fetched here: key ids out, signature files in.
//
// Asks for as many as are still needed, and for another where one is absent, in another form or not valid, so that a few bad
// files among the good ones cost a request and nothing more. Asks for no key twice.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/release/trust.h"

namespace acl::release {

class Quorum {
 public:
  Quorum(std::string text, const TrustSet& first, const std::optional<TrustSet>& second = std::nullopt);

  // Keys whose signatures are wanted now, besides those asked for before.
  std::vector<KeyId> ask();
  // The signature file of a key that was asked for; nothing if there is none to be had. Another id is ignored.
  void answer(const KeyId& key, const std::optional<std::string_view>& file);

  [[nodiscard]] bool met() const noexcept;
  // Not met, and nobody is left to be asked or to answer.
  [[nodiscard]] bool hopeless() const noexcept;
  // "1 of 2 signatures of trust version 3 are valid"
  [[nodiscard]] std::string account() const;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  struct Side {
    TrustSet trust;
    std::uint32_t valid = 0;
    [[nodiscard]] std::uint32_t lacks() const noexcept { return trust.threshold - std::min(valid, trust.threshold); }
  };
  [[nodiscard]] bool helps(const KeyId& key) const noexcept;

  std::string text_;
  std::vector<Side> sides_;
  std::vector<KeyId> candidates_;  // those of both sides first
  std::size_t next_ = 0;
  std::vector<KeyId> open_;
};

}  // namespace acl::release
