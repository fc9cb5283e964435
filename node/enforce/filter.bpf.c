// The packet filter of docs/packet-semantics.md on a WireGuard interface: `ingress` judges what comes in, `egress` writes down what
// this side starts. engine/table has all of the judgement (packet.h, decide.h, flow.h); here are the maps and the order of steps.
//
// In: packets; the table in the inner map of `tables`, filled and frozen by filter.cc, which has narrowed it to the sources that
// are admitted right now, so that a source's class says at once that it is known, bound and none of this node's own addresses.
// Out: pass is TCX_NEXT (TC_ACT_UNSPEC), whatever comes after has its say; drop is TC_ACT_SHOT. What is let in carries the mark that
// the guard asks for.
//
// Nothing here fails open: without a table, or with offsets that lead out of it, a packet in is dropped.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "engine/table/common_packet.h"
#include "engine/table/flow.h"
#include "node/enforce/filter_layout.h"

// Set before they are made.
#define ACL_RECORDS 1
#define ACL_MARKS 1
#include "node/enforce/flow_state.bpf.h"

const volatile struct acl_filter_settings settings = {0, 0, 0, 0, 0};

#define ACL_TABLE_BYTES (settings.most_offset + 64)
#include "engine/table/decide.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct acl_filter_counters);
} counters SEC(".maps");

// The last reading of the clock; of this program alone, so it is not pinned.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct acl_filter_clock);
} clocks SEC(".maps");

// The inner map's value has settings.most_offset + 64 bytes behind its head.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __uint(map_flags, BPF_F_RDONLY_PROG);
        __uint(key_size, 4);
        __uint(value_size, 65536);
      });
} tables SEC(".maps");

// A global function, so that the verifier judges it once, by itself, and not anew for every path that leads on from it.
// `packet` is zero.
__attribute__((noinline)) int parse(struct __sk_buff* skb, struct acl_packet* packet) {
  if (!packet) return 0;
  const uint8_t* data = (const uint8_t*)(long)skb->data;
  const uint8_t* end = (const uint8_t*)(long)skb->data_end;
  acl_parse_into_zero(data, end, skb->len, settings.link_header == 14 ? 14 : 0, packet);
  return 0;
}

// Sees to it that what parse() reads lies in one piece. Where there is no memory for that, it is cut short there: malformed.
ACL_INLINE void gather(struct __sk_buff* skb) {
  const __u32 wanted = settings.link_header + ACL_PACKET_HEADERS;
  const __u32 linear = skb->data_end - skb->data;
  if (linear >= wanted || linear >= skb->len) return;
  bpf_skb_pull_data(skb, skb->len < wanted ? skb->len : wanted);
}

// CLOCK_BOOTTIME as it was at some time of the kernel's present tick, which is at most 10 ms old; stamps count seconds. To read it costs as
// much as all the rest of a packet (30 ns in a virtual machine), to see that it is still the same tick next to nothing. The coarse
// clock does not count sleep, but goes on when the machine goes to sleep (timekeeping_suspend() in kernel/time/timekeeping.c), so that
// a reading from before is none of the tick after.
ACL_INLINE acl_stamp clock(const struct __sk_buff* skb) {
  if (settings.clock_from_cb) return (acl_stamp)skb->cb[1] << 32 | skb->cb[0];
  __u32 zero = 0;
  const __u64 tick = bpf_ktime_get_coarse_ns();
  struct acl_filter_clock* last = bpf_map_lookup_elem(&clocks, &zero);
  if (!last) return bpf_ktime_get_boot_ns();
  if (last->tick != tick) {
    last->now = bpf_ktime_get_boot_ns();
    last->tick = tick;
  }
  return last->now;
}

// --- the table ---

ACL_INLINE struct acl_filter_head* current_table(void) {
  __u32 zero = 0;
  void* inner = bpf_map_lookup_elem(&tables, &zero);
  return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}

// The family is the packet's, which a quote shares; not asked of the address, since in a quote ::ffff:a.b.c.d may stand as IPv6.
ACL_INLINE acl_u32 source_class(const struct acl_table* table, int v4, const struct acl_address* address) {
  return v4 ? acl_source_v4(table, (acl_u32)address->low) : acl_source_v6(table, address->high, address->low);
}

// The class of one of this node's own addresses + 1; 0 if it is none of them.
ACL_INLINE acl_u32 own_number(const struct acl_filter_head* head, const struct acl_address* address) {
  const struct acl_own_slot* slot = &head->own[acl_own_index(head->multiplier, address->high, address->low) & 0xff];
  return slot->high == address->high && slot->low == address->low ? slot->number : 0;
}

ACL_INLINE acl_u32 destination_class(const struct acl_filter_head* head, const struct acl_table* table, int v4,
                                     const struct acl_address* address) {
  const acl_u32 own = own_number(head, address);
  if (own) return own - 1;
  return v4 ? acl_destination_v4(table, (acl_u32)address->low) : acl_destination_v6(table, address->high, address->low);
}

// What the table answers to a question, asked by a source of this class.
ACL_INLINE void answer(const struct acl_filter_head* head, acl_u32 source, int v4, const struct acl_question* question,
                       struct acl_table_facts* facts) {
  const struct acl_table table = {(const acl_u8*)(head + 1)};
  const acl_u32 pair = acl_pair(&table, source, destination_class(head, &table, v4, &question->destination));
  const acl_u32 rule = acl_answer(&table, pair, question->protocol, question->port, question->any);
  facts->allowed = rule != 0;
  facts->rule = rule - (rule != 0);
}

// What the table says of a packet in that is no ICMP error.
ACL_INLINE void ask(const struct acl_filter_head* head, const struct acl_packet* packet,
                    struct acl_table_facts* facts) {
  const struct acl_table table = {(const acl_u8*)(head + 1)};
  struct acl_question question;
  const acl_u32 source = source_class(&table, packet->family == 4, &packet->source);
  facts->known = facts->bound = source != 0;
  if (source == 0) {
    facts->own = own_number(head, &packet->source) != 0;
    return;
  }
  acl_question_of(packet, &question);
  if (question.asked) answer(head, source, packet->family == 4, &question, facts);
}

// … of any: a global function, as parse() is, which takes the table by itself. `facts` are zero.
__attribute__((noinline)) int ask_any(const struct acl_packet* packet, struct acl_table_facts* facts) {
  const struct acl_filter_head* head = current_table();
  struct acl_question question;
  if (!packet || !facts || !head) return 0;
  const struct acl_table table = {(const acl_u8*)(head + 1)};
  const int v4 = packet->family == 4;
  acl_u32 source = source_class(&table, v4, &packet->source);
  facts->known = facts->bound = source != 0;
  facts->own = source == 0 && own_number(head, &packet->source) != 0;
  acl_question_of(packet, &question);
  if (source == 0 || !question.asked) return 0;
  if (packet->kind == ACL_ICMP_ERROR) {
    source = source_class(&table, v4, &question.source);
    facts->far_known = facts->far_bound = source != 0;
  }
  answer(head, source, v4, &question, facts);
  return 0;
}

// The verdict and its effects, which are applied before the packet goes on.
ACL_INLINE struct acl_verdict judge(struct __sk_buff* skb, const struct acl_packet* packet, int direction,
                                    const struct acl_table_facts* facts) {
  struct acl_flow_facts flow = {0, 0};
  const uint8_t wants = acl_wants(packet, direction, facts);
  if (!wants) return acl_decide(packet, direction, facts, &flow);
  struct acl_flow_key key;
  const acl_stamp now = clock(skb);
  acl_flow_key_of(packet, direction, &key);
  acl_look_up_flow(&key, wants, now, &flow);
  const struct acl_verdict verdict = acl_decide(packet, direction, facts, &flow);
  if (verdict.effects) acl_apply_to_flow(&key, verdict.effects, now);
  return verdict;
}

ACL_INLINE void count(__u32 why) {
  __u32 zero = 0;
  struct acl_filter_counters* all = bpf_map_lookup_elem(&counters, &zero);
  if (all && why < ACL_COUNTERS) ++all->packets[why];
}

ACL_INLINE void tell(struct __sk_buff* skb, const struct acl_packet* packet, const struct acl_verdict* verdict) {
  if (!settings.verdict_in_cb) return;
  skb->cb[2] = verdict->why | (__u32)verdict->effects << 8 | (__u32)packet->kind << 16;
  skb->cb[3] = verdict->rule;
}

// --- the common packets, and all others ---

ACL_INLINE int finish(struct __sk_buff* skb, const struct acl_packet* packet, const struct acl_verdict* verdict,
                      int direction) {
  count(verdict->why);
  tell(skb, packet, verdict);
  if (!verdict->pass) return TC_ACT_SHOT;
  if (direction == ACL_IN) skb->mark |= settings.mark;
  return TC_ACT_UNSPEC;
}

// Global, as parse() is, so that what the two have on the stack does not cost the common packets anything.
__attribute__((noinline)) int ingress_any(struct __sk_buff* skb) {
  struct acl_packet packet;
  struct acl_table_facts facts = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  gather(skb);
  __builtin_memset(&packet, 0, sizeof packet);
  parse(skb, &packet);
  if (packet.kind != ACL_MALFORMED) ask_any(&packet, &facts);
  const struct acl_verdict verdict = judge(skb, &packet, ACL_IN, &facts);
  return finish(skb, &packet, &verdict, ACL_IN);
}

__attribute__((noinline)) int egress_any(struct __sk_buff* skb) {
  struct acl_packet packet;
  const struct acl_table_facts facts = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  gather(skb);
  __builtin_memset(&packet, 0, sizeof packet);
  parse(skb, &packet);
  const struct acl_verdict verdict = judge(skb, &packet, ACL_OUT, &facts);
  return finish(skb, &packet, &verdict, ACL_OUT);
}

// `family` is a constant. A program for Ethernet, as tests have it, takes the long way.
ACL_INLINE int ingress_common(struct __sk_buff* skb, const struct acl_filter_head* head, int family) {
  struct acl_packet packet;
  struct acl_table_facts facts = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint8_t* data = (const uint8_t*)(long)skb->data;
  const uint8_t* end = (const uint8_t*)(long)skb->data_end;
  if (!acl_parse_common(data, end, skb->len, family, &packet)) return ingress_any(skb);
  ask(head, &packet, &facts);
  const struct acl_verdict verdict = judge(skb, &packet, ACL_IN, &facts);
  return finish(skb, &packet, &verdict, ACL_IN);
}

ACL_INLINE int egress_common(struct __sk_buff* skb, int family) {
  struct acl_packet packet;
  const struct acl_table_facts facts = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint8_t* data = (const uint8_t*)(long)skb->data;
  const uint8_t* end = (const uint8_t*)(long)skb->data_end;
  if (!acl_parse_common(data, end, skb->len, family, &packet)) return egress_any(skb);
  const struct acl_verdict verdict = judge(skb, &packet, ACL_OUT, &facts);
  return finish(skb, &packet, &verdict, ACL_OUT);
}

ACL_INLINE int family_of(const struct __sk_buff* skb) {
  if (settings.link_header != 0) return 0;
  return acl_common_family((const uint8_t*)(long)skb->data, (const uint8_t*)(long)skb->data_end);
}

SEC("tc")
int ingress(struct __sk_buff* skb) {
  const struct acl_filter_head* head = current_table();
  if (!head || head->table_bytes == 0) {
    count(ACL_DROP_NO_TABLE);
    return TC_ACT_SHOT;
  }
  const int family = family_of(skb);
  if (family == 4) return ingress_common(skb, head, 4);
  if (family == 6) return ingress_common(skb, head, 6);
  return ingress_any(skb);
}

SEC("tc")
int egress(struct __sk_buff* skb) {
  const int family = family_of(skb);
  if (family == 4) return egress_common(skb, 4);
  if (family == 6) return egress_common(skb, 6);
  return egress_any(skb);
}

char filter_license[] SEC("license") = "Dual BSD/GPL";
