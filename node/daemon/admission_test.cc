#include "node/daemon/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace acl::node {
namespace {

using net::Address;
using net::Prefix;
using table::AddressRange;
using table::Directory;
using table::Identity;

constexpr Key own_key{99};

Address a(std::string_view text) { return *Address::parse(text); }
Prefix p(std::string_view text) { return Prefix::parse(text).prefix; }
table::NodeHeader me() { return {{{a("100.64.0.9"), 1, 0}}}; }
OwnedRange held(std::string_view prefix, std::uint8_t key) { return {p(prefix).first(), p(prefix).last(), Key{key}}; }
Admission admit_all(const Directory& known, std::vector<OwnedRange> owned) {
  return admit(known, me(), own_key, owned);
}

Identity node(const std::string& name, std::uint8_t key, std::vector<std::string> addresses,
              std::vector<std::string> routes = {}) {
  Identity out;
  out.name = name;
  out.key = Key{key};
  for (const std::string& one : addresses) out.addresses.push_back(a(one));
  for (const std::string& one : routes) out.routes.push_back(p(one));
  return out;
}

Directory directory(const std::vector<Identity>& identities) {
  std::vector<Directory::Numbered> numbered;
  for (std::uint32_t i = 0; i < identities.size(); ++i) numbered.push_back({i, identities[i]});
  return Directory(std::move(numbered));
}

std::vector<std::string> texts(const Admission& admission) {
  std::vector<std::string> out;
  for (const AddressRange& range : admission.admitted)
    out.push_back(range.is_single() ? range.first.text() : range.first.text() + "-" + range.last.text());
  return out;
}

TEST(Admission, AnAddressIsAdmittedWhereWireguardGivesItToTheTablesKey) {
  const auto known = directory(
      {node("ann", 1, {"100.64.0.1", "fd7a::1"}), node("ben", 2, {"100.64.0.2"}), node("eve", 3, {"100.64.0.3"})});
  const Admission out = admit_all(known, {held("100.64.0.1/32", 1), held("100.64.0.2/32", 7), held("fd7a::/64", 1)});
  EXPECT_THAT(texts(out), ::testing::ElementsAre("100.64.0.1", "fd7a::1"));
  EXPECT_EQ(out.failures, 2U);
  EXPECT_EQ(out.examples[0].node, "ben");
  EXPECT_EQ(out.examples[0].holder, Key{7});
  EXPECT_EQ(out.examples[1].node, "eve");
  EXPECT_FALSE(out.examples[1].holder.has_value());
}

TEST(Admission, OwnAddressesAreNobodysIdentity) {
  auto known =
      directory({node("me", 99, {"100.64.0.9"}, {"10.9.0.0/16"}), node("ann", 1, {"100.64.0.1"}, {"100.64.0.0/24"})});
  const Admission out = admit_all(known, {held("10.9.0.0/16", 99), held("100.64.0.0/24", 1)});
  EXPECT_THAT(texts(out),
              ::testing::ElementsAre("100.64.0.0", "100.64.0.1", "100.64.0.2-100.64.0.8", "100.64.0.10-100.64.0.255"));
  EXPECT_EQ(out.failures, 0U);
}

TEST(Admission, ARouteIsAdmittedAsFarAsWireguardGivesItToItsRouter) {
  const auto known = directory({node("r1", 1, {}, {"10.0.0.0/8"}), node("r2", 2, {}, {"10.1.0.0/16"})});
  const Admission out = admit_all(known, {held("10.0.0.0/16", 1), held("10.1.0.0/17", 2), held("10.1.128.0/17", 1)});
  EXPECT_THAT(texts(out), ::testing::ElementsAre("10.0.0.0-10.0.255.255", "10.1.0.0-10.1.127.255"));
}

TEST(Admission, WithoutBindingAnAddressIsBelieved) {
  Identity old = node("old", 0, {"100.64.0.1"}, {"192.168.7.0/24"});
  old.unbound = true;
  EXPECT_THAT(texts(admit_all(directory({old}), {})),
              ::testing::ElementsAre("100.64.0.1", "192.168.7.0-192.168.7.255"));
}

// Identities with addresses and routes within 10.0.0.0/24.
std::vector<Identity> random_identities() {
  const auto bits = [](int least) {
    return Prefix(Address::v4(0x0a000000U + *rc::gen::inRange<std::uint32_t>(0, 256)),
                  static_cast<unsigned>(*rc::gen::inRange(least, 33)));
  };
  std::vector<Identity> identities;
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    Identity one = node("n" + std::to_string(i), static_cast<std::uint8_t>(*rc::gen::inRange(1, 5)), {});
    one.unbound = *rc::gen::inRange(0, 8) == 0;
    if (*rc::gen::inRange(0, 6) == 0) one.key = own_key;
    for (int k = *rc::gen::inRange(0, 3); k > 0; --k) one.addresses.push_back(bits(32).first());
    for (int k = *rc::gen::inRange(0, 3); k > 0; --k) one.routes.push_back(bits(24));
    identities.push_back(one);
  }
  return identities;
}

bool in(const std::vector<AddressRange>& ranges, const Address& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& r) { return r.first <= address && address <= r.last; });
}
bool ascend(const std::vector<AddressRange>& ranges) {
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (!(ranges[i - 1].last < ranges[i].first)) return false;
  }
  return true;
}

// The whole of it, address by address: admitted is what the directory binds to the key that WireGuard has, and is not the node's own.
RC_GTEST_PROP(Admission, IsWhatDirectoryAndWireguardAgreeOn, ()) {
  const Directory known = directory(random_identities());
  table::NodeHeader own;
  if (*rc::gen::inRange(0, 2) == 0)
    own.own.push_back({Address::v4(0x0a000000U + *rc::gen::inRange<std::uint32_t>(0, 256)), 0, 0});
  std::vector<OwnedRange> holdings;
  for (std::uint32_t at = 0x0a000000U; at < 0x0a000100U;) {
    const std::uint32_t last = std::min<std::uint32_t>(0x0a0000ffU, at + *rc::gen::inRange<std::uint32_t>(0, 60));
    const int key = *rc::gen::inRange(0, 6);
    if (key != 0)
      holdings.push_back(
          {Address::v4(at), Address::v4(last), key == 5 ? own_key : Key{static_cast<std::uint8_t>(key)}});
    at = last + 1;
  }
  const Admission out = admit(known, own, own_key, holdings);
  RC_ASSERT(ascend(out.admitted));
  for (std::uint32_t at = 0x0a000000U; at < 0x0a000100U; ++at) {
    const Address address = Address::v4(at);
    const Directory::Binding binding = known.binding(address);
    bool wanted = binding.unbound;
    for (const OwnedRange& h : holdings) {
      if (h.peer != own_key && h.first <= address && address <= h.last)
        wanted = wanted || std::find(binding.keys.begin(), binding.keys.end(), h.peer) != binding.keys.end();
    }
    if (own.find(address) != nullptr) wanted = false;
    RC_ASSERT(in(out.admitted, address) == wanted);
  }
}

TEST(Rebound, IsWhatIsGoneOrAnothers) {
  const auto before =
      directory({node("ann", 1, {"100.64.0.1"}), node("ben", 2, {"100.64.0.2"}), node("r", 3, {}, {"10.0.0.0/8"})});
  const auto after = directory(
      {node("ann", 1, {"100.64.0.1"}), node("new", 4, {"100.64.0.2", "100.64.0.7"}), node("r", 3, {}, {"10.0.0.0/9"})});
  const std::vector<AddressRange> wanted = {{a("10.128.0.0"), a("10.255.255.255")}, {a("100.64.0.2"), a("100.64.0.2")}};
  EXPECT_EQ(rebound(before, after), wanted);
  EXPECT_TRUE(rebound(after, after).empty());
}

RC_GTEST_PROP(Rebound, AgreesWithTheDirectoriesAddressByAddress, ()) {
  std::vector<Identity> some = random_identities();
  const Directory before = directory(some);
  if (*rc::gen::inRange(0, 2) == 0)
    some = random_identities();
  else if (!some.empty())
    some.pop_back();
  const Directory after = directory(some);
  const auto changed = rebound(before, after);
  RC_ASSERT(ascend(changed));
  for (std::uint32_t at = 0x0a000000U; at < 0x0a000100U; ++at) {
    const Address address = Address::v4(at);
    Directory::Binding old = before.binding(address), fresh = after.binding(address);
    std::sort(old.keys.begin(), old.keys.end());
    std::sort(fresh.keys.begin(), fresh.keys.end());
    const bool known = old.unbound || !old.keys.empty();
    RC_ASSERT(in(changed, address) == (known && (old.keys != fresh.keys || old.unbound != fresh.unbound)));
  }
}

TEST(Subtract, ReachesTheEndsOfAFamily) {
  const std::vector<AddressRange> all = {{a("0.0.0.0"), a("255.255.255.255")},
                                         {a("::"), a("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}};
  const std::vector<AddressRange> holes = {{a("0.0.0.0"), a("0.0.0.0")},
                                           {a("255.255.255.255"), a("255.255.255.255")},
                                           {a("::1"), a("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}};
  const std::vector<AddressRange> left = {{a("0.0.0.1"), a("255.255.255.254")}, {a("::"), a("::")}};
  EXPECT_EQ(subtract(all, holes), left);
  EXPECT_TRUE(subtract(all, all).empty());
  EXPECT_EQ(subtract(all, {}), all);
}

TEST(Unite, HasWhatEitherHasOnce) {
  const auto range = [](std::uint32_t first, std::uint32_t last) {
    return AddressRange{net::Address::v4(first), net::Address::v4(last)};
  };
  const std::vector<AddressRange> a = {range(1, 5), range(20, 30)}, b = {range(3, 8), range(40, 40)};
  EXPECT_EQ(unite(a, b), (std::vector<AddressRange>{range(1, 5), range(6, 8), range(20, 30), range(40, 40)}));
  EXPECT_EQ(unite(a, {}), a);
  EXPECT_EQ(unite({}, b), b);
  EXPECT_EQ(unite(a, a), a);
}

}  // namespace
}  // namespace acl::node
