// The compiled program filter.bpf.c, byte by byte; made at build time, so that nothing but this library is needed on a node.
#pragma once

#include <cstddef>

namespace acl::node {

extern const unsigned char filter_object[];
extern const std::size_t filter_object_bytes;

}  // namespace acl::node
