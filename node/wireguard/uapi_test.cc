#include "node/wireguard/uapi.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "node/wireguard/random_peers.h"

namespace acl::node {
namespace {

using testing::hex;
using testing::key_of;
using testing::print_uapi;

std::string message_of(const std::string& answer) {
  const auto reading = parse_uapi(answer);
  return reading ? "accepted" : std::string(code_name(reading.error().code)) + " " + reading.error().message;
}

const std::string peer_line = "public_key=" + hex(key_of(1)) + "\n";

// RFC 7748, section 6.1: Alice.
TEST(Uapi, TheOwnPublicKeyIsDerivedFromThePrivateOne) {
  const auto reading =
      parse_uapi("private_key=77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a\nerrno=0\n\n");
  ASSERT_TRUE(reading);
  ASSERT_TRUE(reading->own);
  EXPECT_EQ(hex(*reading->own), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
}

TEST(Uapi, WithoutAPrivateKeyThereIsNoOwnKey) {
  EXPECT_FALSE(parse_uapi("listen_port=1\nerrno=0\n\n")->own);
  EXPECT_FALSE(parse_uapi("private_key=" + std::string(64, '0') + "\nerrno=0\n\n")->own);
}

TEST(Uapi, AllowedIpsBelongToThePeerAboveThem) {
  const auto reading = parse_uapi(print_uapi({}, {{key_of(1), {net::Prefix::parse("10.0.0.1").prefix}},
                                                  {key_of(2), {net::Prefix::parse("fd00::/64").prefix}}}));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->peers, 2U);
  ASSERT_EQ(reading->allowed.size(), 2U);
  EXPECT_EQ(reading->allowed[0].peer, key_of(1));
  EXPECT_EQ(reading->allowed[1].prefix.text(), "fd00::/64");
}

TEST(Uapi, WhatItDoesNotKnowIsPassedOver) {
  EXPECT_EQ(message_of("new_thing=7\n" + peer_line + "other=\nerrno=0\n\n"), "accepted");
}

TEST(Uapi, ARefusalIsToldWithItsNumber) {
  EXPECT_EQ(message_of("errno=-13\n\n"), "E1322 WireGuard's answer, line 1: refused with errno -13");
}

TEST(Uapi, ACutAnswerIsRefused) {
  const std::string whole = print_uapi(hex(key_of(7)), {{key_of(1), {net::Prefix::parse("10.0.0.1").prefix}}});
  ASSERT_EQ(message_of(whole), "accepted");
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(message_of(whole.substr(0, size)), "accepted");
  EXPECT_NE(message_of(whole + "\n"), "accepted");
}

TEST(Uapi, BadLinesAreToldWithTheirPlace) {
  EXPECT_EQ(message_of("allowed_ip=10.0.0.1/32\n"),
            "E1322 WireGuard's answer, line 1: an allowed_ip before the first public_key");
  EXPECT_EQ(message_of(peer_line + "allowed_ip=10.0.0.1/33\n"),
            "E1322 WireGuard's answer, line 2: \"10.0.0.1/33\" is no prefix");
  EXPECT_EQ(message_of(peer_line + "allowed_ip=10.0.0.1\n"),
            "E1322 WireGuard's answer, line 2: \"10.0.0.1\" is no prefix");
  EXPECT_EQ(message_of("public_key=12\n"),
            "E1322 WireGuard's answer, line 1: \"12\" is no key of 64 hexadecimal digits");
  EXPECT_EQ(message_of("errno=0\nx=1\n"), "E1322 WireGuard's answer, line 2: more behind \"errno=\"");
  EXPECT_EQ(message_of("\n"), "E1322 WireGuard's answer, line 1: the answer ends without \"errno=\"");
  EXPECT_EQ(message_of(std::string(1024, 'x')), "E1322 WireGuard's answer, line 1: longer than 1023 bytes");
}

TEST(Uapi, NoMessageShowsASecret) {
  const std::string secret(63, 'a');
  for (const std::string& answer : {"private_key=" + secret + "\n", secret + "\n", "private_key=" + secret + "g\n"}) {
    EXPECT_EQ(message_of(answer).find("aaaa"), std::string::npos) << message_of(answer);
  }
}

RC_GTEST_PROP(Uapi, WhatIsPrintedIsReadBack, ()) {
  const std::vector<testing::Peer> peers = testing::random_peers();
  const auto reading = parse_uapi(print_uapi({}, peers));
  RC_ASSERT(reading.has_value());
  RC_ASSERT(*reading == testing::reading_of(peers));
}

RC_GTEST_PROP(Uapi, PiecesOfAnySizeMakeTheSameReading, ()) {
  const std::vector<testing::Peer> peers = testing::random_peers();
  const std::string answer = print_uapi(hex(key_of(7)), peers);
  Reading reading;
  UapiParser parser(reading);
  const auto largest = *rc::gen::inRange<std::size_t>(1, 200);
  for (std::size_t at = 0; at < answer.size();) {
    const std::size_t size = std::min(*rc::gen::inRange<std::size_t>(1, largest + 1), answer.size() - at);
    const auto whole = parser.feed({answer.data() + at, size});
    at += size;
    RC_ASSERT(whole.has_value());
    RC_ASSERT(*whole == (at == answer.size()));
  }
  RC_ASSERT(reading == *parse_uapi(answer));
}

}  // namespace
}  // namespace acl::node
