// Well-formed HuJSON texts for tests, fuzz targets and benchmarks.
//
// hujson_text() is a function of a string of bytes, its choices: each decision takes the next one, and when they are used up
// it takes the simplest way out. So any bytes make a text, none make "null", and whatever shrinks bytes (RapidCheck,
// libFuzzer) shrinks the text with them. policy_text() is a large text of the kind that is formatted every day.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace acl::generate {

struct HujsonShape {
  bool comments = true;
  bool trailing_commas = true;
  bool invalid_utf8 = true;  // strings with bytes that are not UTF-8, and lone surrogates
  std::size_t depth = 20;    // the deepest nesting
};

// Comments of both kinds at every place, all kinds of white space, every escape, names and strings of all lengths around
// the formatter's limit. Ends in a line end or not.
std::string hujson_text(std::span<const std::uint8_t> choices, const HujsonShape& shape = {});

// What every JSON parser reads.
inline constexpr HujsonShape standard_json{.comments = false, .trailing_commas = false, .invalid_utf8 = false};

// Bytes to choose by; the same on every machine.
std::vector<std::uint8_t> random_choices(std::uint64_t seed, std::size_t count);

// A policy with that many access rules, and groups and hosts in proportion; about 170 bytes a rule, laid out as people do: some
// members on one line, some on several, comments in between.
std::string policy_text(std::size_t rules, std::uint64_t seed = 1);

}  // namespace acl::generate
