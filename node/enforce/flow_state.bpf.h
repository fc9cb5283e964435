// flow_state: the maps of flow state of a program in the kernel, and what is looked up in them and written (engine/table/flow.h says
// which, docs/packet-semantics.md section 6 why). For programs; whoever includes it says how many entries the two hash maps have,
// ACL_RECORDS and ACL_MARKS, until the loader says otherwise.
//
// In: keys, the time. Out: facts for acl_decide(); its effects, in the maps. What does not fit is a coarse mark; no other error matters:
// a record that could not be written lets nothing in.
#ifndef ACL_NODE_ENFORCE_FLOW_STATE_BPF_H
#define ACL_NODE_ENFORCE_FLOW_STATE_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "engine/table/flow.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, ACL_RECORDS);
  __type(key, struct acl_flow_key);
  __type(value, acl_stamp);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, ACL_MARKS);
  __type(key, struct acl_flow_key);
  __type(value, acl_stamp);
} marks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ACL_COARSE_MARKS);
  __uint(map_flags, BPF_F_MMAPABLE);  // the sweep exchanges stamps atomically
  __type(key, __u32);
  __type(value, acl_stamp);
} coarse SEC(".maps");

ACL_INLINE void acl_look_up_flow(const struct acl_flow_key* key, uint8_t wants, acl_stamp now,
                                 struct acl_flow_facts* flow) {
  if (wants & ACL_WANT_RECORD) {
    const acl_stamp* seen = bpf_map_lookup_elem(&records, key);
    if (seen) flow->record = acl_stamp_state(key->protocol, *seen, now);
  }
  if (wants & ACL_WANT_MARK && flow->record == ACL_STAMP_NONE) {
    const acl_stamp* seen = bpf_map_lookup_elem(&marks, key);
    const uint8_t mark = seen ? acl_stamp_state(key->protocol, *seen, now) : ACL_STAMP_NONE;
    __u32 index = acl_coarse_index(key);
    const acl_stamp* stamp = bpf_map_lookup_elem(&coarse, &index);
    flow->mark = acl_mark_state(mark, key->protocol, stamp ? *stamp : now, now);
  }
}

// The key is of no use afterwards: for a second one, that of the pair, there is no room on a program's stack.
ACL_INLINE void acl_apply_to_flow(struct acl_flow_key* key, uint8_t effects, acl_stamp now) {
  if (effects & ACL_END_RECORD) bpf_map_delete_elem(&records, key);
  if (effects & ACL_SET_MARK && bpf_map_update_elem(&marks, key, &now, BPF_ANY) != 0) {
    __u32 index = acl_coarse_index(key);
    acl_stamp* stamp = bpf_map_lookup_elem(&coarse, &index);
    if (stamp) *stamp = now;
  }
  if (effects & ACL_SET_RECORD) {
    bpf_map_update_elem(&records, key, &now, BPF_ANY);
    acl_pair_of(key, key);
    bpf_map_update_elem(&records, key, &now, BPF_ANY);
  }
}

#endif
