// The first look at a change (lsp/server/first_look.h): where there is one, the text is whole to the check of all of it, too, and every place
// that is told is in the text.
//
// The first three bytes say where the change is and how many bytes it takes away; up to the next zero stands what it puts there; the rest is the
// text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lsp/server/first_look.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace acl::lsp;  // NOLINT(google-build-using-namespace)
  if (size < 4 || size > 1 << 16) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t zero = input.find('\0');
  if (zero == std::string::npos) return 0;
  const std::string put = input.substr(0, zero), before = input.substr(zero + 1);
  if (before.empty()) return 0;
  std::string after = before;
  after.replace((std::size_t{data[0]} << 8 | data[1]) % before.size(), data[2] % 8U, put);

  const auto made = [](const std::string& text) {
    return make_snapshot("/p/policy.hujson", 1, FileKind::policy, text, acl::policy::Dialect::tailscale, nullptr);
  };
  const auto snapshot = made(before);
  const auto look = first_look(*snapshot, after);
  if (!look) return 0;
  const auto whole = made(after);
  if (!whole->whole && snapshot->text() != after) std::abort();
  for (const acl::Diagnostic& one : *look) {
    if (!one.place) continue;
    if (one.place->bytes.begin > one.place->bytes.end || one.place->bytes.end > after.size()) std::abort();
  }
  return 0;
}
