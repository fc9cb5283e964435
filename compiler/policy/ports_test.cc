// Protocols and ports, and the words of the control plane's client library for what is wrong with them.
#include "compiler/policy/ports.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace acl::policy {
namespace {

std::string range_error(std::string_view text) {
  const auto range = parse_port_range(text);
  return range ? "" : range.error();
}

std::string list_error(std::string_view text) {
  const auto list = parse_port_list(text);
  return list ? "" : list.error();
}

std::string entry_error(std::string_view text, ProtocolNames names = ProtocolNames::hosted) {
  const auto entry = parse_ip_entry(text, names);
  return entry ? "" : entry.error();
}

// -1 where the name is not known.
int protocol(std::string_view text, ProtocolNames names = ProtocolNames::hosted) {
  const auto number = parse_protocol(text, names);
  return number ? *number : -1;
}

// --- a port or a range ---

TEST(PortRange, IsAStarAPortOrAnInclusiveRange) {
  EXPECT_EQ(parse_port_range("*"), (PortRange{0, 65535}));
  EXPECT_EQ(parse_port_range("22"), (PortRange{22, 22}));
  EXPECT_EQ(parse_port_range("1"), (PortRange{1, 1}));
  EXPECT_EQ(parse_port_range("65535"), (PortRange{65535, 65535}));
  EXPECT_EQ(parse_port_range("8000-8010"), (PortRange{8000, 8010}));
  EXPECT_EQ(parse_port_range("80-80"), (PortRange{80, 80}));
}

// 1-65535 leaves out port 0, and a protocol without ports needs it.
TEST(PortRange, FromOneIsNotAll) {
  EXPECT_TRUE(parse_port_range("*")->is_all());
  EXPECT_FALSE(parse_port_range("1-65535")->is_all());
}

TEST(PortRange, SaysWhatIsWrongInTheServicesWords) {
  EXPECT_EQ(range_error("0"), "port range \"0\": first port must be >0, or use '*' for wildcard");
  EXPECT_EQ(range_error("0-65535"), "port range \"0-65535\": first port must be >0, or use '*' for wildcard");
  EXPECT_EQ(range_error("https"), "port range \"https\": invalid first integer");
  EXPECT_EQ(range_error(""), "port range \"\": invalid first integer");
  EXPECT_EQ(range_error("-80"), "port range \"-80\": invalid first integer");
  EXPECT_EQ(range_error("+80"), "port range \"+80\": invalid first integer");
  EXPECT_EQ(range_error("70000"), "port range \"70000\": invalid first integer");
  EXPECT_EQ(range_error("65536"), "port range \"65536\": invalid first integer");
  EXPECT_EQ(range_error("80-x"), "port range \"80-x\": invalid last integer");
  EXPECT_EQ(range_error("80-"), "port range \"80-\": invalid last integer");
  EXPECT_EQ(range_error("80-70000"), "port range \"80-70000\": invalid last integer");
  EXPECT_EQ(range_error("90-80"), "port range \"90-80\": first port must be >= last port");
  EXPECT_EQ(range_error("1-2-3"), "port range \"1-2-3\": too many dashes(-)");
  EXPECT_EQ(range_error("x-2-3"), "port range \"x-2-3\": too many dashes(-)");
  EXPECT_EQ(range_error("*-80"), "port range \"*-80\": invalid first integer");
}

// --- lists, as ACL destinations have them ---

TEST(PortList, IsRangesWithCommasBetween) {
  const auto list = parse_port_list("22,80,8000-8010");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->ranges, (std::vector<PortRange>{{22, 22}, {80, 80}, {8000, 8010}}));
  EXPECT_FALSE(list->spaces);
  EXPECT_FALSE(list->wildcard);
}

TEST(PortList, AStarAmongOthersMeansAll) {
  const auto list = parse_port_list("22,*");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->wildcard);
  EXPECT_EQ(list->ranges, (std::vector<PortRange>{{0, 65535}}));
  EXPECT_FALSE(parse_port_list("*")->wildcard);
}

TEST(PortList, SpaceAroundItemsIsLeftOutAndNoted) {
  const auto list = parse_port_list("22, 80 ,443");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->spaces);
  EXPECT_EQ(list->ranges.size(), 3U);
  EXPECT_NE(list_error("22 23"), "");
}

TEST(PortList, MayNotBeEmptyNorHaveEmptyItems) {
  EXPECT_EQ(list_error(""), "invalid port list: \"\"");
  EXPECT_EQ(list_error("22,"), "port range \"\": invalid first integer");
  EXPECT_EQ(list_error(",22"), "port range \"\": invalid first integer");
  EXPECT_EQ(list_error("22,x"), "port range \"x\": invalid first integer");
}

// --- protocols ---

TEST(Protocol, IsKnownByName) {
  const std::vector<std::pair<std::string, int>> names = {
      {"icmp", 1}, {"icmpv4", 1},     {"igmp", 2},    {"ipv4", 4},  {"ip-in-ip", 4}, {"tcp", 6},
      {"egp", 8},  {"igp", 9},        {"udp", 17},    {"dccp", 33}, {"gre", 47},     {"esp", 50},
      {"ah", 51},  {"ipv6-icmp", 58}, {"icmpv6", 58}, {"tsmp", 99}, {"sctp", 132}};
  for (const auto& [name, number] : names) EXPECT_EQ(protocol(name), number) << name;
  EXPECT_EQ(protocol("TCP"), 6);
  EXPECT_EQ(protocol("IPv6-ICMP"), 58);
}

TEST(Protocol, IsANumberOfOneByte) {
  EXPECT_EQ(protocol("0"), 0);
  EXPECT_EQ(protocol("6"), 6);
  EXPECT_EQ(protocol("255"), 255);
  EXPECT_EQ(protocol("006"), 6);
  EXPECT_EQ(protocol("256"), -1);
  EXPECT_EQ(protocol("-1"), -1);
  EXPECT_EQ(protocol("6.0"), -1);
}

TEST(Protocol, AnUnknownNameIsQuoted) {
  for (const std::string_view text : {"x", "*", "fc", "any", "tcp/udp", "256"}) {
    const auto number = parse_protocol(text, ProtocolNames::hosted);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error(), "proto name \"" + std::string(text) + "\" not known; use protocol number 0-255");
  }
}

TEST(Protocol, HeadscaleKnowsFibreChannelAndNoLeadingZeros) {
  EXPECT_EQ(protocol("fc", ProtocolNames::headscale), 133);
  EXPECT_EQ(protocol("tcp", ProtocolNames::headscale), 6);
  EXPECT_EQ(protocol("17", ProtocolNames::headscale), 17);
  EXPECT_EQ(protocol("017", ProtocolNames::headscale), -1);
  EXPECT_EQ(protocol("*", ProtocolNames::headscale), -1);
}

TEST(Protocol, OnlyTcpUdpAndSctpHavePorts) {
  for (int number = 0; number < 256; ++number) {
    const bool ports = number == 6 || number == 17 || number == 132;
    EXPECT_EQ(protocol_has_ports(static_cast<std::uint8_t>(number)), ports) << number;
  }
}

TEST(ProtocolProperty, ReadsBackWhatItPrints) {
  for (int number = 0; number < 256; ++number) {
    EXPECT_EQ(protocol(protocol_name(static_cast<std::uint8_t>(number))), number);
  }
}

// --- entries of a grant's `ip` ---

TEST(IpEntry, WithoutAProtocolMeansTheDefaultSet) {
  for (const std::string_view text : {"*", "*:*"}) {
    const auto entry = parse_ip_entry(text, ProtocolNames::hosted);
    ASSERT_TRUE(entry) << text;
    EXPECT_FALSE(entry->has_protocol);
    EXPECT_EQ(entry->ports, (std::vector<PortRange>{{0, 65535}}));
  }
  for (const std::string_view text : {"443", "*:443"}) {
    const auto entry = parse_ip_entry(text, ProtocolNames::hosted);
    ASSERT_TRUE(entry) << text;
    EXPECT_FALSE(entry->has_protocol);
    EXPECT_EQ(entry->ports, (std::vector<PortRange>{{443, 443}}));
  }
}

// A bare number is a port, never a protocol.
TEST(IpEntry, FortySevenIsPortFortySeven) {
  const auto entry = parse_ip_entry("47", ProtocolNames::hosted);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->has_protocol);
  EXPECT_EQ(entry->ports, (std::vector<PortRange>{{47, 47}}));
}

TEST(IpEntry, IsAProtocolAndItsPorts) {
  const std::vector<std::tuple<std::string, int, PortRange>> entries = {
      {"tcp:*", 6, {0, 65535}},  {"tcp:443", 6, {443, 443}}, {"UDP:4000-4010", 17, {4000, 4010}},
      {"icmp:*", 1, {0, 65535}}, {"47:*", 47, {0, 65535}},   {"sctp:1-9", 132, {1, 9}}};
  for (const auto& [text, number, ports] : entries) {
    const auto entry = parse_ip_entry(text, ProtocolNames::hosted);
    ASSERT_TRUE(entry) << text;
    EXPECT_TRUE(entry->has_protocol);
    EXPECT_EQ(entry->protocol, number) << text;
    EXPECT_EQ(entry->ports, (std::vector<PortRange>{ports})) << text;
    EXPECT_FALSE(entry->list);
  }
}

TEST(IpEntry, SaysWhatIsWrongInTheServicesWords) {
  EXPECT_EQ(entry_error(""), "empty string");
  EXPECT_EQ(entry_error("icmp"), "port range \"icmp\": invalid first integer");
  EXPECT_EQ(entry_error("ICMP"), "port range \"icmp\": invalid first integer");
  EXPECT_EQ(entry_error("tcp:0"), "port range \"0\": first port must be >0, or use '*' for wildcard");
  EXPECT_EQ(entry_error("tcp:"), "invalid port list: \"\"");
  EXPECT_EQ(entry_error(":443"), "empty protocol");
  EXPECT_EQ(entry_error("bogus:443"), "proto name \"bogus\" not known; use protocol number 0-255");
  EXPECT_EQ(entry_error("tcp,udp:443"), "host cannot contain a comma (\",\")");
  EXPECT_EQ(entry_error("90-80"), "port range \"90-80\": first port must be >= last port");
  EXPECT_EQ(entry_error("1-2-3"), "port range \"1-2-3\": too many dashes(-)");
  EXPECT_EQ(entry_error("tcp:80-x"), "port range \"80-x\": invalid last integer");
}

// The last colon separates; what stands before it is then no protocol.
TEST(IpEntry, TwoColonsMakeAnUnknownProtocol) {
  EXPECT_EQ(entry_error("tcp:80:443"), "proto name \"tcp:80\" not known; use protocol number 0-255");
}

TEST(IpEntry, ThePortsAreJudgedBeforeTheProtocol) {
  EXPECT_EQ(entry_error("bogus:x"), "port range \"x\": invalid first integer");
  EXPECT_EQ(entry_error(":x"), "port range \"x\": invalid first integer");
}

// Headscale documents lists in entries; the hosted service's parser knows none. A list that is none is refused by both.
TEST(IpEntry, ListsAreReadAndNoted) {
  const auto entry = parse_ip_entry("tcp:80,443", ProtocolNames::headscale);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->list);
  EXPECT_EQ(entry->ports, (std::vector<PortRange>{{80, 80}, {443, 443}}));
  EXPECT_EQ(entry_error("tcp:80,x"), "port range \"80,x\": invalid first integer");
  EXPECT_EQ(entry_error("80-90,x"), "port range \"80-90,x\": invalid last integer");
}

TEST(PortsProperty, EveryRangeOfPortsReadsBack) {
  EXPECT_TRUE(rc::check([] {
    const auto first = *rc::gen::inRange<std::uint16_t>(1, 65535);
    const auto last = *rc::gen::inRange<std::uint16_t>(first, 65535);
    RC_ASSERT(parse_port_range(std::to_string(first) + "-" + std::to_string(last)) == (PortRange{first, last}));
  }));
}

TEST(PortsProperty, AnyTextIsReadOrRefusedWithWords) {
  EXPECT_TRUE(rc::check([] {
    static const std::vector<std::string> parts = {"1", "80", "65536", "-", ",", ":", "*", " ", "tcp", "icmp", "\xff"};
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(parts))) text += part;
    for (const ProtocolNames names : {ProtocolNames::hosted, ProtocolNames::headscale}) {
      const auto entry = parse_ip_entry(text, names);
      RC_ASSERT(entry.has_value() || !entry.error().empty());
      if (entry) RC_ASSERT(!entry->ports.empty());
    }
  }));
}

}  // namespace
}  // namespace acl::policy
