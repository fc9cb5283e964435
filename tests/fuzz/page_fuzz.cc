// Pages of the tree and the index of the directory, from any bytes: refused with words, or a value that encodes as it was read.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "engine/release/directory.h"
#include "engine/release/page.h"

namespace {

using namespace acl;           // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::release;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "page_fuzz: %s\n", what);
  std::abort();
}

bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  // The depth that the page claims, so that all of it is reached, and another.
  const unsigned depth = size > 6 ? bytes[6] : 0;
  if (const auto page = parse_page(bytes, depth, "page")) {
    require(same(encode_page(*page), bytes), "a page with two encodings");
    require(!parse_page(bytes, depth + 1, "page"), "a page of two depths");
  } else {
    require(page.error().code == Code::E1003 && !page.error().message.empty(), "refused without words");
  }
  if (const auto chunks = parse_directory(bytes, "index")) {
    const auto encoded = encode_directory(*chunks);
    require(encoded && same(*encoded, bytes), "an index with two encodings");
  } else {
    require(chunks.error().code == Code::E1004 && !chunks.error().message.empty(), "refused without words");
  }
  return 0;
}
