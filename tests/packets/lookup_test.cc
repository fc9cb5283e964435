// The lookup of decision tables (engine/table/decide.h) as the kernel runs it (lookup.bpf.c, by BPF_PROG_TEST_RUN) against the same in
// user space, on hot parts of random policies and on one with lists and intervals of every kind.
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <set>

#include "compiler/table/testing.h"
#include "engine/table/hot.h"
#include "tests/generate/hujson_text.h"
#include "tests/generate/tailnet.h"
#include "tests/packets/kernel_program.h"
#include "tests/packets/lookup.h"

namespace acl {
namespace {

using net::Address;
using tables::Setting;

class KernelLookup : public KernelProgram {
 protected:
  KernelLookup() : KernelProgram("lookup") {}

  void SetUp() override {
    KernelProgram::SetUp();
    if (!ready()) return;
    part_ = static_cast<std::uint8_t*>(memory_of("parts", ACL_TABLE_BYTES));
    answer_ = static_cast<lookup_answer*>(memory_of("answers", sizeof(lookup_answer)));
  }
  void TearDown() override {
    if (part_ != nullptr) munmap(part_, ACL_TABLE_BYTES);
    if (answer_ != nullptr) munmap(answer_, sizeof(lookup_answer));
  }

  void* memory_of(const char* name, std::size_t size) const {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map(name), 0);
    EXPECT_NE(memory, MAP_FAILED) << name << ": " << std::strerror(errno);
    return memory == MAP_FAILED ? nullptr : memory;
  }

  // Gives the kernel a part; what was there is overwritten as far as the part reaches.
  void use(const tables::Bytes& bytes) {
    ASSERT_LE(bytes.size(), std::size_t{ACL_TABLE_BYTES});
    std::memcpy(part_, bytes.data(), bytes.size());
  }

  [[nodiscard]] lookup_answer in_kernel(const lookup_question& question) const {
    EXPECT_EQ(run({reinterpret_cast<const std::uint8_t*>(&question), sizeof question}), 0U);
    return *answer_;
  }

  static lookup_answer in_user_space(const table::Hot& hot, const lookup_question& question) {
    const acl_table& table = hot.raw();
    lookup_answer out{};
    out.source = lookup_source(&table, &question);
    out.destination = lookup_destination(&table, &question);
    const std::uint32_t pair = acl_pair(&table, out.source, out.destination);
    out.rule = acl_allows(&table, pair, question.protocol, question.port);
    out.any = acl_allows_any(&table, pair, question.protocol);
    return out;
  }

  // Asks about sources and destinations that the part has, their neighbours and others. How many were allowed.
  int ask(const tables::Bytes& bytes, int times, std::mt19937_64& random) {
    use(bytes);
    const auto hot = table::Hot::open(bytes);
    EXPECT_TRUE(hot) << hot.error().message;
    std::set<Address> interesting;
    tables::add_interesting(bytes, hot->header().sources, interesting);
    tables::add_interesting(bytes, hot->header().destinations, interesting);
    for (const char* text :
         {"0.0.0.0", "8.8.8.8", "255.255.255.255", "::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
      interesting.insert(*Address::parse(text));
    std::vector<Address> v4, v6;
    for (const Address& address : interesting) (address.is_v4() ? v4 : v6).push_back(address);
    int allowed = 0;
    for (int i = 0; i < times; ++i) {
      lookup_question q{};
      q.v6 = random() % 2 == 0;
      const auto& list = q.v6 != 0 ? v6 : v4;
      const Address source = list[random() % list.size()], destination = list[random() % list.size()];
      q.source_high = source.high();
      q.source_low = source.low();
      q.destination_high = destination.high();
      q.destination_low = destination.low();
      if (random() % 2 == 0) q.own_class = static_cast<acl_u32>(random() % (hot->header().destination_classes + 2));
      constexpr std::array<acl_u8, 6> protocols = {6, 17, 6, 132, 1, 58};
      q.protocol = protocols[random() % protocols.size()];
      q.port = static_cast<acl_u16>(random() % (random() % 2 == 0 ? 65536 : 1024));
      const lookup_answer expected = in_user_space(*hot, q), got = in_kernel(q);
      allowed += expected.rule != 0 ? 1 : 0;
      if (std::memcmp(&expected, &got, sizeof got) == 0) continue;
      ADD_FAILURE() << source.text() << " to " << destination.text() << " class " << q.own_class << " protocol "
                    << int{q.protocol} << " port " << q.port << ": user space " << expected.source << " "
                    << expected.destination << " " << expected.rule << " " << expected.any << ", kernel " << got.source
                    << " " << got.destination << " " << got.rule << " " << got.any;
      return allowed;
    }
    return allowed;
  }

  std::uint8_t* part_ = nullptr;
  lookup_answer* answer_ = nullptr;
};

TEST_F(KernelLookup, AgreesWithUserSpaceOnTablesOfRandomPolicies) {
  std::mt19937_64 random(11);
  int allowed = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto model = generate::tailnet_model(generate::random_choices(seed * 104729, 100 + seed * 37 % 500));
    const Setting setting(generate::inventory_text(model.tailnet), generate::policy_text(model.policy));
    ASSERT_TRUE(setting.ok());
    for (resolve::NodeId node = 0; node < setting.resolved().node_count(); ++node) {
      const auto part = setting.hot(node);
      ASSERT_TRUE(part);
      allowed += ask(part->bytes, 500, random);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(allowed, 1000);
}

// Lists of one range and of many, lists whose length needs a word of its own; 3,000 sources; networks as sources of both families;
// destinations behind the node.
std::string large_policy() {
  const auto ports = [](int first, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + std::to_string(first + 2 * i);
    return out;
  };
  std::string sources;
  for (int i = 0; i < 200; ++i)
    sources += "\"10." + std::to_string(i) + ".0.0/17\",\"fd00:" + std::to_string(i + 1) + "::/33\",";
  const auto rule = [](const std::string& src, const std::string& dst) {
    return R"({"action":"accept","src":[)" + src + R"(],"dst":[)" + dst + "]},";
  };
  return R"({"tagOwners":{"tag:server":["u@example.com"],"tag:a":["u@example.com"],"tag:b":["u@example.com"]},"acls":[)" +
         rule("\"tag:a\"", "\"tag:server:22,80,443\"") + rule("\"tag:b\"", "\"tag:server:" + ports(1, 40) + "\"") +
         rule(sources, "\"tag:server:" + ports(1, 500) + "\"") +
         rule("\"tag:a\"", "\"192.168.0.0/16:1-600\",\"fd99::/32:1-600\"") + "]}";
}
std::string large_inventory() {
  std::string nodes =
      R"({"name":"server","tags":["tag:server"],"addresses":["100.64.0.1","fd7a:115c:a1e0::1"],)"
      R"("advertisedRoutes":["192.168.0.0/20","fd99::/48"],"approvedRoutes":["192.168.0.0/20","fd99::/48"]})";
  for (int i = 2; i < 3002; ++i) {
    char hex[16];
    std::snprintf(hex, sizeof hex, "%x", static_cast<unsigned>(i));
    nodes += R"(,{"name":"n)" + std::to_string(i) + R"(","tags":["tag:)" + (i % 2 == 0 ? "a" : "b") +
             R"("],"addresses":["100.64.)" + std::to_string(i / 256) + "." + std::to_string(i % 256) +
             R"(","fd7a:115c:a1e0::)" + hex + "\"]}";
  }
  return R"({"users":[{"login":"u@example.com"}],"nodes":[)" + nodes + "]}";
}

TEST_F(KernelLookup, AgreesWithUserSpaceOnListsAndIntervalsOfEveryKind) {
  const Setting setting(large_inventory(), large_policy());
  ASSERT_TRUE(setting.ok());
  const auto part = setting.hot(setting.id("server"));
  ASSERT_TRUE(part) << part.error().message;
  const auto hot = table::Hot::open(part->bytes);
  ASSERT_TRUE(hot);
  EXPECT_GT(hot->header().sources.v4_count, 300U);
  EXPECT_GT(hot->header().sources.v6_count, 300U);
  EXPECT_GT(hot->header().sources.hash_lines, 900U);
  std::mt19937_64 random(12);
  EXPECT_GT(ask(part->bytes, 200'000, random), 5'000);
}

// There the part is not opened first, and a lookup must still end and stay in the map; whatever it answers.
TEST_F(KernelLookup, EndsOnBytesThatNobodyChecked) {
  std::mt19937_64 random(13);
  const Setting setting(large_inventory(), large_policy());
  const auto part = setting.hot(setting.id("server"));
  ASSERT_TRUE(part);
  for (int i = 0; i < 2000; ++i) {
    tables::Bytes bytes = part->bytes;
    for (int k = 0; k < 8; ++k)
      bytes[random() % (k % 2 == 0 ? sizeof(acl_hot) : bytes.size())] = static_cast<std::uint8_t>(random());
    use(bytes);
    lookup_question q{};
    q.source_low = 0x64400002 + random() % 3000;
    q.own_class = 1;
    q.protocol = 6;
    q.port = 22;
    static_cast<void>(in_kernel(q));
  }
}

}  // namespace
}  // namespace acl
