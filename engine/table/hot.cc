#include "engine/table/hot.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/table/part.h"

namespace acl::table {
namespace {

Expected<void> check_pairs(const PartReader& part, const acl_hot& hot) {
  const auto words = part.section<std::uint64_t>("lists", hot.list_line, hot.list_words);
  if (!words) return tl::unexpected(words.error());
  // A long list's length word is a multiple of 65536 and passes for rule 0.
  for (const std::uint64_t word : *words) {
    if ((word & 0xffff) >= hot.rules)
      return bad_part("hot", fmt::format("the rule \"{}\" of a list is not below {}", word & 0xffff, hot.rules));
  }
  const auto pairs = part.section<std::uint32_t>("pairs of classes", hot.pair_line,
                                                 std::uint64_t{hot.part.source_classes} * hot.destination_classes);
  if (!pairs) return tl::unexpected(pairs.error());
  for (const std::uint32_t pair : *pairs) {
    if (pair == 0) continue;
    std::uint64_t first = pair >> 8, count = pair & 0xff;
    if (count == acl_long_list && first < words->size()) {
      const std::uint64_t length = (*words)[first] >> 16;
      ++first;
      count = std::min<std::uint64_t>(length, std::uint64_t{1} << 40);
      if (count >= (1U << acl_most_steps)) return bad_part("hot", "a list is too long");
    }
    if (count == 0 || first + count > words->size())
      return bad_part("hot", fmt::format("the list of a pair (word {}, length {}) reaches beyond the lists", first, count));
  }
  return {};
}

}  // namespace

Expected<Hot> Hot::open(std::span<const std::uint8_t> bytes) {
  const auto part = PartReader::open(bytes, acl_kind_hot, sizeof(acl_hot));
  if (!part) return tl::unexpected(part.error());
  const acl_hot& hot = part->header<acl_hot>();
  if (hot.destination_classes > 0xffff)
    return bad_part("hot", fmt::format("{} destination classes are more than 65535", hot.destination_classes));
  if (hot.rules > 0x10000) return bad_part("hot", fmt::format("{} rules are more than 65536", hot.rules));
  if (hot.reserved[0] != 0 || hot.reserved[1] != 0 || hot.reserved[2] != 0 || hot.reserved2 != 0 || hot.reserved3 != 0)
    return bad_part("hot", "a reserved byte is set");
  if (auto ok = part->check(hot.sources, hot.part.source_classes); !ok) return tl::unexpected(ok.error());
  if (auto ok = part->check(hot.destinations, hot.destination_classes); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_pairs(*part, hot); !ok) return tl::unexpected(ok.error());
  return Hot(bytes);
}

namespace {

constexpr std::size_t batch = 32;

void prefetch(const acl_table& table, std::uint64_t offset) noexcept {
  __builtin_prefetch(table.base + offset, 0, 3);
}

// A lookup in three steps, each of which asks for the memory that the next one reads.
struct Pending {
  std::uint64_t key = 0;
  std::uint32_t pair = 0;
  bool exact = false;
};

void begin(const acl_table& table, const acl_classifier& c, const Question& question, Pending& pending) noexcept {
  pending.exact = true;
  if (question.v6) {
    const std::uint32_t space = acl_find_space(&table, &c, question.high, static_cast<std::uint32_t>(question.low >> 32));
    pending.exact = space != 0;
    pending.key = std::uint64_t{space} << 32 | (question.low & 0xffffffff);
  } else {
    pending.key = question.low;
  }
  const std::uint32_t line = acl_home_line(pending.key * c.multiplier, c.hash_lines);
  prefetch(table, (std::uint64_t{c.hash_line} + line) * acl_line_bytes);
}

std::uint32_t finish_class(const acl_table& table, const acl_classifier& c, const Question& question,
                           const Pending& pending) noexcept {
  const std::uint32_t found = pending.exact ? acl_find_exact(&table, &c, pending.key) : 0;
  if (found != 0) return found;
  if (!question.v6) return acl_find_v4_interval(&table, c.v4_line, c.v4_count, static_cast<std::uint32_t>(question.low));
  return acl_find_v6_interval(&table, c.v6_line, c.v6_count, question.high, question.low);
}

}  // namespace

void decide_batch(const Hot& hot, std::span<const Question> questions, std::span<std::uint32_t> rules) noexcept {
  const acl_table& table = hot.raw();
  const acl_classifier& c = hot.header().sources;
  std::array<Pending, batch> pending;
  for (std::size_t from = 0; from < questions.size(); from += batch) {
    const std::size_t count = std::min(batch, questions.size() - from);
    const Question* asked = questions.data() + from;
    for (std::size_t i = 0; i < count; ++i) begin(table, c, asked[i], pending[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t source = finish_class(table, c, asked[i], pending[i]);
      pending[i].pair = acl_pair(&table, source, asked[i].destination);
      prefetch(table, acl_list_offset(&table, pending[i].pair >> 8));
    }
    for (std::size_t i = 0; i < count; ++i)
      rules[from + i] = acl_allows(&table, pending[i].pair, asked[i].protocol, asked[i].port);
  }
}

}  // namespace acl::table
