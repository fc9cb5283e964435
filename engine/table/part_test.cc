// What is checked of every part: size, alignment, the fields that all have, classifiers. Shown with a hot part of sources alone.
#include "engine/table/part.h"

#include <functional>

#include "engine/table/hot.h"
#include "engine/table/testing.h"

namespace acl::table {
namespace {

class AnyPart : public testing::Test {
 protected:
  AnyPart() {
    Lines lines(sizeof(acl_hot));
    header_.sources = add_sources(lines);
    bytes_ = lines.finish(header_, acl_kind_hot, 3);
  }
  [[nodiscard]] Bytes with(const std::function<void(acl_hot&)>& change) const {
    return edited<acl_hot>(bytes_, change);
  }

  acl_hot header_{};
  Bytes bytes_;
};

TEST_F(AnyPart, OpensWhereItIsWhole) { EXPECT_TRUE(Hot::open(bytes_)); }

TEST_F(AnyPart, HasWholeLinesAndAtLeastAHeader) {
  expect_refused<Hot>({}, "0 bytes are too few");
  expect_refused<Hot>(Bytes(bytes_.begin(), bytes_.begin() + 64), "64 bytes are too few");
  Bytes more = bytes_;
  more.push_back(0);
  expect_refused<Hot>(more, "are no whole number of 64-byte lines");
  more = bytes_;
  more.resize(more.size() + 64);
  expect_refused<Hot>(more, "it says to have");
}

TEST_F(AnyPart, BeginsAtAMultipleOfEightBytes) {
  Bytes room(4);
  room.insert(room.end(), bytes_.begin(), bytes_.end());
  const auto hot = Hot::open(std::span(room).subspan(4, bytes_.size()));
  ASSERT_FALSE(hot);
  EXPECT_THAT(hot.error().message, testing::HasSubstr("it does not begin at a multiple of 8 bytes"));
}

TEST_F(AnyPart, SaysWhatItIs) {
  expect_refused<Hot>(with([](acl_hot& h) { h.part.magic ^= 1; }), "it does not begin with ACLT");
  expect_refused<Hot>(with([](acl_hot& h) { h.part.version = 2; }), "version \"2\" is not \"1\"");
  expect_refused<Hot>(with([](acl_hot& h) { h.part.kind = 2; }), "kind \"2\" is not \"1\"");
  expect_refused<Hot>(with([](acl_hot& h) { h.part.reserved = 1; }), "kind \"1\"");
  expect_refused<Hot>(with([](acl_hot& h) { ++h.part.lines; }), "it says to have");
  expect_refused<Hot>(with([](acl_hot& h) { h.part.lines = 0xffffffff; }), "it says to have 4294967295 lines");
  expect_refused<Hot>(with([](acl_hot& h) { h.part.source_classes = 65536; }),
                      "65536 source classes are more than 65535");
}

TEST_F(AnyPart, AClassifierStaysInThePart) {
  for (const std::uint32_t line : {1000U, 0x7fffffU, 0xffffffffU}) {
    expect_refused<Hot>(with([line](acl_hot& h) { h.sources.hash_line = line; }), "its exact addresses (line");
    expect_refused<Hot>(with([line](acl_hot& h) { h.sources.space_line = line; }), "its address spaces (line");
    expect_refused<Hot>(with([line](acl_hot& h) { h.sources.v4_line = line; }), "its IPv4 intervals (line");
    expect_refused<Hot>(with([line](acl_hot& h) { h.sources.v6_line = line; }), "its IPv6 intervals (line");
  }
  for (const std::uint32_t count : {1000U, 0xffffffffU}) {
    expect_refused<Hot>(with([count](acl_hot& h) { h.sources.hash_lines = count; }), "its exact addresses");
    expect_refused<Hot>(with([count](acl_hot& h) { h.sources.space_lines = count; }), "its address spaces");
    expect_refused<Hot>(with([count](acl_hot& h) { h.sources.v4_count = count; }), "its IPv4 intervals");
    expect_refused<Hot>(with([count](acl_hot& h) { h.sources.v6_count = count; }), "its IPv6 intervals");
  }
  // The starts are the last line that there is, so that their classes are not.
  Bytes bytes = with([](acl_hot& h) {
    h.sources.v4_line = h.part.lines;
    h.sources.v4_count = 1;
    ++h.part.lines;
  });
  bytes.resize(bytes.size() + acl_line_bytes);
  expect_refused<Hot>(bytes, "its classes of intervals (line");
}

TEST_F(AnyPart, ReservedBytesOfItsSourcesAreZero) {
  expect_refused<Hot>(with([](acl_hot& h) { h.sources.reserved = 1ULL << 63; }), "a reserved byte is set");
}

TEST_F(AnyPart, EveryClassIsOneThatThereIs) {
  Bytes bytes = bytes_;
  at_line<std::uint64_t>(bytes, header_.sources.hash_line)[1] += 2;
  expect_refused<Hot>(bytes, "the class \"4\" of an exact address is not in 1…3");
  bytes = bytes_;
  at_line<std::uint64_t>(bytes, header_.sources.hash_line)[0] &= ~std::uint64_t{0xffff};
  expect_refused<Hot>(bytes, "the class \"0\" of an exact address is not in 1…3");
  for (const std::uint32_t line : {header_.sources.v4_line, header_.sources.v6_line}) {
    bytes = bytes_;
    at_line<std::uint16_t>(bytes, line + 1)[2] = 4;
    expect_refused<Hot>(bytes, "the class \"4\" of an interval is above 3");
  }
  bytes = bytes_;
  at_line<acl_space>(bytes, header_.sources.space_line)[1].number = 65536;
  expect_refused<Hot>(bytes, "the address space \"65536\" is not in 1…65535");
}

// A lookup stops at a line with a free slot: what lies behind a gap would never be found.
TEST_F(AnyPart, SlotsAreUsedFromTheFront) {
  Bytes bytes = bytes_;
  auto* slots = at_line<std::uint64_t>(bytes, header_.sources.hash_line);
  std::swap(slots[2], slots[4]);
  expect_refused<Hot>(bytes, "line 0 of its exact addresses has a gap");
}

TEST_F(AnyPart, IntervalsAscendFromTheLowestAddress) {
  for (const auto& [place, value] : {std::pair{0, 1U}, {1, 0U}, {2, 0x0a000000U}}) {
    Bytes bytes = bytes_;
    at_line<std::uint32_t>(bytes, header_.sources.v4_line)[place] = value;
    expect_refused<Hot>(bytes, "its IPv4 intervals do not ascend from the lowest address");
  }
  for (const auto& [place, value] :
       {std::pair{1, std::uint64_t{1}}, {0, std::uint64_t{1}}, {2, std::uint64_t{0}}, {4, 0xfd00000000000000}}) {
    Bytes bytes = bytes_;
    at_line<std::uint64_t>(bytes, header_.sources.v6_line)[place] = value;
    expect_refused<Hot>(bytes, "its IPv6 intervals do not ascend from the lowest address");
  }
}

TEST(PartText, IsInItsHeapWhole) {
  const Bytes heap = {0, 0, 3, 0, 'a', 'b', 'c', 200, 0, 'x'};
  EXPECT_TRUE(PartReader::is_text(heap, 0));  // no text
  EXPECT_TRUE(PartReader::is_text(heap, 2));
  EXPECT_EQ(PartReader::text(heap, 2), "abc");
  EXPECT_EQ(PartReader::text(heap, 0), "");
  EXPECT_FALSE(PartReader::is_text(heap, 7));  // longer than what is left
  for (const std::uint32_t beyond : {9U, 10U, 1000U, 0xffffffffU})
    EXPECT_FALSE(PartReader::is_text(heap, beyond)) << beyond;
  EXPECT_FALSE(PartReader::is_text({}, 1));
}

}  // namespace
}  // namespace acl::table
