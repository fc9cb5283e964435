// Passphrases and secret keys: from the terminal or a descriptor into locked memory.
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "compiler/cli/signing.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

using release::SecretBytes;

constexpr std::size_t longest_passphrase = 1024;
constexpr std::size_t key_file_limit = 4096;
constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

volatile std::sig_atomic_t caught = 0;

void catch_signal(int number) { caught = number; }

tl::unexpected<Diagnostic> no_passphrase(const std::string& what) {
  return fail(Code::E1027, what, "use a terminal, or --passphrase-fd N with the passphrase on descriptor N");
}

// The first line of what the descriptor has. One byte at a time: what follows is somebody else's.
Expected<SecretBytes> read_line(int fd) {
  SecretBytes line(longest_passphrase + 1);
  if (line.data() == nullptr) return no_passphrase("there is no memory that can be protected for a passphrase");
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(fd, line.data() + size, 1);
    if (got < 0 && errno == EINTR && caught == 0) continue;
    if (got < 0) return no_passphrase(fmt::format("cannot read the passphrase: {}", std::strerror(errno)));
    if (got == 0 || line.data()[size] == '\n') break;
    if (++size > longest_passphrase) {
      return no_passphrase(fmt::format("the passphrase has more than {} bytes", longest_passphrase));
    }
  }
  line.shorten(size);
  return line;
}

// The terminal without echo while this lives. Signals that would end or stop the program come afterwards, so that they do
// not leave a terminal behind that shows nothing.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd), silent_(::tcgetattr(fd, &before_) == 0) {
    if (!silent_) return;
    caught = 0;
    struct sigaction action {};
    action.sa_handler = catch_signal;  // without SA_RESTART: read returns
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &actions_[i]);
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    now.c_lflag |= ICANON;
    silent_ = ::tcsetattr(fd, TCSAFLUSH, &now) == 0;
    if (!silent_) restore_signals();
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (!silent_) return;
    ::tcsetattr(fd_, TCSAFLUSH, &before_);
    restore_signals();
    if (caught != 0) ::raise(caught);
  }
  [[nodiscard]] bool silent() const noexcept { return silent_; }

 private:
  void restore_signals() noexcept {
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &actions_[i], nullptr);
  }

  int fd_;
  termios before_{};
  std::array<struct sigaction, signals.size()> actions_{};
  bool silent_;
};

Expected<SecretBytes> ask(int terminal, const std::string& prompt) {
  const Silence silence(terminal);
  if (!silence.silent()) return no_passphrase("the terminal cannot be made silent for a passphrase");
  const auto say = [&](std::string_view text) { return ::write(terminal, text.data(), text.size()) >= 0; };
  if (!say(prompt)) return no_passphrase("the terminal cannot be written to");
  auto line = read_line(terminal);
  say("\n");
  return line;
}

Expected<SecretBytes> ask_terminal(const std::string& prompt, bool twice) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return no_passphrase("there is no terminal to ask for the passphrase on");
  auto first = ask(terminal, prompt);
  if (first && twice) {
    const auto second = ask(terminal, "Once more: ");
    if (!second) {
      first = tl::unexpected<Diagnostic>(second.error());
    } else if (first->size() != second->size() || sodium_memcmp(first->data(), second->data(), first->size()) != 0) {
      first = no_passphrase("the two passphrases are not the same");
    }
  }
  ::close(terminal);
  return first;
}

}  // namespace

Expected<SecretBytes> read_passphrase(int fd, const std::string& prompt, bool twice) {
  if (fd == from_terminal) return ask_terminal(prompt, twice);
  caught = 0;
  return read_line(fd);
}

Expected<release::SecretKey> load_secret_key(const std::string& path, int passphrase_fd) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // Not by read_file: its memory is neither locked nor wiped.
  SecretBytes text(key_file_limit);
  std::size_t size = 0;
  int error = file < 0 ? errno : 0;
  while (error == 0 && text.data() != nullptr && size < text.size()) {
    const ssize_t got = ::read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (file >= 0) ::close(file);
  if (error != 0) return fail(Code::E0002, fmt::format("cannot read \"{}\": {}", path, std::strerror(error)));
  text.shorten(size);
  const auto locked = release::LockedKey::parse(release::as_text({text.data(), text.size()}), path);
  if (!locked) return tl::unexpected<Diagnostic>(locked.error());
  if (locked->is_open()) return locked->unlock({});
  const auto passphrase = read_passphrase(passphrase_fd, fmt::format("Passphrase of {}: ", path), false);
  if (!passphrase) return tl::unexpected<Diagnostic>(passphrase.error());
  return locked->unlock(*passphrase);
}

}  // namespace acl::cli
