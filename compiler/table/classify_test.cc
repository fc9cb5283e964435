// Classes: addresses that the same columns contain share one, and no others do.
#include "compiler/table/classify.h"

#include <rapidcheck.h>

#include <map>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"

namespace acl::tables {
namespace {

using net::Address;
using ::testing::ElementsAre;

// Nodes n0 … n7 with 100.64.0.1 … .8 and an IPv6 address each.
struct Eight {
  Eight() : setting(net().inventory(), R"({"acls":[]})"), classifier(setting.addresses(), 8) {}
  static resolve::Net net() {
    resolve::Net net;
    for (int i = 0; i < 8; ++i) net.node("n" + std::to_string(i), "ana@example.com");
    return net;
  }
  Setting setting;
  Classifier classifier;
};

// The class of an address by the definition of Classes.
std::uint32_t class_of(const Classes& classes, const Addresses& addresses, const Address& address) {
  for (const auto& [rank, number] : classes.exact) {
    if (addresses.list[rank] == address) return number;
  }
  for (const auto& [single, number] : classes.singles) {
    if (single == address) return number;
  }
  for (const auto& [interval, number] : classes.intervals) {
    if (interval.first <= address && address <= interval.last) return number;
  }
  return 0;
}

TEST(Classify, NodesOfTheSameColumnsShareAClass) {
  Eight eight;
  const std::vector<NodeId> a = {0, 1, 2}, b = {2, 1, 5};
  const std::vector<Column> columns = {{a, nullptr}, {b, nullptr}};
  const auto classes = eight.classifier.run(columns);
  ASSERT_TRUE(classes);
  EXPECT_THAT(classes->columns,
              ElementsAre(ElementsAre(0), ElementsAre(0, 1), ElementsAre(1)));  // in the order of the addresses
  EXPECT_EQ(classes->exact.size(), 8U);                                         // four nodes of two addresses
  EXPECT_TRUE(classes->singles.empty() && classes->intervals.empty());
}

TEST(Classify, ANodeInAnIntervalHasTheColumnsOfBoth) {
  Eight eight;
  const std::vector<NodeId> a = {0};
  const std::vector<Interval> some = {{*Address::parse("100.64.0.0"), *Address::parse("100.64.0.255")}};
  const std::vector<Column> columns = {{a, nullptr}, {{}, &some}};
  const auto classes = eight.classifier.run(columns);
  ASSERT_TRUE(classes);
  const auto of = [&](const char* text) {
    return class_of(*classes, eight.setting.addresses(), *Address::parse(text));
  };
  EXPECT_THAT(classes->columns.at(of("100.64.0.1") - 1), ElementsAre(0, 1));
  EXPECT_THAT(classes->columns.at(of("fd7a:115c:a1e0::1") - 1), ElementsAre(0));
  EXPECT_THAT(classes->columns.at(of("100.64.0.2") - 1), ElementsAre(1));
  EXPECT_EQ(of("100.64.0.2"), of("100.64.0.200"));
  EXPECT_EQ(of("100.64.1.0"), 0U);
}

TEST(Classify, WithoutColumnsThereIsNoClass) {
  Eight eight;
  const auto classes = eight.classifier.run({});
  ASSERT_TRUE(classes);
  EXPECT_TRUE(classes->columns.empty() && classes->exact.empty());
}

TEST(Classify, OneClassifierAnswersOneQuestionAfterTheOther) {
  Eight eight;
  const std::vector<NodeId> a = {0, 1}, b = {3};
  const std::vector<Column> first = {{a, nullptr}}, second = {{b, nullptr}};
  ASSERT_TRUE(eight.classifier.run(first));
  const auto classes = eight.classifier.run(second);
  ASSERT_TRUE(classes);
  EXPECT_EQ(class_of(*classes, eight.setting.addresses(), *Address::parse("100.64.0.1")), 0U);
  EXPECT_EQ(class_of(*classes, eight.setting.addresses(), *Address::parse("100.64.0.4")), 1U);
}

TEST(Classify, MoreColumnsThanNumbersAreRefused) {
  Eight eight;
  const std::vector<Column> columns(0x10000, Column{});
  const auto classes = eight.classifier.run(columns);
  ASSERT_FALSE(classes);
  EXPECT_EQ(classes.error().code, Code::E1206);
}

TEST(Classify, EveryAddressIsInTheClassOfItsColumns) {
  Eight eight;
  rc::check(
      [&](const std::vector<std::pair<std::uint8_t, std::vector<std::pair<std::uint8_t, std::uint8_t>>>>& wanted) {
        std::vector<std::vector<NodeId>> nodes;
        std::vector<std::vector<Interval>> intervals;
        for (const auto& [bits, ranges] : wanted) {
          nodes.emplace_back();
          for (NodeId node = 0; node < 8; ++node) {
            if ((bits >> node & 1) != 0) nodes.back().push_back(node);
          }
          std::vector<Interval> list;
          for (const auto& [a, b] : ranges)
            list.push_back({Address::v4(0x64400000U + std::min(a, b) % 16U),
                            Address::v4(0x64400000U + std::max<std::uint32_t>(std::min(a, b) % 16U, b % 16U))});
          intervals.push_back(disjoint(std::move(list)));
        }
        std::vector<Column> columns;
        for (std::size_t i = 0; i < wanted.size(); ++i) columns.push_back({nodes[i], &intervals[i]});
        const auto classes = eight.classifier.run(columns);
        RC_ASSERT(classes.has_value());
        for (std::uint32_t low = 0; low < 18; ++low) {
          const Address address = Address::v4(0x64400000U + low);
          std::vector<ColumnId> expected;
          for (std::size_t i = 0; i < columns.size(); ++i) {
            const bool by_node =
                low >= 1 && low <= 8 && std::find(nodes[i].begin(), nodes[i].end(), low - 1) != nodes[i].end();
            const bool by_interval = std::any_of(intervals[i].begin(), intervals[i].end(), [&](const Interval& one) {
              return one.first <= address && address <= one.last;
            });
            if (by_node || by_interval) expected.push_back(static_cast<ColumnId>(i));
          }
          const std::uint32_t number = class_of(*classes, eight.setting.addresses(), address);
          RC_ASSERT((number == 0) == expected.empty());
          if (number != 0) RC_ASSERT(classes->columns.at(number - 1) == expected);
        }
      });
}

}  // namespace
}  // namespace acl::tables
