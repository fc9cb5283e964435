// packet.h and flow.h as the kernel runs them (packets.bpf.c, by BPF_PROG_TEST_RUN) against the same in user space: verdict by
// verdict, then the contents of the flow maps. That the program loads is the proof that the verifier accepts the headers.
#include <cstdint>
#include <cstring>
#include <map>

#include "engine/table/flow_model.h"
#include "tests/generate/packet_bytes.h"
#include "tests/packets/kernel_program.h"
#include "tests/packets/stub_table.h"

namespace acl {
namespace {

using generate::Bytes;
using generate::PacketSource;

constexpr std::size_t mark_capacity = 128;  // as in packets.bpf.c

class KernelFilter : public KernelProgram {
 protected:
  KernelFilter() : KernelProgram("packets") {}

  // The program's return value for one frame.
  [[nodiscard]] std::uint32_t run(const Bytes& frame, bool link_header, acl_direction direction, std::uint32_t version,
                                  std::uint64_t now) const {
    __sk_buff context{};
    context.cb[0] = direction;
    context.cb[1] = version;
    context.cb[2] = static_cast<std::uint32_t>(now);
    context.cb[3] = static_cast<std::uint32_t>(now >> 32);
    context.cb[4] = link_header ? 1 : 0;
    return KernelProgram::run(frame, &context);
  }

  // Section 6 of docs/packet-semantics.md, word by word.
  void sweep(acl_stamp now) const {
    for (const auto& [bytes, seen] : node::flow_entries(map("marks"))) {
      acl_flow_key key;
      std::memcpy(&key, bytes.data(), sizeof key);
      if (acl_stamp_state(key.protocol, seen, now) != ACL_STAMP_NONE) continue;
      std::uint32_t index = acl_coarse_index(&key);
      acl_stamp former = 0;
      acl_stamp out = 0;
      ASSERT_EQ(bpf_map_lookup_elem(map("coarse"), &index, &former), 0);
      ASSERT_EQ(bpf_map_update_elem(map("coarse"), &index, &now, BPF_ANY), 0);
      ASSERT_EQ(bpf_map_lookup_and_delete_elem(map("marks"), &key, &out), 0);
      ASSERT_EQ(out, seen);  // nothing else writes here
      ASSERT_EQ(bpf_map_update_elem(map("coarse"), &index, &former, BPF_ANY), 0);
    }
  }
};

TEST_F(KernelFilter, AgreesWithUserSpaceOnAMillionRandomPackets) {
  PacketSource random(4);
  table::FlowModel model(262'144, mark_capacity);
  std::uint32_t version = 7;
  std::uint64_t now = 1000 * ACL_SECOND;
  const auto answer = [&version](const acl_packet& packet, const acl_question& question) {
    acl_table_facts facts;
    stub_facts(&packet, &question, version, &facts);
    return facts;
  };
  std::map<std::uint8_t, int> why;
  for (int i = 0; i < 1'000'000; ++i) {
    now += random.one_in(100) ? random.below(400) * ACL_SECOND : random.below(2000) * 1'000'000ULL;
    if (random.one_in(500)) ++version;
    if (random.one_in(5000)) {
      model.sweep(now);
      sweep(now);
    }
    const acl_direction direction = random.one_in(2) ? ACL_OUT : ACL_IN;
    const Bytes packet_bytes = random.next(direction == ACL_OUT);
    // The test run takes no frame of less than an Ethernet header, nor one that says IP and has less than an IP header.
    const bool link_header = random.one_in(2) && packet_bytes.size() >= 40;
    const Bytes frame = link_header ? generate::ethernet(packet_bytes) : packet_bytes;
    if (frame.size() < 15) continue;
    acl_packet packet;
    acl_parse(frame.data(), frame.data() + frame.size(), frame.size(), link_header ? 14 : 0, &packet);
    const acl_verdict verdict = model.decide(packet, direction, answer, now);
    const std::uint32_t kernel = run(frame, link_header, direction, version, now);
    ASSERT_EQ(kernel, verdict_bits(&packet, &verdict)) << "packet " << i << ", kind " << int{packet.kind};
    ++why[verdict.why];
  }
  EXPECT_GE(model.records().size(), 100U);
  for (std::uint8_t reason = ACL_DROP_MALFORMED; reason <= ACL_PASS_OUT; ++reason) EXPECT_GE(why[reason], 1000);

  node::FlowEntries records;
  for (const auto& entry : model.records()) records[node::key_bytes(entry.key)] = entry.seen;
  EXPECT_EQ(node::flow_entries(map("records")), records);
  node::FlowEntries marks;
  for (const auto& [key, seen] : model.marks()) marks[node::key_bytes(key)] = seen;
  EXPECT_EQ(node::flow_entries(map("marks")), marks);
  int coarse_marks = 0;
  for (std::uint32_t i = 0; i < ACL_COARSE_MARKS; ++i) {
    coarse_marks += model.coarse()[i] != 0 ? 1 : 0;
    acl_stamp stamp = 0;
    ASSERT_EQ(bpf_map_lookup_elem(map("coarse"), &i, &stamp), 0);
    ASSERT_EQ(stamp, model.coarse()[i]) << "coarse mark " << i;
  }
  EXPECT_GE(coarse_marks, 5) << "the map of marks never filled";
}

}  // namespace
}  // namespace acl
