// Time for deadlines: milliseconds that only grow (CLOCK_MONOTONIC), and the one deadline that no code of this process can miss.
#pragma once

#include <cstdint>

namespace acl::node::session {

using Milliseconds = std::int64_t;

Milliseconds now_ms() noexcept;

// From now on in so many milliseconds this process gets SIGKILL, whatever it does then: PAM modules run in it. 0: no more. False: the
// system has no timer left.
bool kill_in(Milliseconds left) noexcept;

}  // namespace acl::node::session
