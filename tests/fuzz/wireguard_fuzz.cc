// What WireGuard answers, from any bytes: a program's lines, fed in pieces that the input chooses, and the kernel's messages.
// Refused with words, or a reading whose prefixes are looked up without surprise; read again in one piece it is the same.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "node/wireguard/allowed_ips.h"
#include "node/wireguard/netlink.h"
#include "node/wireguard/uapi.h"

namespace {

using namespace acl;        // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::node;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "wireguard_fuzz: %s\n", what);
  std::abort();
}

void look_up(Reading reading) {
  std::sort(reading.allowed.begin(), reading.allowed.end());
  // As DevicePoll does: a prefix of two peers is refused.
  const auto twice = std::adjacent_find(reading.allowed.begin(), reading.allowed.end(),
                                        [](const AllowedIp& a, const AllowedIp& b) { return a.prefix == b.prefix; });
  if (twice != reading.allowed.end()) return;
  const AllowedIps ips(reading.allowed);
  for (std::size_t i = 1; i < ips.ranges().size(); ++i) {
    require(ips.ranges()[i - 1].last < ips.ranges()[i].first, "ranges that overlap");
  }
  for (const AllowedIp& entry : reading.allowed) {
    for (const net::Address& address : {entry.prefix.first(), entry.prefix.last()}) {
      const AllowedIp* longest = nullptr;
      for (const AllowedIp& other : reading.allowed) {
        if (!other.prefix.contains(address)) continue;
        if (longest == nullptr || other.prefix.length() > longest->prefix.length()) longest = &other;
      }
      const Key* owner = ips.owner(address);
      require(owner != nullptr && *owner == longest->peer, "an address of another peer");
    }
    require(!ips.owners(entry.prefix).empty(), "a prefix of nobody");
  }
}

void read_program(std::string_view answer, std::size_t piece) {
  const auto whole = parse_uapi(answer);
  Reading reading;
  UapiParser parser(reading);
  bool done = false;
  bool failed = false;
  for (std::size_t at = 0; at < answer.size() && !failed; at += piece) {
    const std::string_view part = answer.substr(at, piece);
    const auto fed = parser.feed({part.data(), part.size()});
    failed = !fed;
    done = fed && *fed;
    if (failed) require(fed.error().code == Code::E1322 && !fed.error().message.empty(), "refused without words");
  }
  require(whole.has_value() == (done && !failed), "pieces make a difference");
  if (!whole) return;
  require(*whole == reading, "pieces make another reading");
  if (reading.allowed.size() < 200) look_up(reading);
}

void read_kernel(std::span<const std::uint8_t> datagram) {
  constexpr std::uint32_t sequence = 1;
  Reading reading;
  std::uint32_t ifindex = 0;
  if (const auto answer = parse_device_answer(datagram, sequence, reading, ifindex); !answer) {
    require(answer.error().code == Code::E1322 && !answer.error().message.empty(), "refused without words");
  } else if (reading.allowed.size() < 200) {
    look_up(reading);
  }
  if (const auto family = parse_family_answer(datagram, sequence); !family) {
    require(family.error().code == Code::E1322 && !family.error().message.empty(), "refused without words");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte: 0 for the kernel's form, else the size of the pieces of a program's.
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  if (data[0] == 0) {
    read_kernel(rest);
  } else {
    read_program({reinterpret_cast<const char*>(rest.data()), rest.size()}, data[0]);
  }
  return 0;
}
