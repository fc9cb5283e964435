// The flow maps' upkeep on maps of the kernel, made here: against the user-space model of the document, and with a second thread that
// renews marks as the packet filter does. Needs root (CAP_BPF); says so and skips elsewhere.
#include "node/enforce/flow_upkeep.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/table/flow_model.h"
#include "node/enforce/kernel_testing.h"

namespace acl::node {
namespace {

acl_flow_key key_of(const std::string& bytes) {
  acl_flow_key key;
  std::memcpy(&key, bytes.data(), sizeof key);
  return key;
}

constexpr std::uint32_t key_size = sizeof(acl_flow_key);

// Three maps as the filter has them.
struct Maps {
  explicit Maps(std::uint32_t record_capacity = 4096, std::uint32_t mark_capacity = 4096) {
    bpf_map_create_opts mappable{};
    mappable.sz = sizeof mappable;
    mappable.map_flags = BPF_F_MMAPABLE;
    records = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "records", key_size, sizeof(acl_stamp), record_capacity, nullptr);
    marks = bpf_map_create(BPF_MAP_TYPE_HASH, "marks", key_size, sizeof(acl_stamp), mark_capacity, nullptr);
    coarse = bpf_map_create(BPF_MAP_TYPE_ARRAY, "coarse", 4, sizeof(acl_stamp), ACL_COARSE_MARKS, &mappable);
  }
  Maps(const Maps&) = delete;
  Maps& operator=(const Maps&) = delete;
  ~Maps() {
    for (const int fd : {records, marks, coarse}) {
      if (fd >= 0) ::close(fd);
    }
  }
  [[nodiscard]] bool usable() const { return records >= 0 && marks >= 0 && coarse >= 0; }

  int records = -1;
  int marks = -1;
  int coarse = -1;
};

void set(int map, const acl_flow_key& key, acl_stamp stamp) {
  ASSERT_EQ(bpf_map_update_elem(map, &key, &stamp, BPF_ANY), 0) << std::strerror(errno);
}

acl_flow_key flow(std::uint32_t local, std::uint32_t remote, std::uint16_t port, std::uint8_t protocol,
                  std::uint8_t kind = ACL_KEY_TUPLE) {
  acl_flow_key key{};
  key.local = packet_address(net::Address::v4(0x0a4d0000U + local));
  key.remote = packet_address(net::Address::v4(0x0a4d0000U + remote));
  key.local_port = kind == ACL_KEY_TUPLE ? port : std::uint16_t{0};
  key.remote_port = kind == ACL_KEY_TUPLE ? std::uint16_t{53} : std::uint16_t{0};
  key.protocol = protocol;
  key.kind = kind;
  return key;
}

#define NEED_MAPS(maps) \
  if (!(maps).usable()) \
  GTEST_SKIP() << "NOT TESTED: eBPF maps need root and a kernel with eBPF: " << std::strerror(errno)

constexpr acl_stamp start = 100'000 * ACL_SECOND;

Slice run(MarkSweep& sweep, acl_stamp now, std::uint32_t most) {
  Slice all;
  do {
    const auto slice = sweep.step(now, most);
    EXPECT_TRUE(slice) << slice.error().message;
    if (!slice) return all;
    all.done = slice->done;
    all.seen += slice->seen;
    all.taken += slice->taken;
  } while (!all.done);
  return all;
}

Slice run(RecordForget& forget, std::uint32_t most) {
  Slice all;
  do {
    const auto slice = forget.step(most);
    EXPECT_TRUE(slice) << slice.error().message;
    if (!slice) return all;
    all.done = slice->done;
    all.seen += slice->seen;
    all.taken += slice->taken;
  } while (!all.done);
  return all;
}

std::uint64_t coarse_sum(const FlowMaps& maps) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < ACL_COARSE_MARKS; ++i) sum += *maps.coarse(i);
  return sum;
}

TEST(FlowMapsOfTheKernel, AnotherKindOfMapIsRefused) {
  const Maps made;
  NEED_MAPS(made);
  EXPECT_TRUE(FlowMaps::open(made.records, made.marks, made.coarse));
  for (const auto& wrong :
       {FlowMaps::open(made.marks, made.marks, made.coarse), FlowMaps::open(made.records, made.records, made.coarse),
        FlowMaps::open(made.records, made.marks, made.marks), FlowMaps::open(-1, -1, -1)}) {
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::E1326);
  }
}

// The program that brought the maps makes place for another one; its descriptors close, and their numbers go to others.
TEST(FlowMapsOfTheKernel, OutliveTheDescriptorsTheyWereOpenedWith) {
  const Maps made;
  NEED_MAPS(made);
  const int records = dup(made.records), marks = dup(made.marks), coarse = dup(made.coarse);
  const auto maps = FlowMaps::open(records, marks, coarse);
  ASSERT_TRUE(maps);
  for (const int fd : {records, marks, coarse}) close(fd);
  set(made.records, flow(1, 2, 1, ACL_PROTOCOL_TCP), start);
  set(made.marks, flow(1, 2, 2, ACL_PROTOCOL_UDP), start - 301 * ACL_SECOND);
  RecordForget forget(*maps, {{net::Address::v4(0), net::Address::v4(0xffffffff)},
                              {net::Address::v6(0, 0), net::Address::v6(~std::uint64_t{0}, ~std::uint64_t{0})}});
  EXPECT_EQ(run(forget, 64).taken, 1U);
  MarkSweep sweep(*maps);
  EXPECT_EQ(run(sweep, start, 64).taken, 1U);
}

TEST(MarkSweepOfTheKernel, TakesWhatIsNoLongerFreshAndNothingElse) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  const acl_stamp now = start;
  set(made.marks, flow(1, 2, 1, ACL_PROTOCOL_UDP), now - 300 * ACL_SECOND);
  set(made.marks, flow(1, 2, 2, ACL_PROTOCOL_UDP), now - 300 * ACL_SECOND - 1);
  set(made.marks, flow(1, 2, 3, ACL_PROTOCOL_ICMP), now - 61 * ACL_SECOND);
  set(made.marks, flow(1, 2, 4, ACL_PROTOCOL_UDP), now + ACL_SECOND);  // another processor's clock
  MarkSweep sweep(*maps);
  const Slice slice = run(sweep, now, 64);
  EXPECT_EQ(slice.seen, 4U);
  EXPECT_EQ(slice.taken, 2U);
  EXPECT_EQ(flow_entries(made.marks).size(), 2U);
  EXPECT_EQ(coarse_sum(*maps), 0U) << "the coarse marks are as they were";
}

TEST(MarkSweepOfTheKernel, GoesOnWhereItStopped) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  constexpr std::uint16_t marks = 1000;
  for (std::uint16_t i = 0; i < marks; ++i) set(made.marks, flow(1, 2, i, ACL_PROTOCOL_UDP), start);
  MarkSweep sweep(*maps);
  std::uint32_t seen = 0;
  int slices = 0;
  for (bool done = false; !done; ++slices) {
    const auto slice = sweep.step(start + 301 * ACL_SECOND, 32);
    ASSERT_TRUE(slice) << slice.error().message;
    EXPECT_LE(slice->seen, 32U);
    seen += slice->seen;
    done = slice->done;
  }
  EXPECT_EQ(seen, marks);
  EXPECT_GT(slices, marks / 32);
  EXPECT_TRUE(flow_entries(made.marks).empty());
  EXPECT_EQ(run(sweep, start, 32).seen, 0U);
}

TEST(MarkSweepOfTheKernel, ACoarseMarkThatWasThereStaysAsItWas) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  const acl_flow_key key = flow(1, 2, 1, ACL_PROTOCOL_UDP);
  set(made.marks, key, start);
  *maps->coarse(acl_coarse_index(&key)) = start + 7;
  MarkSweep sweep(*maps);
  EXPECT_EQ(run(sweep, start + 301 * ACL_SECOND, 64).taken, 1U);
  EXPECT_EQ(*maps->coarse(acl_coarse_index(&key)), start + 7);
}

// What a packet in does that the table lets in, and a packet out that asks whether there is a mark: as filter and flow.h do it.
class Traffic {
 public:
  Traffic(const Maps& made, const FlowMaps& maps) : marks_(made.marks), maps_(&maps) {}

  // `held_up`: for how long between its two looks, as when an interrupt comes.
  [[nodiscard]] bool marked(const acl_flow_key& key, acl_stamp now, int held_up = 0) const {
    acl_stamp seen = 0;
    const std::uint8_t mark = bpf_map_lookup_elem(marks_, &key, &seen) == 0 ? acl_stamp_state(key.protocol, seen, now)
                                                                            : std::uint8_t{ACL_STAMP_NONE};
    for (; held_up > 0; --held_up) asm volatile("");
    const acl_stamp coarse = std::atomic_ref<acl_stamp>(*maps_->coarse(acl_coarse_index(&key))).load();
    return acl_mark_state(mark, key.protocol, coarse, now) != ACL_STAMP_NONE;
  }
  void mark(const acl_flow_key& key, acl_stamp now) const {
    if (bpf_map_update_elem(marks_, &key, &now, BPF_ANY) == 0) return;
    std::atomic_ref<acl_stamp>(*maps_->coarse(acl_coarse_index(&key))).store(now);
  }

 private:
  int marks_;
  const FlowMaps* maps_;
};

// Time is a number here, and leaps: with each leap all marks are over, the sweep sets out to take them one after the other, and two
// threads of traffic renew one each in its way and look whether it is there, until the next leap.
class Race {
 public:
  Race(const Maps& made, const FlowMaps& maps) : traffic_(made, maps), sweep_(maps) {}

  // How often a mark was missed.
  std::uint64_t run(int leaps) {
    std::thread one([this] { look(1); });
    std::thread two([this] { look(2); });
    for (int i = 0; i < leaps; ++i) leap();
    stop_ = true;
    one.join();
    two.join();
    return lost_;
  }
  [[nodiscard]] std::uint64_t looks() const { return looks_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  static constexpr std::uint16_t decoys = 64;

  void leap() {
    // What gives the sweep something to do between reading a mark and taking it.
    for (std::uint16_t i = 0; i < decoys; ++i) traffic_.mark(flow(3, 3, i, ACL_PROTOCOL_UDP), clock_);
    // Not whole seconds, so that no stamp of the traffic's is the sweep's own.
    clock_ += 301 * ACL_SECOND + 1;
    for (bool done = false; !done;) {
      const auto slice = sweep_.step(clock_, 2 * decoys);
      ASSERT_TRUE(slice) << slice.error().message;
      taken_ += slice->taken;
      done = slice->done;
    }
  }

  void look(std::uint32_t local) {
    // The same key again and again: each leap finds it there and over. A remote address of its own, so that the coarse
    // mark of another flow does not stand in by chance.
    const acl_flow_key key = flow(local, 1000 * local, 9, ACL_PROTOCOL_UDP);
    std::uint32_t turn = local;
    while (!stop_) {
      const acl_stamp now = clock_;
      turn = turn * 1664525 + 1013904223;
      for (std::uint32_t wait = (turn >> 8) % ((turn >> 31) != 0 ? 4096 : 262144); wait != 0; --wait) asm volatile("");
      if (clock_ != now) continue;
      traffic_.mark(key, now);
      for (int i = 0; i < 1000 && clock_ == now; ++i, ++looks_) {
        // Once the clock has leapt the sweep may rightly take it.
        const int held_up = local == 2 && (turn >> 30 & 1) != 0 ? 20000 : 0;
        if (!traffic_.marked(key, now, held_up) && clock_ == now) ++lost_;
      }
    }
  }

  Traffic traffic_;
  MarkSweep sweep_;
  std::atomic<acl_stamp> clock_ = start;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> lost_ = 0;
  std::atomic<std::uint64_t> looks_ = 0;
  std::uint64_t taken_ = 0;
};

TEST(MarkSweepOfTheKernel, NeverLosesAMarkThatIsRenewedMeanwhile) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  Race race(made, *maps);
  EXPECT_EQ(race.run(3000), 0U);
  EXPECT_GT(race.looks(), 0U);
  EXPECT_GT(race.taken(), 0U);
}

TEST(MarkSweepOfTheKernel, NeverLosesAMarkWhereThereIsNoRoomToPutItBack) {
  const Maps made(64, 64);
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  Race race(made, *maps);
  EXPECT_EQ(race.run(3000), 0U);
  EXPECT_GT(race.looks(), 0U);
  EXPECT_GT(race.taken(), 0U);
}

TEST(RecordForgetOfTheKernel, DeletesRecordsAndPairRecordsOfTheAddressesAtEitherEnd) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  set(made.records, flow(1, 2, 1, ACL_PROTOCOL_TCP), start);
  set(made.records, flow(1, 2, 0, ACL_PROTOCOL_TCP, ACL_KEY_PAIR), start);
  set(made.records, flow(2, 9, 1, ACL_PROTOCOL_UDP), start);  // forwarded: local here is what is behind
  set(made.records, flow(1, 3, 1, ACL_PROTOCOL_TCP), start);
  set(made.marks, flow(1, 2, 1, ACL_PROTOCOL_UDP), start);
  const net::Address two = net::Address::v4(0x0a4d0002U);
  RecordForget forget(*maps, {{two, two}});
  EXPECT_EQ(run(forget, 64).taken, 3U);
  EXPECT_EQ(flow_entries(made.records), (FlowEntries{{key_bytes(flow(1, 3, 1, ACL_PROTOCOL_TCP)), start}}));
  EXPECT_EQ(flow_entries(made.marks).size(), 1U) << "marks stay: they can only refuse";
}

// Who calls has a watchdog to feed between two slices.
TEST(RecordForgetOfTheKernel, LooksAtNoMoreInASliceThanItMay) {
  const Maps made;
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  constexpr std::uint32_t flows = 900, most = 50;
  for (std::uint16_t i = 0; i < flows; ++i) set(made.records, flow(1, 2, i, ACL_PROTOCOL_UDP), start);
  const net::Address two = net::Address::v4(0x0a4d0002U);
  RecordForget forget(*maps, {{two, two}});
  std::uint32_t slices = 0, taken = 0;
  for (bool done = false; !done; ++slices) {
    const auto slice = forget.step(most);
    ASSERT_TRUE(slice);
    EXPECT_LE(slice->seen, 2 * most);  // a walk goes by the kernel's portions
    done = slice->done;
    taken += slice->taken;
  }
  EXPECT_GE(slices, flows / (2 * most));
  EXPECT_EQ(taken, flows);
}

// Random records, marks, sweeps and removals, in the kernel's maps and in the document's model.
class UpkeepModel {
 public:
  explicit UpkeepModel(const Maps& made, const FlowMaps& maps) : made_(&made), maps_(&maps), sweep_(maps) {}

  void operation() {
    now_ += *rc::gen::inRange<acl_stamp>(0, 200) * ACL_SECOND;
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
      case 1: set_some(made_->records, records_, true); break;
      case 2:
      case 3: set_some(made_->marks, marks_, false); break;
      case 4: sweep(); break;
      default: forget(); break;
    }
  }
  void compare() const {
    RC_ASSERT(flow_entries(made_->records) == records_);
    RC_ASSERT(flow_entries(made_->marks) == marks_);
    RC_ASSERT(coarse_sum(*maps_) == 0U);
  }

 private:
  void set_some(int map, FlowEntries& model, bool pairs) {
    for (int i = *rc::gen::inRange(1, 20); i > 0; --i) {
      const auto protocol = *rc::gen::element<std::uint8_t>(ACL_PROTOCOL_TCP, ACL_PROTOCOL_UDP, ACL_PROTOCOL_ICMP);
      const auto kind = pairs && *rc::gen::arbitrary<bool>() ? ACL_KEY_PAIR : ACL_KEY_TUPLE;
      const acl_flow_key key = flow(*rc::gen::inRange(0U, 4U), *rc::gen::inRange(0U, 16U),
                                    *rc::gen::inRange<std::uint16_t>(0, 9), protocol, static_cast<std::uint8_t>(kind));
      set(map, key, now_);
      model[key_bytes(key)] = now_;
    }
  }
  void sweep() {
    run(sweep_, now_, *rc::gen::inRange(1U, 40U));
    std::erase_if(marks_, [&](const auto& entry) {
      return acl_stamp_state(key_of(entry.first).protocol, entry.second, now_) == ACL_STAMP_NONE;
    });
  }
  void forget() {
    std::vector<table::AddressRange> ranges;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      const auto first = *rc::gen::inRange(0U, 18U);
      const auto last = first + *rc::gen::inRange(0U, 3U);
      ranges.push_back({net::Address::v4(0x0a4d0000U + first), net::Address::v4(0x0a4d0000U + last)});
    }
    RecordForget forget(*maps_, ranges);
    run(forget, *rc::gen::inRange(1U, 40U));
    std::erase_if(records_, [&](const auto& entry) {
      const acl_flow_key key = key_of(entry.first);
      return std::any_of(ranges.begin(), ranges.end(), [&](const table::AddressRange& range) {
        const auto within = [&](const acl_address& a) {
          const net::Address address = net::Address::v4(static_cast<std::uint32_t>(a.low));
          return range.first <= address && address <= range.last;
        };
        return within(key.local) || within(key.remote);
      });
    });
  }

  const Maps* made_;
  const FlowMaps* maps_;
  MarkSweep sweep_;
  acl_stamp now_ = start;
  FlowEntries records_;
  FlowEntries marks_;
};

TEST(FlowUpkeepOfTheKernel, AgreesWithAPlainMapForAnyOrderOfEvents) {
  {
    const Maps probe;
    NEED_MAPS(probe);
  }
  EXPECT_TRUE(rc::check([] {
    const Maps made;
    const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
    RC_ASSERT(maps.has_value());
    UpkeepModel model(made, *maps);
    for (int i = *rc::gen::inRange(1, 30); i > 0; --i) {
      model.operation();
      model.compare();
    }
  }));
}

TEST(Seeding, WritesRecordsWithTheirPairsAndMarks) {
  const Maps made(4096, 2);
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  Seeds seeds;
  seeds.records = {flow(1, 2, 40000, ACL_PROTOCOL_TCP)};
  seeds.marks = {flow(1, 3, 1, ACL_PROTOCOL_UDP), flow(1, 4, 1, ACL_PROTOCOL_UDP), flow(1, 5, 1, ACL_PROTOCOL_UDP)};
  ASSERT_TRUE(write_seeds(*maps, seeds, start));
  EXPECT_EQ(flow_entries(made.records),
            (FlowEntries{{key_bytes(flow(1, 2, 40000, ACL_PROTOCOL_TCP)), start},
                         {key_bytes(flow(1, 2, 0, ACL_PROTOCOL_TCP, ACL_KEY_PAIR)), start}}));
  EXPECT_EQ(flow_entries(made.marks).size(), 2U);
  const Traffic traffic(made, *maps);
  for (const acl_flow_key& key : seeds.marks) EXPECT_TRUE(traffic.marked(key, start));
}

// Measures; asserts that the walk met everything.
TEST(FlowUpkeepOfTheKernel, AFullMapIsWalkedInMilliseconds) {
  using Clock = std::chrono::steady_clock;
  constexpr std::uint32_t flows = 100'000;
  const Maps made(2 * flows, flows);
  NEED_MAPS(made);
  const auto maps = FlowMaps::open(made.records, made.marks, made.coarse);
  ASSERT_TRUE(maps);
  for (std::uint32_t i = 0; i < flows; ++i) {
    const acl_flow_key key = flow(1, i / 1000 + 10, static_cast<std::uint16_t>(i % 1000), ACL_PROTOCOL_UDP);
    set(made.records, key, start);
    set(made.marks, key, start);
  }
  const auto ms = [](Clock::time_point since) {
    return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
  };
  MarkSweep sweep(*maps);
  auto from = Clock::now();
  EXPECT_EQ(run(sweep, start, 1024).seen, flows);
  const double idle = ms(from);
  from = Clock::now();
  EXPECT_EQ(run(sweep, start + 301 * ACL_SECOND, 1024).taken, flows);
  const double all = ms(from);
  from = Clock::now();
  EXPECT_EQ(run(sweep, start, 1024).seen, 0U);
  const double empty = ms(from);
  const net::Address gone = net::Address::v4(0x0a4d0000U + 42);
  from = Clock::now();
  RecordForget forget(*maps, {{gone, gone}});
  EXPECT_EQ(run(forget, 1024).taken, 1000U);
  std::printf(
      "100,000 marks: walked in %.1f ms, all taken in %.1f ms, then empty %.2f ms; 1,000 of 100,000 records forgotten "
      "in %.1f ms\n",
      idle, all, empty, ms(from));
}

}  // namespace
}  // namespace acl::node
