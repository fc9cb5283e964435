// aclc fmt [--check | --diff] FILE...: the standard layout of HuJSON files (hujson/format.h).
//
// Each file is replaced, only if its layout changes and without a word; FILE "-" is standard input, printed to standard
// output. --check names the files that would change and --diff shows how; both write nothing and exit 1 if there are any. A
// file with a syntax error is left as it is, all its errors are reported, and the exit code is 1; it is 3 if a file cannot be
// read or written. Of several files the greatest code counts.
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "compiler/cli/commands.h"
#include "compiler/cli/diff.h"
#include "compiler/emit/display.h"
#include "compiler/emit/text.h"
#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

struct FmtOptions {
  bool check = false;
  bool diff = false;
  std::vector<std::string> files;
};

void report(const Diagnostic& diagnostic, const SourceText* source = nullptr) {
  emit::Sources sources;
  if (source != nullptr) sources.texts.push_back(source);
  const std::string text = emit::render_text(diagnostic, sources, {.color = emit::want_color(STDERR_FILENO)});
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// `code`, or what a full disk or a closed pipe makes of it.
int print(const std::string& text, int code) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return code;
  report(make_diagnostic(Code::E0003, fmt::format("cannot write to standard output: {}", std::strerror(errno))));
  return exit_unreadable;
}

int print_name(const std::string& file) {
  return print((::isatty(STDOUT_FILENO) == 1 ? emit::printable(file) : file) + "\n", exit_no);
}

int print_diff(const SourceText& source, const std::string& formatted) {
  // As git names them, so that `patch -p1` finds the file.
  const std::string name =
      emit::printable(source.name().substr(std::min(source.name().find_first_not_of('/'), source.name().size())));
  const DiffOptions options{.color = emit::want_color(STDOUT_FILENO), .escape = ::isatty(STDOUT_FILENO) == 1};
  return print(unified_diff(source.text(), formatted, "a/" + name, "b/" + name, options), exit_no);
}

int format_file(const FmtOptions& options, const std::string& file) {
  auto text = read_file(file);
  if (!text) {
    report(text.error());
    return exit_unreadable;
  }
  const SourceText source(file, std::move(*text));
  const hujson::ParseResult parsed = hujson::parse(source);
  for (const Diagnostic& error : parsed.errors) report(error, &source);
  if (!parsed.ok()) return exit_no;

  const std::string formatted = hujson::format(parsed.tree);
  const bool changes = formatted != source.text();
  if (options.check) return changes ? print_name(file) : exit_yes;
  if (options.diff) return changes ? print_diff(source, formatted) : exit_yes;
  if (file == "-") return print(formatted, exit_yes);
  if (!changes) return exit_yes;
  const auto written = replace_file(file, formatted);
  if (written) return exit_yes;
  report(written.error());
  return exit_unreadable;
}

int format_files(const FmtOptions& options) {
  int code = exit_yes;
  for (const std::string& file : options.files) code = std::max(code, format_file(options, file));
  return code;
}

}  // namespace

void add_fmt(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<FmtOptions>();
  CLI::App* verb = app.add_subcommand("fmt", "Print HuJSON files in the standard layout");
  CLI::Option* check = verb->add_flag("--check", options->check, "write nothing; list the files that would change");
  verb->add_flag("--diff", options->diff, "write nothing; show what would change")->excludes(check);
  verb->add_option("FILE", options->files, "files to format in place; - is standard input, to standard output")
      ->required();
  verb->callback([options, &exit_code] { exit_code = format_files(*options); });
}

}  // namespace acl::cli
