// RecordingSettings, SshdSettings: tables [recording] and [sshd] of aclnode.toml.
//
//     [recording]
//     sessions = "rule"                     which sessions of logins by SSH: "off", "rule" (those whose rule names recorders), "all"
//     dir = "/var/lib/aclnode/recordings"   where; root's alone
//     accept_local = false                  this node's file counts as the recording, also where it has no tag of a recorder
//     keep_free_mb = 256                    so much of the disk stays free: what is more is a full disk
//     user = "aclnode-recorder"             whom the recorder runs as, a name or UID:GID
//
//     [sshd]                                the system's sshd asks this daemon whom it lets in (docs/node.md)
//     port = 2222                           where it listens; policy must let the source reach that port
#pragma once

#include <cstdint>
#include <string>

namespace acl::node {

struct RecordingSettings {
  std::string sessions = "rule";
  std::string dir;  // empty: recordings in the state folder
  bool accept_local = false;
  std::uint32_t keep_free_mb = 256;
  std::string user = "aclnode-recorder";

  friend bool operator==(const RecordingSettings&, const RecordingSettings&) = default;
};

struct SshdSettings {
  std::uint32_t port = 0;  // 0: no sshd asks

  friend bool operator==(const SshdSettings&, const SshdSettings&) = default;
};

// The tables that parse_config reads back, without what has its default; nothing if all has.
std::string print_recording(const RecordingSettings& recording);
std::string print_sshd(const SshdSettings& sshd);

}  // namespace acl::node
