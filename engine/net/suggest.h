// "Did you mean …?": the known name that a mistyped one was most likely meant to be.
//
// Distance: insertions, deletions, replacements and swaps of two neighbouring bytes (Damerau–Levenshtein in its optimal
// string alignment form), letter case of ASCII ignored. A prefix up to a colon that both names share ("tag:",
// "autogroup:") counts for nothing: "tag:a" is no misspelling of "tag:b", but "tag:servr" is one of "tag:server".
//
// A name is suggested if its distance is at most a third of the longer of the two lengths. So a three-letter name may
// have one mistake, a shorter one none but its letter case.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace acl {

// The nearest candidate, the first of several equally near ones; none if all are too far away. A candidate equal to the
// word to the byte is not an answer. Words and candidates of more than 100 bytes are never compared. Time is linear in
// the number of candidates, so that a caller with many unknown names decides how many suggestions it can afford; memory
// is constant.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace acl
