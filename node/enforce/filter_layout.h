// filter_layout: what the packet filter's program and user space share: the value that holds a table, counters, settings.
//
// Restricted C that is also C++20. A table's value is one element of an array map: a head with the node's own addresses, then
// the hot part (engine/table/layout.h), both written once and swapped as one.
#ifndef ACL_NODE_ENFORCE_FILTER_LAYOUT_H
#define ACL_NODE_ENFORCE_FILTER_LAYOUT_H

#include "engine/table/layout.h"

// Of the maps' keys and values as they stand here and in engine/table/flow.h; part of the names they are pinned under, so that a
// program never takes over a map that it would read otherwise.
#define ACL_FILTER_VERSION "v1"

// Own addresses are found by one load: 256 slots for at most 64 addresses, and a multiplier for which no two meet.
#define ACL_OWN_SLOTS 256

struct acl_own_slot {
  acl_u64 high;
  acl_u64 low;     // of IPv4 as in struct acl_address: ::ffff:a.b.c.d
  acl_u32 number;  // its destination class + 1; 0: the slot is empty
  acl_u32 zero;
};

struct acl_filter_head {
  acl_u64 multiplier;
  acl_u32 table_bytes;  // of the hot part; 0: there is none, every packet in is dropped
  acl_u32 zero[13];
  struct acl_own_slot own[ACL_OWN_SLOTS];
};

static inline __attribute__((always_inline)) acl_u32 acl_own_index(acl_u64 multiplier, acl_u64 high, acl_u64 low) {
  return (acl_u32)((((high ^ (high >> 29)) * 0x9e3779b97f4a7c15ULL ^ low) * multiplier) >> 56);
}

// Counters by reason: enum acl_why, and this one.
#define ACL_DROP_NO_TABLE 11
#define ACL_COUNTERS 16

struct acl_filter_counters {
  acl_u64 packets[ACL_COUNTERS];
};

// CLOCK_BOOTTIME at the tick of the kernel's coarse clock.
struct acl_filter_clock {
  acl_u64 tick;
  acl_u64 now;
};

// Constants of the program, set before it is loaded; the verifier knows them and leaves out what they switch off.
struct acl_filter_settings {
  acl_u64 most_offset;    // into the hot part: its bytes in the map's value, less one line
  acl_u32 link_header;    // bytes before the IP header: 0 (WireGuard, TUN) or 14 (Ethernet)
  acl_u32 mark;           // set in skb->mark of each packet let in
  acl_u32 clock_from_cb;  // for tests: the time is in skb->cb[0] and [1], low word first
  acl_u32
      verdict_in_cb;  // for tests: what was decided goes to skb->cb[2] (why | effects << 8 | kind << 16) and [3] (rule)
};

#endif
