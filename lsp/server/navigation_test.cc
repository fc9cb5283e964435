#include "lsp/server/navigation.h"

#include <algorithm>
#include <map>

#include "lsp/server/testing.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {
namespace {

const std::string policy = R"({
  "groups": {"group:eng": ["ana@example.com"], "group:ops": []},
  "hosts": {"vault": "10.0.0.1"},
  "tagOwners": {"tag:db": ["group:eng"], "tag:web": ["tag:db"]},
  "ipsets": {"ipset:dc": ["add host:vault"]},
  "postures": {"posture:ok": ["node:os == 'linux'"]},
  "acls": [
    {"action": "accept", "src": ["group:eng"], "dst": ["tag:db:5432", "TAG:DB:22", "vault:22", "ipset:dc:*"]},
    {"action": "accept", "src": ["group:ops"], "dst": ["tag:web:443"], "srcPosture": ["posture:ok"]},
  ],
}
)";
const std::string fixture = R"({
  "policy": "policy.hujson",
  "tests": [{"src": "group:eng", "accept": ["tag:db:5432", "vault:22"]}],
  "expect": [{"from": "laptop", "to": "tag:db:22", "verdict": "accept", "rule": "acls[1]"},
             {"from": "laptop", "to": "vault:22", "verdict": "deny"}],
}
)";
const std::string inventory = R"({
  "users": [{"login": "ana@example.com"}],
  "nodes": [{"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
            {"name": "db-1", "tags": ["tag:db"], "addresses": ["100.64.0.2"]}],
}
)";

// The three files, the one with the mark first.
struct Net {
  explicit Net(std::string name, const std::string& before) {
    const auto state = inventory_state("/net/inventory.hujson", inventory);
    const std::map<std::string, std::string> texts = {
        {"/net/policy.hujson", policy}, {"/net/a.test.hujson", fixture}, {"/net/inventory.hujson", inventory}};
    name = "/net/" + name;
    const std::size_t at = texts.at(name).find(before);
    EXPECT_NE(at, std::string::npos) << before;
    offset = static_cast<std::uint32_t>(at + 1);
    files.push_back(file_of(texts.at(name), name, state));
    for (const auto& [path, text] : texts) {
      if (path != name) files.push_back(file_of(text, path, state));
    }
  }
  std::vector<File> files;
  std::uint32_t offset = 0;
};

// "policy.hujson:2 group:eng": the file, the line and the text.
std::vector<std::string> shown(const std::vector<Found>& all) {
  std::vector<std::string> out;
  for (const Found& one : all) {
    const Snapshot& snapshot = *one.file->snapshot;
    const auto line = snapshot.file->source.position(one.span.begin).line;
    out.push_back(snapshot.path.substr(5) + ":" + std::to_string(line) + " " + slice(snapshot, one.span));
  }
  return out;
}
using List = std::vector<std::string>;

List defined(const std::string& file, const std::string& before) {
  const Net net(file, before);
  return shown(definitions(net.files, net.offset));
}

TEST(Definition, OfAGroupATagAHostAnIpsetAndAPosture) {
  EXPECT_EQ(defined("policy.hujson", "group:ops\"], \"dst"), (List{"policy.hujson:2 group:ops"}));
  EXPECT_EQ(defined("policy.hujson", "TAG:DB:22"), (List{"policy.hujson:4 tag:db"}));
  EXPECT_EQ(defined("policy.hujson", "vault:22"), (List{"policy.hujson:3 vault"}));
  EXPECT_EQ(defined("policy.hujson", "host:vault"), (List{"policy.hujson:3 vault"}));
  EXPECT_EQ(defined("policy.hujson", "ipset:dc:*"), (List{"policy.hujson:5 ipset:dc"}));
  EXPECT_EQ(defined("policy.hujson", "posture:ok\"]"), (List{"policy.hujson:6 posture:ok"}));
}

TEST(Definition, LeadsFromAFixtureIntoItsPolicyAndToTheRule) {
  EXPECT_EQ(defined("a.test.hujson", "tag:db:5432"), (List{"policy.hujson:4 tag:db"}));
  EXPECT_EQ(defined("a.test.hujson", "vault:22"), (List{"policy.hujson:3 vault"}));
  const List rule = defined("a.test.hujson", "acls[1]");
  ASSERT_EQ(rule.size(), 1U);
  EXPECT_EQ(rule[0].substr(0, 30), "policy.hujson:9 {\"action\": \"ac");
  EXPECT_EQ(defined("a.test.hujson", "policy.hujson"), (List{"policy.hujson:1 "}));
}

TEST(Definition, OfUsersAndNodesStandsInTheInventory) {
  EXPECT_EQ(defined("policy.hujson", "ana@example.com"), (List{"inventory.hujson:2 ana@example.com"}));
  EXPECT_EQ(defined("a.test.hujson", "laptop"), (List{"inventory.hujson:3 laptop"}));
}

TEST(Definition, NothingIsDefinedForAddressesAndUnknownNames) {
  EXPECT_EQ(defined("policy.hujson", "10.0.0.1"), List{});
  EXPECT_EQ(defined("policy.hujson", "\"action\""), List{});
}

TEST(References, AreFoundInThePolicyItsFixturesAndTheInventory) {
  const Net net("policy.hujson", "tag:db\": [");
  EXPECT_EQ(
      shown(references(net.files, net.offset, true)),
      (List{"policy.hujson:4 tag:db", "policy.hujson:4 tag:db", "policy.hujson:8 tag:db", "policy.hujson:8 TAG:DB",
            "a.test.hujson:3 tag:db", "a.test.hujson:4 tag:db", "inventory.hujson:4 tag:db"}));
  EXPECT_EQ(references(net.files, net.offset, false).size(), 6U);
}

TEST(Highlights, TellDefinitionsFromUses) {
  const Net net("policy.hujson", "group:eng\"], \"dst");
  std::vector<bool> definition;
  for (const Found& one : highlights(net.files[0], net.offset)) definition.push_back(one.definition);
  EXPECT_EQ(definition, (std::vector<bool>{true, false, false}));
}

// --- rename -----------------------------------------------------------------------------------------------------------

// The files after the rename, by name; or why not.
std::map<std::string, std::string> renamed(const Net& net, std::string_view name) {
  const auto edits = rename(net.files, net.offset, name);
  if (!edits) return {{"refused", edits.error()}};
  std::map<std::string, std::string> out;
  for (const FileEdits& one : *edits) {
    EXPECT_EQ(out.count(one.file->snapshot->path), 0U) << "a file twice";
    out[one.file->snapshot->path.substr(5)] = apply_edits(one.file->snapshot->text(), one.edits);
  }
  return out;
}

std::string replaced(std::string text, const std::vector<std::pair<std::string, std::string>>& changes) {
  for (const auto& [from, to] : changes) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Rename, ChangesDefinitionAndUsesInAllFilesAndLeavesPortsAlone) {
  const auto files = renamed(Net("policy.hujson", "tag:db:5432"), "tag:pg");
  EXPECT_EQ(files.at("policy.hujson"), replaced(policy, {{"tag:db", "tag:pg"}, {"TAG:DB", "tag:pg"}}));
  EXPECT_EQ(files.at("a.test.hujson"), replaced(fixture, {{"tag:db", "tag:pg"}}));
  EXPECT_EQ(files.count("inventory.hujson"), 0U);
}

TEST(Rename, FromAFixtureChangesThePolicyToo) {
  const auto files = renamed(Net("a.test.hujson", "group:eng"), "developers");
  EXPECT_EQ(files.at("policy.hujson"), replaced(policy, {{"group:eng", "group:developers"}}));
  EXPECT_EQ(files.at("a.test.hujson"), replaced(fixture, {{"group:eng", "group:developers"}}));
}

TEST(Rename, OfAHostKeepsTheWordHostInIpsets) {
  const auto files = renamed(Net("policy.hujson", "vault\": "), "safe");
  EXPECT_EQ(files.at("policy.hujson"), replaced(policy, {{"vault", "safe"}}));
  EXPECT_EQ(files.at("a.test.hujson"), replaced(fixture, {{"vault", "safe"}}));
}

TEST(Rename, RefusesNamesThatAreTakenOrIllegalAndSaysWhy) {
  const auto refused = [](const std::string& at, std::string_view name) {
    const auto out = renamed(Net("policy.hujson", at), name);
    return out.count("refused") == 0 ? "renamed" : out.at("refused");
  };
  EXPECT_EQ(refused("group:eng", "group:ops"), "group \"group:ops\" is already defined");
  EXPECT_EQ(refused("tag:db", "WEB"), "tag \"tag:web\" is already defined");
  EXPECT_EQ(refused("tag:db", "tag:9x"),
            "\"tag:9x\" cannot be the name of a tag: tag names must start with a letter, after 'tag:'");
  EXPECT_EQ(refused("tag:db", ""), "\"tag:\" cannot be the name of a tag: the name is empty");
  EXPECT_EQ(refused("vault", "10.0.0.2"),
            "\"10.0.0.2\" cannot be the name of a host: a name that is an address itself can never be referred to");
  EXPECT_EQ(refused("vault", "a:b"),
            "\"a:b\" cannot be the name of a host: a name with \":\" or \"/\" can be misread in a rule");
  EXPECT_EQ(refused("group:eng", "two words"),
            "\"group:two words\" cannot be the name of a group: white space, quotes, commas and backslashes are not "
            "for names");
}

TEST(Rename, OfWhatNoPolicyDefinesIsRefused) {
  const auto refused = [](const std::string& file, const std::string& at) {
    const Net net(file, at);
    const auto out = prepare_rename(net.files, net.offset);
    return out ? "can be renamed" : out.error();
  };
  EXPECT_NE(refused("policy.hujson", "ana@example.com").find("is no name of the policy's own (user)"),
            std::string::npos);
  EXPECT_EQ(refused("policy.hujson", "\"action\""),
            "no name stands here: groups, tags, hosts, IP sets and postures can be renamed");
  EXPECT_EQ(refused("inventory.hujson", "tag:db"),
            "names are renamed in the policy; an inventory describes what devices carry");
  EXPECT_EQ(refused("policy.hujson", "tag:db"), "can be renamed");
}

// What the recovered tree does not have would be left with the old name.
TEST(Rename, IsRefusedWhileAFileThatMayUseTheNameHasASyntaxError) {
  Net net("policy.hujson", "tag:db:5432");
  const auto break_file = [&](const std::string& name) {
    for (File& file : net.files) {
      if (file.snapshot->path != name) continue;
      std::string text(file.snapshot->text());
      text.insert(text.rfind('"'), "\" \"");
      file = file_of(text, name, file.inventory);
      EXPECT_FALSE(file.snapshot->whole);
    }
  };
  const Net whole = net;
  break_file("/net/a.test.hujson");
  const std::string why = " has syntax errors: mend them first, so that no use of \"tag:db\" is missed";
  EXPECT_EQ(renamed(net, "tag:pg").at("refused"), "/net/a.test.hujson" + why);
  EXPECT_EQ(prepare_rename(net.files, net.offset).error(), "/net/a.test.hujson" + why);
  net = whole;
  break_file("/net/policy.hujson");
  EXPECT_EQ(renamed(net, "tag:pg").at("refused"), "/net/policy.hujson" + why);
  // Inventories are not written to.
  net = whole;
  break_file("/net/inventory.hujson");
  EXPECT_EQ(renamed(net, "tag:pg").count("policy.hujson"), 1U);
}

// `aclc can` takes a name in a question for a node's before a host's.
TEST(Rename, OfAHostLeavesQuestionsThatANodeAnswers) {
  const std::string rules =
      R"({"hosts": {"db": "10.0.0.1"}, "acls": [{"action": "accept", "src": ["*"], "dst": ["db:22"]}]})";
  const std::string asks = R"({"policy": "policy.hujson", "tests": [{"src": "tag:a", "accept": ["db:22"]}],
    "expect": [{"from": "db", "to": "db:22", "verdict": "accept"}, {"from": "host:db", "ssh": "root@db", "verdict": "deny"}]})";
  const auto state = [](const std::string& node) {
    return inventory_state("/net/nodes.json", R"([{"id": 1, "name": ")" + node + R"(", "given_name": ")" + node +
                                                  R"(", "ip_addresses": ["100.64.0.1"]}])");
  };
  Net net("policy.hujson", "vault\": ");
  net.offset = static_cast<std::uint32_t>(rules.find("db"));
  const auto with = [&](const std::string& node) {
    net.files = {file_of(rules, "/net/policy.hujson"), file_of(asks, "/net/a.test.hujson", state(node))};
    return renamed(net, "pg");
  };
  // No node's: all of them are about the host.
  EXPECT_EQ(with("web").at("a.test.hujson"), replaced(asks, {{"db", "pg"}}));
  // A node's: only what cannot be about a node is about the host. That the inventory is in a foreign format makes no difference.
  EXPECT_EQ(with("db").at("a.test.hujson"),
            replaced(asks, {{"accept\": [\"db", "accept\": [\"pg"}, {"host:db", "host:pg"}}));
  // And the node in a question cannot be renamed.
  std::swap(net.files[0], net.files[1]);
  net.offset = static_cast<std::uint32_t>(asks.find("\"from\": \"db") + 10);
  EXPECT_NE(prepare_rename(net.files, net.offset).error().find("no name of the policy's own (node)"),
            std::string::npos);
}

TEST(Rename, OfAHostToTheNameOfANodeIsRefused) {
  EXPECT_EQ(
      renamed(Net("policy.hujson", "vault\": "), "db-1").at("refused"),
      "\"db-1\" is a node of /net/inventory.hujson: questions about the host would become questions about the node");
  EXPECT_EQ(renamed(Net("policy.hujson", "vault\": "), "db-2").count("policy.hujson"), 1U);
}

TEST(Rename, OfAHostIsRefusedWhileTheInventoryOfAQuestionAboutItIsUnread) {
  Net net("policy.hujson", "vault\": ");
  for (File& file : net.files) {
    if (file.snapshot->kind != FileKind::fixture) continue;
    file.inventory = nullptr;
    file.unread = true;
  }
  EXPECT_EQ(renamed(net, "safe").at("refused"),
            "/net/a.test.hujson asks about \"vault\", and its inventory could not be read: that may be a node");
}

TEST(Rename, ToTheSameNameChangesNothing) { EXPECT_TRUE(renamed(Net("policy.hujson", "tag:db"), "db").empty()); }

}  // namespace
}  // namespace acl::lsp
