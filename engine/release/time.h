// Time: seconds since 1970-01-01T00:00:00Z, as in every signed text of a release.
//
// Text form: RFC 3339 in UTC with whole seconds, "2026-11-26T15:55:55Z", exactly 20 characters; years 1970 to 9999, no leap
// second. Nothing here asks a clock: time is always passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace acl::release {

using Time = std::int64_t;

// 9999-12-31T23:59:59Z, the last time that can be written.
inline constexpr Time last_time_there_is = 253'402'300'799;

// Nothing unless the whole text is a time in the one form.
std::optional<Time> parse_time(std::string_view text) noexcept;

// A time before 1970 or after 9999 prints as the nearest that can be written.
std::string print_time(Time time);

}  // namespace acl::release
