// The same policy and tailnet give the same answers, in whatever order things stand in the files.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

// Something of everything.
Net rich_net() {
  auto net = Net{}.user("ana@example.com", "owner").user("bo@example.com", "admin").user("cy@example.org");
  net.node("ana-1", "ana@example.com").posture(R"("node:os":"linux")");
  net.node("ana-2", "ana@example.com").posture(R"("node:os":"macos")");
  net.node("bo-1", "bo@example.com").posture(R"("node:os":"linux")");
  net.node("cy-1", "cy@example.org");
  net.node("guest", "eve@elsewhere.example").shared();
  net.node("db", "tag:db");
  net.node("web", "tag:web,tag:db");
  net.node("web-2", "tag:db,tag:web");
  net.node("router", "tag:router").approved(R"("10.33.0.0/16","10.0.0.0/8")").joined(3);
  net.node("standby", "tag:router,tag:db").approved(R"("10.33.0.0/16")").joined(3);
  net.node("inside-1", "tag:db").addresses(R"("10.33.0.5","fd7a:115c:a1e0::105")");
  net.node("inside-2", "tag:db").addresses(R"("10.33.0.4","fd7a:115c:a1e0::104")");
  net.node("exit", "tag:exit").advertises(R"("0.0.0.0/0","::/0")");
  net.node("stray", "");
  net.also(R"("services":[{"name":"svc:wiki","addresses":["100.100.0.1"],"hosts":["web","db"]}])");
  net.also(R"("syncedGroups":{"group:team@example.com":["bo@example.com","ana@example.com"]})");
  return net;
}

Strings rich_policy() {
  return {
      R"("groups":{"group:a":["ana@example.com","bo@example.com"],"group:b":["cy@example.org"]})",
      R"("hosts":{"vault":"10.33.0.9","lan":"10.33.0.0/16"})",
      R"("ipsets":{"ipset:x":["add host:lan","remove host:vault"],"ipset:y":["add autogroup:internet","remove 8.0.0.0/8"]})",
      R"("postures":{"posture:linux":["node:os == 'linux'"],"posture:any":["node:os IS SET"]})",
      R"("autoApprovers":{"exitNode":["tag:exit"],"routes":{"10.0.0.0/8":["tag:router"]}})",
      R"("acls":[
        {"action":"accept","src":["group:a"],"dst":["tag:db:22,5432","vault:8200","autogroup:self:*","*:80"]},
        {"action":"accept","src":["*"],"dst":["svc:wiki:443","autogroup:internet:*"],"proto":"tcp"},
        {"action":"accept","src":["group:team@example.com"],"dst":["autogroup:self:22"],"srcPosture":["posture:linux"]}])",
      R"("grants":[
        {"src":["autogroup:member"],"dst":["ipset:x","tag:db"],"ip":["tcp:443","udp:53"]},
        {"src":["group:a"],"dst":["lan"],"ip":["tcp:22"],"via":["tag:router"]},
        {"src":["group:b"],"dst":["ipset:y"],"ip":["*"]},
        {"src":["tag:db"],"dst":["tag:web"],"app":{"tailscale.com/cap/drive":[{"shares":["*"]}]}}])",
      R"("ssh":[
        {"action":"accept","src":["autogroup:tagged"],"dst":["tag:db"],"users":["root"]},
        {"action":"check","src":["autogroup:member"],"dst":["autogroup:self"],"users":["autogroup:nonroot"]},
        {"action":"accept","src":["group:a"],"dst":["tag:web"],"users":["localpart:*@example.com","ubuntu"]}])",
      R"("nodeAttrs":[{"target":["tag:web"],"attr":["funnel"]},{"target":["group:b"],"attr":["disable-ipv4"]}])",
  };
}

// The first line that differs, under its node's name; "" if none does.
std::string difference(const World& a, const World& b) {
  std::istringstream ours(a.everything()), theirs(b.everything());
  std::string node, one, other;
  while (std::getline(ours, one)) {
    if (!std::getline(theirs, other)) return "shorter";
    if (one.compare(0, 1, " ") != 0) node = one;
    if (one != other) return node + one + "\nis not " + other;
  }
  return "";
}

// A shuffle that RapidCheck can repeat and whose seed it prints.
struct Shuffle {
  std::mt19937 random;
  template <class List>
  void operator()(List& list) {
    std::shuffle(list.begin(), list.end(), random);
  }
};

TEST(Determinism, TheOrderOfNodesMeansNothing) {
  const std::string policy = join(rich_policy(), ",");
  const World expected = rich_net().under(policy);
  EXPECT_TRUE(rc::check([&](std::uint32_t seed) {
    auto net = rich_net();
    net.reorder_nodes([shuffle = Shuffle{std::mt19937(seed)}](auto& list) mutable { shuffle(list); });
    RC_ASSERT(difference(net.under(policy), expected) == "");
  }));
}

TEST(Determinism, TheOrderOfSectionsMeansNothing) {
  const World expected = rich_net().under(join(rich_policy(), ","));
  EXPECT_TRUE(rc::check([&](std::uint32_t seed) {
    Strings sections = rich_policy();
    Shuffle{std::mt19937(seed)}(sections);
    RC_ASSERT(difference(rich_net().under(join(sections, ",")), expected) == "");
  }));
}

// The order of users is that of the rules that a policy makes for each of them, and no more.
TEST(Determinism, TheOrderOfUsersIsThatOfTheirRules) {
  const auto lines = [](const World& world) {
    const std::string text = world.everything();
    Strings out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      out.push_back(text.substr(at, end - at));
      // The first line of a list has its title; the place of a rule is what may change.
      const std::size_t colon = out.back().find(": ");
      if (out.back().compare(0, 2, "  ") == 0 && out.back().compare(0, 4, "    ") != 0 && colon != std::string::npos) {
        out.back() = "    " + out.back().substr(colon + 2);
      }
      at = end + 1;
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const std::string policy = join(rich_policy(), ",");
  const Strings expected = lines(rich_net().under(policy));
  EXPECT_TRUE(rc::check([&](std::uint32_t seed) {
    auto net = rich_net();
    net.reorder_users([shuffle = Shuffle{std::mt19937(seed)}](auto& list) mutable { shuffle(list); });
    const bool same = lines(net.under(policy)) == expected;
    RC_ASSERT(same);
  }));
}

}  // namespace
}  // namespace acl::resolve
