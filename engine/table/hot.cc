#include "engine/table/hot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/table/part.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
      return bad_part("hot",
                      fmt::format("the list of a pair (word {}, length {}) reaches beyond the lists", first, count));
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

void prefetch(const acl_table& table, std::uint64_t offset) noexcept { __builtin_prefetch(table.base + offset, 0, 3); }

// Packets on their way through the steps of a lookup, each of which asks for the memory that the next one reads.
struct Pending {
  std::size_t count = 0;
  std::array<std::uint64_t, batch>
      key;  // of an exact address; of an IPv6 address outside all spaces one that no slot has
  std::array<std::uint64_t, batch> line;  // offset of its first line
  std::array<std::uint32_t, batch> pair;  // word of the classes
};

std::uint64_t line_of(const acl_classifier& c, std::uint64_t hash) noexcept {
  return (std::uint64_t{c.hash_line} + acl_home_line(hash, c.hash_lines)) * acl_line_bytes;
}

// What is read for every packet is copied: the compiler could not know that the arrays of Pending do not lie over it.
void begin(const acl_table table, const acl_classifier c, const Question* asked, Pending& pending) noexcept {
  for (std::size_t i = 0, count = pending.count; i < count; ++i) {
    std::uint64_t key = asked[i].low;
    if (asked[i].v6) {
      const std::uint32_t space =
          acl_find_space(&table, &c, asked[i].high, static_cast<std::uint32_t>(asked[i].low >> 32));
      key = space == 0 ? ~std::uint64_t{0} : std::uint64_t{space} << 32 | (asked[i].low & 0xffffffff);
    }
    pending.key[i] = key;
    pending.line[i] = line_of(c, key * c.multiplier);
    prefetch(table, pending.line[i]);
  }
}

// The pair words and lists of a part, for many packets.
struct Pairs {
  explicit Pairs(const acl_table& table) noexcept
      : words(reinterpret_cast<const std::uint32_t*>(table.base + std::uint64_t{acl_hot_header(&table)->pair_line} *
                                                                      acl_line_bytes)),
        sources(acl_hot_header(&table)->part.source_classes),
        destinations(acl_hot_header(&table)->destination_classes),
        lists(acl_list_offset(&table, 0)) {}

  // As acl_pair. Where bytes list an address twice, `source` may be beyond the part's classes.
  [[nodiscard]] std::uint32_t word(std::uint32_t source, std::uint32_t destination) const noexcept {
    if (source - 1 >= sources || destination - 1 >= destinations) return 0;
    return words[std::uint64_t{source - 1} * destinations + (destination - 1)];
  }

  const std::uint32_t* words;
  std::uint32_t sources, destinations;
  std::uint64_t lists;  // offset
};

std::uint32_t interval_class(const acl_table& table, const acl_classifier& c, const Question& asked) noexcept {
  return asked.v6 ? acl_find_v6_interval(&table, c.v6_line, c.v6_count, asked.high, asked.low)
                  : acl_find_v4_interval(&table, c.v4_line, c.v4_count, static_cast<std::uint32_t>(asked.low));
}

void find_pairs(const acl_table table, const acl_classifier c, const Question* asked, Pending& pending) noexcept {
  const Pairs pairs(table);
  for (std::size_t i = 0, count = pending.count; i < count; ++i) {
    std::uint32_t source = acl_find_exact(&table, &c, pending.key[i]);
    if (source == 0) source = interval_class(table, c, asked[i]);
    const std::uint32_t pair = pairs.word(source, asked[i].destination);
    pending.pair[i] = pair;
    prefetch(table, pairs.lists + std::uint64_t{pair >> 8} * 8);
  }
}

void find_keys(const acl_table& table, const acl_classifier& c, std::span<const std::uint64_t> keys,
               std::uint32_t* found) noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i) found[i] = acl_find_exact(&table, &c, keys[i]);
}

#if defined(__x86_64__)

// The class beside a key in a line, 0 if it is not there, in two comparisons.
[[gnu::target("avx2")]] inline std::uint32_t class_in_line(const std::uint8_t* line, __m256i key) noexcept {
  const auto* slots = reinterpret_cast<const __m256i*>(line);
  const __m256i front = _mm256_cmpeq_epi64(_mm256_srli_epi64(_mm256_loadu_si256(slots), 16), key);
  const __m256i back = _mm256_cmpeq_epi64(_mm256_srli_epi64(_mm256_loadu_si256(slots + 1), 16), key);
  const int found = _mm256_movemask_pd(_mm256_castsi256_pd(front)) | _mm256_movemask_pd(_mm256_castsi256_pd(back)) << 4;
  if (found == 0) return 0;
  return static_cast<std::uint32_t>(
      reinterpret_cast<const std::uint64_t*>(line)[__builtin_ctz(static_cast<unsigned>(found))] & 0xffff);
}

[[gnu::target("avx2")]] inline std::uint32_t class_by_avx2(const std::uint8_t* line, std::uint64_t key) noexcept {
  return class_in_line(line, _mm256_set1_epi64x(static_cast<long long>(key)));
}
// The same in one comparison, with the wider registers of AVX-512. (Masked, since GCC 12 warns of the plain shift: GCC bug 105593.)
[[gnu::target("avx512f")]] inline std::uint32_t class_by_avx512(const std::uint8_t* line, std::uint64_t key) noexcept {
  const __m512i keys = _mm512_maskz_srli_epi64(0xff, _mm512_loadu_si512(line), 16);
  const unsigned found = _mm512_cmpeq_epi64_mask(keys, _mm512_set1_epi64(static_cast<long long>(key)));
  if (found == 0) return 0;
  return static_cast<std::uint32_t>(reinterpret_cast<const std::uint64_t*>(line)[__builtin_ctz(found)] & 0xffff);
}

[[gnu::target("avx2")]] void find_pairs_avx2(const acl_table table, const acl_classifier c, const Question* asked,
                                             Pending& pending) noexcept {
  if (c.hash_lines == 0) return find_pairs(table, c, asked, pending);
  const Pairs pairs(table);
  for (std::size_t i = 0, count = pending.count; i < count; ++i) {
    const __m256i key = _mm256_set1_epi64x(static_cast<long long>(pending.key[i]));
    const std::uint8_t* line = table.base + pending.line[i];
    std::uint32_t source = class_in_line(line, key);
    if (source == 0 && reinterpret_cast<const std::uint64_t*>(line)[acl_slots - 1] != 0)
      source = class_in_line(table.base + line_of(c, acl_second_hash(pending.key[i] * c.multiplier)), key);
    if (source == 0) source = interval_class(table, c, asked[i]);
    const std::uint32_t pair = pairs.word(source, asked[i].destination);
    pending.pair[i] = pair;
    prefetch(table, pairs.lists + std::uint64_t{pair >> 8} * 8);
  }
}

inline bool is_full(const std::uint8_t* line) noexcept {
  std::uint64_t last;
  std::memcpy(&last, line + acl_line_bytes - sizeof last, sizeof last);
  return last != 0;
}

// acl_find_exact of at most `keys_batch` keys. Whether a key has to be looked for in its second line cannot be predicted, so there is no branch
// on it: those that must are noted, and looked for when all first lines have been read.
constexpr std::size_t keys_batch = 128;

// `class_in` is one of the two above, in the instructions of the caller, into which all of this is inlined.
template <std::uint32_t (*class_in)(const std::uint8_t*, std::uint64_t) noexcept>
[[gnu::always_inline]] inline void find_some_keys(const acl_table& table, const acl_classifier& c,
                                                  std::span<const std::uint64_t> keys, std::uint32_t* found) noexcept {
  std::array<const std::uint8_t*, keys_batch> lines;
  std::array<std::uint8_t, keys_batch> rest;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    lines[i] = table.base + line_of(c, keys[i] * c.multiplier);
    __builtin_prefetch(lines[i], 0, 3);
  }
  std::size_t more = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    found[i] = class_in(lines[i], keys[i]);
    rest[more] = static_cast<std::uint8_t>(i);
    more += static_cast<std::size_t>(found[i] == 0) & static_cast<std::size_t>(is_full(lines[i]));
  }
  for (std::size_t i = 0; i < more; ++i) {
    lines[i] = table.base + line_of(c, acl_second_hash(keys[rest[i]] * c.multiplier));
    __builtin_prefetch(lines[i], 0, 3);
  }
  for (std::size_t i = 0; i < more; ++i) found[rest[i]] = class_in(lines[i], keys[rest[i]]);
}

template <std::uint32_t (*class_in)(const std::uint8_t*, std::uint64_t) noexcept>
[[gnu::always_inline]] inline void find_keys_wide(const acl_table& table, const acl_classifier& c,
                                                  std::span<const std::uint64_t> keys, std::uint32_t* found) noexcept {
  if (c.hash_lines == 0) return find_keys(table, c, keys, found);
  for (std::size_t from = 0; from < keys.size(); from += keys_batch)
    find_some_keys<class_in>(table, c, keys.subspan(from, std::min(keys_batch, keys.size() - from)), found + from);
}
[[gnu::target("avx2")]] void find_keys_avx2(const acl_table& table, const acl_classifier& c,
                                            std::span<const std::uint64_t> keys, std::uint32_t* found) noexcept {
  find_keys_wide<class_by_avx2>(table, c, keys, found);
}
[[gnu::target("avx512f")]] void find_keys_avx512(const acl_table& table, const acl_classifier& c,
                                                 std::span<const std::uint64_t> keys, std::uint32_t* found) noexcept {
  find_keys_wide<class_by_avx512>(table, c, keys, found);
}

const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
const auto find = has_avx2 ? find_pairs_avx2 : find_pairs;
const auto find_all_keys = __builtin_cpu_supports("avx512f") != 0 ? find_keys_avx512
                           : has_avx2                             ? find_keys_avx2
                                                                  : find_keys;

#else

constexpr auto find = find_pairs;
constexpr auto find_all_keys = find_keys;

#endif

}  // namespace

void decide_batch(const Hot& hot, std::span<const Question> questions, std::span<std::uint32_t> rules) noexcept {
  const acl_table& table = hot.raw();
  const acl_classifier& c = hot.header().sources;
  Pending pending;
  for (std::size_t from = 0; from < questions.size(); from += batch) {
    const Question* asked = questions.data() + from;
    pending.count = std::min(batch, questions.size() - from);
    begin(table, c, asked, pending);
    find(table, c, asked, pending);
    for (std::size_t i = 0; i < pending.count; ++i)
      rules[from + i] = acl_allows(&table, pending.pair[i], asked[i].protocol, asked[i].port);
  }
}

void find_exact_batch(const Hot& hot, std::span<const std::uint64_t> keys, std::span<std::uint32_t> found) noexcept {
  find_all_keys(hot.raw(), hot.header().sources, keys, found.data());
}

}  // namespace acl::table
