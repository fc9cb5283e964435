#include "node/ssh/byte_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace acl::node::ssh {
namespace {

RC_GTEST_PROP(ByteQueue, WhatGoesInComesOutInOrder, (const std::vector<std::vector<std::uint8_t>>& pieces)) {
  ByteQueue queue;
  std::vector<std::uint8_t> in;
  std::vector<std::uint8_t> out;
  for (const auto& piece : pieces) {
    queue.append(piece);
    in.insert(in.end(), piece.begin(), piece.end());
    const auto front = queue.front();
    const std::size_t some = front.empty() ? 0 : *rc::gen::inRange<std::size_t>(0, front.size() + 1);
    out.insert(out.end(), front.begin(), front.begin() + static_cast<std::ptrdiff_t>(some));
    queue.pop(some);
    RC_ASSERT(in.size() - out.size() == queue.size());
  }
  const auto rest = queue.front();
  out.insert(out.end(), rest.begin(), rest.end());
  RC_ASSERT(in == out);
}

}  // namespace
}  // namespace acl::node::ssh
