// A decision table for tests that needs no memory: every answer is a hash of the question and of a version, so that the kernel's
// program and user space get the same answers, and another version is another table. Restricted C that is also C++20.
//
// Own are the addresses whose last byte is 1 or 2. Of the others 7 of 8 are known, 7 of 8 of these bound; a quarter of the
// questions that can be asked is answered yes.
#ifndef ACL_TESTS_PACKETS_STUB_TABLE_H
#define ACL_TESTS_PACKETS_STUB_TABLE_H

#include "engine/table/flow.h"

ACL_INLINE uint64_t stub_mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

ACL_INLINE uint64_t stub_hash(const struct acl_address* address, uint64_t salt) {
  return stub_mix(stub_mix(address->high + salt) + address->low);
}

ACL_INLINE uint8_t stub_own(const struct acl_address* address) {
  const uint8_t last = (uint8_t)address->low;
  return last == 1 || last == 2;
}

ACL_INLINE uint8_t stub_known(const struct acl_address* address, uint32_t version) {
  return (stub_hash(address, 0x100000000ULL + version) & 7) != 0;
}

ACL_INLINE uint8_t stub_bound(const struct acl_address* address, uint32_t version) {
  return (stub_hash(address, 0x200000000ULL + version) & 7) != 0;
}

ACL_INLINE uint64_t stub_answer(const struct acl_question* question, uint32_t version) {
  const uint64_t what = question->any ? 0x10000ULL : question->port;
  return stub_mix(stub_hash(&question->source, version) ^ stub_hash(&question->destination, 0x300000000ULL) ^
                  (what << 8) ^ question->protocol);
}

ACL_INLINE void stub_facts(const struct acl_packet* packet, const struct acl_question* question, uint32_t version,
                           struct acl_table_facts* facts) {
  __builtin_memset(facts, 0, sizeof *facts);
  facts->known = stub_known(&packet->source, version);
  facts->bound = stub_bound(&packet->source, version);
  facts->own = stub_own(&packet->source);
  if (!question->asked) return;
  const uint64_t answer = stub_answer(question, version);
  facts->far_known = stub_known(&question->source, version);
  facts->far_bound = stub_bound(&question->source, version);
  facts->far_own = stub_own(&question->source);
  facts->allowed = (answer & 3) == 0;
  facts->rule = (uint32_t)(answer >> 8) & 0xffff;
}

// A verdict as one number, for a program's return value.
ACL_INLINE uint32_t verdict_bits(const struct acl_packet* packet, const struct acl_verdict* verdict) {
  return verdict->rule | (uint32_t)verdict->why << 16 | (uint32_t)verdict->effects << 20 |
         (uint32_t)packet->kind << 24 | (uint32_t)verdict->pass << 31;
}

#endif
