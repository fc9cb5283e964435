// Completion against the matrix of the language: which selector may stand where. The table is typed here from the public documentation
// (https://tailscale.com/docs/reference/targets-and-selectors, https://tailscale.com/docs/reference/syntax/policy-file), not taken from
// compiler/policy/places.cc: that is what is tested.
#include <map>

#include "lsp/server/completion_testing.h"

namespace acl::lsp {
namespace {

constexpr auto headscale = policy::Dialect::headscale;

// The columns: a place, as the text around it.
struct Column {
  std::string_view name;
  std::string_view text;
};
constexpr Column columns[] = {
    {"acl src", R"("acls": [{"action": "accept", "src": ["|"], "dst": ["tag:web:*"]}])"},
    {"grant src", R"("grants": [{"src": ["|"], "dst": ["tag:web"], "ip": ["*"]}])"},
    {"acl dst", R"("acls": [{"action": "accept", "src": ["group:eng"], "dst": ["|"]}])"},
    {"grant dst", R"("grants": [{"src": ["group:eng"], "dst": ["|"], "ip": ["*"]}])"},
    {"via", R"("grants": [{"src": ["group:eng"], "dst": ["lan"], "ip": ["*"], "via": ["|"]}])"},
    {"ssh src", R"("ssh": [{"action": "accept", "src": ["|"], "dst": ["tag:web"], "users": ["root"]}])"},
    {"ssh dst", R"("ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["|"], "users": ["root"]}])"},
    {"tests src", R"("tests": [{"src": "|", "accept": ["tag:web:22"]}])"},
    {"tests dst", R"("tests": [{"src": "ana@example.com", "accept": ["|"]}])"},
    {"sshTests src", R"("sshTests": [{"src": "|", "dst": ["tag:web"], "accept": ["root"]}])"},
    {"sshTests dst", R"("sshTests": [{"src": "ana@example.com", "dst": ["|"], "accept": ["root"]}])"},
    {"tagOwners", R"("tagOwners": {"tag:x": ["|"], "tag:web": [], "tag:db": []})"},
    {"groups", R"("groups": {"group:x": ["|"], "group:eng": []})"},
    {"approvers", R"("autoApprovers": {"exitNode": ["|"]})"},
    {"nodeAttrs", R"("nodeAttrs": [{"target": ["|"], "attr": ["funnel"]}])"},
};

// The rows: Y may stand there, N may not, ? is settled by no source. A column each, in the order above. Where a condition makes it
// legal (autogroup:self, a user as an ssh destination), the text of the column fulfils it; the conditions have tests of their own.
struct Row {
  std::string_view selector;
  //                     acl grant acl grant     ssh ssh tests tests  ssh ssh  tag    groups approvers nodeAttrs
  //                     src src   dst dst   via src dst src   dst    src dst  Owners
  std::string_view cells;
};
constexpr Row hosted_rows[] = {
    {"*", "YYYY N NN NN NN N N N Y"},
    {"ana@example.com", "YYYY N YY YY YY Y Y Y Y"},
    {"user:*@example.com", "YYYY N YN ?? ?? Y N Y ?"},
    {"group:eng", "YYYY N YN YY YY Y N Y Y"},
    {"group:team@example.com", "YYYY N YN YY YY Y N Y Y"},
    {"tag:web", "YYYY Y YY YY YY Y N Y Y"},
    {"vault", "YYYY N NN YY YY N N N Y"},
    {"lan", "YYYY N NN NN NN N N N Y"},
    {"ipset:dc", "YYYY N NN N? NN N N N N"},
    {"svc:wiki", "NNYY N NN NY NN N N N N"},
    {"autogroup:member", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:owner", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:admin", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:it-admin", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:network-admin", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:billing-admin", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:auditor", "YYYY N YN ?? ?? Y N Y Y"},
    {"autogroup:tagged", "YYYY N YY ?? ?? Y N Y Y"},
    {"autogroup:self", "NNYY N NY NN NN N N N N"},
    {"autogroup:internet", "NNYY N NN NN NN N N N N"},
    {"autogroup:shared", "YYNN N NN NN NN N N N N"},
    {"autogroup:danger-all", "YYNN N NN NN NN N N N N"},
    {"autogroup:nonroot", "NNNN N NN NN NN N N N N"},
};
// Headscale's documentation: docs/ref/policy.md of github.com/juanfont/headscale.
constexpr Row headscale_rows[] = {
    {"*", "YYYY N NN NN NN N N N Y"},
    {"ana@example.com", "YYYY N YY YY YY Y Y Y Y"},
    {"user:*@example.com", "NNNN N NN NN NN N N N N"},
    {"group:eng", "YYYY N YN YY YY Y N Y Y"},
    {"tag:web", "YYYY Y YY YY YY Y N Y Y"},
    {"vault", "YYYY N NN YY YY N N N Y"},
    {"lan", "YYYY N NN NN NN N N N Y"},
    {"svc:wiki", "NNNN N NN NN NN N N N N"},
    {"autogroup:member", "YYYY N YY ?? ?? N N N Y"},
    {"autogroup:owner", "NNNN N NN NN NN N N N N"},
    {"autogroup:admin", "NNNN N NN NN NN N N N N"},
    {"autogroup:tagged", "YYYY N YY ?? ?? N N N Y"},
    {"autogroup:self", "NNYY N NY NN NN N N N N"},
    {"autogroup:internet", "NNYY N NN NN NN N N N N"},
    {"autogroup:shared", "NNNN N NN NN NN N N N N"},
    {"autogroup:danger-all", "YYNN N NN NN NN N N N N"},
    {"autogroup:nonroot", "NNNN N NN NN NN N N N N"},
};

// The cells of a row less their spaces.
std::string cells_of(const Row& row) {
  std::string cells(row.cells);
  cells.erase(std::remove(cells.begin(), cells.end(), ' '), cells.end());
  EXPECT_EQ(cells.size(), std::size(columns)) << row.selector;
  return cells;
}

// The column's text in a policy; a section it has itself is not defined twice.
std::string policy_with(const Column& column, policy::Dialect dialect) {
  std::string defined = dialect == headscale ? definitions : hosted_definitions;
  for (const std::string_view section : {"\"groups\"", "\"tagOwners\""}) {
    if (column.text.substr(0, section.size()) != section) continue;
    const std::size_t begin = defined.find(section);
    defined.erase(begin, defined.find('}', begin) + 2 - begin);
  }
  return "{" + defined + std::string(column.text) + "}";
}

template <std::size_t n>
void compare(const Row (&rows)[n], policy::Dialect dialect) {
  for (std::size_t i = 0; i < std::size(columns); ++i) {
    const MarkedFile at = marked(policy_with(columns[i], dialect), dialect);
    const auto offered = labels(complete_at(at));
    std::set<std::string> legal, known;
    for (const Row& row : rows) {
      known.emplace(row.selector);
      // What is not settled is not offered: whoever needs it can type it and is told that it is not documented.
      if (cells_of(row)[i] == 'Y') legal.emplace(row.selector);
    }
    std::set<std::string> here;
    for (const std::string& one : offered) {
      if (known.count(one) != 0) here.insert(one);
    }
    EXPECT_EQ(here, legal) << columns[i].name;
    // And nothing that the table does not speak of, but further names of the same kinds.
    for (const std::string& one : offered) {
      const bool more = one == "tag:db" || one == "bo@example.com" || one == "tag:x" || one == "group:x" ||
                        (dialect == headscale && one.substr(0, 10) == "autogroup:" && known.count(one) != 0);
      EXPECT_TRUE(known.count(one) != 0 || more) << columns[i].name << " " << one;
    }
  }
}

TEST(CompletionMatrix, OffersAllThatIsLegalInTheHostedDialectAndNothingElse) {
  compare(hosted_rows, policy::Dialect::tailscale);
}

TEST(CompletionMatrix, OffersAllThatIsLegalForHeadscaleAndNothingElse) { compare(headscale_rows, headscale); }

std::set<std::string> in_policy(const std::string& sections, policy::Dialect dialect = policy::Dialect::tailscale) {
  return labels(
      complete_at(marked("{" + (dialect == headscale ? definitions : hosted_definitions) + sections + "}", dialect)));
}
bool contains(const std::set<std::string>& all, const std::string& one) { return all.count(one) != 0; }

TEST(CompletionMatrix, IpsetsNameHostsByPrefixAndOtherSetsAndTheInternet) {
  const std::string text = R"({"hosts": {"vault": "10.20.0.9"}, "tagOwners": {"tag:web": []},
    "ipsets": {"ipset:a": ["|"], "ipset:b": ["10.0.0.0/8"], "ipset:c": ["ipset:a"]}})";
  const auto offered = labels(complete_at(marked(text)));
  for (const char* one :
       {"add host:vault", "remove host:vault", "host:vault", "add ipset:b", "ipset:b", "add autogroup:internet"}) {
    EXPECT_TRUE(contains(offered, one)) << one;
  }
  for (const std::string& one : offered) {
    EXPECT_EQ(one.find("tag:"), std::string::npos) << one;
    EXPECT_EQ(one.find("ipset:a"), std::string::npos) << one;  // itself
    EXPECT_EQ(one.find("ipset:c"), std::string::npos) << one;  // which contains it
  }
}

TEST(CompletionMatrix, IpsetsThatRemoveWriteTheirVerbs) {
  const auto with = [](const std::string& other) {
    return labels(
        complete_at(marked(R"({"hosts": {"vault": "10.20.0.9"}, "ipsets": {"ipset:a": [")" + other + R"(", "|"]}})")));
  };
  EXPECT_FALSE(contains(with("remove 10.0.0.1"), "host:vault"));
  EXPECT_TRUE(contains(with("remove 10.0.0.1"), "add host:vault"));
  EXPECT_FALSE(contains(with("10.0.0.0/8"), "remove host:vault"));
  EXPECT_TRUE(contains(with("10.0.0.0/8"), "host:vault"));
}

TEST(CompletionMatrix, SshUsersAreAccountsAndTheirForms) {
  EXPECT_EQ(
      in_policy(R"("ssh": [{"action": "accept", "src": ["group:eng"], "dst": ["tag:web"], "users": ["deploy", "|"]}])"),
      (std::set<std::string>{"root", "autogroup:nonroot", "localpart:*@example.com"}));
  EXPECT_EQ(
      in_policy(
          R"("ssh": [{"action": "accept", "src": ["group:eng"], "dst": ["tag:web"], "users": ["deploy"]}, {"users": ["|"]}])"),
      (std::set<std::string>{"root", "autogroup:nonroot", "localpart:*@example.com", "deploy"}));
}

TEST(CompletionMatrix, HostValuesAreAddresses) {
  EXPECT_EQ(labels(complete_at(marked(R"({"hosts": {"a": "|"}})"))),
            (std::set<std::string>{"100.64.0.1", "100.64.0.2", "100.64.0.3", "100.64.0.4"}));
}

// --- the conditions of the rest of the rule ---

std::set<std::string> acl(const std::string& src, const std::string& dst) {
  return in_policy(R"("acls": [{"action": "accept", "src": [)" + src + R"(], "dst": [)" + dst + "]}]");
}
std::set<std::string> grant(const std::string& src, const std::string& dst,
                            const std::string& more = R"("ip": ["*"])") {
  return in_policy(R"("grants": [{"src": [)" + src + R"(], "dst": [)" + dst + "], " + more + "}]");
}
std::set<std::string> ssh(const std::string& action, const std::string& src, const std::string& dst,
                          policy::Dialect dialect = policy::Dialect::tailscale) {
  return in_policy(R"("ssh": [{"action": ")" + action + R"(", "src": [)" + src + R"(], "dst": [)" + dst +
                       R"(], "users": ["root"]}])",
                   dialect);
}

TEST(CompletionMatrix, SelfIsOfferedOnlyWhereAllSourcesArePeople) {
  for (const char* people :
       {R"("group:eng")", R"("ana@example.com", "user:*@example.com")", R"("autogroup:admin")", ""}) {
    EXPECT_TRUE(contains(acl(people, R"("|")"), "autogroup:self")) << people;
    EXPECT_TRUE(contains(grant(people, R"("|")"), "autogroup:self")) << people;
  }
  for (const char* others :
       {R"("tag:web")", R"("group:eng", "vault")", R"("autogroup:tagged")", R"("ipset:dc")", R"("10.0.0.1")"}) {
    EXPECT_FALSE(contains(acl(others, R"("|")"), "autogroup:self")) << others;
    EXPECT_FALSE(contains(grant(others, R"("|")"), "autogroup:self")) << others;
  }
  EXPECT_TRUE(contains(acl(R"("*")", R"("|")"), "autogroup:self"));
  EXPECT_FALSE(contains(grant(R"("*")", R"("|")"), "autogroup:self"));
}

TEST(CompletionMatrix, TowardsSelfOnlyPeopleAreOfferedAsSources) {
  const std::set<std::string> people = {
      "ana@example.com",        "bo@example.com",          "user:*@example.com",      "group:eng",
      "group:team@example.com", "autogroup:member",        "autogroup:owner",         "autogroup:admin",
      "autogroup:it-admin",     "autogroup:network-admin", "autogroup:billing-admin", "autogroup:auditor"};
  EXPECT_EQ(grant(R"("|")", R"("autogroup:self")"), people);
  auto with_everyone = people;
  with_everyone.insert("*");
  EXPECT_EQ(acl(R"("|")", R"("autogroup:self:*")"), with_everyone);
}

TEST(CompletionMatrix, TheInternetHasNoCapabilities) {
  EXPECT_TRUE(contains(grant(R"("group:eng")", R"("|")"), "autogroup:internet"));
  EXPECT_FALSE(
      contains(grant(R"("group:eng")", R"("|")", R"("app": {"example.com/cap/x": []})"), "autogroup:internet"));
  EXPECT_FALSE(contains(grant(R"("group:eng")", R"("autogroup:internet")", R"("ip": ["*"], "|": [])"), "app"));
  EXPECT_TRUE(contains(grant(R"("group:eng")", R"("tag:web")", R"("ip": ["*"], "|")"), "app"));
  EXPECT_TRUE(grant(R"("group:eng")", R"("autogroup:internet")", R"("app": {"|": []})").empty());
  EXPECT_TRUE(contains(grant(R"("group:eng")", R"("tag:web")", R"("app": {"|": []})"), "tailscale.com/cap/drive"));
}

TEST(CompletionMatrix, LoginsAreOfferedByWhoMayReachWhat) {
  // A tag reaches tags.
  const std::set<std::string> tags = {"tag:web", "tag:db", "autogroup:tagged"};
  EXPECT_EQ(ssh("accept", R"("tag:web")", R"("|")"), tags);
  EXPECT_EQ(ssh("accept", R"("group:eng", "tag:web")", R"("|")"), tags);
  // People reach tags and their own devices; one person alone also by name.
  auto own = tags;
  own.insert("autogroup:self");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("|")"), own);
  EXPECT_EQ(ssh("accept", R"("ana@example.com", "bo@example.com")", R"("|")"), own);
  auto ana = own;
  ana.insert("ana@example.com");
  EXPECT_EQ(ssh("accept", R"("ana@example.com")", R"("|")"), ana);
  // Towards people's devices no tags, towards one person's that person alone; and nobody but people can be asked to verify.
  for (const auto& offered : {ssh("accept", R"("|")", R"("autogroup:self")"), ssh("check", R"("|")", R"("tag:web")")}) {
    EXPECT_FALSE(contains(offered, "tag:web"));
    EXPECT_FALSE(contains(offered, "autogroup:tagged"));
    EXPECT_TRUE(contains(offered, "group:eng"));
  }
  EXPECT_EQ(ssh("accept", R"("|")", R"("ana@example.com")"), (std::set<std::string>{"ana@example.com"}));
  EXPECT_TRUE(ssh("accept", R"("ana@example.com", "|")", R"("ana@example.com")").empty());
  EXPECT_FALSE(contains(ssh("accept", R"("tag:web")", R"("|")", headscale), "autogroup:member"));
  EXPECT_TRUE(contains(ssh("accept", R"("group:eng")", R"("|")", headscale), "autogroup:member"));
}

TEST(CompletionMatrix, CheckIsNotOfferedForTags) {
  const auto actions = [](const std::string& src) {
    return in_policy(R"("ssh": [{"action": "|", "src": [)" + src + R"(], "dst": ["tag:web"], "users": ["root"]}])");
  };
  EXPECT_EQ(actions(R"("group:eng")"), (std::set<std::string>{"accept", "check"}));
  EXPECT_EQ(actions(R"("group:eng", "tag:db")"), (std::set<std::string>{"accept"}));
}

TEST(CompletionMatrix, PortsAndProtocolsFitEachOther) {
  const auto protocols = [](const std::string& dst) {
    return in_policy(R"("acls": [{"action": "accept", "src": ["*"], "dst": [)" + dst + R"(], "proto": "|"}])");
  };
  EXPECT_TRUE(contains(protocols(R"("tag:web:*")"), "icmp"));
  EXPECT_EQ(protocols(R"("tag:web:*", "tag:db:22")"), (std::set<std::string>{"tcp", "udp", "sctp"}));
  const auto ports = [](const std::string& proto) {
    return in_policy(R"("acls": [{"action": "accept", "src": ["*"], "proto": ")" + proto +
                     R"(", "dst": ["tag:web:|"]}])");
  };
  EXPECT_EQ(ports("gre"), (std::set<std::string>{"*"}));
  EXPECT_TRUE(contains(ports("udp"), "53"));
  EXPECT_FALSE(contains(ports("udp"), "22"));
  EXPECT_TRUE(contains(ports("tcp"), "22"));
  EXPECT_FALSE(contains(in_policy(R"("tests": [{"src": "ana@example.com", "accept": ["tag:web:|"]}])"), "*"));
}

}  // namespace
}  // namespace acl::lsp
