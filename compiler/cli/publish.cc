// aclc publish DIR TO: copies the newest release of a folder to a store: another folder or etcd (engine/store/publish.h).
//
// Only what TO lacks is written, and `latest` moves last, so that nodes see the old release or the new one, whole. Says what was
// written and which old generations went. Exit code: 0 published, or there already; 1 refused: not signed enough, expired,
// damaged, older than what is there, too large for etcd; 2 TO cannot be a target; 3 DIR, TO or a password file cannot be reached,
// read or written.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/signing.h"
#include "compiler/emit/display.h"
#include "engine/store/publish.h"

namespace acl::cli {
namespace {

struct PublishCommand {
  std::string folder, to;
  store::StoreOptions store;
  std::string grace = "24h";
  std::size_t keep = 3;
  bool whole = false;
  unsigned patience_s = 60;
};

int refuse(const Diagnostic& diagnostic) {
  const int exit_code = give_up(diagnostic);
  switch (diagnostic.code) {
    case Code::E1101:
    case Code::E1110: return exit_usage;
    case Code::E1102:
    case Code::E1103:
    case Code::E1104:
    case Code::E1105:
    case Code::E1106:
    case Code::E1111:
    case Code::E1113: return exit_unreadable;
    default: return exit_code;
  }
}

// On a terminal, a few times a second; gone when the work is done.
class Progress {
 public:
  Progress() : shown_(isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (printed_) std::fputs("\r\x1b[K", stderr);
  }
  void tell(std::size_t done, std::size_t all) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    printed_ = true;
    fmt::print(stderr, "\r{} of {} objects", done, all);
    std::fflush(stderr);
  }

 private:
  bool shown_;
  bool printed_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

std::string report(const PublishCommand& command, const store::Published& published, double seconds) {
  const std::string to = emit::printable(command.to);
  const std::size_t objects = published.blobs + published.pages + published.others;
  const bool same = published.before == published.generation;
  std::string out =
      fmt::format("{}: release {} {}", to, published.generation.text(), same ? "was there already" : "published");
  if (published.before && !same) out += fmt::format(", was {}", published.before->text());
  out += fmt::format(
      "\n  wrote {} objects ({} blobs, {} pages, {} heads, trust sets and signatures), {} bytes, in {:.2f} s\n",
      objects, published.blobs, published.pages, published.others, published.bytes, seconds);
  const store::Cleaned& cleaned = published.cleaned;
  if (cleaned.objects == 0) return out;
  std::string dropped;
  for (const release::Generation& generation : cleaned.dropped) {
    dropped += fmt::format("{}{}", dropped.empty() ? "" : ", ", generation.text());
  }
  out +=
      fmt::format("  removed {} objects{}{}\n", cleaned.objects, dropped.empty() ? "" : " of old releases: ", dropped);
  return out;
}

int run_publish(const PublishCommand& command) {
  auto folder = store::Folder::open(command.folder);
  if (!folder) return refuse(folder.error());
  auto target = store::open_target(command.to, command.store);
  if (!target) return refuse(target.error());

  store::PublishOptions options;
  options.now = wall_clock();
  options.whole = command.whole;
  options.keep = command.keep;
  options.grace = parse_seconds(command.grace).value_or(0);
  options.patience = std::chrono::seconds(command.patience_s);
  const auto start = std::chrono::steady_clock::now();
  Expected<store::Published> published;
  {
    Progress progress;
    options.progress = [&progress](std::size_t done, std::size_t all) { progress.tell(done, all); };
    published = store::publish(*folder, **target, options);
  }
  if (!published) return refuse(published.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (published->cleaned.trouble) complain(*published->cleaned.trouble);
  return print_out(report(command, *published, took.count())) ? exit_yes : exit_unreadable;
}

void add_store_options(CLI::App& verb, store::StoreOptions& store) {
  verb.add_option("--blobs", store.blobs, "write blobs to this folder instead, which a web server serves")
      ->type_name("FOLDER");
  verb.add_option("--ca", store.ca_file, "believe these certification authorities and no others (PEM)")
      ->type_name("FILE");
  verb.add_option("--cert", store.certificate_file, "show this certificate to etcd (PEM)")->type_name("FILE");
  verb.add_option("--cert-key", store.key_file, "the key of that certificate (PEM)")->type_name("FILE");
  verb.add_option("--user", store.user, "user of etcd")->type_name("NAME");
  verb.add_option("--password-file", store.password_file,
                  "file whose first line is the password; not readable by others")
      ->type_name("FILE");
}

}  // namespace

void add_publish(CLI::App& app, int& exit_code) {
  auto command = std::make_shared<PublishCommand>();
  CLI::App* verb = app.add_subcommand("publish", "Copy the newest release to where nodes fetch it");
  verb->add_option("DIR", command->folder, "the release folder")->required();
  verb->add_option("TO", command->to, "a folder, etcd://HOST:PORT/PREFIX or etcds://HOST:PORT/PREFIX")->required();
  add_store_options(*verb, command->store);
  verb->add_option("--keep", command->keep, "how many generations stay in TO, at least 2 (default: 3)")
      ->check(CLI::Range(2, 1'000'000))
      ->type_name("N");
  verb->add_option("--grace", command->grace, "how long others stay after their successor was made (default: 24h)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return parse_seconds(text) ? std::string() : fmt::format("\"{}\" is no duration such as 24h or 7d", text);
          },
          "", "duration"))
      ->type_name("DURATION");
  verb->add_flag("--whole", command->whole,
                 "look at every object of TO, not only at those that are new, and mend them");
  verb->add_option("--timeout", command->patience_s, "seconds for each request, 1 to 3600 (default: 60)")
      ->check(CLI::Range(1, 3600))
      ->type_name("SECONDS");
  verb->callback([command, &exit_code] { exit_code = run_publish(*command); });
}

}  // namespace acl::cli
