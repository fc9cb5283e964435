// What `aclc inspect FILE` does with any bytes: refused with words, or shown, as text and as JSON. All of the parts of a table, chunks,
// rules, pages, heads and trust sets are reached by their first bytes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "compiler/cli/inspect_object.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "inspect_fuzz: %s\n", what);
  std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A string's heap begins at a multiple of 8, which a string within itself need not.
  std::string bytes;
  bytes.reserve(size + 64);
  bytes.assign(reinterpret_cast<const char*>(data), size);
  const auto text = acl::cli::inspect_object(bytes, "object", false);
  const auto json = acl::cli::inspect_object(bytes, "object", true);
  require(text.has_value() == json.has_value(), "one form is refused and the other is not");
  require(!text || text->ends_with('\n'), "no line end");
  require(text || !text.error().message.empty(), "refused without words");
  return 0;
}
