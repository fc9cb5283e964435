// aclnode sessions list: logins by SSH that live, and recordings.
// aclnode sessions play FILE|ID: shows a recording on this terminal, as it was.
// aclnode sessions kill ID: ends a login that lives; the person is told.
//
// For root: recordings are, and so is the end of a login. Exit code: 0 done, 1 there is none of that name, 2 wrong usage, 3 something cannot be
// read or asked.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "engine/release/text.h"
#include "node/command/verbs.h"
#include "node/daemon/config.h"
#include "node/daemon/sessions.h"

namespace acl::node {
namespace {

struct Options {
  Where where;
  bool json = false;
  std::string name;
  double speed = 1, idle_limit = 0;
};

int failed(const Diagnostic& diagnostic) {
  complain(diagnostic);
  return diagnostic.code == Code::E1454 ? exit_no : exit_failed;
}

Expected<std::string> folder_of(const Options& options) {
  const auto config = read_config(options.where.config);
  if (!config) return tl::unexpected(config.error());
  return recording_of(*config).dir;
}

int list(const Options& options) {
  const auto folder = folder_of(options);
  if (!folder) return failed(folder.error());
  const auto recordings = list_recordings(*folder);
  if (!recordings) return failed(recordings.error());
  // Recordings are there without a daemon, too.
  std::string live;
  const int asked = ask(options.where, AskSessions{}, live);
  const std::string out = options.json ? sessions_json(live, *recordings) + "\n" : sessions_text(live, *recordings);
  if (!print_out(out)) return exit_failed;
  return asked;
}

// A file, or the one recording whose name ends in that.
Expected<std::string> recording_named(const Options& options) {
  if (options.name.find('/') != std::string::npos || ::access(options.name.c_str(), F_OK) == 0) return options.name;
  const auto folder = folder_of(options);
  if (!folder) return tl::unexpected(folder.error());
  const auto recordings = list_recordings(*folder);
  if (!recordings) return tl::unexpected(recordings.error());
  std::vector<std::string> found;
  for (const RecordingFile& one : *recordings) {
    if (one.id == options.name) return one.path;
    if (one.id.substr(0, one.id.find('.')) == options.name) found.push_back(one.path);
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(Code::E1454, fmt::format("no recording in \"{}\" is {}", *folder, release::quoted(options.name)),
                "`aclnode sessions list` has them");
  return fail(
      Code::E1454,
      fmt::format("{} has {} recordings, one for each of its channels", release::quoted(options.name), found.size()),
      fmt::format("name one, such as {}.0", options.name));
}

int play(const Options& options) {
  const auto path = recording_named(options);
  if (!path) return failed(path.error());
  using Clock = std::chrono::steady_clock;
  // When the event of `at` seconds was shown; what is idle for longer than the limit is so for that.
  Clock::time_point shown = Clock::now();
  double at = 0;
  bool written = true;
  const auto done = read_recording(*path, [&](const CastEvent& event) {
    if (event.code != "o") return true;
    double pause = std::max(0.0, event.seconds - at);
    at = std::max(at, event.seconds);
    if (options.idle_limit > 0) pause = std::min(pause, options.idle_limit);
    pause = std::min(pause / options.speed, 1e9);
    shown += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(pause));
    if (pause > 0) std::this_thread::sleep_until(shown);
    written =
        std::fwrite(event.text.data(), 1, event.text.size(), stdout) == event.text.size() && std::fflush(stdout) == 0;
    return written;
  });
  if (!done) return failed(done.error());
  if (!written) return failed(make_diagnostic(Code::E0003, "cannot write to standard output"));
  return exit_yes;
}

int kill(const Options& options) {
  if (!session_number(options.name)) {
    complain(make_diagnostic(Code::E1454, fmt::format("{} is no number of a login", release::quoted(options.name)),
                             "`aclnode sessions list` has them"));
    return exit_usage;
  }
  std::string answer;
  return ask(options.where, AskKillSession{options.name}, answer);
}

}  // namespace

void add_sessions(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("sessions", "List, play and end sessions of logins by SSH");
  verb->require_subcommand(1);
  CLI::App* list_verb = verb->add_subcommand("list", "Logins that live, and recordings");
  list_verb->add_flag("--json", options->json, "print them as JSON");
  add_where(*list_verb, options->where);
  list_verb->callback([options, &exit_code] { exit_code = list(*options); });
  CLI::App* play_verb = verb->add_subcommand("play", "Show a recording on this terminal");
  play_verb->add_option("RECORDING", options->name, "a file, or an ID of `aclnode sessions list`")->required();
  play_verb->add_option("--speed", options->speed, "so many times as fast; 1")->check(CLI::Range(0.01, 1000000.0));
  play_verb->add_option("--idle-limit", options->idle_limit, "no pause is longer than so many seconds")
      ->check(CLI::Range(0.0, 1000000.0));
  add_where(*play_verb, options->where);
  play_verb->callback([options, &exit_code] { exit_code = play(*options); });
  CLI::App* kill_verb = verb->add_subcommand("kill", "End a login that lives");
  kill_verb->add_option("ID", options->name, "the number of the login")->required();
  add_where(*kill_verb, options->where);
  kill_verb->callback([options, &exit_code] { exit_code = kill(*options); });
}

}  // namespace acl::node
