#include "engine/table/packet.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "tests/generate/packet_bytes.h"

namespace acl {
namespace {

using generate::Bytes;
using generate::IpFields;
using net::Address;

const Address a4 = *Address::parse("100.64.0.5");
const Address b4 = *Address::parse("100.64.0.9");
const Address a6 = *Address::parse("fd7a::5");
const Address b6 = *Address::parse("fd7a::9");

// Bytes of exactly their length on the heap, so that the address sanitizer sees a read beyond them.
acl_packet parse(const Bytes& bytes, std::size_t l2 = 0) {
  const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  acl_packet packet;
  acl_parse(copy.get(), copy.get() + bytes.size(), bytes.size(), l2, &packet);
  return packet;
}

int kind(const Bytes& bytes) { return parse(bytes).kind; }
int malformed(const Bytes& bytes) { return parse(bytes).malformed; }

IpFields fields(const Address& source, const Address& destination, std::uint8_t protocol) {
  IpFields f;
  f.source = source;
  f.destination = destination;
  f.protocol = protocol;
  return f;
}

Bytes with_headers(std::vector<std::uint8_t> extensions, std::uint8_t protocol, const Bytes& payload) {
  IpFields f = fields(a6, b6, protocol);
  f.extensions = std::move(extensions);
  return ip_packet(f, payload);
}

Bytes fragment(const Address& source, const Address& destination, std::uint8_t protocol, std::uint16_t offset,
               bool more, const Bytes& payload) {
  IpFields f = fields(source, destination, protocol);
  f.fragment_offset = offset;
  f.fragments_follow = more;
  return ip_packet(f, payload);
}

TEST(Packet, ReadsAddressesAndPortsOfBothFamilies) {
  const acl_packet v4 = parse(generate::tcp(a4, 40000, b4, 22, generate::tcp_syn));
  EXPECT_EQ(v4.family, 4);
  EXPECT_EQ(v4.source.high, 0U);
  EXPECT_EQ(v4.source.low, 0xffff64400005U);
  EXPECT_EQ(static_cast<std::uint32_t>(v4.destination.low), 0x64400009U);
  EXPECT_EQ(v4.source_port, 40000);
  EXPECT_EQ(v4.destination_port, 22);
  const acl_packet v6 = parse(generate::udp(a6, 5353, b6, 53));
  EXPECT_EQ(v6.family, 6);
  EXPECT_EQ(v6.source.high, a6.high());
  EXPECT_EQ(v6.source.low, 5U);
  EXPECT_EQ(v6.destination.low, 9U);
  EXPECT_EQ(v6.destination_port, 53);
}

TEST(Packet, OnlySynWithoutAckIsAnOpening) {
  using namespace generate;
  EXPECT_EQ(kind(tcp(a4, 1, b4, 2, tcp_syn)), ACL_TCP_SYN);
  EXPECT_EQ(kind(tcp(a4, 1, b4, 2, tcp_syn | tcp_fin)), ACL_TCP_SYN);
  EXPECT_EQ(kind(tcp(a4, 1, b4, 2, tcp_syn | tcp_ack)), ACL_TCP);
  EXPECT_EQ(kind(tcp(a4, 1, b4, 2, tcp_ack)), ACL_TCP);
  EXPECT_EQ(kind(tcp(a4, 1, b4, 2, 0)), ACL_TCP);
}

TEST(Packet, KindsOfTheOtherProtocols) {
  EXPECT_EQ(kind(generate::udp(a4, 1, b4, 2)), ACL_UDP);
  EXPECT_EQ(kind(generate::sctp(a6, 1, b6, 2)), ACL_SCTP);
  EXPECT_EQ(kind(generate::echo_request(a4, b4, 7)), ACL_ECHO_REQUEST);
  EXPECT_EQ(kind(generate::echo_reply(a6, b6, 7)), ACL_ECHO_REPLY);
  EXPECT_EQ(parse(generate::echo_request(a6, b6, 7)).source_port, 7);
  EXPECT_EQ(kind(generate::portless(a4, b4, 47)), ACL_PORTLESS);
  EXPECT_EQ(kind(generate::portless(a6, b6, 51)), ACL_PORTLESS) << "AH ends the chain";
  EXPECT_EQ(kind(generate::portless(a6, b6, 50)), ACL_PORTLESS) << "ESP, too";
}

TEST(Packet, IcmpTypesThatAreNeitherEchoNorErrorsAreOther) {
  const auto type = [](const Address& source, const Address& destination, int number) {
    return kind(ip_packet(fields(source, destination, source.is_v4() ? 1 : 58),
                          generate::icmp_header(static_cast<std::uint8_t>(number), 0, 1)));
  };
  for (const int number : {4, 5, 9, 10, 13, 14, 17}) EXPECT_EQ(type(a4, b4, number), ACL_ICMP_OTHER) << number;
  for (const int number : {0, 5, 127, 130, 133, 134, 135, 136, 137, 143}) {
    EXPECT_EQ(type(a6, b6, number), ACL_ICMP_OTHER) << number;
  }
  for (const int number : {3, 11, 12}) EXPECT_EQ(type(a4, b4, number), ACL_ICMP_ERROR) << number;
  for (const int number : {1, 2, 3, 4}) EXPECT_EQ(type(a6, b6, number), ACL_ICMP_ERROR) << number;
}

TEST(Packet, IcmpOfTheOtherFamilyIsMalformed) {
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 58), generate::icmp_header(128, 0, 1))), ACL_BAD_TRANSPORT);
  EXPECT_EQ(malformed(ip_packet(fields(a6, b6, 1), generate::icmp_header(8, 0, 1))), ACL_BAD_TRANSPORT);
}

TEST(Packet, LengthsThatDoNotHoldAreMalformed) {
  EXPECT_EQ(malformed({}), ACL_BAD_SHORT);
  EXPECT_EQ(malformed(Bytes(19, 0x45)), ACL_BAD_SHORT);
  EXPECT_EQ(malformed(Bytes(39, 0x60)), ACL_BAD_SHORT);
  EXPECT_EQ(malformed(Bytes(60, 0x50)), ACL_BAD_VERSION);
  Bytes packet = generate::udp(a4, 1, b4, 2);
  packet[0] = 0x44;
  EXPECT_EQ(malformed(packet), ACL_BAD_HEADER_LENGTH);
  packet[0] = 0x45;
  packet[3] = 29;  // one more than there is
  EXPECT_EQ(malformed(packet), ACL_BAD_TOTAL_LENGTH);
  packet[3] = 19;
  EXPECT_EQ(malformed(packet), ACL_BAD_TOTAL_LENGTH);
  Bytes v6 = generate::udp(a6, 1, b6, 2);
  v6[5] = 9;
  EXPECT_EQ(malformed(v6), ACL_BAD_TOTAL_LENGTH);
}

// LSRR (type 131) would have a router send it on to an address that the table was never asked about.
TEST(Packet, IPv4OptionsAreRefused) {
  Bytes packet = generate::udp(a4, 1, b4, 2);
  packet[0] = 0x46;
  packet[3] = 32;
  packet.insert(packet.begin() + 20, {131, 3, 4, 0});
  EXPECT_EQ(malformed(packet), ACL_BAD_OPTIONS);
}

TEST(Packet, BytesBehindTheTotalLengthAreNotPartOfIt) {
  Bytes packet = generate::udp(a4, 1, b4, 2);
  packet.resize(60);
  EXPECT_EQ(kind(packet), ACL_UDP);
  packet[3] = 27;  // the last byte of the UDP header is now behind
  EXPECT_EQ(malformed(packet), ACL_BAD_TRANSPORT);
}

TEST(Packet, TransportHeaderMustBeWhole) {
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 6), Bytes(19, 0x50))), ACL_BAD_TRANSPORT);
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 17), Bytes(7))), ACL_BAD_TRANSPORT);
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 132), Bytes(11))), ACL_BAD_TRANSPORT);
  EXPECT_EQ(malformed(ip_packet(fields(a6, b6, 58), Bytes(7, 128))), ACL_BAD_TRANSPORT);
  Bytes header = generate::tcp_header(1, 2, generate::tcp_syn);
  header[12] = 0x40;
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 6), header)), ACL_BAD_TRANSPORT) << "data offset below 5";
  header[12] = 0x60;
  EXPECT_EQ(malformed(ip_packet(fields(a4, b4, 6), header)), ACL_BAD_TRANSPORT) << "options that are not there";
  header.resize(24);
  EXPECT_EQ(kind(ip_packet(fields(a4, b4, 6), header)), ACL_TCP_SYN);
}

TEST(Packet, WalksHopByHopDestinationOptionsAndOneFragmentHeader) {
  const Bytes udp = generate::udp_header(1, 2);
  EXPECT_EQ(kind(with_headers({0}, 17, udp)), ACL_UDP);
  EXPECT_EQ(kind(with_headers({0, 60, 60, 60}, 17, udp)), ACL_UDP);
  IpFields atomic = fields(a6, b6, 17);
  atomic.extensions = {0, 60};
  atomic.atomic_fragment = true;
  EXPECT_EQ(kind(ip_packet(atomic, udp)), ACL_UDP) << "offset 0 and nothing to follow is no fragment";
  EXPECT_EQ(parse(ip_packet(atomic, udp)).fragment, ACL_WHOLE);
}

TEST(Packet, RefusesEveryOtherChain) {
  const Bytes udp = generate::udp_header(1, 2);
  EXPECT_EQ(malformed(with_headers({0, 60, 60, 60, 60}, 17, udp)), ACL_BAD_CHAIN) << "five headers";
  EXPECT_EQ(malformed(with_headers({60, 0}, 17, udp)), ACL_BAD_CHAIN) << "hop-by-hop not first";
  EXPECT_EQ(malformed(with_headers({43}, 17, udp)), ACL_BAD_CHAIN) << "routing";
  EXPECT_EQ(malformed(with_headers({44, 60}, 17, udp)), ACL_BAD_CHAIN) << "options behind a fragment header";
  EXPECT_EQ(malformed(with_headers({44, 44}, 17, udp)), ACL_BAD_CHAIN) << "two fragment headers";
  EXPECT_EQ(malformed(with_headers({}, 59, {})), ACL_BAD_CHAIN) << "no next header";
  EXPECT_EQ(malformed(with_headers({60}, 59, {})), ACL_BAD_CHAIN);
  Bytes longer = with_headers({60}, 17, Bytes(72));
  longer[41] = 7;
  EXPECT_EQ(kind(longer), ACL_UDP) << "64 bytes";
  longer[41] = 8;
  EXPECT_EQ(malformed(longer), ACL_BAD_CHAIN) << "72 bytes";
  Bytes cut = with_headers({60}, 17, {});
  cut[41] = 1;
  EXPECT_EQ(malformed(cut), ACL_BAD_CHAIN) << "longer than the packet";
}

TEST(Packet, FirstFragmentIsOfTheKindItsHeaderSays) {
  const acl_packet first = parse(fragment(a4, b4, 17, 0, true, Bytes(16)));
  EXPECT_EQ(first.kind, ACL_UDP);
  EXPECT_EQ(first.fragment, ACL_FIRST_FRAGMENT);
  EXPECT_EQ(malformed(fragment(a4, b4, 6, 0, true, Bytes(16))), ACL_BAD_TRANSPORT) << "without its whole header";
  EXPECT_EQ(malformed(fragment(a6, b6, 6, 0, true, Bytes(16))), ACL_BAD_TRANSPORT);
}

TEST(Packet, LaterFragmentsHaveNoPorts) {
  for (const auto& [a, b] : {std::pair{a4, b4}, std::pair{a6, b6}}) {
    const acl_packet later = parse(fragment(a, b, 17, 24, false, Bytes(5, 9)));
    EXPECT_EQ(later.kind, ACL_LATER_FRAGMENT);
    EXPECT_EQ(later.protocol, 17);
    EXPECT_EQ(later.destination_port, 0);
  }
}

TEST(Packet, FragmentsThatCouldOverwriteWhatWasJudgedAreMalformed) {
  for (const std::uint16_t offset : {std::uint16_t{8}, std::uint16_t{16}}) {
    EXPECT_EQ(malformed(fragment(a4, b4, 6, offset, false, Bytes(8))), ACL_BAD_FRAGMENT) << offset;
    EXPECT_EQ(malformed(fragment(a6, b6, 17, offset, true, Bytes(8))), ACL_BAD_FRAGMENT) << offset;
  }
}

TEST(Packet, FragmentsThatCannotBePutTogetherAreMalformed) {
  EXPECT_EQ(malformed(fragment(a4, b4, 17, 24, false, {})), ACL_BAD_FRAGMENT) << "empty";
  EXPECT_EQ(malformed(fragment(a4, b4, 17, 24, true, Bytes(9))), ACL_BAD_FRAGMENT) << "uneven, more to follow";
  EXPECT_EQ(kind(fragment(a4, b4, 17, 65528, false, Bytes(7))), ACL_LATER_FRAGMENT);
  EXPECT_EQ(malformed(fragment(a4, b4, 17, 65528, false, Bytes(8))), ACL_BAD_FRAGMENT) << "beyond 65,535";
}

TEST(Packet, LinkLayerTypeMustAgreeWithTheVersion) {
  Bytes frame = generate::ethernet(generate::udp(a6, 1, b6, 2));
  EXPECT_EQ(parse(frame, 14).kind, ACL_UDP);
  frame[12] = 0x08;
  frame[13] = 0x00;
  EXPECT_EQ(parse(frame, 14).malformed, ACL_BAD_VERSION);
  EXPECT_EQ(parse(Bytes(14), 14).malformed, ACL_BAD_SHORT);
  EXPECT_EQ(parse(Bytes(5), 14).malformed, ACL_BAD_SHORT);
}

TEST(Packet, SpecialAddressesAreToldToTheBit) {
  const auto special = [](std::string_view text) {
    const Address address = *Address::parse(text);
    const Address& other = address.is_v4() ? b4 : b6;
    const int as_source = parse(generate::udp(address, 1, other, 2)).special;
    const int as_destination = parse(generate::udp(other, 1, address, 2)).special;
    EXPECT_EQ(as_source * 2, as_destination) << text;
    return as_source != 0;
  };
  for (const auto* text : {"0.0.0.0", "0.255.255.255", "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.255.255",
                           "224.0.0.0", "239.1.2.3", "255.255.255.255", "::", "::1", "::1.2.3.4", "::ffff:100.64.0.5",
                           "fe80::", "febf:ffff::1", "ff00::", "ff02::1", "ffff::"}) {
    EXPECT_TRUE(special(text)) << text;
  }
  for (const auto* text :
       {"1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "::1:0:0:1",
        "::fffe:1.2.3.4", "fe7f:ffff::", "fec0::", "feff::", "2001:db8::1"}) {
    EXPECT_FALSE(special(text)) << text;
  }
}

TEST(Packet, QuoteIsReadFromItsFirstEightBytes) {
  const Bytes sent = generate::tcp(b4, 22, a4, 40000, generate::tcp_ack);
  const acl_packet error = parse(generate::unreachable(a4, b4, sent, 28));
  ASSERT_EQ(error.kind, ACL_ICMP_ERROR);
  EXPECT_EQ(error.quote.kind, ACL_TCP);
  EXPECT_EQ(error.quote.source_port, 22);
  EXPECT_EQ(error.quote.destination_port, 40000);
  EXPECT_EQ(error.quote.destination.low, error.source.low);
  EXPECT_EQ(parse(generate::unreachable(a4, b4, sent, 27)).quote.kind, ACL_MALFORMED);
  const Bytes sent6 = with_headers({60}, 17, generate::udp_header(53, 4000));
  EXPECT_EQ(parse(generate::unreachable(b6, a6, sent6, 56)).quote.source_port, 53);
  EXPECT_EQ(parse(generate::unreachable(b6, a6, sent6, 55)).quote.kind, ACL_MALFORMED);
}

TEST(Packet, QuotesThatSayNothingOfAFlowAreNotUsable) {
  const auto quote = [](const Bytes& quoted) { return parse(generate::unreachable(a4, b4, quoted)).quote.kind; };
  EXPECT_EQ(quote(generate::echo_request(b4, a4, 1)), ACL_ECHO_REQUEST);
  EXPECT_EQ(quote(generate::portless(b4, a4, 47)), ACL_PORTLESS);
  EXPECT_EQ(quote(generate::unreachable(b4, a4, generate::udp(a4, 1, b4, 2))), ACL_MALFORMED) << "an error";
  EXPECT_EQ(quote(fragment(b4, a4, 17, 24, false, Bytes(8))), ACL_MALFORMED) << "a later fragment";
  EXPECT_EQ(quote(generate::udp(b6, 1, a6, 2)), ACL_MALFORMED) << "the other family";
  EXPECT_EQ(quote({}), ACL_MALFORMED);
}

// Under the address sanitizer this is the proof that no bytes lead outside of them.
TEST(Packet, AnyBytesHaveAnAnswer) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& noise, std::uint64_t seed, bool l2) {
    const acl_packet of_noise = parse(noise, l2 ? 14 : 0);
    RC_ASSERT((of_noise.kind == ACL_MALFORMED) == (of_noise.malformed != ACL_WELL_FORMED));
    generate::PacketSource source(seed);
    for (int i = 0; i < 20; ++i) {
      const Bytes bytes = source.next(i % 2 == 0);
      const acl_packet packet = parse(l2 ? generate::ethernet(bytes) : bytes, l2 ? 14 : 0);
      RC_ASSERT(packet.kind <= ACL_LATER_FRAGMENT);
      RC_ASSERT((packet.kind == ACL_MALFORMED) == (packet.malformed != ACL_WELL_FORMED));
    }
  }));
}

// A frame in several pieces: only the first is there to be read, and it is enough.
TEST(Packet, HeadersInTheFirstPieceAreEnough) {
  const Bytes whole = ip_packet(fields(a4, b4, 6), [] {
    Bytes payload = generate::tcp_header(1, 2, generate::tcp_ack);
    payload.resize(1400);
    return payload;
  }());
  acl_packet packet;
  acl_parse(whole.data(), whole.data() + 40, whole.size(), 0, &packet);
  EXPECT_EQ(packet.kind, ACL_TCP);
  acl_parse(whole.data(), whole.data() + 39, whole.size(), 0, &packet);
  EXPECT_EQ(packet.malformed, ACL_BAD_TRANSPORT) << "what cannot be read is refused";
}

}  // namespace
}  // namespace acl
