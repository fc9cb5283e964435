#include "engine/table/common_packet.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>

#include "tests/generate/packet_bytes.h"

namespace acl {
namespace {

using generate::Bytes;
using net::Address;

const Address a4 = *Address::parse("100.64.0.5");
const Address b4 = *Address::parse("100.64.0.9");
const Address a6 = *Address::parse("fd7a::5");
const Address b6 = *Address::parse("fd7a::9");

// The short way's packet, if it takes it. Of a frame of `length` bytes these are there, on the heap and exactly as many, so that the
// address sanitizer sees a read beyond them.
std::optional<acl_packet> common(const Bytes& bytes, std::size_t length) {
  const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  const std::uint8_t* end = copy.get() + bytes.size();
  acl_packet packet{};
  const int family = acl_common_family(copy.get(), end);
  if (family == 0 || acl_parse_common(copy.get(), end, length, family, &packet) == 0) return std::nullopt;
  return packet;
}
std::optional<acl_packet> common(const Bytes& bytes) { return common(bytes, bytes.size()); }

acl_packet general(const Bytes& bytes, std::size_t length) {
  acl_packet packet{};
  acl_parse(bytes.data(), bytes.data() + bytes.size(), length, 0, &packet);
  return packet;
}

TEST(CommonPacket, IsASegmentOrDatagramOfEitherFamily) {
  for (const Bytes& bytes : {generate::tcp(a4, 40000, b4, 22, generate::tcp_syn), generate::udp(a4, 40000, b4, 53),
                             generate::tcp(a6, 40000, b6, 22, generate::tcp_ack), generate::udp(a6, 40000, b6, 53)}) {
    const auto packet = common(bytes);
    ASSERT_TRUE(packet);
    const acl_packet expected = general(bytes, bytes.size());
    EXPECT_EQ(std::memcmp(&*packet, &expected, sizeof expected), 0);
  }
}

TEST(CommonPacket, IsNothingElse) {
  generate::IpFields fragment;
  fragment.source = a4;
  fragment.destination = b4;
  fragment.protocol = 17;
  fragment.fragments_follow = true;
  generate::IpFields chained;
  chained.source = a6;
  chained.destination = b6;
  chained.protocol = 17;
  chained.extensions = {60};
  Bytes options = generate::tcp(a4, 1, b4, 22, generate::tcp_syn);
  options[0] = 0x46;
  options.resize(options.size() + 4);
  Bytes too_long = generate::udp(a4, 1, b4, 53);
  too_long[3] = static_cast<std::uint8_t>(too_long[3] + 1);  // one byte more than there are
  Bytes payload = generate::udp_header(1, 2);
  payload.resize(16);
  for (const Bytes& bytes :
       {generate::sctp(a4, 1, b4, 2), generate::echo_request(a4, b4, 1), generate::echo_request(a6, b6, 1),
        ip_packet(fragment, payload), ip_packet(chained, payload), options, too_long, Bytes{}, Bytes(28, 0),
        generate::tcp(Address::v4(0x7f000001), 1, b4, 22, generate::tcp_syn),
        generate::tcp(a4, 1, *Address::parse("169.254.0.1"), 22, generate::tcp_syn),
        generate::udp(a6, 1, *Address::parse("ff02::1"), 53),
        generate::udp(*Address::parse("::ffff:100.64.0.5"), 1, b6, 53)}) {
    EXPECT_FALSE(common(bytes)) << bytes.size() << " bytes";
  }
}

// Nothing is taken that the general parser would read otherwise: with random packets, cut anywhere, as frames of any length.
TEST(CommonPacket, IsWhatTheGeneralParserReads) {
  std::size_t taken = 0;
  EXPECT_TRUE(rc::check("as the general parser has it", [&taken] {
    generate::PacketSource source(*rc::gen::arbitrary<std::uint64_t>());
    for (int i = 0; i < 500; ++i) {
      Bytes bytes = source.next(i % 2 == 0);
      const std::size_t length = bytes.size();
      if (source.one_in(4)) bytes.resize(source.below(static_cast<std::uint32_t>(length) + 1));
      const auto packet = common(bytes, length);
      if (!packet) continue;
      ++taken;
      const acl_packet expected = general(bytes, length);
      RC_ASSERT(std::memcmp(&*packet, &expected, sizeof expected) == 0);
    }
  }));
  EXPECT_GT(taken, 5'000U);
}

// … and of what the general parser takes, the common packets go the short way: else it would be there for nothing.
TEST(CommonPacket, IsEverySegmentAndDatagramWithoutOptionsFragmentsAndExtensions) {
  EXPECT_TRUE(rc::check("all of them", [] {
    generate::PacketSource source(*rc::gen::arbitrary<std::uint64_t>());
    for (int i = 0; i < 500; ++i) {
      const Bytes bytes = source.next(i % 2 == 0);
      const acl_packet expected = general(bytes, bytes.size());
      const bool ported = expected.kind == ACL_TCP_SYN || expected.kind == ACL_TCP || expected.kind == ACL_UDP;
      if (!ported || expected.fragment != ACL_WHOLE || expected.special != 0) continue;
      if (expected.family == 6 && bytes[6] != expected.protocol) continue;
      // 0000::/8 and fe00::/7 hold special addresses; whatever is there goes the long way.
      const auto beginning = [](const acl_address& a) { return a.high >> 56; };
      if (expected.family == 6 &&
          (beginning(expected.source) % 0xfe == 0 || beginning(expected.destination) % 0xfe == 0))
        continue;
      RC_ASSERT(common(bytes));
    }
  }));
}

}  // namespace
}  // namespace acl
