// The compiled program steer.bpf.c, byte by byte; made at build time.
#pragma once

#include <cstddef>

namespace acl::node {

extern const unsigned char steer_object[];
extern const std::size_t steer_object_bytes;

}  // namespace acl::node
