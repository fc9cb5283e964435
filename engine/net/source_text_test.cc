#include "engine/net/source_text.h"

#include <gtest/gtest.h>

namespace acl {
namespace {

TEST(SourceText, LinesAndColumnsCountFromOneInBytes) {
  const SourceText source("p.hujson", "{\n\t\"é\": 1,\r\n}");
  EXPECT_EQ(source.position(0), (Position{1, 1}));
  EXPECT_EQ(source.position(1), (Position{1, 2}));  // the line end belongs to its line
  EXPECT_EQ(source.position(2), (Position{2, 1}));
  EXPECT_EQ(source.position(7), (Position{2, 6}));  // after the two bytes of é
  EXPECT_EQ(source.position(13), (Position{3, 1}));
  EXPECT_EQ(source.position(14), (Position{3, 2}));
  EXPECT_EQ(source.position(4000), (Position{3, 2}));
}

TEST(SourceText, LineIsGivenWithoutItsEnd) {
  const SourceText source("p.hujson", "{\n\t\"a\": 1,\r\n}");
  EXPECT_EQ(source.line(1), "{");
  EXPECT_EQ(source.line(2), "\t\"a\": 1,");
  EXPECT_EQ(source.line(3), "}");
  EXPECT_EQ(source.line(0), "");
  EXPECT_EQ(source.line(4), "");
}

TEST(SourceText, CarriageReturnAloneEndsNoLine) {
  const SourceText source("p.hujson", "a\rb");
  EXPECT_EQ(source.position(2), (Position{1, 3}));
  EXPECT_EQ(source.line(1), "a\rb");
}

TEST(SourceText, EmptyTextHasOneEmptyLine) {
  const SourceText source("p.hujson", "");
  EXPECT_EQ(source.position(0), (Position{1, 1}));
  EXPECT_EQ(source.line(1), "");
}

TEST(SourceText, PlaceNamesTheFileAndBothEnds) {
  const SourceText source("p.hujson", "[\n1]");
  const Place place = source.place({2, 3});
  EXPECT_EQ(place.file, "p.hujson");
  EXPECT_EQ(place.start, (Position{2, 1}));
  EXPECT_EQ(place.end, (Position{2, 2}));
}

}  // namespace
}  // namespace acl
