// Config: aclnode.toml, read whole and checked, or the first thing that is wrong with it.
//
//     interface = "wg0"                             the WireGuard interface to guard
//     source = "https://policy.example.com/release" where releases are: a folder, https://, etcd://, etcds:// (docs/stores.md)
//     trust = "/etc/aclnode/trust"                  the trust set, put there by a person, never fetched
//
//     [[break_glass]]                               who gets in while there is no valid table, and only then
//     from = "100.64.0.5"                           an address or prefix; believed only from
//     key = "…"                                     … the peer with this WireGuard public key
//     ports = ["22/tcp", "8000-8100/tcp"]
//     login = "root"                                and who may become this account by SSH, by port 22
//
//     [ssh]                                         logins by policy: off unless it says so
//     enabled = true
//
// All other keys have a default (the members below). An unknown key is an error: a misspelled one would be a setting that silently
// does not hold. Errors: E0002 unreadable, E1301 with file, line and column.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/prefix.h"
#include "node/daemon/config_check.h"
#include "node/daemon/config_recording.h"

namespace acl::node {

using Key = std::array<std::uint8_t, 32>;

struct PortSpan {
  std::uint8_t protocol = 6;
  std::uint16_t first = 0, last = 0;

  friend bool operator==(const PortSpan&, const PortSpan&) = default;
};

struct BreakGlass {
  net::Prefix from;
  Key key{};
  std::vector<PortSpan> ports;
  std::string login;
};

// Where a program of ours is installed: PREFIX/libexec/aclnode/NAME if this one is PREFIX/sbin/aclnode; else as with PREFIX=/usr.
std::string usual_program(std::string_view name);

// Which store, and what it takes to read it: StoreOptions of engine/store/store.h, which only the network process knows.
struct SourceOptions {
  std::string url;
  std::string ca_file, certificate_file, key_file;
  std::string user, password_file;
  std::string blobs;
  std::uint32_t interval_s = 30;
};

// What of the forwardings that policy gives this machine lets through.
struct ForwardingsAllowed {
  bool agent = true, local = true, remote = true, x11 = true;

  friend bool operator==(const ForwardingsAllowed&, const ForwardingsAllowed&) = default;
};

// Table [ssh]: it narrows what policy allows, and never widens it.
struct SshSettings {
  bool enabled = false;
  std::vector<std::string> deny_users;  // accounts that nobody becomes by SSH here, whatever policy says
  ForwardingsAllowed allow;             // allow_agent and so on
  bool formality = true;                // whom policy accepts may also offer a key or a password
  std::uint32_t login_grace_s = 60;
  std::uint32_t max_starting = 64, max_starting_per_source = 8;  // connections that have not logged in yet
  std::uint32_t keepalive_s = 0, keepalive_count = 3;
  std::uint32_t rekey_mb = 0;  // 0: the client's matter
  std::string host_keys;       // a folder; empty: the state folder, where they are made
  std::string pam_service = "aclnode";
  std::string sftp_server = "/usr/lib/openssh/sftp-server";
  std::string session_program = usual_program("aclnode-session");
  std::string session_socket = "/run/aclnode-session/socket";
  std::string ssh_program = usual_program("aclnode-ssh");
  std::string ssh_user = "aclnode-ssh";
  // For tests: "nftables" steers by rules where the program would do.
  std::string steer_by;

  friend bool operator==(const SshSettings&, const SshSettings&) = default;
};

struct Config {
  std::string interface;
  SourceOptions source;
  std::string trust = "/etc/aclnode/trust";
  std::string state_dir = "/var/lib/aclnode";
  std::string run_dir = "/run/aclnode";
  std::string bpffs_dir = "/sys/fs/bpf/aclnode";
  std::string wireguard_socket;  // of a userspace implementation; empty: /var/run/wireguard/INTERFACE.sock
  std::string net_program = usual_program("aclnode-net");  // the network process
  std::string net_user = "aclnode-net";                    // whom it runs as: a name, or UID:GID
  std::string group = "aclnode";                           // whose members may ask everything
  std::string decisions;                                   // file for decision records; empty: standard error
  std::uint32_t flow_records = 100'000;
  std::uint32_t flow_marks = 100'000;
  std::string backend = "auto";     // of the packet filter: "tcx", "clsact"; "auto": TCX where the kernel has it
  std::uint32_t mark = 0x08000000;  // the bit of the packet mark that says "the filter let it in"
  std::vector<BreakGlass> break_glass;
  SshSettings ssh;
  CheckSettings check;
  RecordingSettings recording;
  SshdSettings sshd;
};

// Where the host keys of [ssh] are.
inline const std::string& key_folder(const Config& config) noexcept {
  return config.ssh.host_keys.empty() ? config.state_dir : config.ssh.host_keys;
}

// With its folder named.
inline RecordingSettings recording_of(const Config& config) {
  RecordingSettings out = config.recording;
  if (out.dir.empty()) out.dir = config.state_dir + "/recordings";
  return out;
}

Expected<Config> read_config(const std::string& path);
// `name` is the file's, for messages.
Expected<Config> parse_config(std::string_view text, const std::string& name);

// What the guard needs of a file that parse_config would refuse: interface and mark, if at least these can be read. A misspelled key
// must not leave the interface open at the next boot. Nothing if they cannot be; then last_guard.h knows what they were.
struct GuardSettings {
  std::string interface;
  std::uint32_t mark = Config().mark;
};
std::optional<GuardSettings> guard_settings(std::string_view text);

// The text of a file that parse_config reads back: what `aclnode enroll` writes. Settings that have their default are left out.
std::string print_config(const Config& config);

}  // namespace acl::node
