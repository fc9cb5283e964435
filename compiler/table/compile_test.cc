// Tables of whole tailnets: determinism, sharing, what a change changes, keys, the cache.
#include "compiler/table/compile.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <mutex>
#include <random>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"
#include "engine/table/node_header.h"

namespace acl::tables {
namespace {

using resolve::Net;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string owners = R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:web":["ana@example.com"]},)";
const std::string web_to_db = R"({"action":"accept","src":["tag:web"],"dst":["tag:db:5432"]})";
const std::string ana_to_all = R"({"action":"accept","src":["ana@example.com"],"dst":["tag:web:443","tag:db:22"]})";
const std::string ana_as_root = R"({"action":"check","src":["ana@example.com"],"dst":["tag:db"],"users":["root"]})";
const std::string policy = owners + R"("acls":[)" + web_to_db + "," + ana_to_all + R"(],"ssh":[)" + ana_as_root + "]}";

Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db-1", "tag:db")
      .node("db-2", "tag:db")
      .node("web", "tag:web");
}

struct Output {
  Compiled compiled;
  std::map<release::Digest, Bytes> blobs;
  std::map<std::string, NodeLeaf> leaves;  // by node

  // Which of the parts: 0 hot, 1 ssh, 2 names.
  [[nodiscard]] release::Digest part(const std::string& node, std::size_t which) const {
    return leaves.at(node).parts.at(which).object.digest;
  }
};

Expected<Output> compile_all(const Setting& setting, const Cache* cache = nullptr, unsigned threads = 1) {
  Output out;
  std::mutex mutex;
  CompileOptions options;
  options.threads = threads;
  options.cache = cache;
  options.put = [&](const release::Reference& reference, release::ByteView bytes) -> Expected<void> {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(release::matches(reference, bytes));
    out.blobs[reference.digest].assign(bytes.begin(), bytes.end());
    return {};
  };
  auto compiled = compile(setting.views(), options);
  if (!compiled) return tl::unexpected(compiled.error());
  for (const NodeLeaf& leaf : compiled->leaves) out.leaves[setting.resolved().inventory->nodes[leaf.node].name] = leaf;
  out.compiled = std::move(*compiled);
  return out;
}

Output compile_texts(const std::string& inventory, const std::string& text, const Cache* cache = nullptr,
                     unsigned threads = 1) {
  const Setting setting(inventory, text);
  EXPECT_TRUE(setting.ok());
  auto out = compile_all(setting, cache, threads);
  EXPECT_TRUE(out) << out.error().message;
  return out ? std::move(*out) : Output{};
}

TEST(Compile, TheSameInputGivesTheSameBytesOnAnyNumberOfThreads) {
  const Output one = compile_texts(company().inventory(), policy),
               four = compile_texts(company().inventory(), policy, nullptr, 4);
  EXPECT_EQ(one.blobs, four.blobs);
  EXPECT_EQ(one.compiled.directory, four.compiled.directory);
  for (const auto& [name, leaf] : one.leaves) {
    EXPECT_EQ(leaf.parts, four.leaves.at(name).parts) << name;
    EXPECT_EQ(leaf.header, four.leaves.at(name).header) << name;
  }
}

TEST(Compile, TheOrderOfTheInventoryDoesNotMatter) {
  const Output plain = compile_texts(company().inventory(), policy);
  for (unsigned seed = 1; seed < 10; ++seed) {
    Net net = company();
    std::mt19937 random(seed);
    const auto shuffle = [&](auto& list) { std::shuffle(list.begin(), list.end(), random); };
    net.reorder_nodes(shuffle).reorder_users(shuffle);
    const Output other = compile_texts(net.inventory(), policy);
    EXPECT_EQ(plain.blobs, other.blobs) << seed;
    EXPECT_EQ(plain.compiled.directory, other.compiled.directory) << seed;
  }
}

TEST(Compile, NodesOfEqualRightsShareTheirParts) {
  const Output out = compile_texts(company().inventory(), policy);
  for (const std::size_t which : {0U, 1U, 2U}) EXPECT_EQ(out.part("db-1", which), out.part("db-2", which)) << which;
  EXPECT_NE(out.part("db-1", 0), out.part("web", 0));
  EXPECT_EQ(out.part("laptop", 0), out.part("desk", 0));  // nothing is allowed to either
  EXPECT_NE(out.leaves.at("db-1").header, out.leaves.at("db-2").header);
  EXPECT_EQ(out.compiled.counts.hot, 3U);
}

TEST(Compile, AHeaderHasTheNodesAddresses) {
  const Output out = compile_texts(company().inventory(), policy);
  const auto header = table::parse_node_header(out.leaves.at("db-1").header);
  ASSERT_TRUE(header);
  ASSERT_EQ(header->own.size(), 2U);
  EXPECT_EQ(header->own[0].address.text(), "100.64.0.3");
  EXPECT_EQ(header->own[1].address.text(), "fd7a:115c:a1e0::3");
  EXPECT_NE(header->own[0].hot_class, 0);
}

TEST(Compile, ARulePutInAtTheTopChangesNoPartOfOthers) {
  const Output before = compile_texts(company().inventory(), policy);
  const std::string more = R"({"action":"accept","src":["bo@example.com"],"dst":["bo@example.com:22"]})";
  const std::string after_text = owners + R"("acls":[)" + more + "," + web_to_db + "," + ana_to_all + R"(],"ssh":[
    {"action":"accept","src":["bo@example.com"],"dst":["bo@example.com"],"users":["bo"]},)" +
                                 ana_as_root + "]}";
  const Output after = compile_texts(company().inventory(), after_text);
  for (const char* node : {"laptop", "db-1", "db-2", "web"}) {
    for (const std::size_t which : {0U, 1U, 2U})
      EXPECT_EQ(before.part(node, which), after.part(node, which)) << node << which;
  }
  EXPECT_NE(before.part("desk", 0), after.part("desk", 0));
  EXPECT_NE(before.compiled.rules, after.compiled.rules);  // where the rules stand is told in one place for all
}

TEST(Compile, ANewNodeChangesTheTablesItConcerns) {
  const Output before = compile_texts(company().inventory(), policy);
  Net net = company();
  net.node("phone", "ana@example.com");
  const Output after = compile_texts(net.inventory(), policy);
  for (const std::size_t which : {0U, 1U, 2U})
    EXPECT_EQ(before.part("desk", which), after.part("desk", which)) << which;
  EXPECT_EQ(before.part("web", 1), after.part("web", 1));
  EXPECT_EQ(before.part("laptop", 0), after.part("laptop", 0));
  for (const char* node : {"web", "db-1"}) EXPECT_NE(before.part(node, 0), after.part(node, 0)) << node;
  EXPECT_NE(before.part("db-1", 1), after.part("db-1", 1));
}

// --- keys ---

std::string key_error(const std::string& inventory) {
  const Setting setting(inventory, policy, false);
  const auto out = compile_all(setting);
  if (out) return "";
  EXPECT_EQ(out.error().code, Code::E1205);
  return out.error().message;
}

TEST(Keys, AllNodesWithoutOneAreNamed) {
  const std::string error = key_error(company().inventory());
  EXPECT_THAT(error, AllOf(HasSubstr("5 nodes have no WireGuard key"), HasSubstr("\"laptop\""), HasSubstr("\"desk\""),
                           HasSubstr("\"db-1\""), HasSubstr("\"db-2\""), HasSubstr("\"web\"")));
}

TEST(Keys, ANodeWithoutBindingNeedsNoneAndHasNoTable) {
  Setting setting(company().inventory(), policy);
  inventory::Node& desk = setting.inventory().nodes[setting.id("desk")];
  desk.key.clear();
  const auto refused = compile_all(setting);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 node has no WireGuard key: \"desk\""));
  desk.bound = false;
  const auto out = compile_all(setting);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->leaves.count("desk"), 0U);
  EXPECT_EQ(out->leaves.size(), 4U);
  EXPECT_EQ(out->compiled.counts.without, 1U);
  EXPECT_TRUE(identities(setting.resolved()).at(1).unbound);
}

TEST(Keys, NoTwoNodesHaveTheSame) {
  Setting setting(company().inventory(), policy);
  auto& nodes = setting.inventory().nodes;
  nodes[setting.id("web")].key = nodes[setting.id("desk")].key;
  const auto out = compile_all(setting);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::E1208);
  EXPECT_THAT(out.error().message,
              AllOf(HasSubstr("\"desk\""), HasSubstr("\"web\""), HasSubstr("the same WireGuard key")));
}

// --- the cache ---

TEST(Cache, WithNothingChangedNothingIsBuilt) {
  const Output first = compile_texts(company().inventory(), policy);
  const Output second = compile_texts(company().inventory(), policy, &first.compiled.cache);
  EXPECT_GT(first.compiled.counts.built, 0U);
  EXPECT_EQ(second.compiled.counts.built, 0U);
  EXPECT_EQ(first.compiled.cache, second.compiled.cache);
  for (const auto& [name, leaf] : first.leaves) {
    EXPECT_EQ(leaf.parts, second.leaves.at(name).parts) << name;
    EXPECT_EQ(leaf.header, second.leaves.at(name).header) << name;
  }
}

// Whatever is changed: with the cache of before, the tables are those of compiling anew.
void expect_as_anew(const std::string& inventory, const std::string& text, const std::string& new_inventory,
                    const std::string& new_text) {
  const Output before = compile_texts(inventory, text);
  const Output cached = compile_texts(new_inventory, new_text, &before.compiled.cache),
               anew = compile_texts(new_inventory, new_text);
  for (const auto& [name, leaf] : anew.leaves) {
    EXPECT_EQ(leaf.parts, cached.leaves.at(name).parts) << name;
    EXPECT_EQ(leaf.header, cached.leaves.at(name).header) << name;
  }
}

TEST(Cache, IsNotBelievedWhereSomethingChanged) {
  const std::string inventory = company().inventory();
  const auto replaced = [](std::string text, const std::string& what, const std::string& by) {
    return text.replace(text.find(what), what.size(), by);
  };
  expect_as_anew(inventory, policy, inventory, replaced(policy, "5432", "5433"));
  expect_as_anew(inventory, policy, inventory, replaced(policy, "\"root\"", "\"web\""));
  expect_as_anew(inventory, policy, inventory, replaced(policy, "check", "accept"));
  expect_as_anew(inventory, policy, replaced(inventory, "100.64.0.1\"", "100.64.0.99\""), policy);
  Net moved = Net{}
                  .node("laptop", "bo@example.com")
                  .node("desk", "ana@example.com")
                  .node("db-1", "tag:db")
                  .node("db-2", "tag:web")
                  .node("web", "tag:web");
  expect_as_anew(inventory, policy, moved.inventory(), policy);
}

// A device that changes hands is no longer a source of logins at its former owner's, though every rule and address is as before.
TEST(Cache, ForgetsADeviceThatChangesHands) {
  const std::string own =
      R"({"acls":[],"ssh":[{"action":"accept","src":["autogroup:member"],"dst":["autogroup:self"],"users":["root"]}]})";
  const auto net = [](const char* owner) {
    return Net{}
        .user("ana@example.com")
        .user("bo@example.com")
        .node("a-1", "ana@example.com")
        .node("a-2", owner)
        .node("b-1", "bo@example.com")
        .inventory();
  };
  expect_as_anew(net("ana@example.com"), own, net("bo@example.com"), own);
}

// The names part depends on whom rules make a node know and on what capabilities say, beside the rules of the other parts.
TEST(Cache, ForgetsWhomANodeKnewAndWhatItsSourcesMayDo) {
  const auto grants = [](const std::string& source, const std::string& value) {
    return R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:web":["ana@example.com"]},"grants":[)"
           R"({"src":[")" +
           source + R"("],"dst":["tag:web"],"ip":["tcp:443"]},)" +
           R"({"src":["bo@example.com"],"dst":["tag:db"],"app":{"example.com/cap/db":[{"role":")" + value +
           R"("}]}}]})";
  };
  const std::string inventory = company().inventory(), before = grants("ana@example.com", "reader");
  expect_as_anew(inventory, before, inventory, grants("ana@example.com", "writer"));
  expect_as_anew(inventory, before, inventory, grants("bo@example.com", "reader"));
  expect_as_anew(inventory, before, inventory, grants("*", "reader"));
  expect_as_anew(inventory, grants("*", "reader"), company().node("late", "bo@example.com").inventory(),
                 grants("*", "reader"));
}

// Nothing is built where nothing changed: no part is handed over again, of whatever kind.
TEST(Cache, LeavesNothingToWriteWhereNothingChanged) {
  const Setting setting(company().inventory(), policy);
  const auto first = compile_all(setting);
  ASSERT_TRUE(first);
  const auto second = compile_all(setting, &first->compiled.cache);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->compiled.cache, first->compiled.cache);
  for (const char* node : {"laptop", "desk", "db-1", "db-2", "web"}) {
    for (std::size_t which = 0; which < 3; ++which) {
      EXPECT_EQ(second->part(node, which), first->part(node, which));
      EXPECT_FALSE(second->blobs.contains(second->part(node, which))) << node << which;
    }
  }
}

TEST(Cache, ComesBackFromItsText) {
  const Output out = compile_texts(company().inventory(), policy);
  const std::string text = print_cache(out.compiled.cache);
  EXPECT_EQ(parse_cache(text), out.compiled.cache);
  for (const std::string& other : {std::string(), std::string("aclc cache 0\n"), text + "x",
                                   text.substr(0, text.size() - 1), "aclc cache 1\n" + std::string(200, 'z') + "\n"})
    EXPECT_THAT(parse_cache(other), IsEmpty()) << other.substr(0, 40);
}

TEST(Compile, AnErrorOfTheStoreEndsIt) {
  const Setting setting(company().inventory(), policy);
  CompileOptions options;
  options.put = [](const release::Reference&, release::ByteView) -> Expected<void> {
    return fail(Code::E1206, "no room");
  };
  const auto out = compile(setting.views(), options);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().message, "no room");
}

}  // namespace
}  // namespace acl::tables
