// The packet filter as nodes run it (node/enforce: the object that is built in, tables put in force by PacketFilter) against the oracle
// with its flow state, packet by packet (BPF_PROG_TEST_RUN): tables compiled from random policies, narrowed to random sets of admitted
// sources. Then the contents of the flow maps.
//
// What the table means is asked of the signed part in user space, which other tests compare with the rules; the kernel sees the
// narrowed one. Needs root (CAP_BPF, CAP_NET_ADMIN) and a kernel with BPF; says so and skips elsewhere.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>

#include "compiler/table/testing.h"
#include "engine/table/common_packet.h"
#include "engine/table/flow.h"
#include "engine/table/hot_writer.h"
#include "node/enforce/filter.h"
#include "node/enforce/kernel_testing.h"
#include "tests/generate/packet_bytes.h"
#include "tests/oracle/packet_oracle.h"

namespace acl {
namespace {

using generate::Bytes;
using generate::PacketSource;
using net::Address;

constexpr std::size_t mark_capacity = 128;  // so few that they fill
constexpr std::size_t record_capacity = 262'144;
constexpr std::uint32_t mark_bit = 0x08000000;

// --- a tailnet whose addresses are those of PacketSource ---

const char* any_of(PacketSource& random, std::initializer_list<const char*> choices) {
  return *(choices.begin() + random.below(static_cast<std::uint32_t>(choices.size())));
}

// This node is 100.64.0.1 and routes to 100.64.0.7; the others end in 16 to 21, the last of which are behind a router.
std::string inventory() {
  std::string nodes =
      R"({"name":"self","tags":["tag:self"],"addresses":["100.64.0.1","fd7a:115c:a1e0::1"],)"
      R"("advertisedRoutes":["100.64.0.7/32","fd7a:115c:a1e0::7/128"],"approvedRoutes":["100.64.0.7/32","fd7a:115c:a1e0::7/128"]},)"
      R"({"name":"router","tags":["tag:router"],"addresses":["100.64.1.99"],)"
      R"("advertisedRoutes":["100.64.1.20/31","fd7a:115c:a1e0:1::14/127"],"approvedRoutes":["100.64.1.20/31","fd7a:115c:a1e0:1::14/127"]})";
  for (int i = 16; i < 20; ++i) {
    char line[256];
    std::snprintf(line, sizeof line, R"(,{"name":"n%d",%s,"addresses":["100.64.1.%d","fd7a:115c:a1e0:1::%x"]})", i,
                  i < 18 ? R"("user":"u@example.com")" : R"("tags":["tag:peer"])", i, static_cast<unsigned>(i));
    nodes += line;
  }
  return R"({"users":[{"login":"u@example.com"}],"nodes":[)" + nodes + "]}";
}

std::string policy(PacketSource& random) {
  std::string rules;
  for (std::uint32_t i = 1 + random.below(6); i > 0; --i) {
    const char* source = any_of(random, {"*", "u@example.com", "tag:peer", "tag:router", "100.64.1.16", "100.64.1.20",
                                         "100.64.1.16/30", "fd7a:115c:a1e0:1::/64", "fd7a:115c:a1e0:1::14"});
    const char* destination =
        any_of(random, {"*", "tag:self", "100.64.0.1", "100.64.0.7", "100.64.0.0/29", "fd7a:115c:a1e0::7"});
    const char* protocol = any_of(random, {"", "tcp", "udp", "sctp", "icmp", "gre", "esp", "58"});
    const bool ports = *protocol == 0 || *protocol == 't' || *protocol == 'u' || *protocol == 's';
    const char* port = ports ? any_of(random, {"*", "22", "23-24", "22,24", "1-20000"}) : "*";
    rules += std::string(R"({"action":"accept","src":[")") + source + "\"]," +
             (*protocol == 0 ? "" : std::string(R"("proto":")") + protocol + "\",") + R"("dst":[")" + destination +
             ":" + port + "\"]},";
  }
  return R"({"tagOwners":{"tag:self":["u@example.com"],"tag:router":["u@example.com"],"tag:peer":["u@example.com"]},"acls":[)" +
         rules + "]}";
}

// --- one table, as the oracle asks it ---

struct Table {
  table::LineBytes part;  // signed
  std::vector<table::OwnAddress> own;
  std::set<Address> known, bound;

  [[nodiscard]] bool is_own(const Address& address) const {
    return std::any_of(own.begin(), own.end(), [&](const auto& one) { return one.address == address; });
  }
  [[nodiscard]] std::optional<std::uint32_t> rule(const Address& source, const Address& destination,
                                                  std::uint8_t protocol, std::optional<std::uint16_t> port) const {
    const auto hot = table::Hot::open(part);
    std::uint32_t to = hot->destination_class(destination);
    for (const table::OwnAddress& one : own) {
      if (one.address == destination) to = one.hot_class;
    }
    const std::uint32_t from = hot->source_class(source);
    return port ? hot->decide(from, to, protocol, *port) : hot->decide_any(from, to, protocol);
  }
  [[nodiscard]] oracle::PacketTable for_oracle() const {
    oracle::PacketTable out;
    out.known = [this](const Address& a) { return known.contains(a); };
    out.bound = [this](const Address& a) { return bound.contains(a); };
    out.own = [this](const Address& a) { return is_own(a); };
    out.rule = [this](const Address& source, const Address& destination, std::uint8_t protocol,
                      std::optional<std::uint16_t> port) { return rule(source, destination, protocol, port); };
    return out;
  }
  // Sources that are known and bound, as ranges: neighbours joined now and then, as routes are ranges.
  [[nodiscard]] std::vector<table::AddressRange> admitted(PacketSource& random) const {
    std::vector<table::AddressRange> out;
    for (const Address& address : known) {
      if (!bound.contains(address)) continue;
      if (!out.empty() && net::successor(out.back().last) == address && random.one_in(2)) {
        out.back().last = address;
      } else {
        out.push_back({address, address});
      }
    }
    std::vector<Address> mine;
    for (const table::OwnAddress& one : own) mine.push_back(one.address);
    return table::without(out, mine);
  }
};

// Every address packets have, known with 7 of 8, bound with 7 of 8; this node's own among them, as a careless network has them.
Table table_of(PacketSource& random) {
  Table out;
  const tables::Setting setting(inventory(), policy(random));
  EXPECT_TRUE(setting.ok());
  const resolve::NodeId self = setting.id("self");
  auto part = setting.hot(self);
  EXPECT_TRUE(part);
  out.part = part->bytes;
  const std::vector<Address> own = setting.reader().own(self);
  for (std::size_t i = 0; i < own.size(); ++i) out.own.push_back({own[i], part->own_classes[i], 0});
  for (const bool v4 : {true, false}) {
    for (int i = 0; i < 200; ++i) {
      const Address address = random.one_in(3) ? random.local(v4) : random.remote(v4);
      if (random.below(8) != 0) out.known.insert(address);
      if (random.below(8) != 0) out.bound.insert(address);
    }
  }
  for (const bool v4 : {true, false}) {
    for (int i = 0; i < 3; ++i) (random.one_in(2) ? out.known : out.bound).erase(random.remote(v4));
  }
  return out;
}

// --- the kernel ---

acl_address raw(const Address& address) {
  return address.is_v4() ? acl_address{0, ACL_V4_LOW | address.low()} : acl_address{address.high(), address.low()};
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

struct Outcome {
  int verdict = 0;
  std::uint32_t mark = 0, rule = 0;
  std::uint8_t why = 0, kind = 0;
};

Outcome run(int program, const Bytes& frame, std::uint64_t now) {
  __sk_buff context{}, after{};
  context.cb[0] = static_cast<std::uint32_t>(now);
  context.cb[1] = static_cast<std::uint32_t>(now >> 32);
  const node::TestRun done = node::test_run(program, frame, &context, &after);
  EXPECT_EQ(done.error, 0) << std::strerror(-done.error) << ", frame of " << frame.size() << " bytes";
  return {static_cast<int>(done.returned), after.mark, after.cb[3], static_cast<std::uint8_t>(after.cb[2]),
          static_cast<std::uint8_t>(after.cb[2] >> 16)};
}

bool takes_the_short_way(const Bytes& frame) {
  const std::uint8_t* end = frame.data() + frame.size();
  const int family = acl_common_family(frame.data(), end);
  acl_packet packet;
  return family != 0 && acl_parse_common(frame.data(), end, frame.size(), family, &packet) != 0;
}

class KernelFilter : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "NOT TESTED: loading an eBPF program needs root";
    if (!node::private_mounts()) GTEST_SKIP() << "NOT TESTED: no mount namespaces here";
    node::FilterOptions options;
    options.bpffs_dir = "/mnt/bpf";
    options.records = record_capacity;
    options.marks = mark_capacity;
    options.mark = mark_bit;
    options.link_header = GetParam();
    options.clock_from_cb = options.verdict_in_cb = true;
    auto opened = node::PacketFilter::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    filter_ = std::make_unique<node::PacketFilter>(std::move(*opened));
  }

  // Section 6 of docs/packet-semantics.md, for the marks of the kernel.
  void sweep(acl_stamp now) const {
    std::vector<acl_flow_key> over;
    node::for_each_entry<acl_flow_key>(filter_->marks_fd(), [&](const acl_flow_key& key, acl_stamp seen) {
      if (acl_stamp_state(key.protocol, seen, now) == ACL_STAMP_NONE) over.push_back(key);
    });
    for (const acl_flow_key& key : over) ASSERT_EQ(bpf_map_delete_elem(filter_->marks_fd(), &key), 0);
  }

  void expect_equal_state(const oracle::PacketFilter& judge) const {
    std::map<oracle::Tuple, std::uint64_t> records, expected, marks;
    node::for_each_entry<acl_flow_key>(filter_->records_fd(),
                                       [&](const acl_flow_key& key, acl_stamp seen) { records[tuple(key)] = seen; });
    for (const auto& [key, written] : judge.records) expected[key] = written.time;
    EXPECT_EQ(records, expected);
    node::for_each_entry<acl_flow_key>(filter_->marks_fd(),
                                       [&](const acl_flow_key& key, acl_stamp seen) { marks[tuple(key)] = seen; });
    EXPECT_EQ(marks, judge.marks);
    std::map<std::uint32_t, std::uint64_t> coarse;
    node::for_each_entry<std::uint32_t>(filter_->coarse_fd(), [&](std::uint32_t index, acl_stamp seen) {
      if (seen != 0) coarse[index] = seen;
    });
    EXPECT_EQ(coarse, judge.coarse_marks);
    EXPECT_GE(coarse.size(), 3U) << "the map of marks never filled";
  }

  std::unique_ptr<node::PacketFilter> filter_;
};

// Without a link-layer header, as nodes have it, common packets take the parser's short way; with one, all take the long one.
INSTANTIATE_TEST_SUITE_P(BytesBeforeTheIpHeader, KernelFilter, testing::Values(0, 14));

TEST_P(KernelFilter, AgreesWithTheOracleOnHalfAMillionRandomPacketsUnderTablesOfRandomPolicies) {
  const bool link = GetParam() != 0;
  PacketSource random(100 + GetParam());
  oracle::PacketFilter judge(record_capacity, mark_capacity, coarse_index);
  std::uint64_t now = 1000 * ACL_SECOND;
  std::map<int, int> why, kind;
  int packets = 0, common = 0;
  while (packets < 500'000) {
    const Table table = table_of(random);
    const oracle::PacketTable asked = table.for_oracle();
    const auto hot = table::Hot::open(table.part);
    ASSERT_TRUE(hot) << hot.error().message;
    const auto narrowed = table::narrow(*hot, table.admitted(random));
    ASSERT_TRUE(narrowed) << narrowed.error().message;
    const auto done = filter_->enforce(*narrowed, table.own);
    ASSERT_TRUE(done) << done.error().message;
    const int programs[] = {filter_->program_fd(node::Direction::in), filter_->program_fd(node::Direction::out)};
    if (random.one_in(10)) {
      sweep(now);
      judge.sweep(now);
    }
    for (int i = 0; i < 2500; ++i) {
      now += random.one_in(100) ? random.below(400) * ACL_SECOND : random.below(2000) * 1'000'000ULL;
      const bool out = random.one_in(2);
      const Bytes bytes = random.next(out);
      // The test run takes no frame of less than an Ethernet header, nor one that says IP and has less than an IP header.
      if (bytes.size() < (link ? 40U : 15U)) continue;
      const Bytes frame = link ? generate::ethernet(bytes) : bytes;
      const oracle::PacketView view = oracle::read_packet(frame, link);
      const oracle::Verdict expected = out ? judge.out(view, now) : judge.in(view, asked, now);
      const Outcome got = run(programs[out ? 1 : 0], frame, now);
      ASSERT_EQ(got.verdict, expected.pass ? TC_ACT_UNSPEC : TC_ACT_SHOT)
          << "packet " << packets << ", why " << int{got.why};
      ASSERT_EQ(got.why == ACL_PASS_RULE, expected.rule.has_value()) << "packet " << packets;
      ASSERT_EQ(got.rule, expected.rule.value_or(0)) << "packet " << packets;
      ASSERT_EQ(got.mark, expected.pass && !out ? mark_bit : 0U) << "the guard's mark";
      ++why[got.why];
      ++kind[got.kind];
      ++packets;
      common += !link && takes_the_short_way(frame) ? 1 : 0;
    }
  }
  expect_equal_state(judge);
  EXPECT_GE(common, link ? 0 : 100'000);
  // Every kind and reason comes up often. What is not bound has no class, as what is not known.
  for (int reason = ACL_DROP_MALFORMED; reason <= ACL_PASS_OUT; ++reason) {
    EXPECT_GE(why[reason], reason == ACL_DROP_UNBOUND_SOURCE ? 0 : 500) << "why " << reason;
  }
  for (int one = ACL_MALFORMED; one <= ACL_LATER_FRAGMENT; ++one) EXPECT_GE(kind[one], 500) << "kind " << one;
}

TEST_P(KernelFilter, WithoutATableDropsWhateverComesIn) {
  PacketSource random(7);
  for (int i = 0; i < 2000; ++i) {
    const Bytes bytes = random.next(false);
    if (bytes.size() < 40) continue;
    const Bytes frame = GetParam() != 0 ? generate::ethernet(bytes) : bytes;
    ASSERT_EQ(run(filter_->program_fd(node::Direction::in), frame, ACL_SECOND).verdict, TC_ACT_SHOT);
  }
  EXPECT_GT(filter_->counters()->packets[ACL_DROP_NO_TABLE], 1000U);
}

}  // namespace
}  // namespace acl
