#include "engine/net/suggest.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace acl {
namespace {

constexpr std::size_t longest_word = 100;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(char a, char b) noexcept { return lower(a) == lower(b); }

// The length of what both begin with, up to and including its last colon.
std::size_t shared_prefix(std::string_view a, std::string_view b) noexcept {
  std::size_t length = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()) && same(a[i], b[i]); ++i) {
    if (a[i] == ':') length = i + 1;
  }
  return length;
}

// The distance of a and b, or limit + 1 if it is greater than limit. Row i of the matrix holds the distances of a's
// first i bytes to every prefix of b; a swap looks back two rows, so three are kept.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) noexcept {
  using Row = std::array<std::size_t, longest_word + 1>;
  std::array<Row, 3> rows;
  Row* before = rows.data();
  Row* above = before + 1;
  Row* row = above + 1;
  for (std::size_t j = 0; j <= b.size(); ++j) (*above)[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    (*row)[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = (*above)[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      std::size_t best = std::min({replaced, (*above)[j] + 1, (*row)[j - 1] + 1});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        best = std::min(best, (*before)[j - 2] + 1);
      }
      (*row)[j] = best;
      least = std::min(least, best);
    }
    // No later row can get below the limit: it adds to this row or, for a swap, one to the row above, whose least is at
    // most one smaller.
    if (least > limit + 1) return limit + 1;
    Row* const spare = before;
    before = above;
    above = row;
    row = spare;
  }
  return std::min((*above)[b.size()], limit + 1);
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > longest_word) return std::nullopt;
  std::optional<std::string_view> found;
  std::size_t best = longest_word + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > longest_word || candidate == word) continue;
    const std::size_t shared = shared_prefix(word, candidate);
    const std::string_view a = word.substr(shared);
    const std::string_view b = candidate.substr(shared);
    const std::size_t longer = std::max(a.size(), b.size());
    const std::size_t limit = std::min(longer / 3, best - 1);
    if (longer - std::min(a.size(), b.size()) > limit) continue;
    const std::size_t d = distance(a, b, limit);
    if (d > limit) continue;
    best = d;
    found = candidate;
    if (best == 0) break;
  }
  return found;
}

}  // namespace acl
