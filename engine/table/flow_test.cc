#include "engine/table/flow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/table/flow_model.h"
#include "tests/generate/packet_bytes.h"

namespace acl {
namespace {

using generate::Bytes;
using generate::tcp_ack;
using generate::tcp_rst;
using generate::tcp_syn;
using net::Address;

Address address(std::string_view text) { return *Address::parse(text); }

acl_address raw(const Address& a) {
  return a.is_v4() ? acl_address{0, ACL_V4_LOW | a.low()} : acl_address{a.high(), a.low()};
}

// A node with its flow maps, and a decision table one can change: rules, peers, and which of these are bound to their keys.
class Node {
 public:
  explicit Node(std::size_t records = 1000, std::size_t marks = 1000) : flows_(records, marks) {}

  static constexpr int any_port = -1;
  struct Rule {
    Address source;
    Address destination;
    std::uint8_t protocol;
    int port;
  };

  std::vector<Rule> rules;
  std::vector<Address> own{address("100.64.0.1")};
  std::vector<Address> peers{address("100.64.0.2"), address("100.64.0.3"), address("192.168.7.7")};
  std::vector<Address> unbound;

  bool in(const Bytes& packet) { return decide(packet, ACL_IN).pass != 0; }
  bool out(const Bytes& packet) { return decide(packet, ACL_OUT).pass != 0; }
  acl_why why(const Bytes& packet) { return static_cast<acl_why>(decide(packet, ACL_IN).why); }
  void pass_time(std::uint64_t seconds) { now_ += seconds * ACL_SECOND; }
  void sweep() { flows_.sweep(now_); }

  // The new table no longer has the address, or gives it to another key: section 6.
  void forget(const Address& a) { flows_.forget(raw(a)); }

  [[nodiscard]] const table::FlowModel& flows() const { return flows_; }

 private:
  static bool holds(const std::vector<Address>& list, const acl_address& a) {
    return std::any_of(list.begin(), list.end(), [&a](const Address& each) {
      const acl_address value = raw(each);
      return acl_same_address(&value, &a) != 0;
    });
  }

  acl_verdict decide(const Bytes& packet, acl_direction direction) {
    const auto answer = [this](const acl_packet& p, const acl_question& question) {
      acl_table_facts facts{};
      facts.known = holds(peers, p.source);
      facts.bound = !holds(unbound, p.source);
      facts.own = holds(own, p.source);
      if (question.asked == 0) return facts;
      facts.far_known = holds(peers, question.source);
      facts.far_bound = !holds(unbound, question.source);
      facts.far_own = holds(own, question.source);
      for (std::size_t i = 0; i < rules.size() && facts.allowed == 0; ++i) {
        const acl_address source = raw(rules[i].source);
        const acl_address destination = raw(rules[i].destination);
        const bool port = question.any != 0 || rules[i].port == any_port || rules[i].port == question.port;
        facts.allowed = acl_same_address(&source, &question.source) != 0 &&
                        acl_same_address(&destination, &question.destination) != 0 &&
                        rules[i].protocol == question.protocol && port;
        facts.rule = static_cast<std::uint32_t>(i);
      }
      return facts;
    };
    return flows_.decide(packet, 0, direction, answer, now_);
  }

  table::FlowModel flows_;
  acl_stamp now_ = 1000 * ACL_SECOND;
};

const Address me = address("100.64.0.1");
const Address laptop = address("100.64.0.2");
const Address other = address("100.64.0.3");
const Address router_lan = address("192.168.7.7");  // inside an approved route of a peer
constexpr std::uint16_t ssh = 22;
constexpr std::uint16_t dns = 53;

TEST(Flow, NothingComesInWithoutARuleOrARecord) {
  Node node;
  EXPECT_FALSE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_syn)));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_ack)));
  EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, dns)));
  EXPECT_FALSE(node.in(generate::sctp(laptop, 40000, me, dns)));
  EXPECT_FALSE(node.in(generate::echo_request(laptop, me, 1)));
  EXPECT_FALSE(node.in(generate::echo_reply(laptop, me, 1)));
  EXPECT_FALSE(node.in(generate::portless(laptop, me, 47)));
  EXPECT_TRUE(node.flows().records().empty());
  EXPECT_TRUE(node.flows().marks().empty()) << "what is refused leaves nothing behind";
}

TEST(Flow, RuleLetsInItsProtocolAndPortOnly) {
  Node node;
  node.rules = {{laptop, me, 6, ssh}};
  EXPECT_TRUE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_syn)));
  EXPECT_TRUE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_ack)));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 40000, me, ssh + 1, tcp_syn)));
  EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, ssh)));
  EXPECT_FALSE(node.in(generate::tcp(other, 40000, me, ssh, tcp_syn)));
}

TEST(Flow, AnswersToWhatThisSideStartedComeIn) {
  Node node;
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));
  EXPECT_TRUE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_syn | tcp_ack)));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50001, tcp_ack)));
  EXPECT_FALSE(node.in(generate::tcp(other, 443, me, 50000, tcp_ack)));
  node.out(generate::udp(me, 50000, laptop, dns));
  EXPECT_TRUE(node.in(generate::udp(laptop, dns, me, 50000)));
  EXPECT_FALSE(node.in(generate::udp(laptop, dns + 1, me, 50000)));
  node.out(generate::sctp(me, 50000, laptop, dns));
  EXPECT_TRUE(node.in(generate::sctp(laptop, dns, me, 50000)));
  node.out(generate::echo_request(me, laptop, 9));
  EXPECT_TRUE(node.in(generate::echo_reply(laptop, me, 9)));
  EXPECT_FALSE(node.in(generate::echo_reply(laptop, me, 8)));
  EXPECT_FALSE(node.in(generate::echo_request(laptop, me, 9))) << "a request never passes by a record";
}

// --- revocation ---

TEST(Flow, RevokedTcpWithTheServerStillSendingEnds) {
  Node node;
  node.rules = {{laptop, me, 6, ssh}};
  ASSERT_TRUE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_syn)));
  node.out(generate::tcp(me, ssh, laptop, 40000, tcp_syn | tcp_ack));
  ASSERT_TRUE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_ack)));
  node.rules.clear();
  for (int i = 0; i < 100; ++i) {
    node.out(generate::tcp(me, ssh, laptop, 40000, tcp_ack));
    EXPECT_FALSE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_ack)));
    node.pass_time(60);
  }
}

void revoked_server_that_keeps_sending(Bytes (*packet)(const Address&, std::uint16_t, const Address&, std::uint16_t)) {
  Node node;
  node.rules = {{laptop, me, 17, dns}, {laptop, me, 132, dns}};
  ASSERT_TRUE(node.in(packet(laptop, 40000, me, dns)));
  node.out(packet(me, dns, laptop, 40000));
  node.rules.clear();
  for (int i = 0; i < 100; ++i) {  // far longer than a mark lives by itself
    node.pass_time(200);
    node.out(packet(me, dns, laptop, 40000));
    EXPECT_FALSE(node.in(packet(laptop, 40000, me, dns)));
  }
  EXPECT_TRUE(node.flows().records().empty());
}

TEST(Flow, RevokedUdpServerThatKeepsSendingIsNotReached) { revoked_server_that_keeps_sending(generate::udp); }
TEST(Flow, RevokedSctpServerThatKeepsSendingIsNotReached) { revoked_server_that_keeps_sending(generate::sctp); }

TEST(Flow, RevokedClientThatKeepsSendingKeepsTheTombstone) {
  Node node;
  node.rules = {{laptop, me, 17, dns}};
  ASSERT_TRUE(node.in(generate::udp(laptop, 40000, me, dns)));
  node.rules.clear();
  for (int i = 0; i < 10; ++i) {
    node.pass_time(200);
    EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, dns)));
  }
  node.out(generate::udp(me, dns, laptop, 40000));
  EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, dns)));
}

TEST(Flow, TombstoneEndsWhenBothHaveBeenSilent) {
  Node node;
  node.rules = {{laptop, me, 17, dns}};
  ASSERT_TRUE(node.in(generate::udp(laptop, 40000, me, dns)));
  node.rules.clear();
  node.pass_time(301);
  node.out(generate::udp(me, dns, laptop, 40000));  // now this side starts
  EXPECT_TRUE(node.in(generate::udp(laptop, 40000, me, dns)));
}

TEST(Flow, SynToAListeningPortThatThisNodeHadUsedAsASourcePortAsksTheTable) {
  Node node;
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));  // the record
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_syn)));
  // A rule lets the laptop in on that very tuple; then it goes.
  node.rules = {{laptop, me, 6, 50000}};
  ASSERT_TRUE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_syn)));
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn | tcp_ack));
  ASSERT_TRUE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
  node.rules.clear();
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_ack));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
}

TEST(Flow, MarkMapFullThenRevokedLetsNothingIn) {
  Node node(1000, 8);
  node.rules = {{laptop, me, 17, dns}, {other, me, 17, dns}};
  for (std::uint16_t port = 1; port <= 8; ++port) ASSERT_TRUE(node.in(generate::udp(other, port, me, dns)));
  EXPECT_TRUE(node.in(generate::udp(laptop, 40000, me, dns))) << "nothing that is let in drops for lack of room";
  EXPECT_EQ(node.flows().marks().size(), 8U) << "and nothing is evicted";
  node.out(generate::udp(me, dns, laptop, 40000));
  node.rules.clear();
  for (int i = 0; i < 100; ++i) {
    node.pass_time(200);
    node.sweep();  // room again; the flow's mark must not get lost between
    node.out(generate::udp(me, dns, laptop, 40000));
    EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, dns)));
  }
  EXPECT_TRUE(node.flows().records().empty());
  EXPECT_EQ(node.flows().marks().size(), 1U) << "it has a mark of its own by now";
}

TEST(Flow, MarkMapFullHindersOnlyFlowsToRemotesWhoseMarksFoundNoRoom) {
  Node node(1000, 1);
  node.rules = {{laptop, me, 17, dns}};
  ASSERT_TRUE(node.in(generate::udp(laptop, 1, me, dns)));
  ASSERT_TRUE(node.in(generate::udp(laptop, 2, me, dns)));
  node.out(generate::udp(me, 50000, other, dns));
  EXPECT_TRUE(node.in(generate::udp(other, dns, me, 50000)));
  node.out(generate::udp(me, 50000, laptop, dns));
  EXPECT_FALSE(node.in(generate::udp(laptop, dns, me, 50000)));
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));
  EXPECT_TRUE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack))) << "TCP needs no marks";
  node.pass_time(301);
  node.sweep();
  node.out(generate::udp(me, 50001, laptop, dns));
  EXPECT_TRUE(node.in(generate::udp(laptop, dns, me, 50001))) << "it heals";
}

TEST(Flow, RevokedEchoIsRefusedWhileItGoesOn) {
  Node node;
  node.rules = {{laptop, me, 1, Node::any_port}};
  ASSERT_TRUE(node.in(generate::echo_request(laptop, me, 1)));
  node.out(generate::echo_reply(me, laptop, 1));
  node.rules.clear();
  EXPECT_FALSE(node.in(generate::echo_request(laptop, me, 1)));
  EXPECT_TRUE(node.flows().records().empty());
}

TEST(Flow, RevokingARuleDoesNotCutWhatThisSideStarted) {
  Node node;
  node.rules = {{laptop, me, 17, Node::any_port}};
  node.out(generate::udp(me, 50000, laptop, dns));
  ASSERT_TRUE(node.in(generate::udp(laptop, dns, me, 50000)));
  EXPECT_TRUE(node.flows().marks().empty()) << "an answer sets no mark, though the table let it in";
  node.rules.clear();
  EXPECT_TRUE(node.in(generate::udp(laptop, dns, me, 50000)));
}

// --- who a source is ---

TEST(Flow, RemovedLaptopIsNotHeardWhateverRecordsSay) {
  Node node;
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));
  node.out(generate::udp(me, 50000, laptop, dns));
  ASSERT_TRUE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
  std::erase(node.peers, laptop);
  EXPECT_EQ(node.why(generate::tcp(laptop, 443, me, 50000, tcp_ack)), ACL_DROP_UNKNOWN_SOURCE);
  EXPECT_EQ(node.why(generate::udp(laptop, dns, me, 50000)), ACL_DROP_UNKNOWN_SOURCE);
  EXPECT_EQ(node.why(generate::unreachable(other, me, generate::udp(me, 50000, laptop, dns))), ACL_DROP_QUOTE);
}

TEST(Flow, AddressGivenToAnotherKeyHearsNoAnswersMeantForTheOld) {
  Node node;
  node.rules = {{laptop, me, 6, ssh}};
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));
  node.unbound = {laptop};
  EXPECT_EQ(node.why(generate::tcp(laptop, 40000, me, ssh, tcp_syn)), ACL_DROP_UNBOUND_SOURCE)
      << "a rule does not help";
  EXPECT_EQ(node.why(generate::tcp(laptop, 443, me, 50000, tcp_ack)), ACL_DROP_UNBOUND_SOURCE);
  node.forget(laptop);
  node.unbound.clear();
  EXPECT_TRUE(node.in(generate::tcp(laptop, 40000, me, ssh, tcp_syn)));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
}

TEST(Flow, ForgettingAnAddressKeepsItsTombstones) {
  Node node;
  node.rules = {{laptop, me, 17, dns}};
  ASSERT_TRUE(node.in(generate::udp(laptop, 40000, me, dns)));
  node.rules.clear();
  node.forget(laptop);
  node.out(generate::udp(me, dns, laptop, 40000));
  EXPECT_FALSE(node.in(generate::udp(laptop, 40000, me, dns)));
}

TEST(Flow, OwnAddressIsNeverAnIdentity) {
  Node node;
  node.own.push_back(laptop);
  node.rules = {{laptop, me, 6, ssh}};
  EXPECT_EQ(node.why(generate::tcp(laptop, 40000, me, ssh, tcp_syn)), ACL_DROP_OWN_SOURCE);
}

TEST(Flow, SpecialAddressesDropBeforeTheTableIsAsked) {
  Node node;
  const Address multicast = address("224.0.0.251");
  node.rules = {{laptop, multicast, 17, 5353}};
  EXPECT_EQ(node.why(generate::udp(laptop, 5353, multicast, 5353)), ACL_DROP_SPECIAL);
  EXPECT_EQ(node.why(generate::udp(address("127.0.0.1"), 5353, me, 5353)), ACL_DROP_SPECIAL);
  node.out(generate::udp(me, 5353, multicast, 5353));
  EXPECT_TRUE(node.flows().records().empty());
}

// --- what makes, renews and ends records ---

TEST(Flow, AnswersMakeNoRecords) {
  Node node;
  node.out(generate::tcp(me, ssh, laptop, 40000, tcp_syn | tcp_ack));
  node.out(generate::tcp(me, ssh, laptop, 40000, tcp_ack));
  node.out(generate::tcp(me, ssh, laptop, 40000, tcp_rst | tcp_ack));
  node.out(generate::echo_reply(me, laptop, 1));
  node.out(generate::unreachable(me, laptop, generate::udp(laptop, 40000, me, dns)));
  node.out(generate::portless(me, laptop, 47));
  EXPECT_TRUE(node.flows().records().empty());
}

TEST(Flow, OnlyPacketsOutRenewARecord) {
  Node node;
  node.out(generate::udp(me, 50000, laptop, dns));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(node.in(generate::udp(laptop, dns, me, 50000)));
    node.pass_time(100);
  }
  EXPECT_TRUE(node.in(generate::udp(laptop, dns, me, 50000))) << "300 s are not over";
  node.pass_time(1);
  EXPECT_FALSE(node.in(generate::udp(laptop, dns, me, 50000)));
}

TEST(Flow, ResetsRenewNothing) {
  Node node;
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_syn));
  node.pass_time(7000);
  node.out(generate::tcp(me, 50000, laptop, 443, tcp_rst));
  node.pass_time(441);
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 50000, tcp_ack)));
}

TEST(Flow, RecordsLiveAsLongAsTheirProtocolNeeds) {
  struct {
    Bytes out, in;
    std::uint64_t seconds;
  } const cases[] = {
      {generate::tcp(me, 1, laptop, 2, tcp_syn), generate::tcp(laptop, 2, me, 1, tcp_ack), 7440},
      {generate::udp(me, 1, laptop, 2), generate::udp(laptop, 2, me, 1), 300},
      {generate::sctp(me, 1, laptop, 2), generate::sctp(laptop, 2, me, 1), 300},
      {generate::echo_request(me, laptop, 1), generate::echo_reply(laptop, me, 1), 60},
  };
  for (const auto& each : cases) {
    Node node;
    node.out(each.out);
    node.pass_time(each.seconds);
    EXPECT_TRUE(node.in(each.in)) << each.seconds;
    node.pass_time(1);
    EXPECT_FALSE(node.in(each.in)) << each.seconds;
  }
}

TEST(Flow, FullRecordsLoseTheOldestAndNothingElse) {
  Node node(4, 1000);  // two flows to one peer: three entries, the pair counts
  node.out(generate::tcp(me, 1, laptop, 443, tcp_syn));
  node.pass_time(2);
  node.out(generate::tcp(me, 2, laptop, 443, tcp_syn));
  node.pass_time(2);
  node.out(generate::tcp(me, 3, laptop, 443, tcp_syn));
  node.pass_time(2);
  node.out(generate::tcp(me, 4, laptop, 443, tcp_syn));
  EXPECT_FALSE(node.in(generate::tcp(laptop, 443, me, 1, tcp_ack)));
  for (std::uint16_t port = 2; port <= 4; ++port) EXPECT_TRUE(node.in(generate::tcp(laptop, 443, me, port, tcp_ack)));
}

// --- what has no ports ---

Bytes later_fragment(const Address& source, const Address& destination, std::uint8_t protocol) {
  generate::IpFields fields;
  fields.source = source;
  fields.destination = destination;
  fields.protocol = protocol;
  fields.fragment_offset = 1480;
  return ip_packet(fields, Bytes(100));
}

TEST(Flow, LaterFragmentPassesIfThePairHasAnyRuleForTheProtocol) {
  Node node;
  node.rules = {{laptop, me, 17, dns}};
  EXPECT_TRUE(node.in(later_fragment(laptop, me, 17)));
  EXPECT_FALSE(node.in(later_fragment(laptop, me, 6)));
  EXPECT_FALSE(node.in(later_fragment(other, me, 17)));
}

TEST(Flow, LaterFragmentPassesIfARecordExistsBetweenTheAddresses) {
  Node node;
  node.out(generate::udp(me, 50000, laptop, dns));
  EXPECT_TRUE(node.in(later_fragment(laptop, me, 17)));
  EXPECT_FALSE(node.in(later_fragment(laptop, me, 6)));
  EXPECT_FALSE(node.in(later_fragment(other, me, 17)));
  node.pass_time(301);
  EXPECT_FALSE(node.in(later_fragment(laptop, me, 17)));
}

TEST(Flow, PortlessProtocolMatchesARuleThatListsItWhateverItsPorts) {
  Node node;
  node.rules = {{laptop, me, 47, 80}};
  EXPECT_TRUE(node.in(generate::portless(laptop, me, 47)));
  EXPECT_FALSE(node.in(generate::portless(laptop, me, 50)));
  node.out(generate::portless(me, other, 47));
  EXPECT_FALSE(node.in(generate::portless(other, me, 47))) << "and makes no record";
}

TEST(Flow, EchoPassesOnlyIfThePairHasAnEntryForIcmp) {
  Node node;
  node.rules = {{laptop, me, 6, Node::any_port}, {laptop, me, 17, Node::any_port}};
  EXPECT_FALSE(node.in(generate::echo_request(laptop, me, 1)));
  node.rules.push_back({laptop, me, 58, Node::any_port});
  EXPECT_FALSE(node.in(generate::echo_request(laptop, me, 1))) << "ICMPv6 is of the other family";
  node.rules.push_back({laptop, me, 1, Node::any_port});
  EXPECT_TRUE(node.in(generate::echo_request(laptop, me, 1)));
}

TEST(Flow, OtherIcmpDropsThoughARuleListsIcmp) {
  Node node;
  node.rules = {{laptop, me, 1, Node::any_port}};
  generate::IpFields fields;
  fields.source = laptop;
  fields.destination = me;
  fields.protocol = 1;
  EXPECT_EQ(node.why(ip_packet(fields, generate::icmp_header(5, 0, 0))), ACL_DROP_ICMP_TYPE) << "redirect";
  EXPECT_EQ(node.why(ip_packet(fields, generate::icmp_header(13, 0, 0))), ACL_DROP_ICMP_TYPE) << "timestamp";
}

// --- ICMP errors ---

TEST(Flow, ErrorAboutAFlowThisSideStartedPasses) {
  Node node;
  const Bytes sent = generate::udp(me, 50000, laptop, dns);
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, sent)));
  node.out(sent);
  EXPECT_TRUE(node.in(generate::unreachable(laptop, me, sent)));
  EXPECT_TRUE(node.in(generate::unreachable(router_lan, me, sent))) << "a router on the way";
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, generate::udp(me, 50001, laptop, dns))));
  const Bytes ping = generate::echo_request(me, laptop, 4);
  node.out(ping);
  EXPECT_TRUE(node.in(generate::unreachable(laptop, me, ping)));
}

TEST(Flow, ErrorAboutAnAnswerPassesIfTheTableWouldLetInWhatItAnswers) {
  Node node;
  node.rules = {{laptop, me, 6, ssh}, {laptop, me, 1, Node::any_port}};
  EXPECT_TRUE(node.in(generate::unreachable(laptop, me, generate::tcp(me, ssh, laptop, 40000, tcp_ack))));
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, generate::tcp(me, 80, laptop, 40000, tcp_ack))));
  EXPECT_TRUE(node.in(generate::unreachable(laptop, me, generate::echo_reply(me, laptop, 4))));
  node.rules.clear();
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, generate::tcp(me, ssh, laptop, 40000, tcp_ack))));
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, generate::echo_reply(me, laptop, 4))));
}

TEST(Flow, RuleForIcmpLetsInNoErrorAboutOthersFlows) {
  Node node;
  node.rules = {{laptop, me, 1, Node::any_port}};
  EXPECT_FALSE(node.in(generate::unreachable(laptop, me, generate::tcp(me, 50000, other, 443, tcp_ack))));
}

TEST(Flow, ErrorMustBeSentToTheSourceOfWhatItQuotes) {
  Node node;
  const Bytes sent = generate::udp(address("10.9.9.9"), 50000, laptop, dns);  // forwarded for a host behind this node
  node.out(sent);
  EXPECT_TRUE(node.in(generate::unreachable(laptop, address("10.9.9.9"), sent)));
  EXPECT_EQ(node.why(generate::unreachable(laptop, me, sent)), ACL_DROP_QUOTE);
}

// --- keys ---

TEST(FlowKey, IsTheSameFromBothDirectionsAndFromAQuote) {
  const auto key_of = [](const Bytes& bytes, acl_direction direction) {
    acl_packet packet;
    acl_parse(bytes.data(), bytes.data() + bytes.size(), bytes.size(), 0, &packet);
    acl_flow_key key;
    acl_flow_key_of(&packet, direction, &key);
    return key;
  };
  const table::FlowKeyEqual equal;
  const Bytes sent = generate::udp(me, 50000, laptop, dns);
  const acl_flow_key out = key_of(sent, ACL_OUT);
  EXPECT_EQ(out.local_port, 50000);
  EXPECT_EQ(out.remote_port, dns);
  EXPECT_TRUE(equal(out, key_of(generate::udp(laptop, dns, me, 50000), ACL_IN)));
  EXPECT_TRUE(equal(out, key_of(generate::unreachable(laptop, me, sent), ACL_IN)));
  const Bytes ping = generate::echo_request(me, laptop, 4);
  EXPECT_TRUE(equal(key_of(ping, ACL_OUT), key_of(generate::echo_reply(laptop, me, 4), ACL_IN)));
  EXPECT_TRUE(equal(key_of(ping, ACL_OUT), key_of(generate::unreachable(laptop, me, ping), ACL_IN)));
  acl_flow_key pair;
  acl_pair_of(&out, &pair);
  EXPECT_TRUE(equal(pair, key_of(later_fragment(laptop, me, 17), ACL_IN)));
}

// Addresses of one /24 or one /64 spread over the coarse marks.
TEST(FlowKey, CoarseMarksOfNeighboursDiffer) {
  std::vector<int> uses(ACL_COARSE_MARKS);
  for (std::uint64_t i = 0; i < 4096; ++i) {
    acl_flow_key key{};
    key.remote = i < 2048 ? acl_address{0, ACL_V4_LOW | (0x64400000 + i)} : acl_address{0xfd7a115ca1e00000, i};
    key.protocol = 17;
    ASSERT_LT(acl_coarse_index(&key), static_cast<std::uint32_t>(ACL_COARSE_MARKS));
    ++uses[acl_coarse_index(&key)];
  }
  EXPECT_LE(*std::max_element(uses.begin(), uses.end()), 12);
}

}  // namespace
}  // namespace acl
