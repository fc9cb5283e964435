// decide: the lookup of a decision table, one source in restricted C for user space and for eBPF.
//
// In:  a hot part that open() has accepted (hot.h), addresses as two 64-bit numbers (layout.h), protocol, port.
// Out: classes, 0 for none; the answer of a pair of classes: a rule's number + 1, or 0 for "no rule allows it".
//
// Two or three dependent loads decide: one line of exact addresses (usually), one pair word, one line of ranges. Loops are
// plain and bounded by constants, and nothing is allocated.
//
// In eBPF the verifier has not seen open(): there every offset is compared with the size of the map's value, ACL_TABLE_BYTES,
// and a read outside gives "no rule". For that the offset must be in a register that the compiler cannot reason about, which
// is what the empty asm statement does (seen necessary with clang 14). In user space the check is not compiled.
#pragma once

#include "engine/table/layout.h"

#if defined(__bpf__)
#define ACL_LOOKUP static __attribute__((always_inline)) inline
#else
#define ACL_LOOKUP static inline
#endif

// A part in memory.
struct acl_table {
  const acl_u8* base;
};

// `bytes` bytes at `offset`, at most one line; null if they are not all there (eBPF only).
ACL_LOOKUP const void* acl_at(const struct acl_table* table, acl_u64 offset) {
#if defined(__bpf__)
  __asm__ volatile("" : "+r"(offset));
  if (offset > ACL_TABLE_BYTES - 64) return 0;
#endif
  return table->base + offset;
}

#if defined(__bpf__)
#define ACL_CHECK(pointer) \
  if (!(pointer)) return 0
#else
#define ACL_CHECK(pointer)
#endif

// 1 if a <= b, of numbers below 2^63, else 0: for searches, whose turns cannot be predicted. In eBPF, where no instruction turns a
// comparison into a number, by arithmetic; else it would be a branch, of which the verifier also goes both ways. The compiler
// would make a comparison of the subtraction again, hence the asm.
ACL_LOOKUP acl_u64 acl_not_above(acl_u64 a, acl_u64 b) {
#if defined(__bpf__)
  acl_u64 difference = b - a;
  __asm__ volatile("" : "+r"(difference));
  return (difference >> 63) ^ 1;
#else
  return a <= b;
#endif
}

// Of `lines` lines the one that a hash falls on.
ACL_LOOKUP acl_u32 acl_home_line(acl_u64 hash, acl_u32 lines) { return (acl_u32)(((hash >> 32) * lines) >> 32); }

// The hash that the second line follows from: the first one, mixed (the constant is that of Fibonacci hashing, 2^64 / the golden
// ratio, odd).
ACL_LOOKUP acl_u64 acl_second_hash(acl_u64 hash) { return (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15ull; }

ACL_LOOKUP acl_u64 acl_space_hash(acl_u64 multiplier, acl_u64 high, acl_u32 middle) {
  return (high ^ ((acl_u64)middle << 32 | middle)) * multiplier;
}

// The number of the space of an IPv6 address, 0 if the part has no exact address in it.
ACL_LOOKUP acl_u32 acl_find_space(const struct acl_table* table, const struct acl_classifier* c, acl_u64 high,
                                  acl_u32 middle) {
  acl_u32 lines = c->space_lines, turn, i;
  acl_u64 hash = acl_space_hash(c->multiplier, high, middle);
  if (lines == 0) return 0;
  for (turn = 0; turn < 2; ++turn) {
    const struct acl_space* space =
        (const struct acl_space*)acl_at(table, ((acl_u64)c->space_line + acl_home_line(hash, lines)) * acl_line_bytes);
    ACL_CHECK(space);
    for (i = 0; i < acl_spaces; ++i) {
      if (space[i].high == high && space[i].middle == middle && space[i].number != 0) return space[i].number;
    }
    if (space[acl_spaces - 1].number == 0) return 0;
    hash = acl_second_hash(hash);
  }
  return 0;
}

// The class of an exact address, 0 if it is not listed.
ACL_LOOKUP acl_u32 acl_find_exact(const struct acl_table* table, const struct acl_classifier* c, acl_u64 key) {
  acl_u32 lines = c->hash_lines, turn, i;
  acl_u64 hash = key * c->multiplier;
  if (lines == 0) return 0;
  for (turn = 0; turn < 2; ++turn) {
    const acl_u64* slot =
        (const acl_u64*)acl_at(table, ((acl_u64)c->hash_line + acl_home_line(hash, lines)) * acl_line_bytes);
    acl_u64 found = 0;
    ACL_CHECK(slot);
#if defined(__bpf__)
    // Which slot it is cannot be predicted, but no instruction there turns a comparison into a number, and arithmetic that does costs
    // more than the branches. What a slot with this key differs in from the key is its class.
    for (i = 0; i < acl_slots; ++i) {
      found = slot[i] ^ key << 16;
      if (found <= 0xffff) return (acl_u32)found;
    }
    found = 0;
#else
    // Without a branch for each slot: which one it is cannot be predicted.
    for (i = 0; i < acl_slots; ++i) found |= (slot[i] >> 16) == key ? slot[i] : 0;
#endif
    if (found != 0) return (acl_u32)(found & 0xffff);
    if (slot[acl_slots - 1] == 0) return 0;
    hash = acl_second_hash(hash);
  }
  return 0;
}

// The class at `index` of the classes that follow `count` starts of `start_bytes` bytes.
ACL_LOOKUP acl_u32 acl_interval_class(const struct acl_table* table, acl_u32 line, acl_u32 count, acl_u32 start_bytes,
                                      acl_u32 index) {
  acl_u64 starts = ((acl_u64)count * start_bytes + acl_line_bytes - 1) / acl_line_bytes * acl_line_bytes;
  const acl_u16* found = (const acl_u16*)acl_at(table, (acl_u64)line * acl_line_bytes + starts + (acl_u64)index * 2);
  ACL_CHECK(found);
  return *found;
}

// The last of the ascending starts that is not above the address: a binary search of fixed direction, one load a step.
ACL_LOOKUP acl_u32 acl_find_v4_interval(const struct acl_table* table, acl_u32 line, acl_u32 count, acl_u32 address) {
  acl_u32 low = 0, step, left = count;
  if (count == 0) return 0;
  for (step = 0; step < acl_most_steps; ++step) {
    acl_u32 half = left / 2;
    const acl_u32* start;
    if (left <= 1) break;
    start = (const acl_u32*)acl_at(table, (acl_u64)line * acl_line_bytes + ((acl_u64)low + half) * 4);
    ACL_CHECK(start);
    low += half & (0 - (acl_u32)acl_not_above(*start, address));
    left -= half;
  }
  return acl_interval_class(table, line, count, 4, low);
}

ACL_LOOKUP acl_u32 acl_find_v6_interval(const struct acl_table* table, acl_u32 line, acl_u32 count, acl_u64 high,
                                        acl_u64 low_bits) {
  acl_u32 low = 0, step, left = count;
  if (count == 0) return 0;
  for (step = 0; step < acl_most_steps; ++step) {
    acl_u32 half = left / 2;
    const acl_u64* start;
    if (left <= 1) break;
    start = (const acl_u64*)acl_at(table, (acl_u64)line * acl_line_bytes + ((acl_u64)low + half) * 16);
    ACL_CHECK(start);
    if (start[0] < high || (start[0] == high && start[1] <= low_bits)) low += half;
    left -= half;
  }
  return acl_interval_class(table, line, count, 16, low);
}

// The class of an address, exact or by interval.
ACL_LOOKUP acl_u32 acl_class_v4(const struct acl_table* table, const struct acl_classifier* c, acl_u32 address) {
  acl_u32 found = acl_find_exact(table, c, address);
  return found != 0 ? found : acl_find_v4_interval(table, c->v4_line, c->v4_count, address);
}

ACL_LOOKUP acl_u32 acl_class_v6(const struct acl_table* table, const struct acl_classifier* c, acl_u64 high,
                                acl_u64 low) {
  acl_u32 space = acl_find_space(table, c, high, (acl_u32)(low >> 32));
  acl_u32 found = space == 0 ? 0 : acl_find_exact(table, c, (acl_u64)space << 32 | (acl_u32)low);
  return found != 0 ? found : acl_find_v6_interval(table, c->v6_line, c->v6_count, high, low);
}

ACL_LOOKUP const struct acl_hot* acl_hot_header(const struct acl_table* table) {
  return (const struct acl_hot*)table->base;
}

// The class of a source, 0 if no rule has it.
ACL_LOOKUP acl_u32 acl_source_v4(const struct acl_table* table, acl_u32 address) {
  return acl_class_v4(table, &acl_hot_header(table)->sources, address);
}
ACL_LOOKUP acl_u32 acl_source_v6(const struct acl_table* table, acl_u64 high, acl_u64 low) {
  return acl_class_v6(table, &acl_hot_header(table)->sources, high, low);
}

// The class of a destination that is none of the node's own addresses: something behind it. The classes of its own addresses
// are in its node header.
ACL_LOOKUP acl_u32 acl_destination_v4(const struct acl_table* table, acl_u32 address) {
  const struct acl_hot* hot = acl_hot_header(table);
  return acl_find_v4_interval(table, hot->destinations.v4_line, hot->destinations.v4_count, address);
}
ACL_LOOKUP acl_u32 acl_destination_v6(const struct acl_table* table, acl_u64 high, acl_u64 low) {
  const struct acl_hot* hot = acl_hot_header(table);
  return acl_find_v6_interval(table, hot->destinations.v6_line, hot->destinations.v6_count, high, low);
}

// The pair word of two classes; 0 if one of them is none or beyond the part's (which open() excludes).
ACL_LOOKUP acl_u32 acl_pair(const struct acl_table* table, acl_u32 source, acl_u32 destination) {
  const struct acl_hot* hot = acl_hot_header(table);
  const acl_u32* word;
  acl_u64 index;
  if (source == 0 || destination == 0 || source > hot->part.source_classes || destination > hot->destination_classes)
    return 0;
  index = (acl_u64)(source - 1) * hot->destination_classes + (destination - 1);
  word = (const acl_u32*)acl_at(table, (acl_u64)hot->pair_line * acl_line_bytes + index * 4);
  ACL_CHECK(word);
  return *word;
}

ACL_LOOKUP acl_u64 acl_list_offset(const struct acl_table* table, acl_u32 word) {
  return (acl_u64)acl_hot_header(table)->list_line * acl_line_bytes + (acl_u64)word * 8;
}

// 1 if a list word is not above the limit, whose lowest bit is set.
ACL_LOOKUP acl_u64 acl_begins(acl_u64 word, acl_u64 limit) { return acl_not_above(word >> 1, limit >> 1); }

// How many words of a list are left when it is walked to the end: in eBPF a line of them, behind one check of its bounds, which is
// cheaper there than three steps of a search.
#if defined(__bpf__)
ACL_CONSTANT acl_walked = 8;
#else
ACL_CONSTANT acl_walked = 1;
#endif

// The word of the list that holds `at`, or, if `any`, the first that reaches to `at` or beyond; 0 if there is none. (No word of
// a list is 0: its range would end at protocol 0, port 0, which is written with the range of all ports.)
//
// Words ascend and do not overlap, so the word that holds `at`, if any, is the last that does not begin above it, and words
// can be compared whole. Which way a search turns cannot be predicted, so it does not branch on it: only the length of the list
// decides how many steps there are, and the next step's place is chosen, not jumped to.
ACL_LOOKUP acl_u64 acl_search_list(const struct acl_table* table, acl_u32 pair, acl_u32 at, int any) {
  const acl_u64 limit = (acl_u64)at << 40 | 0xffffffffffULL;
  acl_u32 count = pair & 0xff, left, step;
  acl_u32 from = pair >> 8, end;  // words; 32 bits, of which the verifier soon knows nothing, and so walks a loop once
  const acl_u64* word;
  if (pair == 0) return 0;
  if (count == acl_long_list) {
    word = (const acl_u64*)acl_at(table, acl_list_offset(table, from));
    ACL_CHECK(word);
    count = (acl_u32)(*word >> 16);
    ++from;
  }
  end = from + count;
  left = count;
  for (step = 0; step < acl_most_steps; ++step) {
    acl_u32 half = left / 2;
    if (left <= acl_walked) break;
    word = (const acl_u64*)acl_at(table, acl_list_offset(table, from + half));
    ACL_CHECK(word);
#if defined(__bpf__)
    from += half & (0 - (acl_u32)acl_begins(*word, limit));
#else
    from = *word <= limit ? from + half : from;  // a conditional move, which a product is not
#endif
    left -= half;
  }
#if defined(__bpf__)
  // A list begins in the part, so that a line's length behind its beginning is in the map, which is longer by as much.
  word = (const acl_u64*)acl_at(table, acl_list_offset(table, from));
  ACL_CHECK(word);
  for (step = 1; step < acl_walked; ++step) {
    if (step >= left || word[step] > limit) break;
    ++from;
  }
#endif
  word = (const acl_u64*)acl_at(table, acl_list_offset(table, from));
  ACL_CHECK(word);
  if (*word > limit) return any ? *word : 0;  // the first of all begins above
  if (((acl_u32)(*word >> 16) & 0xffffff) >= at) return *word;
  if (!any || from + 1 == end) return 0;
  word = (const acl_u64*)acl_at(table, acl_list_offset(table, from + 1));
  ACL_CHECK(word);
  return *word;
}

// What a pair of classes allows: the number of the rule + 1, or 0. `any`: whether it allows anything of the protocol, on whatever
// port, the first such rule; else `port` is the destination port, and of a protocol without ports any number will do. A program
// calls this one once, not the two below in two branches, or the verifier walks the search twice.
ACL_LOOKUP acl_u32 acl_answer(const struct acl_table* table, acl_u32 pair, acl_u32 protocol, acl_u32 port, int any) {
  acl_u64 word = acl_search_list(table, pair, protocol << 16 | (any ? 0 : port), any);
  if (word == 0 || (acl_u32)(word >> 56) > protocol) return 0;
  return (acl_u32)(word & 0xffff) + 1;
}

ACL_LOOKUP acl_u32 acl_allows(const struct acl_table* table, acl_u32 pair, acl_u32 protocol, acl_u32 port) {
  return acl_answer(table, pair, protocol, port, 0);
}

ACL_LOOKUP acl_u32 acl_allows_any(const struct acl_table* table, acl_u32 pair, acl_u32 protocol) {
  return acl_answer(table, pair, protocol, 0, 1);
}
