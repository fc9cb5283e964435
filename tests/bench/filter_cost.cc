// filter_cost: what the packet filter in the kernel costs a packet, by BPF_PROG_TEST_RUN, over an empty program.
//
// Each line: the least and the median of several runs of a million packets, in nanoseconds, less the median of the empty program
// run in turn with it. Sources are the same one each time, or drawn out of 100,000. Needs root and BPF.
//
// usage: filter_cost [RUNS]     (9)
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "engine/table/flow.h"
#include "engine/table/hot_writer.h"
#include "node/enforce/filter.h"
#include "node/enforce/kernel_testing.h"
#include "tests/generate/packet_bytes.h"

namespace acl {
namespace {

using generate::Bytes;
using net::Address;
using node::Direction;

constexpr std::uint32_t first_v4 = 0x64400100;
constexpr std::uint64_t network_v6 = 0xfd7a115ca1e00000;
const Address own_v4 = Address::v4(0x64400001), own_v6 = Address::v6(network_v6, 1);

// `hosts` of each family, in classes each of which has `ranges` ports, together `rules`; in each list the last port is 443.
table::LineBytes table_of(std::uint32_t hosts, std::uint32_t rules, std::uint32_t ranges = 8) {
  const std::uint32_t classes = std::max(rules / ranges, 1U);
  std::vector<table::ExactClass> exact;
  for (std::uint32_t i = 0; i < hosts; ++i)
    exact.push_back({Address::v4(first_v4 + i), static_cast<std::uint16_t>(i % classes + 1)});
  for (std::uint32_t i = 0; i < hosts; ++i)
    exact.push_back({Address::v6(network_v6, first_v4 + i), static_cast<std::uint16_t>(i % classes + 1)});
  std::vector<std::uint64_t> words;
  std::vector<std::uint32_t> pairs;
  for (std::uint32_t c = 0; c < classes; ++c) {
    pairs.push_back(static_cast<std::uint32_t>(words.size()) << 8 | std::min(ranges, acl_long_list));
    if (ranges >= acl_long_list) words.push_back(std::uint64_t{ranges} << 16);
    for (std::uint32_t i = ranges; i-- > 0;) {
      const std::uint64_t port = 6U << 16 | (443 - std::min<std::uint64_t>(i, 442));
      words.push_back(port << 40 | port << 16 | ((c * ranges + i) & 0xffff));
    }
  }
  table::PartWriter writer(sizeof(acl_hot));
  acl_hot hot{};
  hot.part = table::part_header(acl_kind_hot, classes);
  hot.destination_classes = 1;
  hot.rules = 0x10000;
  hot.sources = writer.classifier(exact, {});
  hot.pair_line = writer.section<std::uint32_t>(pairs);
  hot.list_words = static_cast<acl_u32>(words.size());
  hot.list_line = writer.section<std::uint64_t>(words);
  return writer.finish(hot);
}

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "filter_cost: {}\n", why);
  std::exit(1);
}

template <class T>
T checked(Expected<T> result) {
  if (!result) stop(result.error().message);
  return std::move(*result);
}
void done(const Expected<void>& result) {
  if (!result) stop(result.error().message);
}

// vary() of filter_cost.bpf.c, and what it calls.
class Bench {
 public:
  explicit Bench(int runs) : runs_(runs), object_(bpf_object__open_file(ACL_BPF_OBJECT, nullptr)) {
    if (object_ == nullptr || bpf_object__load(object_) != 0) stop("the kernel does not take the measuring program");
    vary_ = bpf_program__fd(bpf_object__find_program_by_name(object_, "vary"));
    empty_ = bpf_program__fd(bpf_object__find_program_by_name(object_, "empty"));
    measured_ = bpf_object__find_map_fd_by_name(object_, "measured");
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_) {
      const std::string_view name = bpf_map__name(map);
      if (name.ends_with(".data")) data_ = map;
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { bpf_object__close(object_); }

  void measure(const std::string& what, int program, const Bytes& packet, std::uint32_t hosts, int expected) {
    set(packet, hosts, packet[0] >> 4 == 4 ? 12 : 20);
    std::vector<double> empty, full;
    for (int i = 0; i <= runs_; ++i) {
      const double before = run(empty_, packet, TC_ACT_UNSPEC);
      const double with = run(program, packet, expected);
      if (i == 0) continue;  // warm
      empty.push_back(before);
      full.push_back(with);
    }
    std::sort(empty.begin(), empty.end());
    std::sort(full.begin(), full.end());
    const double base = empty[empty.size() / 2];
    fmt::print("  {:<58} {:>5.0f} {:>5.0f}   (empty {:.0f}, with {:.0f})\n", what, full.front() - empty.front(),
               full[full.size() / 2] - base, empty.front(), full.front());
  }

 private:
  // The packet's own source is the first.
  void set(const Bytes& packet, std::uint32_t hosts, std::uint32_t offset) {
    struct {  // as in filter_cost.bpf.c
      std::uint32_t hosts, first, offset, before;
      std::uint64_t state;
    } const settings{hosts, acl_load32(packet.data() + offset), offset, acl_load32(packet.data() + offset - 4),
                     0x9e3779b97f4a7c15ULL};
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(data_), &zero, &settings, BPF_ANY) != 0)
      stop("cannot set up the measuring program");
  }
  double run(int program, const Bytes& packet, int expected) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(measured_, &zero, &program, BPF_ANY) != 0)
      stop(fmt::format("the program cannot be called: {}", std::strerror(errno)));
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = packet.data();
    options.data_size_in = static_cast<std::uint32_t>(packet.size());
    options.repeat = 1'000'000;
    if (bpf_prog_test_run_opts(vary_, &options) != 0)
      stop(fmt::format("the test run failed: {}", std::strerror(errno)));
    if (static_cast<int>(options.retval) != expected)
      stop(fmt::format("a packet got the verdict {}", static_cast<int>(options.retval)));
    return options.duration;
  }

  int runs_;
  bpf_object* object_;
  bpf_map* data_ = nullptr;
  int vary_ = -1, empty_ = -1, measured_ = -1;
};

void put_record(const node::PacketFilter& filter, const Bytes& incoming) {
  acl_packet packet;
  acl_parse(incoming.data(), incoming.data() + incoming.size(), incoming.size(), 0, &packet);
  acl_flow_key key;
  acl_flow_key_of(&packet, ACL_IN, &key);
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const acl_stamp stamp = static_cast<std::uint64_t>(now.tv_sec) * ACL_SECOND + static_cast<std::uint64_t>(now.tv_nsec);
  bpf_map_update_elem(filter.records_fd(), &key, &stamp, BPF_ANY);
}

void measure_all(Bench& bench, node::PacketFilter& filter) {
  const std::vector<table::OwnAddress> own = {{own_v4, 1, 0}, {own_v6, 1, 0}};
  const Address from_v4 = Address::v4(first_v4), from_v6 = Address::v6(network_v6, first_v4);
  const Bytes syn4 = generate::tcp(from_v4, 40000, own_v4, 443, generate::tcp_syn);
  const Bytes syn6 = generate::tcp(from_v6, 40000, own_v6, 443, generate::tcp_syn);
  const Bytes answer4 = generate::tcp(from_v4, 8000, own_v4, 40000, generate::tcp_ack);
  const Bytes answer6 = generate::tcp(from_v6, 8000, own_v6, 40000, generate::tcp_ack);
  const Bytes sent4 = generate::tcp(own_v4, 40000, from_v4, 8000, generate::tcp_ack);
  const Bytes datagram4 = generate::udp(from_v4, 53, own_v4, 40000);

  fmt::print(
      "100,000 hosts of each family, 1,000 rules                        least median  ns over an empty program\n");
  done(filter.enforce(table_of(100'000, 1000), own));
  // Another program for each size of tables.
  const int in = filter.program_fd(Direction::in), out = filter.program_fd(Direction::out);
  bench.measure("new, TCP SYN let in by the table, IPv4, one source", in, syn4, 1, TC_ACT_UNSPEC);
  bench.measure("  the same, IPv6", in, syn6, 1, TC_ACT_UNSPEC);
  bench.measure("  the same, IPv4, random sources", in, syn4, 100'000, TC_ACT_UNSPEC);
  bench.measure("  the same, IPv6, random sources", in, syn6, 100'000, TC_ACT_UNSPEC);
  put_record(filter, answer4);
  bench.measure("let in by record, TCP, IPv4", in, answer4, 1, TC_ACT_UNSPEC);
  put_record(filter, answer6);
  bench.measure("  the same, IPv6", in, answer6, 1, TC_ACT_UNSPEC);
  put_record(filter, datagram4);
  bench.measure("  the same, UDP, IPv4", in, datagram4, 1, TC_ACT_UNSPEC);
  bench.measure("dropped, unknown source, IPv4", in, generate::tcp(Address::v4(1 << 28), 1, own_v4, 443, 2), 0,
                TC_ACT_SHOT);
  put_record(filter, answer4);
  bench.measure("out, of a flow this side started, TCP, IPv4", out, sent4, 1, TC_ACT_UNSPEC);

  fmt::print("\nnew, TCP SYN, IPv4, random sources out of 1,000, by the number of rules\n");
  for (const std::uint32_t rules : {8U, 100U, 1'000U, 8'000U}) {
    done(filter.enforce(table_of(1000, rules), own));
    bench.measure(fmt::format("{} rules", rules), filter.program_fd(Direction::in), syn4, 1000, TC_ACT_UNSPEC);
  }
  fmt::print("\nnew, TCP SYN, IPv4, one source, by the number of port ranges that it may send to\n");
  for (const std::uint32_t ranges : {1U, 8U, 40U, 400U}) {
    done(filter.enforce(table_of(1000, 1000, ranges), own));
    bench.measure(fmt::format("{} ranges", ranges), filter.program_fd(Direction::in), syn4, 1, TC_ACT_UNSPEC);
  }
  fmt::print("\nnew, TCP SYN, IPv4, random sources, by the number of hosts of each family\n");
  for (const std::uint32_t hosts : {1'000U, 10'000U, 100'000U, 1'000'000U}) {
    done(filter.enforce(table_of(hosts, 1000), own));
    bench.measure(fmt::format("{} hosts", hosts), filter.program_fd(Direction::in), syn4, hosts, TC_ACT_UNSPEC);
  }
}

void measure_swap(node::PacketFilter& filter) {
  const std::vector<table::OwnAddress> own = {{own_v4, 1, 0}, {own_v6, 1, 0}};
  const table::LineBytes bytes = table_of(50'000, 1000);
  const auto hot = checked(table::Hot::open(bytes));
  std::vector<table::AddressRange> admitted;
  for (std::uint32_t i = 0; i < 50'000; ++i) admitted.push_back({Address::v4(first_v4 + i), Address::v4(first_v4 + i)});
  for (std::uint32_t i = 0; i < 50'000; ++i)
    admitted.push_back({Address::v6(network_v6, first_v4 + i), Address::v6(network_v6, first_v4 + i)});
  std::vector<double> narrowing, swap;
  for (int i = 0; i < 21; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const table::LineBytes narrowed = checked(table::narrow(hot, admitted));
    const auto middle = std::chrono::steady_clock::now();
    done(filter.enforce(narrowed, own));
    const auto end = std::chrono::steady_clock::now();
    narrowing.push_back(std::chrono::duration<double, std::milli>(middle - start).count());
    swap.push_back(std::chrono::duration<double, std::milli>(end - middle).count());
  }
  std::sort(narrowing.begin(), narrowing.end());
  std::sort(swap.begin(), swap.end());
  fmt::print(
      "\n100,000 addresses admitted: narrowing {:.1f} ms (median {:.1f}), put in force {:.1f} ms (median {:.1f})\n",
      narrowing.front(), narrowing[10], swap.front(), swap[10]);
}

}  // namespace
}  // namespace acl

int main(int argc, char** argv) {
  if (geteuid() != 0) {
    fmt::print("filter_cost: NOT MEASURED: loading an eBPF program needs root\n");
    return 0;
  }
  if (!acl::node::private_mounts()) {
    fmt::print("filter_cost: NOT MEASURED: no mount namespaces here\n");
    return 0;
  }
  acl::node::FilterOptions options;
  options.bpffs_dir = "/mnt/bpf";
  auto filter = acl::checked(acl::node::PacketFilter::open(options));
  acl::Bench bench(argc > 1 ? std::atoi(argv[1]) : 9);
  acl::measure_all(bench, filter);
  acl::measure_swap(filter);
  return 0;
}
