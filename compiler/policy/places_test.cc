// Where a selector may stand: the whole matrix, asked of real policies.
//
// The table is that of https://tailscale.com/docs/reference/targets-and-selectors, as corrected by the page on the
// policy file's syntax and by what the service has been seen to do.
#include "compiler/policy/places.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <sstream>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

// Places go by three letters, so that the table below keeps to its columns: src and dst of acls (asr, ads), of grants
// (gsr, gds), of ssh (ssr, sds), of tests (tsr; tds and tdn for accept and deny) and of sshTests (xsr, xds); via;
// users of ssh (sus); owners of tags, members of groups, ipsets; approvers of routes (rte), exit nodes (exi) and
// services (svc); targets of nodeAttrs (att); values of hosts (hst).

// A policy that is right but for the selector in its one place, which therefore alone decides.
struct PlaceCase {
  std::string name;
  std::function<std::string(const std::string& selector)> section;
};

const std::vector<PlaceCase>& places() {
  static const std::vector<PlaceCase> list = {
      {"asr", [](auto& x) { return R"("acls":[{"action":"accept","src":[")" + x + R"("],"dst":["tag:db:22"]}])"; }},
      {"gsr", [](auto& x) { return R"("grants":[{"src":[")" + x + R"("],"dst":["tag:db"],"ip":["22"]}])"; }},
      {"ads", [](auto& x) { return R"("acls":[{"action":"accept","src":["group:eng"],"dst":[")" + x + R"(:22"]}])"; }},
      {"gds", [](auto& x) { return R"("grants":[{"src":["group:eng"],"dst":[")" + x + R"("],"ip":["22"]}])"; }},
      {"via",
       [](auto& x) {
         return R"("grants":[{"src":["group:eng"],"dst":["10.20.0.0/16"],"ip":["22"],"via":[")" + x + R"("]}])";
       }},
      {"ssr",
       [](auto& x) {
         return R"("ssh":[{"action":"accept","src":[")" + x + R"("],"dst":["tag:db"],"users":["root"]}])";
       }},
      // The one user that may be a destination is the only source.
      {"sds",
       [](auto& x) {
         return R"("ssh":[{"action":"accept","src":["ana@example.com"],"dst":[")" + x + R"("],"users":["root"]}])";
       }},
      {"sus",
       [](auto& x) {
         return R"("ssh":[{"action":"accept","src":["group:eng"],"dst":["tag:db"],"users":[")" + x + R"("]}])";
       }},
      {"tsr", [](auto& x) { return R"("tests":[{"src":")" + x + R"(","accept":["tag:db:22"]}])"; }},
      {"tds", [](auto& x) { return R"("tests":[{"src":"tag:server","accept":[")" + x + R"(:22"]}])"; }},
      {"tdn", [](auto& x) { return R"("tests":[{"src":"tag:server","deny":[")" + x + R"(:22"]}])"; }},
      {"xsr", [](auto& x) { return R"("sshTests":[{"src":")" + x + R"(","dst":["tag:db"],"accept":["root"]}])"; }},
      {"xds", [](auto& x) { return R"("sshTests":[{"src":"tag:server","dst":[")" + x + R"("],"accept":["root"]}])"; }},
      {"rte", [](auto& x) { return R"("autoApprovers":{"routes":{"10.0.0.0/8":[")" + x + R"("]}})"; }},
      {"exi", [](auto& x) { return R"("autoApprovers":{"exitNode":[")" + x + R"("]})"; }},
      {"svc", [](auto& x) { return R"("autoApprovers":{"services":{"svc:wiki":[")" + x + R"("]}})"; }},
      {"att", [](auto& x) { return R"("nodeAttrs":[{"target":[")" + x + R"("],"attr":["funnel"]}])"; }},
      {"defaultSrcPosture", [](auto& x) { return R"("defaultSrcPosture":[")" + x + R"("])"; }},
  };
  return list;
}

// Sections that define names, and so cannot be added to those of in_tailnet().
Checked owner(const std::string& selector, Dialect dialect = Dialect::tailscale) {
  return checked(R"({"groups":{"group:eng":["ana@example.com"]},"tagOwners":{"tag:server":[],"tag:x":[)" +
                     quoted(selector) + "]}}",
                 dialect);
}
Checked member(const std::string& selector, Dialect dialect = Dialect::tailscale) {
  return checked(R"({"groups":{"group:eng":[],"group:x":[)" + quoted(selector) + R"(]},"tagOwners":{"tag:server":[]}})",
                 dialect);
}
Checked operation(const std::string& selector) {
  return checked(R"({"groups":{"group:eng":[]},"tagOwners":{"tag:server":[]},"hosts":{"vault":"10.20.0.9"},)"
                 R"("ipsets":{"ipset:dc":["10.0.0.1"],"ipset:x":[)" +
                 quoted("add " + selector) + "]}}");
}
Checked host_value(const std::string& selector) {
  return checked(R"({"groups":{"group:eng":[]},"tagOwners":{"tag:server":[]},"hosts":{"vault":"10.20.0.9","x":)" +
                 quoted(selector) + "}}");
}

Checked place(const std::string& name, const std::string& selector) {
  if (name == "own") return owner(selector);
  if (name == "mem") return member(selector);
  if (name == "ips") return operation(selector);
  if (name == "hst") return host_value(selector);
  for (const PlaceCase& candidate : places()) {
    if (candidate.name == name) return in_tailnet(candidate.section(selector));
  }
  ADD_FAILURE() << "no place " << name;
  return {};
}

// Y: accepted, without doubt. N: refused. ?: not settled: accepted, with a hint. L: accepted, taken for a local
// account's name, with a warning. W: accepted with a warning.
constexpr std::string_view matrix = R"(
selector                 asr gsr ads gds via ssr sds sus tsr tds tdn xsr xds own mem ips rte exi svc att hst
*                        Y   Y   Y   Y   N   N   N   N   N   N   N   N   N   N   N   N   N   N   N   Y   N
ana@example.com          Y   Y   Y   Y   N   Y   Y   Y   Y   Y   Y   Y   Y   Y   Y   N   Y   Y   Y   Y   N
user:*@example.com       Y   Y   Y   Y   N   Y   N   L   ?   ?   ?   ?   ?   Y   N   N   Y   Y   Y   ?   N
group:eng                Y   Y   Y   Y   N   Y   N   L   Y   Y   Y   Y   Y   Y   N   N   Y   Y   Y   Y   N
group:ops@example.com    Y   Y   Y   Y   N   Y   N   L   Y   Y   Y   Y   Y   Y   N   N   Y   Y   Y   Y   N
tag:server               Y   Y   Y   Y   Y   Y   Y   L   Y   Y   Y   Y   Y   Y   N   N   Y   Y   Y   Y   N
100.64.0.7               Y   Y   Y   Y   N   N   N   L   Y   Y   Y   Y   Y   N   N   Y   N   N   N   Y   Y
10.0.0.0/8               Y   Y   Y   Y   N   N   N   L   N   N   N   N   N   N   N   Y   N   N   N   Y   Y
10.0.0.1/32              Y   Y   Y   Y   N   N   N   L   N   N   N   N   N   N   N   Y   N   N   N   Y   Y
10.0.0.1-10.0.0.9        N   N   N   N   N   N   N   L   N   N   N   N   N   N   N   Y   N   N   N   N   N
vault                    Y   Y   Y   Y   N   N   N   Y   Y   Y   Y   Y   Y   N   W   N   N   N   N   Y   N
host:vault               W   W   W   W   N   N   N   L   W   W   W   W   W   N   W   Y   N   N   N   W   N
ipset:dc                 Y   Y   Y   Y   N   N   N   L   N   ?   ?   N   N   N   N   Y   N   N   N   N   N
svc:wiki                 N   N   Y   Y   N   N   N   L   N   Y   Y   N   N   N   N   N   N   N   N   N   N
autogroup:member         Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:owner          Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:admin          Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:it-admin       Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:network-admin  Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:billing-admin  Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:auditor        Y   Y   Y   Y   N   Y   N   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:tagged         Y   Y   Y   Y   N   Y   Y   L   N   N   N   N   N   Y   N   N   Y   Y   Y   Y   N
autogroup:self           N   N   Y   Y   N   N   Y   L   N   N   N   N   N   N   N   N   N   N   N   N   N
autogroup:internet       N   N   Y   Y   N   N   N   L   N   N   N   N   N   N   N   Y   N   N   N   N   N
autogroup:shared         Y   Y   N   N   N   N   N   L   N   N   N   N   N   N   N   N   N   N   N   N   N
autogroup:danger-all     Y   Y   N   N   N   N   N   L   N   N   N   N   N   N   N   N   N   N   N   N   N
autogroup:nonroot        N   N   N   N   N   N   N   Y   N   N   N   N   N   N   N   N   N   N   N   N   N
localpart:*@example.com  N   N   N   N   N   N   N   Y   N   N   N   N   N   N   N   N   N   N   N   N   N
posture:managed          N   N   N   N   N   N   N   L   N   N   N   N   N   N   N   N   N   N   N   N   N
)";

std::vector<std::vector<std::string>> rows() {
  std::vector<std::vector<std::string>> out;
  std::istringstream lines{std::string(matrix)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(word);
    if (!row.empty()) out.push_back(std::move(row));
  }
  return out;
}

TEST(Places, EveryCellOfTheMatrixHolds) {
  const auto table = rows();
  ASSERT_EQ(table.size(), 30U);
  for (std::size_t i = 1; i < table.size(); ++i) {
    ASSERT_EQ(table[i].size(), table[0].size()) << table[i][0];
    for (std::size_t j = 1; j < table[i].size(); ++j) {
      const Checked c = place(table[0][j], table[i][0]);
      const std::string where = table[i][0] + " at " + table[0][j] + ": " + c.summary();
      const char cell = table[i][j][0];
      EXPECT_EQ(c.accepted(), cell != 'N') << where;
      EXPECT_EQ(c.has(Code::I0335), cell == '?') << where;
      EXPECT_EQ(c.has(Code::W0511), cell == 'L') << where;
      EXPECT_EQ(c.has(Code::W0338) || c.has(Code::W0340), cell == 'W') << where;
    }
  }
}

// Whoever refuses, refuses the selector itself, not the rule around it.
TEST(Places, ARefusedSelectorIsUnderlined) {
  const auto table = rows();
  for (std::size_t i = 1; i < table.size(); ++i) {
    for (std::size_t j = 1; j < table[i].size(); ++j) {
      if (table[i][j] != "N") continue;
      const Checked c = place(table[0][j], table[i][0]);
      ASSERT_FALSE(c.accepted());
      const Span span = c.loaded->diagnostics.front().place->bytes;
      const std::string under = c.text.substr(span.begin, span.end - span.begin);
      EXPECT_NE(under.find(table[i][0]), std::string::npos) << table[i][0] << " at " << table[0][j] << ": " << under;
      EXPECT_EQ(under.front(), '"') << under;
    }
  }
}

TEST(Places, PosturesStandInListsOfPosturesOnly) {
  EXPECT_TRUE(place("defaultSrcPosture", "posture:managed").accepted());
  for (const std::string other : {"*", "managed", "group:eng", "tag:server", "posture:"}) {
    EXPECT_EQ(place("defaultSrcPosture", other).errors(), "E0305") << other;
  }
}

TEST(Places, ARefusalNamesTheSelectorThePlaceAndAWayOut) {
  const Checked c = acl(R"("autogroup:self")", R"("tag:db:22")");
  EXPECT_EQ(c.said(Code::E0308), "src=\"autogroup:self\": this autogroup cannot be the source of a rule");
  EXPECT_EQ(c.help(Code::E0308).substr(0, 34), "autogroups that may stand here: au");
  EXPECT_EQ(acl(R"("10.0.0.1-10.0.0.9")", R"("tag:db:22")").help(Code::E0308),
            "put the range into an ipset and name the ipset here");
  EXPECT_EQ(acl(R"("svc:wiki")", R"("tag:db:22")").help(Code::E0308),
            "services accept connections and never start them");
  EXPECT_EQ(acl(R"("")", R"("tag:db:22")").said(Code::E0308), "src=an empty string is no selector");
}

TEST(Places, AutogroupsAreListedForAPlace) {
  EXPECT_EQ(autogroups_at(Location::ssh_dst, Dialect::tailscale), "autogroup:tagged, autogroup:self");
  EXPECT_EQ(autogroups_at(Location::ssh_dst, Dialect::headscale), "autogroup:member, autogroup:tagged, autogroup:self");
  EXPECT_EQ(autogroups_at(Location::via, Dialect::tailscale), "");
  EXPECT_EQ(autogroups_at(Location::rule_src, Dialect::headscale),
            "autogroup:member, autogroup:tagged, autogroup:danger-all");
}

TEST(Places, EveryPlaceHasItsWords) {
  for (int i = 0; i <= static_cast<int>(Location::node_attr); ++i) {
    EXPECT_NE(location_name(static_cast<Location>(i)), "this place") << i;
  }
}

// --- Headscale ---

Checked headscale_place(const std::string& name, const std::string& selector) {
  if (name == "own") return owner(selector, headscale);
  if (name == "mem") return member(selector, headscale);
  for (const PlaceCase& candidate : places()) {
    if (candidate.name == name) return in_tailnet(candidate.section(selector), headscale);
  }
  ADD_FAILURE() << "no place " << name;
  return {};
}

TEST(HeadscalePlaces, HaveNoDomainsServicesIpsetsAndSyncedGroups) {
  for (const std::string place_name : {"asr", "ads", "gsr", "gds", "ssr", "rte"}) {
    for (const std::string selector : {"user:*@example.com", "svc:wiki", "ipset:dc", "10.0.0.1-10.0.0.9"}) {
      EXPECT_FALSE(headscale_place(place_name, selector).accepted()) << selector << " at " << place_name;
    }
    const Checked group = headscale_place(place_name, "group:ops@example.com");
    EXPECT_EQ(group.errors(), "E0302") << place_name;
  }
}

TEST(HeadscalePlaces, KnowSixAutogroups) {
  for (const std::string name : {"owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor", "shared"}) {
    const Checked c = headscale_place("asr", "autogroup:" + name);
    EXPECT_EQ(c.message(), "autogroup not supported in headscale: \"autogroup:" + name + "\"");
  }
  EXPECT_TRUE(headscale_place("asr", "autogroup:member").accepted());
  EXPECT_TRUE(headscale_place("asr", "autogroup:tagged").accepted());
  EXPECT_TRUE(headscale_place("asr", "autogroup:danger-all").accepted());
  EXPECT_TRUE(headscale_place("ads", "autogroup:internet").accepted());
  EXPECT_TRUE(headscale_place("ads", "autogroup:self").accepted());
  EXPECT_TRUE(headscale_place("sus", "autogroup:nonroot").accepted());
  // The hosted service's old plural is not among them.
  EXPECT_FALSE(headscale_place("asr", "autogroup:members").accepted());
}

TEST(HeadscalePlaces, LetMembersBeSshDestinations) {
  EXPECT_TRUE(headscale_place("sds", "autogroup:member").accepted());
  EXPECT_FALSE(place("sds", "autogroup:member").accepted());
}

TEST(HeadscalePlaces, OwnersOfTagsAreUsersGroupsAndTags) {
  for (const std::string selector : {"ana@example.com", "ana@", "group:eng", "tag:server"}) {
    EXPECT_TRUE(headscale_place("own", selector).accepted()) << selector;
  }
  for (const std::string selector : {"autogroup:member", "autogroup:tagged", "*", "10.0.0.1"}) {
    EXPECT_FALSE(headscale_place("own", selector).accepted()) << selector;
  }
}

TEST(HeadscalePlaces, ApproversAreUsersGroupsAndTags) {
  for (const std::string place_name : {"rte", "exi"}) {
    for (const std::string selector : {"ana@example.com", "group:eng", "tag:server"}) {
      EXPECT_TRUE(headscale_place(place_name, selector).accepted()) << selector;
    }
    for (const std::string selector : {"autogroup:member", "autogroup:tagged", "vault"}) {
      EXPECT_FALSE(headscale_place(place_name, selector).accepted()) << selector;
    }
  }
}

TEST(HeadscalePlaces, MembersOfGroupsHaveAnAt) {
  EXPECT_TRUE(headscale_place("mem", "ana@example.com").accepted());
  EXPECT_TRUE(headscale_place("mem", "ana@").accepted());
  EXPECT_TRUE(headscale_place("mem", "*@x.org").accepted());
  EXPECT_TRUE(headscale_place("mem", "*@x.org").has(Code::W0340));
  EXPECT_EQ(headscale_place("mem", "ana").errors(), "E0311");
  EXPECT_EQ(headscale_place("mem", "ana").help(Code::E0311),
            "if this is a user, Headscale writes it with a trailing @: \"ana@\"");
  EXPECT_EQ(headscale_place("own", "bob").help(Code::E0308),
            "if this is a user, Headscale writes it with a trailing @: \"bob@\"");
  EXPECT_EQ(headscale_place("asr", "bob").help(Code::E0303),
            "if this is a user, Headscale writes it with a trailing @: \"bob@\"");
}

}  // namespace
}  // namespace acl::policy
