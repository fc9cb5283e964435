// aclc explain [CODE | --markdown]: what a diagnostic code means and what to do about it, from the registry that
// defines the codes. CODE is a code in any letter case or its name (E0101, e0101, invalid-character). Without one: all
// codes, a line each. --markdown: the whole registry as docs/codes.md holds it.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "compiler/cli/commands.h"
#include "compiler/emit/display.h"
#include "compiler/emit/registry.h"
#include "engine/net/suggest.h"

namespace acl::cli {
namespace {

struct Options {
  std::string code;
  bool markdown = false;
};

int print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? exit_yes : exit_unreadable;
}

int print_list() {
  std::size_t width = 0;
  for (const emit::CodePage& page : emit::code_pages()) width = std::max(width, page.slug.size());
  std::string out;
  for (const emit::CodePage& page : emit::code_pages()) {
    out += fmt::format("{}  {:<{}}  {}\n", page.name, page.slug, width, page.title);
  }
  return print(out);
}

// "E231" is 231; nothing if the word is not a letter and a number.
std::optional<long> number_of(std::string_view word) {
  long number = 0;
  const char* const end = word.data() + word.size();
  if (word.size() < 2 || word[1] == '-') return std::nullopt;
  const auto [rest, error] = std::from_chars(word.data() + 1, end, number);
  return error == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

// The code of the same letter and the nearest number, for a word that looks like a code: "E0017", "e231".
std::optional<std::string_view> nearest_number(std::string_view word) {
  const std::optional<long> wanted = number_of(word);
  if (!wanted) return std::nullopt;
  std::optional<std::string_view> found;
  long least = 0;
  for (const emit::CodePage& page : emit::code_pages()) {
    if (std::toupper(static_cast<unsigned char>(word[0])) != page.name[0]) continue;
    const long apart = std::labs(*number_of(page.name) - *wanted);
    if (found && apart >= least) continue;
    found = page.name;
    least = apart;
  }
  return found;
}

int refuse_unknown(const std::string& code) {
  std::vector<std::string_view> known;
  for (const emit::CodePage& page : emit::code_pages()) {
    known.push_back(page.name);
    known.push_back(page.slug);
  }
  auto meant = nearest(code, known);
  if (!meant) meant = nearest_number(code);
  const std::string hint = meant ? fmt::format("; did you mean {}?", *meant) : ";";
  fmt::print(stderr, "aclc: no such code: \"{}\"{} \"aclc explain\" lists all codes\n", emit::printable(code), hint);
  return exit_usage;
}

int explain(const Options& options) {
  if (options.markdown) return print(emit::codes_markdown());
  if (options.code.empty()) return print_list();
  const emit::CodePage* page = emit::find_code(options.code);
  if (page == nullptr) return refuse_unknown(options.code);
  return print(fmt::format("{} {} ({}): {}\n\n{}\n", page->name, page->slug, severity_name(page->severity), page->title,
                           page->page));
}

}  // namespace

void add_explain(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("explain", "Explain a diagnostic code; without one, list all codes");
  CLI::Option* code = verb->add_option("CODE", options->code, "a code or its name: E0101, invalid-character");
  verb->add_flag("--markdown", options->markdown, "print all pages as one Markdown document")->excludes(code);
  verb->callback([options, &exit_code] { exit_code = explain(*options); });
}

}  // namespace acl::cli
