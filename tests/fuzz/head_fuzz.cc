// Heads, trust sets, states, `latest` and names, from any bytes: refused with words, or a value that prints as it was read.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/release/head.h"
#include "engine/release/names.h"
#include "engine/release/state.h"
#include "engine/release/trust.h"

namespace {

using namespace acl;           // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::release;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "head_fuzz: %s\n", what);
  std::abort();
}

template <class T>
bool read(const Expected<T>& parsed, Code code) {
  if (parsed) return true;
  require(!parsed.error().message.empty() && parsed.error().code == code, "refused without words or by another code");
  return false;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto head = parse_head(text, "head"); read(head, Code::E1001)) {
    require(print_head(*head) == text && head->expires > head->created, "a head with two texts");
  }
  if (const auto trust = parse_trust(text, "trust"); read(trust, Code::E1002)) {
    require(print_trust(*trust) == text && trust_fault(*trust).empty(), "a trust set with two texts, or with a fault");
  }
  if (const auto state = parse_state(text, "state"); read(state, Code::E1010)) {
    require(print_state(*state) == text, "a state with two texts");
  }
  if (const auto latest = parse_latest(text); read(latest, Code::E1009)) {
    require(print_latest(*latest) == text, "a `latest` with two texts");
  }
  if (const auto name = parse_name(text)) require(text.find("..") == std::string_view::npos, "a name that leaves");
  return 0;
}
