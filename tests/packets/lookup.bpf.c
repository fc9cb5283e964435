// The lookup of decision tables as it runs in the kernel: engine/table/decide.h over a hot part in an array map that user space fills
// through mmap. lookup_test.cc asks it question by question (BPF_PROG_TEST_RUN; the question is the packet) and compares. That it
// loads is the proof that the verifier accepts decide.h.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

// Not used here: what decides about packets goes into one program with the lookup.
#include "engine/table/flow.h"
#include "tests/packets/lookup.h"

struct part {
  acl_u8 bytes[ACL_TABLE_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct part);
} parts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct lookup_answer);
} answers SEC(".maps");

SEC("tc")
int lookup(struct __sk_buff* skb) {
  struct lookup_question question;
  __u32 zero = 0;
  struct part* part = bpf_map_lookup_elem(&parts, &zero);
  struct lookup_answer* answer = bpf_map_lookup_elem(&answers, &zero);
  if (!part || !answer || bpf_skb_load_bytes(skb, 0, &question, sizeof question) != 0) return -1;
  const struct acl_table table = {part->bytes};
  const acl_u32 source = lookup_source(&table, &question);
  const acl_u32 destination = lookup_destination(&table, &question);
  const acl_u32 pair = acl_pair(&table, source, destination);
  answer->source = source;
  answer->destination = destination;
  answer->rule = acl_allows(&table, pair, question.protocol, question.port);
  answer->any = acl_allows_any(&table, pair, question.protocol);
  return 0;
}

char lookup_license[] SEC("license") = "Dual BSD/GPL";
