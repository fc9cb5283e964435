// What is printed is laid out as `aclc fmt` does, and loads back as the same inventory.
#include "compiler/inventory/print.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "compiler/inventory/testing.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

rc::Gen<std::string> word() {
  const auto piece = rc::gen::element<std::string>("a", "B", "0", "-", ".", " ", "\"", "\\", "/", "\xc3\xa9");
  return rc::gen::map(rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(piece)),
                      [](const std::vector<std::string>& pieces) { return fmt::format("{}", fmt::join(pieces, "")); });
}

rc::Gen<std::string> key() {
  return rc::gen::map(rc::gen::container<std::string>(43, rc::gen::elementOf(std::string("ABCDwxyz0123+/"))),
                      [](std::string text) {
                        text.back() = 'A';
                        return text + "=";
                      });
}

rc::Gen<net::Prefix> prefix() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::arbitrary<std::uint32_t>(), rc::gen::inRange(0, 129), rc::gen::arbitrary<bool>()),
      [](const auto& parts) {
        const auto [bits, length, v4] = parts;
        const auto address = v4 ? net::Address::v4(bits) : net::Address::v6(std::uint64_t{bits} << 20, bits);
        return net::Prefix(address, static_cast<unsigned>(length));
      });
}

rc::Gen<Attribute> attribute() {
  return rc::gen::oneOf(rc::gen::map(word(), [](std::string text) { return Attribute(std::move(text)); }),
                        rc::gen::map(rc::gen::arbitrary<double>(), [](double number) { return Attribute(number); }),
                        rc::gen::map(rc::gen::arbitrary<bool>(), [](bool value) { return Attribute(value); }));
}

// An inventory as load() would return it: names by number are unique, tags in the order of their first use.
Inventory arbitrary_inventory() {
  const auto flip = [] { return *rc::gen::arbitrary<bool>(); };
  const auto some = [](auto gen) {
    return *rc::gen::resize(4, rc::gen::container<std::vector<std::decay_t<decltype(*gen)>>>(gen));
  };
  Inventory all;
  if (flip()) all.tailnet = *word();
  const auto users = *rc::gen::inRange<std::uint32_t>(0, 5);
  for (std::uint32_t i = 0; i < users; ++i) {
    User user;
    user.login =
        "user" + std::to_string(i) + *rc::gen::element<std::string>("@example.com", "@github", "@", "@b.example");
    if (flip()) user.name = *word();
    user.role = static_cast<Role>(*rc::gen::inRange(0, 7));
    user.suspended = flip();
    if (flip())
      user.security_keys = {
          "sk-ssh-ed25519@openssh.com "
          "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo="};
    if (flip()) user.sub = *word();
    all.users.push_back(std::move(user));
  }
  const auto nodes = *rc::gen::inRange<std::uint32_t>(0, 8);
  for (std::uint32_t i = 0; i < nodes; ++i) {
    Node node;
    node.name = std::to_string(i) + *word();
    if (flip()) node.id = *word();
    if (users != 0 && flip()) {
      node.user = *rc::gen::inRange<std::uint32_t>(0, users);
    } else if (flip()) {
      const std::string tag = "tag:t" + std::to_string(*rc::gen::inRange(0, 4));
      const auto known = std::find(all.tags.begin(), all.tags.end(), tag);
      node.tags.push_back(static_cast<std::uint32_t>(known - all.tags.begin()));
      if (known == all.tags.end()) all.tags.push_back(tag);
    }
    if (flip()) node.addresses.push_back(net::Address::v4(0x64400000U + i));
    if (flip() || node.addresses.empty()) node.addresses.push_back(net::Address::v6(0xfd00ULL << 48, i));
    node.advertised_routes = some(prefix());
    node.approved_routes = some(prefix());
    if (flip()) node.created = *rc::gen::inRange<std::int64_t>(go_zero_time + 1, 253402300800);
    if (flip()) node.key = *key();
    if (flip()) node.endpoint = "[2001:db8::7]:51820";
    if (flip())
      node.ssh_host_keys = {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDpxHhMOCPKIyk4rqJEt9h5veRKFvhf+UhLhiXJHd/jm"};
    for (const Attribute& value : some(attribute())) {
      node.posture.emplace_back("custom:" + std::to_string(node.posture.size()), value);
    }
    node.shared = flip();
    node.bound = flip();
    all.nodes.push_back(std::move(node));
  }
  if (nodes != 0 && flip()) {
    all.services.push_back({"svc:a", {net::Address::v4(1)}, {*rc::gen::inRange<std::uint32_t>(0, nodes)}});
  }
  if (flip()) all.synced_groups.push_back({"group:" + *word(), some(word())});
  all.settings = {flip(), flip()};
  if (flip()) {
    all.domains = {"a.example"};
  } else {
    for (const User& user : all.users) {
      const std::string domain(login_domain(user.login));
      if (!domain.empty() && std::find(all.domains.begin(), all.domains.end(), domain) == all.domains.end()) {
        all.domains.push_back(domain);
      }
    }
  }
  all.age = ages(all.nodes);
  return all;
}

RC_GTEST_PROP(PrintInventory, LoadsBackAsTheSame, ()) {
  const Inventory inventory = arbitrary_inventory();
  const std::string text = print_inventory(inventory);
  const auto loaded = load(text);
  if (!loaded.ok()) RC_FAIL(text + said(loaded.diagnostics).front());
  RC_ASSERT(same(loaded.inventory, inventory));
  RC_ASSERT(print_inventory(loaded.inventory) == text);
}

RC_GTEST_PROP(PrintInventory, IsFormattedStandardJson, ()) {
  const std::string text = print_inventory(arbitrary_inventory());
  const auto tree = hujson::parse_strict(text);
  RC_ASSERT(tree.has_value());
  RC_ASSERT(tree->standard());
  RC_ASSERT(hujson::format(*tree) == text);
}

TEST(PrintInventory, LeavesOutDefaults) {
  EXPECT_EQ(print_inventory(load(one_node(R"("shared": false, "tags": [])")).inventory), R"({
	"domains": ["example.com"],
	"users": [
		{
			"login": "ana@example.com"
		}
	],
	"nodes": [
		{
			"name":      "a",
			"user":      "ana@example.com",
			"addresses": ["100.64.0.1"]
		}
	]
}
)");
}

// Bytes that are not UTF-8 are replaced when they are read, so that nothing changes on the way back.
TEST(PrintInventory, IsUtf8) {
  const auto loaded = load(R"({"nodes": [{"name": "a)"
                           "\xff"
                           R"(", "user": "ana@x", "addresses": ["::1"]}]})");
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.inventory.nodes[0].name, "a\xef\xbf\xbd");
  EXPECT_TRUE(same(load(print_inventory(loaded.inventory)).inventory, loaded.inventory));
}

}  // namespace
}  // namespace acl::inventory
