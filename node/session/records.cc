#include "node/session/records.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <lastlog.h>
#include <libaudit.h>
#include <paths.h>
#include <sys/time.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "engine/net/fd.h"

namespace acl::node::session {
namespace {

constexpr int place = 3;  // of the descriptor that a writer keeps
constexpr std::string_view devices = "/dev/";

std::string_view line_of(const std::string& tty) {
  std::string_view line = tty;
  if (line.substr(0, devices.size()) == devices) line.remove_prefix(devices.size());
  return line;
}

// These fields of fixed size have no end of their own where they are full (utmp(5)).
template <std::size_t N>
void put(char (&field)[N], std::string_view text) noexcept {
  std::memcpy(field, text.data(), std::min(text.size(), N));
}
template <std::size_t N>
std::string get(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

utmpx entry_of(const std::string& tty, pid_t pid, short type) noexcept {
  utmpx entry{};
  entry.ut_type = type;
  entry.ut_pid = pid;
  const std::string_view line = line_of(tty);
  put(entry.ut_line, line);
  // The last letters tell lines apart: "ts/3", "s/12".
  put(entry.ut_id, line.substr(line.size() - std::min(line.size(), sizeof entry.ut_id)));
  timeval now{};
  gettimeofday(&now, nullptr);
  entry.ut_tv.tv_sec = static_cast<decltype(entry.ut_tv.tv_sec)>(now.tv_sec);
  entry.ut_tv.tv_usec = static_cast<decltype(entry.ut_tv.tv_usec)>(now.tv_usec);
  return entry;
}

void write_entry(const utmpx& entry) noexcept {
  setutxent();
  pututxline(&entry);
  endutxent();
  updwtmpx(_PATH_WTMP, &entry);
}

// The terminal may have been opened again, by another login, which has recorded it.
void write_end(const utmpx& entry) noexcept {
  setutxent();
  const utmpx* const found = getutxid(&entry);
  if (found != nullptr && found->ut_pid == entry.ut_pid) pututxline(&entry);
  endutxent();
  updwtmpx(_PATH_WTMP, &entry);
}

// In the new process: only the descriptor given is left of those that others wait to see the end of.
bool is_writer(int kept) noexcept {
  if (fork() != 0) return false;  // -1: no record
  if (dup2(kept, place) < 0 || close_range(place + 1, ~0U, 0) != 0) _exit(1);
  return true;
}

}  // namespace

Fd record_terminal(const Account& account, const std::string& tty, pid_t pid, const net::Address& source) noexcept {
  utmpx entry = entry_of(tty, pid, USER_PROCESS);
  put(entry.ut_user, account.name);
  put(entry.ut_host, source.text());
  std::array<std::uint8_t, 16> bytes{};
  const std::size_t size = source.is_v4() ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t half = source.is_v4() || i >= 8 ? source.low() : source.high();
    bytes[i] = static_cast<std::uint8_t>(half >> (8 * ((source.is_v4() ? 3 : 7) - i % 8)));
  }
  std::memcpy(&entry.ut_addr_v6, bytes.data(), bytes.size());
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  if (is_writer(writing.get())) {
    write_entry(entry);
    _exit(0);
  }
  return reading;
}

void record_terminal_end(const std::string& tty, pid_t pid, Fd begun) noexcept {
  if (!begun || !is_writer(begun.get())) return;
  std::uint8_t nothing = 0;
  while (read(place, &nothing, 1) < 0 && errno == EINTR) {
  }
  write_end(entry_of(tty, pid, DEAD_PROCESS));
  _exit(0);
}

std::string exchange_last_login(const Account& account, const std::string& tty, const net::Address& source) {
  // Sparse, with a place for each user. Not made where it is not kept (lastlog(8)).
  const Fd file(open(_PATH_LASTLOG, O_RDWR | O_CLOEXEC));
  if (!file) return {};
  const off_t at = static_cast<off_t>(account.uid) * static_cast<off_t>(sizeof(lastlog));
  lastlog entry{};
  std::string text;
  if (pread(file.get(), &entry, sizeof entry, at) == static_cast<ssize_t>(sizeof entry) && entry.ll_time != 0) {
    const auto when = static_cast<std::time_t>(entry.ll_time);
    std::tm parts{};
    std::array<char, 64> date{};
    if (localtime_r(&when, &parts) != nullptr &&
        std::strftime(date.data(), date.size(), "%a %b %e %H:%M:%S %Y", &parts) != 0) {
      const std::string host = get(entry.ll_host);
      text = fmt::format("Last login: {}{}{}\n", date.data(), host.empty() ? "" : " from ", host);
    }
  }
  entry = {};
  entry.ll_time = static_cast<decltype(entry.ll_time)>(std::time(nullptr));
  put(entry.ll_line, line_of(tty));
  put(entry.ll_host, source.text());
  [[maybe_unused]] const ssize_t wrote = pwrite(file.get(), &entry, sizeof entry, at);
  return text;
}

void audit_login(const std::string& user, const net::Address& source, bool success) noexcept {
  const Fd audit(audit_open());
  if (!audit) return;
  audit_log_acct_message(audit.get(), AUDIT_USER_LOGIN, nullptr, "login", user.c_str(), ~0U, nullptr,
                         source.text().c_str(), "ssh", success ? 1 : 0);
}

}  // namespace acl::node::session
