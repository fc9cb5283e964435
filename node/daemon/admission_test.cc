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
Holding held(std::string_view prefix, std::uint8_t key) { return {{p(prefix).first(), p(prefix).last()}, Key{key}}; }

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

table::NodeHeader me() { return {{{a("100.64.0.9"), 1, 0}}}; }

std::vector<std::string> texts(const Admission& admission) {
  std::vector<std::string> out;
  for (const AddressRange& range : admission.admitted)
    out.push_back(range.is_single() ? range.first.text() : range.first.text() + "-" + range.last.text());
  return out;
}

TEST(Admission, AnAddressIsAdmittedWhereWireguardGivesItToTheTablesKey) {
  const auto known = directory(
      {node("ann", 1, {"100.64.0.1", "fd7a::1"}), node("ben", 2, {"100.64.0.2"}), node("eve", 3, {"100.64.0.3"})});
  const Admission out =
      admit(known, me(), own_key, {held("100.64.0.1/32", 1), held("100.64.0.2/32", 7), held("fd7a::/64", 1)});
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
  const Admission out = admit(known, me(), own_key, {held("10.9.0.0/16", 99), held("100.64.0.0/24", 1)});
  EXPECT_THAT(texts(out),
              ::testing::ElementsAre("100.64.0.0", "100.64.0.1", "100.64.0.2-100.64.0.8", "100.64.0.10-100.64.0.255"));
  EXPECT_EQ(out.failures, 0U);
}

TEST(Admission, ARouteIsAdmittedAsFarAsWireguardGivesItToItsRouter) {
  const auto known = directory({node("r1", 1, {}, {"10.0.0.0/8"}), node("r2", 2, {}, {"10.1.0.0/16"})});
  const Admission out =
      admit(known, me(), own_key, {held("10.0.0.0/16", 1), held("10.1.0.0/17", 2), held("10.1.128.0/17", 1)});
  EXPECT_THAT(texts(out), ::testing::ElementsAre("10.0.0.0-10.0.255.255", "10.1.0.0-10.1.127.255"));
}

TEST(Admission, WithoutBindingAnAddressIsBelieved) {
  Identity old = node("old", 0, {"100.64.0.1"}, {"192.168.7.0/24"});
  old.unbound = true;
  EXPECT_THAT(texts(admit(directory({old}), me(), own_key, {})),
              ::testing::ElementsAre("100.64.0.1", "192.168.7.0-192.168.7.255"));
}

// The whole of it, address by address: admitted is what the directory binds to the key that WireGuard has, and is not the node's own.
RC_GTEST_PROP(Admission, IsWhatDirectoryAndWireguardAgreeOn, ()) {
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
  const Directory known = directory(identities);
  table::NodeHeader own;
  if (*rc::gen::inRange(0, 2) == 0) own.own.push_back({bits(32).first(), 0, 0});
  std::vector<Holding> holdings;
  for (std::uint32_t at = 0x0a000000U; at < 0x0a000100U;) {
    const std::uint32_t last = std::min<std::uint32_t>(0x0a0000ffU, at + *rc::gen::inRange<std::uint32_t>(0, 60));
    const int key = *rc::gen::inRange(0, 6);
    if (key != 0)
      holdings.push_back(
          {{Address::v4(at), Address::v4(last)}, key == 5 ? own_key : Key{static_cast<std::uint8_t>(key)}});
    at = last + 1;
  }
  const Admission out = admit(known, own, own_key, holdings);
  for (std::size_t i = 1; i < out.admitted.size(); ++i) RC_ASSERT(out.admitted[i - 1].last < out.admitted[i].first);
  for (std::uint32_t at = 0x0a000000U; at < 0x0a000100U; ++at) {
    const Address address = Address::v4(at);
    const Directory::Binding binding = known.binding(address);
    bool wanted = binding.unbound;
    for (const Holding& h : holdings) {
      if (h.key != own_key && h.range.first <= address && address <= h.range.last)
        wanted = wanted || std::find(binding.keys.begin(), binding.keys.end(), h.key) != binding.keys.end();
    }
    if (own.find(address) != nullptr) wanted = false;
    const bool admitted = std::any_of(out.admitted.begin(), out.admitted.end(),
                                      [&](const AddressRange& r) { return r.first <= address && address <= r.last; });
    RC_ASSERT(admitted == wanted);
  }
}

}  // namespace
}  // namespace acl::node
