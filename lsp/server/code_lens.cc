#include "lsp/server/code_lens.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <unordered_map>

#include "compiler/emit/display.h"
#include "lsp/server/reached.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Value;

namespace {

constexpr std::array<std::string_view, 6> sections = {"acls", "grants", "ssh", "tests", "sshTests", "expect"};

std::optional<resolve::Section> section_of(std::string_view name) {
  if (name == "acls") return resolve::Section::acls;
  if (name == "grants") return resolve::Section::grants;
  if (name == "ssh") return resolve::Section::ssh;
  return std::nullopt;
}

std::string_view kind_of_section(std::string_view section) {
  return section == "tests" ? "test" : section == "sshTests" ? "sshTest" : "expect";
}

}  // namespace

bool is_test(const Lens& lens) noexcept {
  return lens.section != "acls" && lens.section != "grants" && lens.section != "ssh";
}

std::vector<Lens> code_lenses(const Snapshot& snapshot) {
  std::vector<Lens> out;
  if (snapshot.kind == FileKind::inventory || snapshot.file->tree.nodes.empty()) return out;
  const Value root = snapshot.file->tree.root();
  if (!root.is(Kind::object)) return out;
  std::string buffer;
  for (auto it = root.begin(), end = root.end(); it != end; ++it) {
    const Value name = *it;
    ++it;
    if (it == end) break;
    const Value value = *it;
    if (!name.is(Kind::string) || !value.is(Kind::array)) continue;
    const std::string_view written = name.string(buffer);
    for (const std::string_view section : sections) {
      if (!policy::equal_ignoring_case(section, written)) continue;
      std::uint32_t index = 0;
      for (const Value element : value) {
        if (element.is(Kind::object)) out.push_back({element.span(), std::string(section), index});
        ++index;
      }
    }
  }
  return out;
}

std::optional<std::string> reach_title(const Snapshot& snapshot, const Lens& lens, const Understanding& understanding) {
  const auto section = section_of(lens.section);
  if (!section) return std::nullopt;
  const std::string_view text = snapshot.text().substr(lens.span.begin, lens.span.end - lens.span.begin);
  const auto origin = find_rule(understanding, *section, lens.index, text);
  if (!origin) return std::nullopt;
  return describe(reach_of(understanding, *origin), understanding.resolved.node_count());
}

namespace {

// What a test's assertions came to.
struct Outcome {
  std::size_t passed = 0, failed = 0;
  const questions::TestCase* first = nullptr;  // that failed
};

std::string title_of(const Outcome& outcome) {
  if (outcome.first == nullptr) return fmt::format("✓ {} passed", outcome.passed);
  const questions::TestCase& test = *outcome.first;
  std::string out =
      fmt::format("✗ {}: expected {}, got {}", emit::printable(std::string_view(test.name).substr(0, 200)),
                  test.expected, emit::printable(std::string_view(test.got).substr(0, 200)));
  if (!test.rule.empty() && test.got.find(" by ") == std::string::npos) out += " by " + test.rule;
  if (outcome.failed > 1) out += fmt::format(" (and {} more)", outcome.failed - 1);
  return out;
}

}  // namespace

std::vector<std::optional<std::string>> outcome_titles(const Snapshot& snapshot, const std::vector<Lens>& lenses,
                                                       const TestOutcome& outcome) {
  std::vector<std::optional<std::string>> out(lenses.size());
  if (outcome.tests == nullptr) return out;
  const Snapshot& tested = *outcome.of;
  if (tested.path != snapshot.path) return out;
  std::map<std::pair<std::string_view, std::uint32_t>, Outcome> outcomes;
  for (const questions::TestCase& test : outcome.tests->cases) {
    Outcome& of_test = outcomes[{test.kind, test.index}];
    ++(test.ok ? of_test.passed : of_test.failed);
    if (!test.ok && of_test.first == nullptr) of_test.first = &test;
  }
  // A test is the one that ran if its text is the same, wherever it stood then.
  const auto text_of = [](const Snapshot& of, const Lens& lens) {
    return of.text().substr(lens.span.begin, lens.span.end - lens.span.begin);
  };
  std::unordered_map<std::string_view, std::string> titles;
  for (const Lens& lens : code_lenses(tested)) {
    const auto found = outcomes.find({kind_of_section(lens.section), lens.index});
    if (is_test(lens) && found != outcomes.end()) titles.emplace(text_of(tested, lens), title_of(found->second));
  }
  for (std::size_t i = 0; i < lenses.size(); ++i) {
    if (!is_test(lenses[i])) continue;
    const auto title = titles.find(text_of(snapshot, lenses[i]));
    if (title != titles.end()) out[i] = title->second;
  }
  return out;
}

}  // namespace acl::lsp
