// The packet filter without a decision table: packet.h, flow.h and the flow maps as they run in the kernel, the table's answers
// from stub_table.h. bpf_test.cc runs it packet by packet (BPF_PROG_TEST_RUN) and compares it with user space.
//
// In skb->cb: direction, version of the table, the time in nanoseconds (low word first), and 1 if the bytes begin with an
// Ethernet header, 0 if with the IP header, as on a WireGuard interface. Returns what verdict_bits() says.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/packets/stub_table.h"

#define ACL_RECORDS 262144
#define ACL_MARKS 128  // so few that it fills
#include "node/enforce/flow_state.bpf.h"

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
    acl_look_up_flow(&key, wants, now, &flow);
  }
  const struct acl_verdict verdict = acl_decide(&packet, direction, &facts, &flow);
  if (wants && verdict.effects) acl_apply_to_flow(&key, verdict.effects, now);
  return (int)verdict_bits(&packet, &verdict);
}

char packets_license[] SEC("license") = "Dual BSD/GPL";
