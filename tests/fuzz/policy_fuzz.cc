// Policies in both dialects, from any bytes: an answer that is sound in itself, of bounded size, the same each time,
// and for an accepted policy the same in the standard layout.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "compiler/hujson/format.h"
#include "compiler/policy/load.h"

namespace {

using namespace acl;          // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::policy;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "policy_fuzz: %s\n", what);
  std::abort();
}

void require_place(const Place& place, const SourceText& source) {
  require(place.bytes.begin <= place.bytes.end && place.bytes.end <= source.text().size(),
          "a place lies outside the text");
  require(place.start == source.position(place.bytes.begin), "a place begins elsewhere");
  require(place.end == source.position(place.bytes.end), "a place ends elsewhere");
}

void require_sound(const Loaded& loaded) {
  bool error = false;
  std::size_t bytes = 0;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    error = error || diagnostic.severity == Severity::error;
    bytes += diagnostic.message.size() + diagnostic.help.size() + diagnostic.service_text.size();
    require(!diagnostic.message.empty(), "a diagnostic without words");
    require(diagnostic.severity == code_severity(diagnostic.code), "a severity that is not the code's");
    if (diagnostic.place) require_place(*diagnostic.place, loaded.file->source);
    for (const Related& related : diagnostic.related) require_place(related.place, loaded.file->source);
  }
  require(loaded.accepted() == !error, "accepted with an error, or refused without one");
  require((loaded.message() == nullptr) == !error, "an answer where none is due, or none where one is");
  require(!error || loaded.diagnostics.front().severity == Severity::error,
          "the first diagnostic is not the first error");
  require(loaded.diagnostics.size() <= 1001, "more diagnostics than are allowed");
  require(bytes <= loaded.diagnostics.size() * 8192, "diagnostics without bound");
}

std::multiset<Code> codes(const Loaded& loaded) {
  std::multiset<Code> out;
  for (const Diagnostic& diagnostic : loaded.diagnostics) out.insert(diagnostic.code);
  return out;
}

void try_dialect(const std::string& text, Dialect dialect) {
  const Loaded loaded = load_policy("fuzz.hujson", text, dialect);
  require_sound(loaded);
  if (!loaded.accepted()) return;
  const Loaded formatted = load_policy("fuzz.hujson", hujson::format(loaded.file->tree), dialect);
  require_sound(formatted);
  require(formatted.accepted(), "the standard layout of an accepted policy is refused");
  require(codes(loaded) == codes(formatted), "the standard layout earns other codes");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try_dialect(text, Dialect::tailscale);
  try_dialect(text, Dialect::headscale);
  return 0;
}
