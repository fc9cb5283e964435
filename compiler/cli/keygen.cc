// aclc keygen: a pair of keys for signing releases, in minisign's file formats.
//
// Exit code: 0 made, 1 a file of that name is there, 2 usage, 3 no passphrase, or the files cannot be written.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/signing.h"

namespace acl::cli {
namespace {

struct KeygenOptions {
  std::string name = "release";
  int passphrase_fd = from_terminal;
};

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

tl::unexpected<Diagnostic> exists(const std::string& path) {
  return fail(Code::E1022, fmt::format("\"{}\" is there already", path),
              "nothing was written; choose another --out NAME");
}

// A new file with this mode from its first moment on; never one that was there.
Expected<void> write_new(const std::string& path, mode_t mode, release::ByteView bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0 && errno == EEXIST) return exists(path);
  int error = file < 0 ? errno : 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) error = errno;
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (error == 0 && ::fsync(file) != 0) error = errno;
  if (file >= 0 && ::close(file) != 0 && error == 0) error = errno;
  if (error == 0) return {};
  if (file >= 0) ::unlink(path.c_str());
  return fail(Code::E0003, fmt::format("cannot write \"{}\": {}", path, std::strerror(error)));
}

int run_keygen(const KeygenOptions& options) {
  const std::string public_path = options.name + ".pub", secret_path = options.name + ".key";
  for (const std::string& path : {secret_path, public_path}) {
    if (is_there(path)) return give_up(exists(path).value());
  }
  const auto passphrase =
      read_passphrase(options.passphrase_fd, "Passphrase of the new key (empty: not encrypted): ", true);
  if (!passphrase) return give_up(passphrase.error());
  const auto key = release::SecretKey::generate();
  if (!key) return give_up(key.error());
  const auto secret = release::LockedKey::print(*key, *passphrase);
  if (!secret) return give_up(secret.error());
  if (auto written = write_new(secret_path, 0600, {secret->data(), secret->size()}); !written) {
    return give_up(written.error());
  }
  const std::string text = release::print_public_key(key->public_key());
  if (auto written = write_new(public_path, 0644, release::as_bytes(text)); !written) {
    ::unlink(secret_path.c_str());  // made a moment ago, and of no use without its other half
    return give_up(written.error());
  }
  const std::string_view note = passphrase->size() == 0 ? ", not encrypted" : "";
  return print_out(fmt::format("key {}\n{}  for `aclc trust`\n{}  secret{}\n", key->public_key().id.text(), public_path,
                               secret_path, note))
             ? exit_yes
             : exit_unreadable;
}

}  // namespace

void add_keygen(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<KeygenOptions>();
  CLI::App* verb = app.add_subcommand("keygen", "Make a pair of keys for signing releases");
  verb->add_option("--out", options->name, "writes NAME.pub and NAME.key (default: release)")->type_name("NAME");
  verb->add_option("--passphrase-fd", options->passphrase_fd, "read the passphrase from this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  verb->callback([options, &exit_code] { exit_code = run_keygen(*options); });
}

}  // namespace acl::cli
