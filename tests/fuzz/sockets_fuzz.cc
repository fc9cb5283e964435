// The kernel's list of sockets, from any bytes: refused with words, or sockets of which flows are made.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "node/enforce/socket_list.h"

namespace {

using namespace acl;        // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::node;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "sockets_fuzz: %s\n", what);
  std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t protocol = data[0] % 2 == 0 ? ACL_PROTOCOL_TCP : ACL_PROTOCOL_UDP;
  std::vector<Socket> sockets;
  const auto whole = parse_sockets({data + 1, size - 1}, protocol, 1, sockets);
  if (!whole) require(whole.error().code == Code::E1327 && !whole.error().message.empty(), "refused without words");
  std::vector<net::Address> own;
  if (!sockets.empty()) own.push_back(sockets.front().local);
  const Seeds seeds = flows_under_way(sockets, own, PortRange{});
  require(seeds.records.size() + seeds.marks.size() <= sockets.size(), "flows out of nothing");
  for (const acl_flow_key& key : seeds.records) {
    require(key.kind == ACL_KEY_TUPLE && key.protocol == protocol, "a key of something else");
  }
  return 0;
}
