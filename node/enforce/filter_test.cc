// The packet filter in the kernel, on a TUN interface in a namespace of its own. Each test counts datagrams that arrive behind it.
//
// Needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN), BPF and /dev/net/tun; says so and skips elsewhere.
#include "node/enforce/filter.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "engine/table/flow.h"
#include "engine/table/hot_writer.h"
#include "node/enforce/table_map.h"
#include "node/enforce/testing.h"

namespace acl::node {
namespace {

using net::Address;
using table::OwnAddress;
using testing::HasSubstr;
using Part = table::LineBytes;

constexpr const char* friend_address = "100.64.0.20";
constexpr const char* stranger = "100.64.0.30";  // admitted, may other things
constexpr const char* unknown = "100.64.0.40";

Address address(const char* text) { return *Address::parse(text); }

table::SourceRule rule(const char* from, std::uint16_t port) {
  return {{address(from), address(from)}, {{17, port, port}}};
}

// The friend may send to our port, the stranger to another. `before`: so many more sources stand before them, so that both have other
// classes.
Part table_with(std::uint32_t before) {
  std::vector<table::SourceRule> rules = {rule(friend_address, TestNetwork::port), rule(stranger, 99)};
  for (std::uint32_t i = 0; i < before; ++i) {
    const Address one = Address::v4(0x0a000000 + i);
    rules.push_back({{one, one}, {{6, static_cast<std::uint16_t>(i + 1), static_cast<std::uint16_t>(i + 1)}}});
  }
  return *table::write_hot(rules);
}

// Larger than the smallest map.
Part large_table() {
  const Part small = table_with(1);
  std::vector<table::AddressRange> admitted;
  for (std::uint32_t i = 0; i < 20'000; ++i)
    admitted.push_back({Address::v4(0x0b000000 + 2 * i), Address::v4(0x0b000000 + 2 * i)});
  for (const char* one : {friend_address, stranger}) admitted.push_back({address(one), address(one)});
  return *table::narrow(*table::Hot::open(small), admitted);
}

const std::vector<OwnAddress> own = {{address("100.64.0.1"), 1, 0}};

class Filter : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "NOT TESTED: loading an eBPF program needs root";
    if (!network_.enter()) GTEST_SKIP() << "NOT TESTED: no namespaces or no TUN interface here";
    options_.bpffs_dir = "/mnt/bpf/filter";
    options_.records = options_.marks = 1000;
    options_.backend = GetParam() ? Backend::clsact : Backend::tcx;
  }
  [[nodiscard]] PacketFilter filter() const {
    auto opened = PacketFilter::open(options_);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  // A filter that enforces the small table.
  [[nodiscard]] PacketFilter enforcing() const {
    PacketFilter out = filter();
    expect_done(out.attach(network_.ifindex()));
    expect_done(out.enforce(table_with(0), own));
    return out;
  }
  static void expect_done(const Expected<void>& result) { EXPECT_TRUE(result) << result.error().message; }
  void expect_enforcing() const {
    EXPECT_TRUE(network_.arrives(friend_address, 40000, 1000));
    EXPECT_FALSE(network_.arrives(stranger));
    EXPECT_FALSE(network_.arrives(unknown));
  }
  void expect_closed() const {
    for (const char* one : {friend_address, stranger, unknown}) EXPECT_FALSE(network_.arrives(one)) << one;
  }
  static void expect_displaced(const PacketFilter& filter, const char* words) {
    const auto result = filter.check();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::E1344);
    EXPECT_THAT(result.error().message, HasSubstr(words));
  }
  // Something done by a process that ends then, without a destructor.
  template <class F>
  static void in_child(F work) {
    const pid_t child = fork();
    if (child == 0) {
      work();
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  TestNetwork network_;
  FilterOptions options_;
};

INSTANTIATE_TEST_SUITE_P(Tcx, Filter, testing::Values(false), [](const auto&) { return "Kernel"; });
INSTANTIATE_TEST_SUITE_P(Clsact, Filter, testing::Values(true), [](const auto&) { return "Kernel"; });

TEST_P(Filter, LetsInWhatTheTableLetsInAndNothingElse) {
  EXPECT_TRUE(network_.arrives(unknown, 40000, 1000)) << "without a filter everything arrives";
  PacketFilter filter = enforcing();
  EXPECT_THAT(std::string(filter.backend()), HasSubstr(GetParam() ? "clsact" : "TCX"));
  expect_enforcing();
  const auto counted = filter.counters();
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->packets[ACL_PASS_RULE], 1U);
  EXPECT_EQ(counted->packets[ACL_DROP_NO_RULE], 1U);
  EXPECT_GE(counted->packets[ACL_DROP_UNKNOWN_SOURCE], 1U);
  expect_done(filter.check());
}

TEST_P(Filter, WithoutATableLetsNothingIn) {
  PacketFilter filter = this->filter();
  expect_done(filter.attach(network_.ifindex()));
  expect_closed();
  EXPECT_EQ(filter.counters()->packets[ACL_DROP_NO_TABLE], 3U);
}

TEST_P(Filter, DenyingAllLetsNothingInUntilTheNextTable) {
  PacketFilter filter = enforcing();
  expect_done(filter.deny_all());
  expect_closed();
  expect_done(filter.enforce(table_with(0), own));
  expect_enforcing();
}

// Denying must work when nothing else does: it takes no memory for a smaller table, and no other program.
TEST_P(Filter, DenyingAllKeepsTheProgramOfALargeTable) {
  PacketFilter filter = enforcing();
  expect_done(filter.enforce(large_table(), own));
  const auto program = [&] { return program_id(filter.program_fd(Direction::in)); };
  const std::uint32_t before = program();
  expect_done(filter.deny_all());
  EXPECT_EQ(program(), before);
  expect_closed();
  expect_done(filter.check());
  expect_done(filter.deny_all());
  expect_closed();
  expect_done(filter.enforce(large_table(), own));
  EXPECT_EQ(program(), before);
  expect_enforcing();
}

TEST_P(Filter, WhatDeniesAllGoesOnToDoSoUnderTheNextProcess) {
  in_child([this] { expect_done(enforcing().deny_all()); });
  PacketFilter next = filter();
  expect_done(next.attach(network_.ifindex()));
  expect_done(next.check());
  expect_closed();
  expect_done(next.enforce(table_with(0), own));
  expect_done(next.check());
  expect_enforcing();
}

// A backend that somebody set since; the one before goes when this is there.
TEST_P(Filter, TakesOverFromTheOtherBackend) {
  in_child([this] { (void)enforcing(); });
  options_.backend = GetParam() ? Backend::tcx : Backend::clsact;
  PacketFilter next = filter();
  expect_done(next.attach(network_.ifindex()));
  expect_done(next.check());
  expect_enforcing();
  expect_done(next.enforce(large_table(), own));
  expect_done(next.check());
  expect_enforcing();
  EXPECT_EQ(clsact_filters(network_.ifindex(), Direction::in)->empty(), GetParam());
  const auto tcx = tcx_programs(network_.ifindex(), Direction::in);
  EXPECT_EQ(tcx->value_or(std::vector<std::uint32_t>{}).empty(), !GetParam());
}

TEST_P(Filter, WhatAnOwnAddressMayNotBeIsRefusedAndTheTableStays) {
  PacketFilter filter = enforcing();
  const auto refused = filter.enforce(table_with(0), std::vector<OwnAddress>{{address(friend_address), 1, 0}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1342);
  expect_enforcing();
}

TEST_P(Filter, OutlivesItsProcess) {
  in_child([&] {
    const PacketFilter filter = enforcing();
    _exit(HasFailure() ? 1 : 0);
  });
  expect_enforcing();
}

// A process that starts takes over table, flow state and counters; until it has a table of its own the one in force stays.
TEST_P(Filter, IsTakenOverWithItsTableByTheNextProcess) {
  in_child([&] {
    PacketFilter filter = this->filter();
    expect_done(filter.attach(network_.ifindex()));
    expect_done(filter.enforce(large_table(), own));
    const acl_flow_key key{};
    const acl_stamp stamp = 7;
    EXPECT_EQ(bpf_map_update_elem(filter.records_fd(), &key, &stamp, BPF_ANY), 0);
    _exit(HasFailure() ? 1 : 0);
  });
  options_.records = 5000;  // of what is there already, the size stays
  PacketFilter filter = this->filter();
  expect_enforcing();
  expect_done(filter.attach(network_.ifindex()));
  expect_enforcing();
  expect_done(filter.check());
  const acl_flow_key key{};
  acl_stamp stamp = 0;
  EXPECT_EQ(bpf_map_lookup_elem(filter.records_fd(), &key, &stamp), 0);
  EXPECT_EQ(stamp, 7U);
  expect_done(filter.enforce(table_with(3), own));
  expect_enforcing();
}

// The filter of another version: its maps have other names. Its program stays until this one has a table.
TEST_P(Filter, TheOneOfAnotherVersionStaysUntilThisOneHasATable) {
  in_child([&] {
    const PacketFilter filter = enforcing();
    _exit(HasFailure() ? 1 : 0);
  });
  ASSERT_TRUE(run("cd /mnt/bpf/filter && for m in *_v1; do mv $m ${m%1}0; done"));
  PacketFilter filter = this->filter();
  expect_done(filter.attach(network_.ifindex()));
  expect_done(filter.check());
  expect_enforcing();
  EXPECT_EQ(filter.counters()->packets[ACL_PASS_RULE], 0U) << "the other program judged";
  expect_done(filter.enforce(table_with(0), own));
  expect_enforcing();
  EXPECT_EQ(filter.counters()->packets[ACL_PASS_RULE], 1U);
  expect_done(filter.check());
}

TEST_P(Filter, MapsOfTablesCannotBeWritten) {
  PacketFilter filter = enforcing();
  const std::uint32_t zero = 0;
  std::uint32_t id = 0;
  ASSERT_EQ(bpf_map_lookup_elem(filter.tables_fd(), &zero, &id), 0);
  const Fd inner(bpf_map_get_fd_by_id(id));
  ASSERT_TRUE(inner);
  const std::vector<std::uint8_t> value(least_table_map);
  EXPECT_NE(bpf_map_update_elem(inner.get(), &zero, value.data(), BPF_ANY), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(mmap(nullptr, least_table_map, PROT_READ | PROT_WRITE, MAP_SHARED, inner.get(), 0), MAP_FAILED);
}

// The classes of the friend and the stranger change with every table: a packet that saw two of them would be judged wrongly. Among them
// are tables of another size, for which the program is replaced.
TEST_P(Filter, ManyTablesInARowLoseNoPacketAndLetInNoneTooMany) {
  PacketFilter filter = enforcing();
  const std::vector<Part> tables = {table_with(0), table_with(1), table_with(2), table_with(5)};
  const Part large = large_table();
  std::atomic<bool> stop = false;
  std::size_t sent = 0, arrived = 0, wrong = 0;
  std::thread traffic([&] {
    const Address to = address("100.64.0.1");
    const auto from = generate::udp(address(friend_address), 1000, to, TestNetwork::port);
    const auto other = generate::udp(address(stranger), 2000, to, TestNetwork::port);
    while (!stop) {
      network_.send(other);
      network_.send(from);
      ++sent;
      while (network_.wait(1000)) {
        const std::uint16_t port = network_.received();
        wrong += port == 2000 ? 1 : 0;
        arrived += port == 1000 ? 1 : 0;
        if (port == 1000) break;
      }
    }
  });
  const int swaps = GetParam() ? 100 : 1000;  // the same map either way
  for (int i = 0; i < swaps; ++i) {
    const auto done = filter.enforce(i % 50 == 49 ? large : tables[static_cast<std::size_t>(i) % tables.size()], own);
    if (!done) ADD_FAILURE() << i << ": " << done.error().message;
    if (!done) break;
  }
  stop = true;
  traffic.join();
  EXPECT_GT(sent, 100U);
  EXPECT_EQ(arrived, sent);
  EXPECT_EQ(wrong, 0U);
  RecordProperty("packets", std::to_string(sent));
  expect_done(filter.check());
}

TEST_P(Filter, AnInterfaceMadeAnewGetsItAgain) {
  PacketFilter filter = enforcing();
  const unsigned before = network_.ifindex();
  network_.unmake();
  expect_displaced(filter, "is gone");
  ASSERT_TRUE(run("ip link add gap type veth peer name gap2") && network_.make());
  ASSERT_NE(network_.ifindex(), before);
  expect_done(filter.attach(network_.ifindex()));
  expect_done(filter.check());
  expect_enforcing();
}

TEST_P(Filter, PinsThatAreGoneAreFoundAndMade) {
  PacketFilter filter = enforcing();
  ASSERT_TRUE(run("rm /mnt/bpf/filter/marks_v1"));
  expect_displaced(filter, "marks_v1");
  expect_done(filter.reattach());
  expect_done(filter.check());
  ASSERT_TRUE(run("umount -l /mnt/bpf/filter"));
  ASSERT_FALSE(filter.check());
  expect_enforcing();
  expect_done(filter.reattach());
  expect_done(filter.check());
  EXPECT_TRUE(run("test -e /mnt/bpf/filter/tables_v1"));
  expect_enforcing();
}

TEST_P(Filter, IsTakenAwayWithAllThatItMade) {
  PacketFilter filter = enforcing();
  expect_done(filter.detach_and_remove());
  EXPECT_TRUE(network_.arrives(unknown, 40000, 1000));
  EXPECT_FALSE(run("test -e /mnt/bpf/filter"));
}

TEST_P(Filter, RefusesAnInterfaceWithAnotherLinkLayer) {
  ASSERT_TRUE(run("ip link add one type veth peer name two"));
  PacketFilter filter = this->filter();
  const auto refused = filter.attach(if_nametoindex("one"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1343);
  EXPECT_THAT(refused.error().message, HasSubstr("\"one\""));
}

TEST_P(Filter, WritesDownWhatThisSideStartsAndLetsTheAnswersIn) {
  PacketFilter filter = enforcing();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  to.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(address(stranger).low()));
  ASSERT_EQ(sendto(network_.socket(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
  EXPECT_TRUE(network_.arrives(stranger, 53, 1000));
  EXPECT_FALSE(network_.arrives(stranger, 54));
  EXPECT_EQ(filter.counters()->packets[ACL_PASS_RECORD], 1U);
}

// --- what differs ---

class TcxFilter : public Filter {};
INSTANTIATE_TEST_SUITE_P(Tcx, TcxFilter, testing::Values(false), [](const auto&) { return "Kernel"; });

// The program reads the clock once a tick of the kernel; stamps count seconds.
TEST_P(Filter, StampsAreOfTheClockThatCountsSleep) {
  const PacketFilter made = filter();
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<acl_stamp>(time.tv_sec) * ACL_SECOND + static_cast<acl_stamp>(time.tv_nsec);
  };
  acl_stamp last = 0;
  for (std::uint16_t port = 1; port <= 5; ++port) {
    const auto datagram = generate::udp(address("100.64.0.1"), port, address(friend_address), 53);
    const acl_stamp before = now();
    ASSERT_EQ(test_run(made.program_fd(Direction::out), datagram).error, 0);
    const acl_stamp after = now();
    acl_packet packet;
    acl_parse(datagram.data(), datagram.data() + datagram.size(), datagram.size(), 0, &packet);
    acl_flow_key key;
    acl_flow_key_of(&packet, ACL_OUT, &key);
    acl_stamp stamp = 0;
    ASSERT_EQ(bpf_map_lookup_elem(made.records_fd(), &key, &stamp), 0);
    EXPECT_LE(stamp, after);
    EXPECT_GT(stamp + ACL_SECOND, before) << "older than a tick";
    EXPECT_GT(stamp, last) << "the clock stands";
    last = stamp;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // ten ticks where they are longest
  }
}

TEST_P(TcxFilter, AProgramPutBeforeItIsFoundAndItGoesFirstAgain) {
  PacketFilter filter = enforcing();
  const Fd program = foreign_program();
  const auto link = tcx_attach_first(program.get(), network_.ifindex(), Direction::in);
  ASSERT_TRUE(link) << link.error().message;
  expect_displaced(filter, "stands before it");
  expect_done(filter.reattach());
  expect_done(filter.check());
  expect_enforcing();
  EXPECT_EQ((*tcx_programs(network_.ifindex(), Direction::in))->size(), 2U) << "ours once, and the other";
  EXPECT_EQ((*tcx_programs(network_.ifindex(), Direction::out))->size(), 1U);
}

TEST_P(TcxFilter, ALinkWithAnotherProgramIsFoundAndMended) {
  PacketFilter filter = enforcing();
  const Fd program = foreign_program();
  const Fd link(bpf_obj_get("/mnt/bpf/filter/link_in"));
  expect_done(tcx_replace(link.get(), program.get()));
  EXPECT_TRUE(network_.arrives(unknown, 40000, 1000));
  expect_displaced(filter, "another program");
  expect_done(filter.reattach());
  expect_enforcing();
}

class ClsactFilterTest : public Filter {};
INSTANTIATE_TEST_SUITE_P(Clsact, ClsactFilterTest, testing::Values(true), [](const auto&) { return "Kernel"; });

TEST_P(ClsactFilterTest, AFilterPutBeforeItIsFoundAndItGoesFirstAgain) {
  PacketFilter filter = enforcing();
  const Fd program = foreign_program();
  expect_done(clsact_attach(program.get(), network_.ifindex(), Direction::in, 7));
  expect_displaced(filter, "stands before it");
  expect_done(filter.reattach());
  expect_done(filter.check());
  expect_enforcing();
  EXPECT_EQ(clsact_filters(network_.ifindex(), Direction::in)->size(), 2U);
}

TEST_P(ClsactFilterTest, ARemovedDisciplineIsFoundAndMended) {
  PacketFilter filter = enforcing();
  ASSERT_TRUE(run("tc qdisc del dev wgt clsact"));
  EXPECT_TRUE(network_.arrives(unknown, 40000, 1000)) << "open, which is why there is a guard";
  expect_displaced(filter, "not attached");
  expect_done(filter.reattach());
  expect_enforcing();
}

TEST_P(ClsactFilterTest, ATcxProgramBeforeItIsFound) {
  PacketFilter filter = enforcing();
  const Fd program = foreign_program();
  const auto link = tcx_attach_first(program.get(), network_.ifindex(), Direction::out);
  if (!link) GTEST_SKIP() << "this kernel has no TCX";
  expect_displaced(filter, "TCX program");
}

}  // namespace
}  // namespace acl::node
