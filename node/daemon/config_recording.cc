#include "node/daemon/config_recording.h"

#include <fmt/format.h>

#include "engine/release/text.h"
#include "node/daemon/config_recording_table.h"

namespace acl::node {

using release::quoted;

std::optional<Diagnostic> read_recording(ConfigTable& table, RecordingSettings& out) {
  table.text("sessions", out.sessions);
  table.text("dir", out.dir);
  table.flag("accept_local", out.accept_local);
  table.number("keep_free_mb", out.keep_free_mb, 0, 1'048'576);
  table.text("user", out.user);
  table.only();
  if (out.sessions != "off" && out.sessions != "rule" && out.sessions != "all")
    table.wrong("sessions", fmt::format("\"sessions\" = {} says not which are recorded", quoted(out.sessions)),
                "write \"off\", \"rule\" or \"all\"");
  if (!out.dir.empty() && out.dir.front() != '/')
    table.wrong("dir", fmt::format("\"dir\" = {} is no absolute path", quoted(out.dir)));
  if (out.user.empty()) table.wrong("user", "\"user\" names nobody", "a name, or UID:GID");
  return table.fault();
}

std::optional<Diagnostic> read_sshd(ConfigTable& table, SshdSettings& out) {
  table.number("port", out.port, 1, 65'535);
  table.only();
  if (out.port == 0) table.wrong("port", "no \"port\"", "where that sshd listens: port = 2222");
  return table.fault();
}

std::string print_recording(const RecordingSettings& recording) {
  const RecordingSettings defaults;
  if (recording == defaults) return {};
  std::string out = "\n[recording]\n";
  if (recording.sessions != defaults.sessions) out += fmt::format("sessions = {}\n", toml_text(recording.sessions));
  if (recording.dir != defaults.dir) out += fmt::format("dir = {}\n", toml_text(recording.dir));
  if (recording.accept_local) out += "accept_local = true\n";
  if (recording.keep_free_mb != defaults.keep_free_mb)
    out += fmt::format("keep_free_mb = {}\n", recording.keep_free_mb);
  if (recording.user != defaults.user) out += fmt::format("user = {}\n", toml_text(recording.user));
  return out;
}

std::string print_sshd(const SshdSettings& sshd) {
  return sshd.port == 0 ? std::string() : fmt::format("\n[sshd]\nport = {}\n", sshd.port);
}

}  // namespace acl::node
