// Before the packet filter, for filter_cost.cc: gives each packet another source out of `hosts` that follow each other, then calls the
// program under measurement as a tail. The same with an empty program is what is subtracted.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, 4);
} measured SEC(".maps");

// Set by filter_cost.cc, which knows this form.
volatile struct {
  __u32 hosts;   // 1: always the same source
  __u32 first;   // the low 32 bits of the first source
  __u32 offset;  // of these bits in the packet: 12 in IPv4, 20 in IPv6
  __u32 before;  // in IPv6, the 32 bits before them
  __u64 state;
} vary_settings = {1, 0, 12, 0, 0x9e3779b97f4a7c15ULL};

SEC("tc")
int vary(struct __sk_buff* skb) {
  __u8* data = (__u8*)(long)skb->data;
  const __u8* end = (const __u8*)(long)skb->data_end;
  const __u32 at = vary_settings.offset;
  __u64 state = vary_settings.state;
  // xorshift64 (Marsaglia 2003)
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  vary_settings.state = state;
  const __u32 source = vary_settings.first + (__u32)(((state >> 32) * vary_settings.hosts) >> 32);
  // Written as the filter reads it: a load right behind a store of less waits until the store is done (no store forwarding), which
  // is no cost of the filter's; a packet from outside was written long before.
  if (at == 12) {
    if (data + 16 > end) return TC_ACT_SHOT;
    *(__u32*)(data + 12) = bpf_htonl(source);
  } else {
    if (data + 24 > end) return TC_ACT_SHOT;
    *(__u64*)(data + 16) = bpf_cpu_to_be64((__u64)vary_settings.before << 32 | source);
  }
  bpf_tail_call(skb, &measured, 0);
  return TC_ACT_SHOT;
}

SEC("tc")
int empty(struct __sk_buff* skb) {
  (void)skb;
  return TC_ACT_UNSPEC;
}

char filter_cost_license[] SEC("license") = "Dual BSD/GPL";
