// What `aclnode sessions` shows: logins that live, as the daemon says, and recordings. Texts of others are shown escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/daemon/logins.h"
#include "node/daemon/recordings.h"

namespace acl::node {

// JSON of the daemon's answers.
std::string live_sessions_json(std::span<const LiveLogin> logins);
std::string sshd_sources_json(std::span<const net::Address> sources);
// The addresses of that; nothing: it is none.
std::optional<std::vector<std::string>> sshd_sources_of(std::string_view json);
// Digits, and nothing else.
std::optional<std::uint64_t> session_number(std::string_view text);

// {"live": […], "recordings": […]}; `live`: the daemon's answer, or empty: there is no daemon.
std::string sessions_json(std::string_view live, std::span<const RecordingFile> recordings);
std::string sessions_text(std::string_view live, std::span<const RecordingFile> recordings);

}  // namespace acl::node
