// Hover: what is told about a place, and that text of the file is no markup.
#include "lsp/server/hover.h"

#include <gmock/gmock.h>

#include "lsp/server/completion_testing.h"

namespace acl::lsp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string at(const MarkedFile& place, const Understanding* understanding = nullptr) {
  const auto found = hover(*place.snapshot, known_of(*place.snapshot, nullptr, understanding), place.offset);
  return found ? found->markdown : "";
}
std::string said(const std::string& text, policy::Dialect dialect = policy::Dialect::tailscale) {
  return at(marked(text, dialect));
}

const std::string policy = "{" + hosted_definitions;

TEST(Hover, TellsWhomASelectorStandsFor) {
  const std::string group = said(policy + R"("nodeAttrs": [{"target": ["gro|up:eng"]}]})");
  EXPECT_THAT(group, StartsWith("`group:eng` · 3 nodes, 2 people"));
  EXPECT_THAT(group, HasSubstr("People: ana@example.com and bo@example.com."));
  EXPECT_THAT(group,
              HasSubstr("Nodes: `ana-laptop` (100.64.0.1), `ana-phone` (100.64.0.2) and `bo-laptop` (100.64.0.3)."));
  EXPECT_THAT(said(policy + R"("nodeAttrs": [{"target": ["tag:w|eb"]}]})"), StartsWith("`tag:web` · 1 node"));
  EXPECT_THAT(said(policy + R"("nodeAttrs": [{"target": ["tag:d|b"]}]})"), HasSubstr("selects nothing today"));
  EXPECT_THAT(said(policy + R"("nodeAttrs": [{"target": ["autogroup:ad|min"]}]})"),
              StartsWith("`autogroup:admin` · 2 nodes, 1 person"));
  EXPECT_THAT(said(policy + R"("nodeAttrs": [{"target": ["va|ult"]}]})"), HasSubstr("Addresses: `10.20.0.9`."));
  EXPECT_THAT(said(policy + R"("grants": [{"src": ["group:team@exa|mple.com"]}]})"),
              StartsWith("`group:team@example.com` · 2 nodes, 1 person"));
}

TEST(Hover, CutsLongLists) {
  std::string users, nodes;
  for (int i = 0; i < 40; ++i) {
    users += R"({"login": "u)" + std::to_string(i) + R"(@example.com"},)";
    nodes += R"({"name": "n)" + std::to_string(i) + R"(", "user": "u)" + std::to_string(i) +
             R"(@example.com", "addresses": ["100.64.1.)" + std::to_string(i) + R"("]},)";
  }
  const auto inventory = inventory_of("{\"users\": [" + users + "], \"nodes\": [" + nodes + "]}");
  const std::string text = at(marked(R"({"nodeAttrs": [{"target": ["autogroup:mem|ber"], "attr": []}]})",
                                     policy::Dialect::tailscale, inventory));
  EXPECT_THAT(text, StartsWith("`autogroup:member` · 40 nodes, 40 people"));
  EXPECT_THAT(text, HasSubstr("and 30 more."));
  EXPECT_THAT(text, Not(HasSubstr("n11")));
}

TEST(Hover, SaysInASentenceWhatARuleGrants) {
  const std::string acls =
      policy +
      R"("acls": [{"acti|on": "accept", "src": ["group:eng"], "dst": ["tag:web:22,443", "vault:*"], "proto": "tcp"}]})";
  EXPECT_THAT(said(acls),
              StartsWith("**acls[0]** Lets `group:eng` (3 nodes, 2 people) reach `tag:web` (1 node) on 22 (ssh) and "
                         "443 (https) and `vault` by tcp."));
  EXPECT_THAT(
      said(
          policy +
          R"("grants": [{|"src": ["group:eng"], "dst": ["tag:web"], "ip": ["tcp:443"], "app": {"example.com/x": []}, "via": ["tag:db"]}]})"),
      HasSubstr("Lets `group:eng`"));
  const std::string grant = said(
      policy +
      R"("grants": [|{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["tcp:443"], "app": {"example.com/x": []}, "srcPosture": ["posture:managed"]}]})");
  EXPECT_THAT(
      grant,
      HasSubstr(
          "with `tcp:443` (https), and gives the capability `example.com/x`, from devices with `posture:managed`."));
  EXPECT_THAT(
      said(
          policy +
          R"("ssh": [{"action": "che|ck", "src": ["group:eng"], "dst": ["tag:web"], "users": ["root"], "checkPeriod": "1h"}]})"),
      HasSubstr("log in to `tag:web` (1 node) as `root`, verified at most every `1h`."));
  EXPECT_THAT(said(policy + R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]} | ]})"),
              Not(HasSubstr("Lets")));
}

TEST(Hover, ExplainsKeysAndWords) {
  EXPECT_THAT(said(R"({"tag|Owners": {}})"), StartsWith("**tagOwners**\n\nDeclares every tag"));
  EXPECT_THAT(said(R"({"ACL|s": []})"), StartsWith("**acls**"));
  EXPECT_THAT(said(R"({"post|ures": {}})", policy::Dialect::headscale), HasSubstr("not known to Headscale"));
  EXPECT_THAT(said(R"({"acls": [{"us|ers": []}]})"), HasSubstr("Write `src`."));
  EXPECT_THAT(said(R"({"acls": [{"proto": "gr|e"}]})"), HasSubstr("protocol 47"));
  EXPECT_THAT(said(R"({"acls": [{"proto": "4|7"}]})"), HasSubstr("protocol 47"));
  EXPECT_THAT(said(R"({"grants": [{"ip": ["tcp:4|43"]}]})"), HasSubstr("tcp, ports: 443 (https)."));
  EXPECT_THAT(said(R"({"grants": [{"app": {"tailscale.com/cap/dr|ive": []}}]})"), HasSubstr("File shares"));
  EXPECT_THAT(said(R"({"nodeAttrs": [{"attr": ["fun|nel"]}]})"), HasSubstr("Funnel"));
  EXPECT_THAT(said(R"({"ssh": [{"users": ["autogroup:non|root"]}]})"), HasSubstr("uid is not 0"));
  EXPECT_THAT(said(R"({"postures": {"posture:a": ["node:o|s == 'linux'"]}})"), HasSubstr("operating system"));
  EXPECT_THAT(said(policy + R"("defaultSrcPosture": ["posture:man|aged"]})"), HasSubstr("- `node:os == 'linux'`"));
  EXPECT_EQ(said(R"({"nonsense|": {}})"), "");
  EXPECT_EQ(said("{} |"), "");
}

TEST(Hover, TellsHowATestCameOut) {
  const MarkedFile place =
      marked(policy + R"("acls": [{"action": "accept", "src": ["group:eng"], "dst": ["tag:web:443"]}],
    "tests": [{"src": "ana@example.com", "accept": ["tag:web:4|43", "tag:web:22"]}]})");
  const std::atomic<bool> cancelled = false;
  const auto understanding = understand(place.snapshot, cancelled);
  ASSERT_NE(understanding, nullptr);
  EXPECT_THAT(at(place, understanding.get()), HasSubstr("✓ accept by `acls[0]`"));
  MarkedFile other = place;
  other.offset = static_cast<std::uint32_t>(place.snapshot->text().find("tag:web:22\""));
  EXPECT_THAT(at(other, understanding.get()), HasSubstr("✗ expected accept, got deny"));
  other.offset = static_cast<std::uint32_t>(place.snapshot->text().find("{\"src\": \"ana"));
  EXPECT_THAT(at(other, understanding.get()), HasSubstr("1 of 2 assertions hold."));
}

TEST(Hover, TextOfTheFileIsNoMarkup) {
  EXPECT_EQ(markdown_text("[a](b) *c* <d>"), "\\[a\\]\\(b\\) \\*c\\* \\<d\\>");
  EXPECT_EQ(markdown_code("a`b``c"), "``` a`b``c ```");
  EXPECT_EQ(markdown_text("a\nb"), "a b");
  const std::string evil = said(R"x({"groups": {"group:|a`](x)": ["![i](j)@example.com"]}})x");
  EXPECT_THAT(evil, HasSubstr("`` group:a`](x) ``"));
  EXPECT_THAT(evil, HasSubstr("\\!\\[i\\]\\(j\\)@example.com"));
}

TEST(Hover, WorksWhereTheTextIsBroken) {
  EXPECT_THAT(said(policy + R"("nodeAttrs": [{"target": ["group:e|ng"], )"), StartsWith("`group:eng`"));
}

TEST(Hover, IsTotalAtEveryByteOfAPolicyAndItsPrefixes) {
  const auto text = read_file(ACL_SOURCE_DIR "/examples/policies/company/policy.hujson");
  ASSERT_TRUE(text.has_value());
  for (std::size_t end : {text->size(), text->size() / 2, text->size() / 3 + 7}) {
    const auto snapshot =
        make_snapshot("p", 1, FileKind::policy, text->substr(0, end), policy::Dialect::tailscale, small_inventory());
    const Known known = known_of(*snapshot, nullptr, nullptr);
    for (std::uint32_t offset = 0; offset <= end; ++offset) {
      const auto found = hover(*snapshot, known, offset);
      if (!found) continue;
      ASSERT_LE(found->span.end, end);
      ASSERT_FALSE(found->markdown.empty());
    }
  }
}

}  // namespace
}  // namespace acl::lsp
