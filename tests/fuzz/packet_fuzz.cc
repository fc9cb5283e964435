// Packets of any bytes, several in a row: first byte of each its direction, link layer, step of time and length, then its bytes.
// The parser reads nothing outside of them (address sanitizer), and parser, decision and flow maps agree with the oracle.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "engine/table/common_packet.h"
#include "engine/table/flow_model.h"
#include "tests/oracle/packet_oracle.h"

namespace {

using namespace acl;  // NOLINT(google-build-using-namespace): a program of one file
using net::Address;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "packet_fuzz: %s\n", what);
  std::abort();
}

// A table that needs no memory: own addresses end in 1, ports below 1024 are open to even sources, the rest are peers.
bool known(std::uint64_t low) { return low % 16 != 15; }
bool bound(std::uint64_t low) { return low % 16 != 14; }
bool own(std::uint64_t low) { return low % 256 == 1; }
bool allowed(std::uint64_t source, std::uint16_t port, bool any) { return source % 2 == 0 && (any || port < 1024); }

acl_table_facts answer(const acl_packet& packet, const acl_question& question) {
  acl_table_facts facts{};
  facts.known = known(packet.source.low);
  facts.bound = bound(packet.source.low);
  facts.own = own(packet.source.low);
  facts.far_known = known(question.source.low);
  facts.far_bound = bound(question.source.low);
  facts.far_own = own(question.source.low);
  facts.allowed = question.asked && allowed(question.source.low, question.port, question.any);
  return facts;
}

oracle::PacketTable oracle_table() {
  oracle::PacketTable table;
  table.known = [](const Address& a) { return known(a.low()); };
  table.bound = [](const Address& a) { return bound(a.low()); };
  table.own = [](const Address& a) { return own(a.low()); };
  table.rule = [](const Address& source, const Address&, std::uint8_t, std::optional<std::uint16_t> port) {
    return allowed(source.low(), port.value_or(0), !port) ? std::optional<std::uint32_t>(0) : std::nullopt;
  };
  return table;
}

std::uint32_t coarse_index(const Address& remote, std::uint8_t protocol) {
  acl_flow_key key{};
  key.remote = remote.is_v4() ? acl_address{0, ACL_V4_LOW | remote.low()} : acl_address{remote.high(), remote.low()};
  key.protocol = protocol;
  return acl_coarse_index(&key);
}

// What the short way takes, the general parser reads the same; also where only part of a frame is there.
void compare_ways(std::span<const std::uint8_t> bytes, std::uint64_t length) {
  const std::uint8_t* end = bytes.data() + bytes.size();
  const int family = acl_common_family(bytes.data(), end);
  acl_packet common{}, general{};
  if (family == 0 || acl_parse_common(bytes.data(), end, length, family, &common) == 0) return;
  acl_parse(bytes.data(), end, length, 0, &general);
  require(std::memcmp(&common, &general, sizeof common) == 0, "the short way has another packet than the parser");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const oracle::PacketTable table = oracle_table();
  constexpr std::array<std::uint64_t, 4> steps{0, 1, 61, 301};
  const auto model = std::make_unique<table::FlowModel>(8, 2);
  oracle::PacketFilter judge(8, 2, coarse_index);
  std::uint64_t now = ACL_SECOND;
  for (std::span<const std::uint8_t> rest(data, size); rest.size() >= 2;) {
    const std::uint8_t control = rest[0];
    const std::size_t length = std::min<std::size_t>(rest[1] * std::size_t{2}, rest.size() - 2);
    const auto bytes = std::make_unique<std::uint8_t[]>(length);  // so that a read beyond is seen
    std::copy_n(rest.begin() + 2, length, bytes.get());
    rest = rest.subspan(2 + length);
    const bool out = (control & 1) != 0;
    const bool link = (control & 2) != 0;
    now += steps[(control >> 2) & 3] * ACL_SECOND;
    const std::span<const std::uint8_t> frame(bytes.get(), length);
    compare_ways(frame, length);
    compare_ways(frame, length + (control >> 4));
    const acl_verdict verdict = model->decide(frame, link ? 14 : 0, out ? ACL_OUT : ACL_IN, answer, now);
    const oracle::PacketView view = oracle::read_packet(frame, link);
    const oracle::Verdict expected = out ? judge.out(view, now) : judge.in(view, table, now);
    require((verdict.pass != 0) == expected.pass, "another verdict than the oracle's");
    require((verdict.why == ACL_PASS_RULE) == expected.rule.has_value(), "another reason than the oracle's");
    require(model->records().size() == judge.records.size(), "other records than the oracle's");
    require(model->marks().size() == judge.marks.size(), "other marks than the oracle's");
  }
  return 0;
}
