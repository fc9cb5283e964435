// One question to a decision table, as the kernel's program and user space both answer it. Restricted C that is also C++20.
#ifndef ACL_TESTS_PACKETS_LOOKUP_H
#define ACL_TESTS_PACKETS_LOOKUP_H

// Of the map's value, and so of the largest hot part that the program can be given.
#define ACL_TABLE_BYTES (1u << 20)
#include "engine/table/decide.h"

struct lookup_question {
  acl_u64 source_high, source_low;            // of IPv4 0 and its 32 bits
  acl_u64 destination_high, destination_low;  // the same
  acl_u32 own_class;                          // of a destination that is the node's own; 0: it is behind the node
  acl_u16 port;
  acl_u8 protocol;
  acl_u8 v6;
};

struct lookup_answer {
  acl_u32 source, destination;  // classes
  acl_u32 rule, any;            // as acl_allows and acl_allows_any answer
};

ACL_LOOKUP acl_u32 lookup_source(const struct acl_table* table, const struct lookup_question* q) {
  return q->v6 ? acl_source_v6(table, q->source_high, q->source_low) : acl_source_v4(table, (acl_u32)q->source_low);
}

ACL_LOOKUP acl_u32 lookup_destination(const struct acl_table* table, const struct lookup_question* q) {
  if (q->own_class != 0) return q->own_class;
  return q->v6 ? acl_destination_v6(table, q->destination_high, q->destination_low)
               : acl_destination_v4(table, (acl_u32)q->destination_low);
}

#endif
