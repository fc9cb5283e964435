// packet.h and flow.h against the oracle, which reads docs/packet-semantics.md by itself: sequences of random packets in both
// directions, with steps of time, changes of the table, forgotten addresses and sweeps, in maps large and small.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/table/flow_model.h"
#include "tests/generate/packet_bytes.h"
#include "tests/oracle/packet_oracle.h"
#include "tests/packets/stub_table.h"

namespace acl {
namespace {

using generate::Bytes;
using generate::PacketSource;
using net::Address;

acl_address raw(const Address& address) {
  return address.is_v4() ? acl_address{0, ACL_V4_LOW | address.low()} : acl_address{address.high(), address.low()};
}

// The stub's answers, as the oracle asks.
oracle::PacketTable oracle_table(const std::uint32_t& version) {
  oracle::PacketTable table;
  table.known = [&version](const Address& a) { return stub_known(std::array{raw(a)}.data(), version) != 0; };
  table.bound = [&version](const Address& a) { return stub_bound(std::array{raw(a)}.data(), version) != 0; };
  table.own = [](const Address& a) { return stub_own(std::array{raw(a)}.data()) != 0; };
  table.rule = [&version](const Address& source, const Address& destination, std::uint8_t protocol,
                          std::optional<std::uint16_t> port) -> std::optional<std::uint32_t> {
    const acl_question question{
        raw(source), raw(destination), port.value_or(0), protocol, static_cast<std::uint8_t>(port ? 0 : 1),
        1,           {0, 0, 0}};
    const std::uint64_t answer = stub_answer(&question, version);
    if ((answer & 3) != 0) return std::nullopt;
    return static_cast<std::uint32_t>(answer >> 8) & 0xffff;
  };
  return table;
}

std::uint32_t coarse_index(const Address& remote, std::uint8_t protocol) {
  acl_flow_key key{};
  key.remote = raw(remote);
  key.protocol = protocol;
  return acl_coarse_index(&key);
}

oracle::Tuple tuple(const acl_flow_key& key) {
  const auto address = [](const acl_address& a) {
    return a.high == 0 && (a.low >> 32) == 0xffff ? Address::v4(static_cast<std::uint32_t>(a.low))
                                                  : Address::v6(a.high, a.low);
  };
  return {address(key.local), address(key.remote), key.protocol,
          key.local_port,     key.remote_port,     key.kind == ACL_KEY_PAIR};
}

std::string hex(const Bytes& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

constexpr oracle::PacketKind kinds[] = {
    oracle::PacketKind::malformed,  oracle::PacketKind::tcp_syn,        oracle::PacketKind::tcp,
    oracle::PacketKind::udp,        oracle::PacketKind::sctp,           oracle::PacketKind::echo_request,
    oracle::PacketKind::echo_reply, oracle::PacketKind::icmp_error,     oracle::PacketKind::other_icmp,
    oracle::PacketKind::portless,   oracle::PacketKind::later_fragment,
};

// What came up, so that agreement about nothing is no success.
struct Coverage {
  std::map<int, std::size_t> kind, why, effects, malformed;
  std::size_t packets = 0;
  std::size_t coarse_marks = 0;
};

std::uint64_t time_step(PacketSource& random) {
  constexpr std::uint64_t ms = 1'000'000;
  constexpr std::uint64_t edges[] = {60, 300, 7440};
  if (random.one_in(40)) return edges[random.below(3)] * ACL_SECOND + random.below(3) * ms - ms;
  if (random.one_in(10)) return random.below(40) * ACL_SECOND;
  if (random.one_in(3)) return random.below(2000) * ms;
  return random.below(3);
}

void expect_equal_state(const table::FlowModel& model, const oracle::PacketFilter& judge) {
  std::map<oracle::Tuple, std::uint64_t> records;
  for (const auto& entry : model.records()) records[tuple(entry.key)] = entry.seen;
  std::map<oracle::Tuple, std::uint64_t> expected;
  for (const auto& [key, written] : judge.records) expected[key] = written.time;
  EXPECT_EQ(records, expected);
  std::map<oracle::Tuple, std::uint64_t> marks;
  for (const auto& [key, seen] : model.marks()) marks[tuple(key)] = seen;
  EXPECT_EQ(marks, judge.marks);
  std::map<std::uint32_t, std::uint64_t> coarse;
  for (std::uint32_t i = 0; i < ACL_COARSE_MARKS; ++i) {
    if (model.coarse()[i] != 0) coarse[i] = model.coarse()[i];
  }
  EXPECT_EQ(coarse, judge.coarse_marks);
}

// One sequence of packets through both.
void run_sequence(std::uint64_t seed, int packets, Coverage& coverage) {
  PacketSource random(seed);
  const bool small = random.one_in(2);
  const std::size_t record_capacity = small ? 4 + random.below(40) : 100'000;
  const std::size_t mark_capacity = small ? 1 + random.below(20) : 100'000;
  std::uint32_t version = random.below(1000);
  std::uint64_t now = ACL_SECOND * (1 + random.below(100'000));
  table::FlowModel model(record_capacity, mark_capacity);
  oracle::PacketFilter judge(record_capacity, mark_capacity, coarse_index);
  const oracle::PacketTable table = oracle_table(version);
  const auto answer = [&version](const acl_packet& packet, const acl_question& question) {
    acl_table_facts facts;
    stub_facts(&packet, &question, version, &facts);
    return facts;
  };
  for (int i = 0; i < packets; ++i) {
    now += time_step(random);
    if (random.one_in(60)) ++version;
    if (random.one_in(60)) {
      model.sweep(now);
      judge.sweep(now);
    }
    if (random.one_in(60)) {
      const Address address = random.one_in(3) ? random.local(random.one_in(2)) : random.remote(random.one_in(2));
      model.forget(raw(address));
      judge.forget(address);
    }
    const bool out = random.one_in(2);
    const bool link = random.one_in(2);
    const Bytes packet = random.next(out);
    const Bytes frame = link ? generate::ethernet(packet) : packet;
    // Two processors read the clock apart.
    const std::uint64_t read = random.one_in(20) ? now - random.below(2'000'000) : now;
    acl_packet parsed;
    acl_parse(frame.data(), frame.data() + frame.size(), frame.size(), link ? 14 : 0, &parsed);
    const acl_verdict verdict = model.decide(parsed, out ? ACL_OUT : ACL_IN, answer, read);
    const oracle::PacketView view = oracle::read_packet(frame, link);
    const oracle::Verdict expected = out ? judge.out(view, read) : judge.in(view, table, read);
    ASSERT_EQ(kinds[parsed.kind], view.kind) << "seed " << seed << ", packet " << i << ": " << hex(frame);
    ASSERT_EQ(verdict.pass != 0, expected.pass) << "seed " << seed << ", packet " << i << ": " << hex(frame);
    ASSERT_EQ(verdict.why == ACL_PASS_RULE, expected.rule.has_value()) << "seed " << seed << ", packet " << i;
    ASSERT_EQ(verdict.rule, expected.rule.value_or(0)) << "seed " << seed << ", packet " << i;
    ++coverage.packets;
    ++coverage.kind[parsed.kind];
    ++coverage.malformed[parsed.malformed];
    ++coverage.why[verdict.why];
    ++coverage.effects[verdict.effects];
  }
  expect_equal_state(model, judge);
  coverage.coarse_marks += judge.coarse_marks.size();
}

Coverage run_sequences(std::uint64_t first_seed, std::size_t packets) {
  Coverage coverage;
  for (std::uint64_t seed = first_seed; coverage.packets < packets; ++seed) {
    run_sequence(seed, 250, coverage);
    if (testing::Test::HasFailure()) break;
  }
  return coverage;
}

TEST(Packets, FilterAgreesWithTheOracleOnAMillionRandomPackets) {
  const Coverage coverage = run_sequences(1, 1'000'000);
  EXPECT_GE(coverage.packets, 1'000'000U);
  // Every kind, every reason, every effect comes up often.
  for (int kind = ACL_MALFORMED; kind <= ACL_LATER_FRAGMENT; ++kind) {
    EXPECT_GE(coverage.kind.count(kind) ? coverage.kind.at(kind) : 0, 2000U) << "kind " << kind;
  }
  for (int bad = ACL_WELL_FORMED; bad <= ACL_BAD_TRANSPORT; ++bad) {
    EXPECT_GE(coverage.malformed.count(bad) ? coverage.malformed.at(bad) : 0, 500U) << "malformed " << bad;
  }
  for (int why = ACL_DROP_MALFORMED; why <= ACL_PASS_OUT; ++why) {
    EXPECT_GE(coverage.why.count(why) ? coverage.why.at(why) : 0, 2000U) << "why " << why;
  }
  for (const int effect : {0, int{ACL_SET_RECORD}, int{ACL_END_RECORD}, int{ACL_SET_MARK}}) {
    EXPECT_GE(coverage.effects.count(effect) ? coverage.effects.at(effect) : 0, 2000U) << "effect " << effect;
  }
  EXPECT_GE(coverage.coarse_marks, 1000U);
}

// Takes half a minute; labelled long.
TEST(PacketsLong, FilterAgreesWithTheOracleOnTenMillionRandomPackets) {
  EXPECT_GE(run_sequences(1'000'000, 10'000'000).packets, 10'000'000U);
}

}  // namespace
}  // namespace acl
