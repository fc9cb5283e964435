#include "node/session/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "engine/net/file.h"

namespace acl::node::session {
namespace {

// What is being killed can go on making processes between a look and the next; one that waits for a disk ends later, by the signal.
constexpr int most_rounds = 50, reaped_in_a_round = 10'000;
constexpr int between_foreground_and_start = 13;
constexpr timespec between_rounds{0, 10'000'000};
// Somebody else waits meanwhile.
constexpr int tree_rounds = 5;

template <class T>
bool next_number(std::string_view& text, T& value) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};

std::vector<ProcessLine> read_processes() {
  std::vector<ProcessLine> all;
  const std::unique_ptr<DIR, CloseFolder> folder(opendir("/proc"));
  while (folder) {
    const dirent* const entry = readdir(folder.get());
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    pid_t pid = 0;
    ProcessLine line;
    if (next_number(name, pid) && name.empty() && read_process(pid, line)) all.push_back(line);
  }
  return all;
}

}  // namespace

bool parse_process_line(std::string_view text, ProcessLine& line) {
  // pid (name) state ppid pgrp session tty_nr tpgid, 13 more, starttime …
  if (!next_number(text, line.pid)) return false;
  const auto close = text.rfind(')');
  if (close == std::string_view::npos) return false;
  text.remove_prefix(close + 1);
  if (text.size() < 3 || text[0] != ' ') return false;
  line.state = text[1];
  text.remove_prefix(2);
  pid_t group = 0, session = 0;
  std::int64_t terminal = 0;
  if (!next_number(text, line.parent) || !next_number(text, group) || !next_number(text, session) ||
      !next_number(text, terminal) || !next_number(text, line.foreground)) {
    return false;
  }
  for (int i = 0; i < between_foreground_and_start; ++i) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    text.remove_prefix(std::min(text.find(' '), text.size()));
  }
  return next_number(text, line.started);
}

bool read_process(pid_t pid, ProcessLine& line) {
  const Fd file(open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const ssize_t got = file ? read(file.get(), text.data(), text.size()) : -1;
  return got > 0 && parse_process_line(std::string_view(text.data(), static_cast<std::size_t>(got)), line);
}

std::vector<ProcessLine> descendants_of(pid_t root, const std::vector<ProcessLine>& all) {
  std::unordered_multimap<pid_t, ProcessLine> children;
  for (const ProcessLine& each : all) {
    if (each.state != 'Z' && each.pid != root) children.emplace(each.parent, each);
  }
  std::vector<ProcessLine> found;
  std::vector<pid_t> left = {root};
  // Each process is one line, so each is reached at most once, but for a ring, which no kernel makes.
  while (!left.empty() && found.size() <= all.size()) {
    std::vector<pid_t> next;
    for (const pid_t parent : left) {
      const auto [from, to] = children.equal_range(parent);
      for (auto at = from; at != to; ++at) {
        next.push_back(at->second.pid);
        found.push_back(at->second);
      }
    }
    left = std::move(next);
  }
  return found;
}

bool kill_process(const ProcessLine& seen) noexcept {
  // What the descriptor is of keeps its number; whether that is the one seen, its start tells.
  const Fd process = open_process(seen.pid);
  ProcessLine now;
  return process && read_process(seen.pid, now) && now.started == seen.started &&
         signal_process(process.get(), SIGKILL);
}

Fd open_process(pid_t pid) noexcept { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

pid_t pid_of(int process) {
  const auto text = read_file(fmt::format("/proc/self/fdinfo/{}", process), 4096);
  if (!text) return -1;
  const auto at = text->find("\nPid:\t");
  return at == std::string::npos ? -1 : static_cast<pid_t>(std::strtol(text->c_str() + at + 6, nullptr, 10));
}

bool signal_process(int process, int signal) noexcept {
  return syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0) == 0;
}

void kill_tree_below(int process) noexcept {
  // It makes no more of them; those that do are looked for again. They stay its descendants, as it is their subreaper.
  if (!signal_process(process, SIGSTOP)) return;
  for (int round = 0; round < tree_rounds; ++round) {
    const pid_t root = pid_of(process);
    const auto found = root > 0 ? descendants_of(root, read_processes()) : std::vector<ProcessLine>();
    // They were its own only if the number was.
    if (found.empty() || pid_of(process) != root) break;
    for (const ProcessLine& each : found) kill_process(each);
  }
}

bool kill_descendants() noexcept {
  for (int round = 0; round < most_rounds; ++round) {
    const auto found = descendants_of(getpid(), read_processes());
    for (const ProcessLine& each : found) kill_process(each);
    if (found.empty()) return true;
    nanosleep(&between_rounds, nullptr);
    // Not for ever either: who makes processes while others are waited for makes more of these.
    for (int i = 0; i < reaped_in_a_round && waitpid(-1, nullptr, WNOHANG) > 0; ++i) {
    }
  }
  return false;
}

}  // namespace acl::node::session
