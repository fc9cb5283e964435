// aclc_gen SIZE OUTDIR [SEED]: writes OUTDIR/policy.hujson and OUTDIR/inventory.hujson, a synthetic tailnet of size S, M, L or
// XL (large_tailnet.h). Exit codes: 2 wrong usage, 3 could not write.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "engine/net/file.h"
#include "tests/generate/large_tailnet.h"

int main(int argc, char** argv) {
  const auto shape = argc > 1 ? acl::generate::large_shape(argv[1]) : std::nullopt;
  if (!shape || argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: aclc_gen S|M|L|XL OUTDIR [SEED]\n");
    return 2;
  }
  const std::string folder = argv[2];
  std::error_code ignored;  // if it cannot be made, writing says so
  std::filesystem::create_directories(folder, ignored);
  const auto tailnet = acl::generate::large_tailnet(*shape, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  for (const auto& [name, text] :
       {std::pair("policy.hujson", &tailnet.policy), std::pair("inventory.hujson", &tailnet.inventory)}) {
    const auto written = acl::replace_file(folder + "/" + name, *text);
    if (!written) {
      std::fprintf(stderr, "aclc_gen: %s\n", written.error().message.c_str());
      return 3;
    }
  }
  return 0;
}
