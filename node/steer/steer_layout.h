// steer_layout: what the steering program and user space share. Restricted C that is also C++20.
#ifndef ACL_NODE_STEER_STEER_LAYOUT_H
#define ACL_NODE_STEER_STEER_LAYOUT_H

#include <linux/types.h>

// A key of the sets of addresses: the bytes as on the network; of IPv4 ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), which no packet has.
struct acl_steer_address {
  __u8 bytes[16];
};

#define ACL_STEER_OWN 256      // own addresses: of the interface, and of the table, which has at most 64
#define ACL_STEER_LOCAL 65536  // addresses of this host

// The one element of `settings`.
struct acl_steer_settings {
  __u32 ifindex;  // of the WireGuard interface; 0: there is none, and nothing is steered
  __u32 master;   // of the one that it is enslaved to (a VRF), which is where sockets see its packets come in; 0: none
  __u32 port;
};

enum acl_steer_listener { ACL_STEER_V4, ACL_STEER_V6, ACL_STEER_LISTENERS };

#endif
