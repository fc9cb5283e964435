// The packet filter without a decision table: packet.h, flow.h and the flow maps as they run in the kernel, the table's answers
// from stub_table.h. bpf_test.cc runs it packet by packet (BPF_PROG_TEST_RUN) and compares it with user space.
//
// In skb->cb: direction, version of the table, the time in nanoseconds (low word first), and 1 if the bytes begin with an
// Ethernet header, 0 if with the IP header, as on a WireGuard interface. Returns what verdict_bits() says.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/packets/stub_table.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 262144);
  __type(key, struct acl_flow_key);
  __type(value, acl_stamp);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 128);  // so few that it fills
  __type(key, struct acl_flow_key);
  __type(value, acl_stamp);
} marks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ACL_COARSE_MARKS);
  __type(key, __u32);
  __type(value, acl_stamp);
} coarse SEC(".maps");

ACL_INLINE void look_up(const struct acl_flow_key* key, uint8_t wants, acl_stamp now, struct acl_flow_facts* flow) {
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

ACL_INLINE void apply(const struct acl_flow_key* key, uint8_t effects, acl_stamp now) {
  if (effects & ACL_SET_RECORD) {
    struct acl_flow_key pair;
    acl_pair_of(key, &pair);
    bpf_map_update_elem(&records, key, &now, BPF_ANY);
    bpf_map_update_elem(&records, &pair, &now, BPF_ANY);
  }
  if (effects & ACL_END_RECORD) bpf_map_delete_elem(&records, key);
  if (effects & ACL_SET_MARK && bpf_map_update_elem(&marks, key, &now, BPF_ANY) != 0) {
    __u32 index = acl_coarse_index(key);
    acl_stamp* stamp = bpf_map_lookup_elem(&coarse, &index);
    if (stamp) *stamp = now;
  }
}

// A global function, so that the verifier judges it once, by itself, and not anew for every path that leads on from it.
__attribute__((noinline)) int parse(struct __sk_buff* skb, int link_header, struct acl_packet* packet) {
  if (!packet) return 0;
  const uint8_t* data = (const uint8_t*)(long)skb->data;
  const uint8_t* end = (const uint8_t*)(long)skb->data_end;
  if (link_header) {
    acl_parse(data, end, skb->len, 14, packet);
  } else {
    acl_parse(data, end, skb->len, 0, packet);
  }
  return 0;
}

SEC("tc")
int packets(struct __sk_buff* skb) {
  const int direction = skb->cb[0] == ACL_OUT ? ACL_OUT : ACL_IN;
  const acl_stamp now = ((acl_stamp)skb->cb[3] << 32) | skb->cb[2];
  struct acl_packet packet;
  struct acl_question question;
  struct acl_table_facts facts;
  struct acl_flow_key key;
  struct acl_flow_facts flow = {0, 0};
  __builtin_memset(&packet, 0, sizeof packet);
  parse(skb, skb->cb[4] != 0, &packet);
  acl_question_of(&packet, &question);
  stub_facts(&packet, &question, skb->cb[1], &facts);
  const uint8_t wants = acl_wants(&packet, direction, &facts);
  if (wants) {
    acl_flow_key_of(&packet, direction, &key);
    look_up(&key, wants, now, &flow);
  }
  const struct acl_verdict verdict = acl_decide(&packet, direction, &facts, &flow);
  if (wants && verdict.effects) apply(&key, verdict.effects, now);
  return (int)verdict_bits(&packet, &verdict);
}

char packets_license[] SEC("license") = "Dual BSD/GPL";
