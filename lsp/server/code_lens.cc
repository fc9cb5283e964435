#include "lsp/server/code_lens.h"

#include <fmt/format.h>

#include <array>

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

std::optional<std::string> outcome_title(const Lens& lens, const std::vector<questions::TestCase>& cases) {
  const questions::TestCase* failed = nullptr;
  std::size_t passed = 0, failures = 0;
  for (const questions::TestCase& test : cases) {
    if (test.kind != kind_of_section(lens.section) || test.index != lens.index) continue;
    ++(test.ok ? passed : failures);
    if (!test.ok && failed == nullptr) failed = &test;
  }
  if (passed + failures == 0) return std::nullopt;
  if (failed == nullptr) return fmt::format("✓ {} passed", passed);
  std::string out = fmt::format("✗ {}: expected {}, got {}", emit::printable(failed->name.substr(0, 200)),
                                failed->expected, emit::printable(failed->got.substr(0, 200)));
  if (!failed->rule.empty() && failed->got.find(" by ") == std::string::npos) out += " by " + failed->rule;
  if (failures > 1) out += fmt::format(" (and {} more)", failures - 1);
  return out;
}

}  // namespace acl::lsp
