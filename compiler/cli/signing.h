// What the verbs about releases share: durations, secret keys and their passphrases, signatures, exit codes.
//
// A passphrase comes from the terminal, without echo, or from a descriptor that was opened for it (--passphrase-fd); never from an
// argument, the environment or standard input by accident. It lives in locked memory and is wiped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/cli/inputs.h"
#include "engine/release/head.h"
#include "engine/release/secret_key.h"
#include "engine/release/trust.h"
#include "engine/store/release_folder.h"

namespace CLI {
class App;
}

namespace acl::cli {

// Compiles a policy and an inventory again, as `like` was compiled, and tells the head that comes out: its contents count.
// For `aclc sign --rebuild`.
using Rebuild = std::function<Expected<release::Head>(const ReleaseInputs& inputs, const release::Head& like)>;

// What `compile` does, without a folder (compile.cc).
Rebuild rebuild_release();

// The verbs. `sign` knows --rebuild if it is told how.
void add_compile(CLI::App& app, int& exit_code);
void add_keygen(CLI::App& app, int& exit_code);
void add_trust(CLI::App& app, int& exit_code);
void add_sign(CLI::App& app, int& exit_code, Rebuild rebuild = {});
void add_verify(CLI::App& app, int& exit_code);
void add_renew(CLI::App& app, int& exit_code);
void add_publish(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);

// Whole seconds of a duration as the policy language writes it, with days besides: "30d", "72h", "1d12h", "1h30m". Not negative,
// at most ten years.
std::optional<std::int64_t> parse_seconds(std::string_view text);
// "30d", "1d12h", "1h30m", "45s"
std::string print_seconds(std::int64_t seconds);

// The system's clock.
release::Time wall_clock();

// Says what is wrong on standard error and returns the exit code that goes with it: 3 for what could not be read or written,
// 1 for the rest.
int give_up(const Diagnostic& diagnostic);

// The descriptor of --passphrase-fd, or -1 for the terminal.
inline constexpr int from_terminal = -1;

// Up to the first line end or the end. Asked for twice for a new key. E1027.
Expected<release::SecretBytes> read_passphrase(int fd, const std::string& prompt, bool twice);

// The key of a file, opened with a passphrase if it needs one.
Expected<release::SecretKey> load_secret_key(const std::string& path, int passphrase_fd);

// Signs a head with a key of its trust set (E1021 else), or leaves the valid signature that is there. Then moves `latest` if that
// is due. Prints what it did; false if it could not print.
Expected<bool> sign_head(store::Folder& folder, const store::StoredHead& head, const store::StoredTrust& trust,
                         const release::SecretKey& key);

}  // namespace acl::cli
