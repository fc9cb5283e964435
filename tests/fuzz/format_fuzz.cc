// The formatter on any text that parses: its output parses, is formatted already, and means the same; standard JSON stays so.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"

namespace {

using namespace acl::hujson;  // NOLINT(google-build-using-namespace): a program of one file

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "format_fuzz: %s\n", what);
  std::abort();
}

bool same_values(const Tree& a, const Tree& b) {
  if (a.nodes.size() != b.nodes.size()) return false;
  std::string x_buffer;
  std::string y_buffer;
  for (std::uint32_t i = 0; i < a.nodes.size(); ++i) {
    const Value x(a, i);
    const Value y(b, i);
    if (x.kind() != y.kind() || x.node().next != y.node().next) return false;
    if (x.is(Kind::string) && x.string(x_buffer) != y.string(y_buffer)) return false;
    if ((x.is(Kind::number) || x.is(Kind::boolean)) && x.text() != y.text()) return false;
  }
  return true;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tree = parse_strict(text);
  if (!tree) return 0;
  const std::string once = format(*tree);
  const auto again = parse_strict(once);
  require(again.has_value(), "the formatted text does not parse");
  require(format(*again) == once, "formatting twice changes the text");
  require(same_values(*tree, *again), "formatting changes a value");
  require(!tree->standard() || again->standard(), "standard JSON does not stay standard");
  require(tree->has_comments == again->has_comments, "comments come or go");
  return 0;
}
