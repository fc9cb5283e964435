// In a network namespace of this process's own, with TUN interfaces whose packets this test writes: what the kernel gets from a TUN
// file "arrives by" the interface, as from WireGuard. Root and /dev/net/tun; says so and skips elsewhere.
#include "node/enforce/guard.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace acl::node {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint16_t port = 9999;

void command(const std::string& line) { ASSERT_EQ(std::system(line.c_str()), 0) << line; }

// A TUN interface; gone when this ends.
class Tun {
 public:
  explicit Tun(const std::string& name) : fd_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    EXPECT_EQ(::ioctl(fd_, TUNSETIFF, &request), 0) << std::strerror(errno);
    EXPECT_EQ(std::system(("sysctl -q -w net.ipv4.conf." + name + ".rp_filter=0").c_str()), 0);
  }
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;
  ~Tun() { ::close(fd_); }

  // The kernel is done with the packet when this returns.
  void arrive(const Bytes& packet) const {
    ASSERT_EQ(::write(fd_, packet.data(), packet.size()), static_cast<ssize_t>(packet.size())) << std::strerror(errno);
  }
  // Packets that leave by it until there is none.
  [[nodiscard]] int left_with(std::uint8_t version) const {
    std::array<std::uint8_t, 2048> packet{};
    int count = 0;
    while (::read(fd_, packet.data(), packet.size()) > 0)
      count += packet[0] >> 4 == version && packet[40] != 143 ? 1 : 0;
    return count;
  }

 private:
  int fd_;
};

void put16(Bytes& out, std::size_t at, std::uint32_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint32_t sum16(const Bytes& bytes, std::size_t from, std::size_t to) {
  std::uint32_t sum = 0;
  for (std::size_t i = from; i + 1 < to; i += 2) sum += std::uint32_t{bytes[i]} << 8 | bytes[i + 1];
  return sum;
}

std::uint32_t folded(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

// A UDP datagram of two bytes to `port`.
Bytes udp(const std::string& from, const std::string& to) {
  const bool v6 = from.find(':') != std::string::npos;
  const std::size_t header = v6 ? 40 : 20;
  Bytes packet(header + 10);
  put16(packet, header, 4444);
  put16(packet, header + 2, port);
  put16(packet, header + 4, 10);
  if (!v6) {
    packet[0] = 0x45;
    put16(packet, 2, 30);
    packet[8] = 64;
    packet[9] = IPPROTO_UDP;
    ::inet_pton(AF_INET, from.c_str(), packet.data() + 12);
    ::inet_pton(AF_INET, to.c_str(), packet.data() + 16);
    put16(packet, 10, folded(sum16(packet, 0, 20)));
    return packet;
  }
  packet[0] = 0x60;
  put16(packet, 4, 10);
  packet[6] = IPPROTO_UDP;
  packet[7] = 64;
  ::inet_pton(AF_INET6, from.c_str(), packet.data() + 8);
  ::inet_pton(AF_INET6, to.c_str(), packet.data() + 24);
  put16(packet, 46, folded(sum16(packet, 8, 50) + 10 + IPPROTO_UDP));
  return packet;
}

// Sets the mark's bit on all that arrives, as the packet filter does on what it lets in (a classifier at the clsact hook).
void mark_arriving(const std::string& interface, std::uint32_t bit) {
  const auto mark = static_cast<std::int16_t>(offsetof(__sk_buff, mark));
  const std::array<bpf_insn, 5> program = {{
      {BPF_LDX | BPF_W | BPF_MEM, 2, 1, mark, 0},
      {BPF_ALU | BPF_OR | BPF_K, 2, 0, 0, static_cast<std::int32_t>(bit)},
      {BPF_STX | BPF_W | BPF_MEM, 1, 2, mark, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  }};
  const int loaded = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "mark", "GPL", program.data(), program.size(), nullptr);
  ASSERT_GE(loaded, 0) << std::strerror(errno);
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  hook.attach_point = BPF_TC_INGRESS;
  ASSERT_EQ(bpf_tc_hook_create(&hook), 0);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.prog_fd = loaded;
  ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  ::close(loaded);
}

// What nft(8) does with the text, and what it prints.
std::string nft(const std::string& commands) {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  EXPECT_EQ(nft_run_cmd_from_buffer(context.get(), commands.c_str()), 0) << nft_ctx_get_error_buffer(context.get());
  return nft_ctx_get_output_buffer(context.get());
}

class GuardInNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: a network namespace needs root";
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "NOT TESTED: no network namespace: " << std::strerror(errno);
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "NOT TESTED: no /dev/net/tun";
    server_ = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    ASSERT_EQ(::bind(server_, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    make_interface();
  }
  void TearDown() override {
    if (server_ >= 0) ::close(server_);
  }

  void make_interface() {
    tun_.reset();
    tun_ = std::make_unique<Tun>("wgt0");
    command("ip addr add 10.77.0.1/24 dev wgt0 && ip addr add fd77::1/64 dev wgt0 nodad && ip link set wgt0 up");
    // The kernel puts the routes of new IPv6 addresses in later, by itself.
    for (int i = 0; i < 1000 && std::system("ip -6 route show table local | grep -q '^local fd77::1 dev wgt0'") != 0;
         ++i) {
      ::usleep(10'000);
    }
  }

  // How many datagrams the server gets when one of each family arrives by wgt0.
  [[nodiscard]] int get_in() const {
    tun_->arrive(udp("10.77.0.2", "10.77.0.1"));
    tun_->arrive(udp("fd77::2", "fd77::1"));
    return received();
  }
  [[nodiscard]] int received() const {
    std::array<char, 16> datagram{};
    int count = 0;
    while (::recv(server_, datagram.data(), datagram.size(), 0) > 0) ++count;
    return count;
  }

  static Guard guard_of(std::vector<std::string> interfaces, std::string table = "aclnode") {
    GuardOptions options;
    options.table = std::move(table);
    options.interfaces = std::move(interfaces);
    return std::move(*Guard::make(std::move(options)));
  }

  int server_ = -1;
  std::unique_ptr<Tun> tun_;
};

Code code_of(const Expected<void>& result) { return result ? Code{} : result.error().code; }

TEST_F(GuardInNamespace, WithoutTheFilterNothingGetsInByItsInterface) {
  EXPECT_EQ(get_in(), 2);
  Guard guard = guard_of({"wgt0"});
  EXPECT_EQ(code_of(guard.check()), Code::E1325);
  const auto installed = guard.install();
  ASSERT_TRUE(installed) << installed.error().message;
  EXPECT_EQ(get_in(), 0);
  EXPECT_EQ(*guard.dropped(), 2U);
  ASSERT_TRUE(guard.remove());
  EXPECT_EQ(get_in(), 2);
}

TEST_F(GuardInNamespace, HoldsForAnInterfaceThatIsDeletedAndMadeAgain) {
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  EXPECT_EQ(get_in(), 0);
  make_interface();
  EXPECT_EQ(get_in(), 0);
  EXPECT_TRUE(guard.check());
}

TEST_F(GuardInNamespace, HoldsForAnInterfaceThatIsMadeLater) {
  tun_.reset();
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  make_interface();
  EXPECT_EQ(get_in(), 0);
}

TEST_F(GuardInNamespace, WhatCarriesTheMarkGetsIn) {
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  mark_arriving("wgt0", default_mark_bit);
  EXPECT_EQ(get_in(), 2);
  EXPECT_EQ(*guard.dropped(), 0U);
}

TEST_F(GuardInNamespace, AnotherMarkIsNone) {
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  mark_arriving("wgt0", ~default_mark_bit);
  EXPECT_EQ(get_in(), 0);
}

TEST_F(GuardInNamespace, OtherInterfacesAreLeftAlone) {
  Guard guard = guard_of({"wgt1"});
  ASSERT_TRUE(guard.install());
  EXPECT_EQ(get_in(), 2);
}

TEST_F(GuardInNamespace, WhatWouldBeForwardedIsDroppedToo) {
  const Tun behind("lan0");
  command(
      "ip addr add 10.88.0.1/24 dev lan0 && ip addr add fd88::1/64 dev lan0 nodad && ip link set lan0 up && "
      "sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
  const auto forwarded = [&] {
    (void)behind.left_with(4);
    tun_->arrive(udp("10.77.0.2", "10.88.0.2"));
    const int v4 = behind.left_with(4);
    tun_->arrive(udp("fd77::2", "fd88::2"));
    return v4 + behind.left_with(6);
  };
  EXPECT_EQ(forwarded(), 2);
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  EXPECT_EQ(forwarded(), 0);
  EXPECT_EQ(*guard.dropped(), 2U);
}

TEST_F(GuardInNamespace, OtherTablesAreUntouchedAndCannotLetIn) {
  nft("table inet other { chain in { type filter hook prerouting priority -2000; policy accept; iifname \"wgt0\" "
      "accept; }; }\n");
  const std::string before = nft("list table inet other\n");
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  EXPECT_EQ(get_in(), 0);
  EXPECT_EQ(nft("list table inet other\n"), before);
  ASSERT_TRUE(guard.remove());
  ASSERT_TRUE(guard.remove());
  EXPECT_EQ(nft("list ruleset\n"), before);
}

TEST_F(GuardInNamespace, InstallingTwiceChangesNothing) {
  Guard guard = guard_of({"wgt0", "wgt1"});
  ASSERT_TRUE(guard.install());
  ASSERT_FALSE(get_in());
  const std::string before = nft("list ruleset\n");
  EXPECT_NE(before.find("packets 2"), std::string::npos) << before;
  ASSERT_TRUE(guard.install());
  // Another process's, which has not checked yet: the table is as it should be, and its counts go on.
  ASSERT_TRUE(guard_of({"wgt0", "wgt1"}).install());
  EXPECT_EQ(nft("list ruleset\n"), before);
}

TEST_F(GuardInNamespace, EveryChangeOfItIsSeenAndPutRight) {
  Guard guard = guard_of({"wgt0"});
  ASSERT_TRUE(guard.install());
  for (const char* change : {
           "flush ruleset\n",
           "delete table inet aclnode\n",
           "flush chain inet aclnode prerouting\n",
           "insert rule inet aclnode prerouting iifname \"wgt0\" accept\n",
           "add rule inet aclnode prerouting accept\n",
           "add table inet aclnode { flags dormant; }\n",
           "add chain inet aclnode another\n",
           "add set inet aclnode s { type ipv4_addr; }\n",
           "add chain inet aclnode prerouting { policy drop; }\n",
       }) {
    nft(change);
    EXPECT_EQ(code_of(guard.check()), Code::E1325) << change;
    EXPECT_EQ(code_of(guard.check()), Code::E1325) << change;
    const auto again = guard.install();
    ASSERT_TRUE(again) << change << again.error().message;
    EXPECT_EQ(get_in(), 0) << change;
  }
  nft("add table inet somebodys\n");
  EXPECT_TRUE(guard.check());
}

TEST_F(GuardInNamespace, ReplacingItLeavesNoGap) {
  Guard one = guard_of({"wgt0"});
  Guard two = guard_of({"wgt0", "wgt1"});
  ASSERT_TRUE(one.install());
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> sent = 0;
  std::thread flood([&] {
    for (const Bytes packet = udp("10.77.0.2", "10.77.0.1"); !stop; ++sent) tun_->arrive(packet);
  });
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(two.install());
    EXPECT_TRUE(one.install());
  }
  while (sent < 1000) std::this_thread::yield();
  stop = true;
  flood.join();
  EXPECT_EQ(received(), 0);
}

TEST_F(GuardInNamespace, TwoNodesOnOneMachineHaveATableEach) {
  Guard one = guard_of({"wgt0"});
  Guard two = guard_of({"wgt1"}, "aclnode_two");
  ASSERT_TRUE(one.install());
  ASSERT_TRUE(two.install());
  EXPECT_TRUE(one.check());
  ASSERT_TRUE(two.remove());
  EXPECT_EQ(get_in(), 0);
}

TEST_F(GuardInNamespace, WithoutRightsItSaysSo) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool told = ::setresuid(65534, 65534, 65534) == 0;
    Guard guard = guard_of({"wgt0"});
    for (const auto& result : {guard.check(), guard.install(), guard.remove()}) {
      told = told && !result && result.error().code == Code::E1324 &&
             result.error().message.find("not permitted") != std::string::npos;
    }
    ::_exit(told ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Measures; what it asserts is that nothing failed.
TEST_F(GuardInNamespace, LookingEachSecondCostsMicroseconds) {
  using Clock = std::chrono::steady_clock;
  const auto microseconds = [](Clock::time_point since, int times) {
    return std::chrono::duration<double, std::micro>(Clock::now() - since).count() / times;
  };
  Guard guard = guard_of({"wgt0"});
  auto start = Clock::now();
  ASSERT_TRUE(guard.install());
  const double installed = microseconds(start, 1);
  constexpr int looks = 1000;
  start = Clock::now();
  for (int i = 0; i < looks; ++i) ASSERT_TRUE(guard.check());
  const double unchanged = microseconds(start, looks);
  double changed = 0;
  constexpr int changes = 20;
  for (int i = 0; i < changes; ++i) {
    nft("add table inet somebodys\ndelete table inet somebodys\n");
    start = Clock::now();
    ASSERT_TRUE(guard.check());
    changed += microseconds(start, changes);
  }
  std::printf("guard: installed in %.0f us; a look %.2f us, after somebody changed some table %.0f us\n", installed,
              unchanged, changed);
}

TEST(Guard, NamesThatCannotBeAreRefused) {
  for (const char* name : {"", "wg*", "wg\"0", "a/b", "wg 0", "a-name-that-is-too-long"}) {
    GuardOptions options;
    options.interfaces = {name};
    EXPECT_FALSE(Guard::make(options)) << name;
  }
  GuardOptions options;
  EXPECT_FALSE(Guard::make(options));
  options.interfaces = {"wg0"};
  EXPECT_TRUE(Guard::make(options));
  options.mark_bit = 0x3;
  EXPECT_FALSE(Guard::make(options));
  options.mark_bit = 0x4;
  options.table = "a b";
  EXPECT_FALSE(Guard::make(options));
}

TEST(Guard, ItsRulesAreReadable) {
  GuardOptions options;
  options.interfaces = {"wg0"};
  EXPECT_EQ(Guard::make(options)->text(),
            "table inet aclnode {\n"
            "  chain prerouting {\n"
            "    type filter hook prerouting priority -1000; policy accept;\n"
            "    iifname \"wg0\" meta mark & 0x08000000 == 0 counter drop\n"
            "  }\n"
            "}\n");
}

}  // namespace
}  // namespace acl::node
