// Durations as the policy language writes them: Go's time.ParseDuration.
//
// A sequence of decimal numbers, each with a unit: ns us µs ms s m h ("1h30m", "0.5h"); an optional sign in front; "0" alone.
// https://pkg.go.dev/time#ParseDuration
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace acl::policy {

// Nothing for a malformed text or one beyond 63 bits of nanoseconds (about 292 years); what is finer than one is cut off.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept;

// As Go prints it: "1h30m0s", "1.5s", "0s".
std::string print_duration(std::chrono::nanoseconds duration);

}  // namespace acl::policy
