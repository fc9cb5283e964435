// Logins that live: which there are, what of them is recorded, and the end that root wants for one.
#include <algorithm>

#include "node/daemon/logins.h"

namespace acl::node {
namespace {

// Names that are kept of one login; its records have them all.
constexpr std::size_t most_recordings_kept = 64;

}  // namespace

// Ahead of the decision, so that no session begins without.
bool Logins::say_record(Login& login) {
  if (!login.answer.record) return true;
  const RecordingSettings& recording = settings_.recording;
  return say(login, protocol::Record{login.answer.enforce_recording, recording.dir, recording.user,
                                     std::uint64_t{recording.keep_free_mb} << 20});
}

void Logins::hear_recording(Login& login, const protocol::FromSession& message) {
  const auto* const recording = std::get_if<protocol::Recording>(&message);
  const auto* const missed = std::get_if<protocol::NotRecorded>(&message);
  if (recording != nullptr && login.recordings.size() < most_recordings_kept)
    login.recordings.push_back(protocol::shown(recording->file));
  // From now on it is none that was recorded, should a new table demand that.
  if (missed != nullptr) login.answer.record = false;
  decisions_.record(clocks_.wall(), recording != nullptr ? "recording" : "not-recorded",
                    {{"connection", std::to_string(login.number)},
                     {"source", login.source.address.text()},
                     {"node", login.answer.node},
                     {"identity", login.answer.identity},
                     {"account", login.asked.user},
                     {"rule", login.answer.why.rule},
                     {"file", recording != nullptr ? protocol::shown(recording->file) : ""},
                     {"error", missed != nullptr ? protocol::shown(missed->words) : ""}});
  // The table may demand it by now, though the one that let the login in did not.
  if (missed != nullptr && login.live && !is_silence_short()) decide_again(login);
}

std::vector<LiveLogin> Logins::live() const {
  std::vector<LiveLogin> out;
  for (const auto& [key, login] : logins_) {
    if (!login.live) continue;
    out.push_back({login.number, login.source.address, login.answer.node, login.answer.identity, login.asked.user,
                   login.answer.why.rule, login.since, login.answer.record, login.recordings});
  }
  std::sort(out.begin(), out.end(), [](const LiveLogin& a, const LiveLogin& b) { return a.since < b.since; });
  return out;
}

bool Logins::end_one(std::uint64_t number, const std::string& words) {
  for (auto& [key, login] : logins_) {
    if (login.number != number || !login.live) continue;
    end(login, words);
    return true;
  }
  return false;
}

}  // namespace acl::node
