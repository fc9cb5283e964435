// The steering program (SK_LOOKUP, Linux 5.9; ingress_ifindex, Linux 5.17): asked for each TCP connection that begins, which
// listener gets it (https://docs.kernel.org/bpf/prog_sk_lookup.html).
//
// A connection for port 22 of an own WireGuard address that came in by the WireGuard interface, and from another host, gets ours. If there
// is none, since aclnode is not running, the connection is refused: nobody whom policy keeps out meets the sshd of the system instead.
// All else is looked up as if this program were not there.
//
// Of an interface that is enslaved, to a VRF or the like, the index is its master's, for what comes in by others of that, too. Then there are
// no listeners: port 22 is refused at both.
//
// A connection from this host to its own WireGuard address has the interface's index, too, although it comes in by the loopback
// interface: hence the set of this host's addresses.
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "node/steer/steer_layout.h"

#define AF_INET 2
#define AF_INET6 10

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct acl_steer_settings);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, ACL_STEER_OWN);
  __type(key, struct acl_steer_address);
  __type(value, __u8);
} own SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, ACL_STEER_LOCAL);
  __type(key, struct acl_steer_address);
  __type(value, __u8);
} local SEC(".maps");

// Holds the listeners while they are open; a socket that is closed leaves it by itself.
struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, ACL_STEER_LISTENERS);
  __type(key, __u32);
  __type(value, __u64);
} listeners SEC(".maps");

static __always_inline void put_v4(struct acl_steer_address* out, __u32 address) {
  __builtin_memset(out, 0, 10);
  out->bytes[10] = out->bytes[11] = 0xff;
  __builtin_memcpy(&out->bytes[12], &address, 4);
}

static __always_inline void put_v6(struct acl_steer_address* out, __u32 a, __u32 b, __u32 c, __u32 d) {
  __builtin_memcpy(&out->bytes[0], &a, 4);
  __builtin_memcpy(&out->bytes[4], &b, 4);
  __builtin_memcpy(&out->bytes[8], &c, 4);
  __builtin_memcpy(&out->bytes[12], &d, 4);
}

SEC("sk_lookup")
int steer(struct bpf_sk_lookup* context) {
  const __u32 zero = 0;
  const struct acl_steer_settings* set = bpf_map_lookup_elem(&settings, &zero);
  if (!set || context->protocol != IPPROTO_TCP || context->local_port != set->port) return SK_PASS;
  const __u32 ingress = context->ingress_ifindex;
  if (set->ifindex == 0 || (ingress != set->ifindex && (set->master == 0 || ingress != set->master))) return SK_PASS;

  struct acl_steer_address to, from;
  __u32 which = ACL_STEER_V4;
  int loopback = 0;
  if (context->family == AF_INET) {
    put_v4(&to, context->local_ip4);
    put_v4(&from, context->remote_ip4);
    loopback = from.bytes[12] == 127;
  } else if (context->family == AF_INET6) {
    put_v6(&to, context->local_ip6[0], context->local_ip6[1], context->local_ip6[2], context->local_ip6[3]);
    put_v6(&from, context->remote_ip6[0], context->remote_ip6[1], context->remote_ip6[2], context->remote_ip6[3]);
    loopback = context->remote_ip6[0] == 0 && context->remote_ip6[1] == 0 && context->remote_ip6[2] == 0 &&
               context->remote_ip6[3] == bpf_htonl(1);
    which = ACL_STEER_V6;
  } else {
    return SK_PASS;
  }
  if (!bpf_map_lookup_elem(&own, &to) || loopback || bpf_map_lookup_elem(&local, &from)) return SK_PASS;

  struct bpf_sock* listener = bpf_map_lookup_elem(&listeners, &which);
  if (!listener) return SK_DROP;
  const long failed = bpf_sk_assign(context, listener, BPF_SK_LOOKUP_F_REPLACE);
  bpf_sk_release(listener);
  return failed ? SK_DROP : SK_PASS;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
