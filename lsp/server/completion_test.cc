// Completion: what an item puts where, and that no item makes a policy wrong that was right.
#include <map>

#include "compiler/policy/findings.h"
#include "lsp/server/completion_testing.h"
#include "lsp/server/cursor.h"

namespace acl::lsp {
namespace {

// The text once the item of this label is taken at the mark; a failure of the test if it is not offered.
std::string take(const std::string& text, const std::string& label, bool snippets = false) {
  const MarkedFile at = marked(text);
  for (const CompletionItem& item : complete_at(at, snippets).items) {
    if (item.label == label) return taken(std::string(at.snapshot->text()), item);
  }
  ADD_FAILURE() << label << " is not offered in " << text;
  return {};
}

const std::string policy = "{" + hosted_definitions;

TEST(Completion, ReplacesExactlyTheTextOfTheLiteral) {
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": ["gro|up:x", "*"]}]})", "group:eng"),
            policy + R"("nodeAttrs": [{"target": ["group:eng", "*"]}]})");
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": ["|"]}]})", "tag:web"),
            policy + R"("nodeAttrs": [{"target": ["tag:web"]}]})");
  EXPECT_EQ(take(policy + "\"nodeAttrs\": [{\"target\": [\"gro|\n]}]}", "group:eng"),
            policy + "\"nodeAttrs\": [{\"target\": [\"group:eng\"\n]}]}");
}

TEST(Completion, BringsQuotesAndCommasThatAreMissing) {
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": [|]}]})", "tag:web"),
            policy + R"("nodeAttrs": [{"target": ["tag:web"]}]})");
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": [ta|]}]})", "tag:web"),
            policy + R"("nodeAttrs": [{"target": ["tag:web"]}]})");
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": [|"*"]}]})", "tag:web"),
            policy + R"("nodeAttrs": [{"target": ["tag:web","*"]}]})");
  EXPECT_EQ(take(policy + R"("nodeAttrs": [{"target": ["*" "|"]}]})", "tag:web"),
            policy + R"("nodeAttrs": [{"target": ["*", "tag:web"]}]})");
  EXPECT_EQ(take("{\"acls\": []\n|\n}", "grants"),
            "{\"acls\": [],\n\"grants\": [\n\t{\"src\": [\"\"], \"dst\": [\"\"], \"ip\": [\"tcp:443\"]},\n]\n}");
  EXPECT_EQ(take("{|\n\"acls\": []}", "disableIPv4"), "{\"disableIPv4\": true,\n\"acls\": []}");
}

TEST(Completion, KeysBringTheirValueUnlessItIsThere) {
  EXPECT_EQ(take(R"({"acls": [{"a|"}]})", "action"), R"({"acls": [{"action": "accept"}]})");
  EXPECT_EQ(take(R"({"acls": [{"a|": "accept"}]})", "action"), R"({"acls": [{"action": "accept"}]})");
  EXPECT_EQ(take(R"({"acls": [{"src|}]})", "src"), R"({"acls": [{"src": [""]}]})");
  EXPECT_EQ(take(R"({"acls": [{|}]})", "src", true), R"({"acls": [{"src": ["$1"]}]})");
}

TEST(Completion, OffersOnlyKeysThatAreNotThereYet) {
  EXPECT_EQ(labels(complete_at(marked(R"({"acls": [{"action": "accept", "SRC": [], "|", "dst": []}]})"))),
            (std::set<std::string>{"proto", "srcPosture"}));
  EXPECT_EQ(labels(complete_at(
                marked(R"({"acls": [{"action": "accept", "SRC": [], "|", "dst": []}]})", policy::Dialect::headscale))),
            (std::set<std::string>{"proto"}));
  // A rule in the old spelling is not mixed with the new one.
  EXPECT_EQ(labels(complete_at(marked(R"({"acls": [{"action": "accept", "users": [], "|"}]})"))),
            (std::set<std::string>{"proto", "srcPosture"}));
  const auto sections = labels(complete_at(marked("{\"groups\": {}, |}")));
  EXPECT_EQ(sections.count("groups"), 0U);
  EXPECT_EQ(sections.count("tagOwners"), 1U);
}

TEST(Completion, PortsComeBehindTheLastColon) {
  const std::string rule = policy + R"("acls": [{"action": "accept", "src": ["*"], "dst": [)";
  EXPECT_EQ(take(rule + R"("|"]}]})", "tag:web"), rule + R"("tag:web:*"]}]})");
  EXPECT_EQ(take(rule + R"("ta|"]}]})", "tag:web", true), rule + R"("tag:web:${1:*}"]}]})");
  EXPECT_EQ(take(rule + R"("ta|:443"]}]})", "tag:web"), rule + R"("tag:web:443"]}]})");
  EXPECT_EQ(take(rule + R"("tag:web:|"]}]})", "443"), rule + R"("tag:web:443"]}]})");
  EXPECT_EQ(take(rule + R"("tag:web:22,4|,80"]}]})", "443"), rule + R"("tag:web:22,443,80"]}]})");
  EXPECT_EQ(take(rule + R"("vault:|"]}]})", "*"), rule + R"("vault:*"]}]})");
  EXPECT_EQ(take(rule + R"("[fd7a::1]:|"]}]})", "22"), rule + R"("[fd7a::1]:22"]}]})");
  EXPECT_EQ(take(rule + R"(tag:web:4|]}]})", "443"), rule + R"("tag:web:443"]}]})");
}

TEST(Completion, WellKnownPortsAreFoundByName) {
  const auto completion = complete_at(marked(policy + R"("acls": [{"src": ["*"], "dst": ["tag:web:htt|"]}]})"));
  const auto https = std::find_if(completion.items.begin(), completion.items.end(),
                                  [](const auto& item) { return item.label == "443"; });
  ASSERT_NE(https, completion.items.end());
  EXPECT_EQ(https->detail, "https");
  EXPECT_EQ(https->filter, "443 https");
}

TEST(Completion, AssertionsAreBuiltFromAttributeOperatorAndValue) {
  const auto in = [](const std::string& text) { return R"({"postures": {"posture:a": [")" + text + R"("]}})"; };
  EXPECT_EQ(take(in("|"), "node:os == 'linux'"), in("node:os == 'linux'"));
  EXPECT_EQ(take(in("node:o|"), "node:tsVersion >= '1.80.0'"), in("node:tsVersion >= '1.80.0'"));
  EXPECT_EQ(take(in("node:os |"), "IN ['linux']"), in("node:os IN ['linux']"));
  EXPECT_EQ(take(in("node:os == |"), "'macos'"), in("node:os == 'macos'"));
  EXPECT_EQ(take(in("node:os IN ['macos', |"), "'linux']"), in("node:os IN ['macos', 'linux']"));
  EXPECT_EQ(take(in("node:os IN ['macos', '|']"), "'linux'"), in("node:os IN ['macos', 'linux']"));
  EXPECT_EQ(take(in("node:tsAutoUpdate != |"), "false"), in("node:tsAutoUpdate != false"));
  EXPECT_TRUE(complete_at(marked(in("node:os IS SET |"))).items.empty());
}

TEST(Completion, NamesThatAreUsedButNotDefinedAreOfferedAsDefinitions) {
  const std::string text =
      R"({"groups": {"|"}, "acls": [{"action": "accept", "src": ["group:ops", "tag:x"], "dst": ["db:22"]}]})";
  EXPECT_EQ(labels(complete_at(marked(text))), (std::set<std::string>{"group:ops", "group:name"}));
  EXPECT_EQ(take(text, "group:ops").substr(0, 30), R"({"groups": {"group:ops": [""]})");
}

TEST(Completion, WorksInTextsThatAreBroken) {
  for (const char* broken : {R"("nodeAttrs": [{"target": ["|)", R"("nodeAttrs": [{"target": ["*", |)",
                             R"("acls": [{"src": [}, "nodeAttrs": [{"target": ["|"]}])"}) {
    EXPECT_EQ(labels(complete_at(marked(policy + broken))).count("group:eng"), 1U) << broken;
  }
}

TEST(Completion, WorksWithoutAnInventory) {
  const auto offered =
      labels(complete_at(marked(policy + R"("grants": [{"src": ["|"]}]})", policy::Dialect::tailscale, nullptr)));
  for (const char* one :
       {"group:eng", "tag:web", "vault", "ana@example.com", "user:*@example.com", "autogroup:member"}) {
    EXPECT_EQ(offered.count(one), 1U) << one;
  }
}

TEST(Completion, FixturesNameWhatTheirPolicyDefines) {
  const MarkedFile of = marked(policy + R"("acls": [{}, {}], "ssh": [{}]}|)");
  const auto in = [&](const std::string& text) {
    return labels(complete_at(marked(text, policy::Dialect::tailscale, small_inventory(), FileKind::fixture), false,
                              of.snapshot.get()));
  };
  const auto from = in(R"({"expect": [{"from": "|"}]})");
  for (const char* one : {"ana-laptop", "group:eng", "tag:web", "ana@example.com", "vault"})
    EXPECT_EQ(from.count(one), 1U) << one;
  EXPECT_EQ(from.count("lan"), 0U);
  EXPECT_EQ(in(R"({"expect": [{"to": "web-1:4|"}]})").count("443"), 1U);
  EXPECT_EQ(in(R"({"expect": [{"ssh": "root@w|"}]})"), (std::set<std::string>{"web-1"}));
  EXPECT_EQ(in(R"({"expect": [{"to": "x", "rule": "|"}]})"), (std::set<std::string>{"acls[0]", "acls[1]"}));
  EXPECT_EQ(in(R"({"expect": [{"ssh": "x", "rule": "|"}]})"), (std::set<std::string>{"ssh[0]"}));
  EXPECT_EQ(in(R"({"expect": [{"to": "x", "verdict": "|"}]})"), (std::set<std::string>{"accept", "deny"}));
  EXPECT_EQ(in(R"({"tests": [{"src": "|"}]})").count("group:eng"), 1U);
}

TEST(Completion, SnippetsWithoutTheirStopsAreTheirDefaults) {
  const MarkedFile at = marked("{|}");
  for (const CompletionItem& item : complete_at(at).items) {
    EXPECT_EQ(item.text.find('$'), std::string::npos) << item.text;
    // A key on its own is at least read without complaints about its structure.
    const auto snapshot =
        make_snapshot("p", 1, FileKind::policy, taken("{}", item), policy::Dialect::tailscale, nullptr);
    for (const Diagnostic& diagnostic : snapshot->diagnostics) {
      EXPECT_FALSE(diagnostic.code >= Code::E0101 && diagnostic.code <= Code::E0203)
          << item.label << ": " << diagnostic.message;
    }
  }
}

// --- nothing that is offered makes a right policy wrong ---

struct Example {
  std::string name, text;
  std::shared_ptr<const InventoryState> inventory;
};

std::vector<Example> examples() {
  std::vector<Example> out;
  for (const char* name : {"homelab", "startup", "company", "plain-wireguard"}) {
    const std::string folder = std::string(ACL_SOURCE_DIR "/examples/policies/") + name;
    const auto policy_text = read_file(folder + "/policy.hujson");
    const auto inventory = read_file(folder + "/inventory.hujson");
    EXPECT_TRUE(policy_text && inventory) << name;
    if (policy_text && inventory) out.push_back({name, *policy_text, inventory_of(*inventory)});
  }
  return out;
}

std::vector<std::string> errors_of(const Example& example, std::string text) {
  std::vector<std::string> out;
  const auto loaded = policy::load_policy("p", std::move(text), policy::Dialect::tailscale, &example.inventory->facts);
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    if (diagnostic.severity == Severity::error) out.push_back(diagnostic.message);
  }
  return out;
}

// Takes items at every string value and at the beginning of every list: of each kind the first `most`.
void try_offers(const Example& example, std::size_t most, std::size_t& tried) {
  ASSERT_TRUE(errors_of(example, example.text).empty()) << example.name;
  const auto snapshot =
      make_snapshot("p", 1, FileKind::policy, example.text, policy::Dialect::tailscale, example.inventory);
  const auto try_at = [&](std::uint32_t offset) {
    const auto completion = complete({*snapshot, known_of(*snapshot, nullptr, nullptr), false, {}}, offset);
    std::map<std::pair<ItemKind, std::string>, std::size_t> of_kind;
    for (const CompletionItem& item : completion.items) {
      if (++of_kind[{item.kind, item.kind == ItemKind::autogroup ? item.label : item.detail.substr(0, 6)}] > most)
        continue;
      const auto errors = errors_of(example, taken(example.text, item));
      ++tried;
      EXPECT_TRUE(errors.empty()) << example.name << " at " << offset << ": " << item.label << ": " << errors[0];
    }
  };
  const hujson::Tree& tree = snapshot->file->tree;
  for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
    const hujson::Value value(tree, i);
    if (value.is(hujson::Kind::string)) {
      // Names are tried as keys elsewhere: another key in place of one takes its meaning away.
      if (cursor_at(example.text, value.node().begin + 1).at == At::name) continue;
      try_at(value.node().begin + 1);
    } else if (value.is(hujson::Kind::array) && !value.empty() && (*value.begin()).is(hujson::Kind::string)) {
      try_at(value.node().begin + 1);
    }
  }
}

TEST(CompletionOffers, MakeNoPolicyWrongThatWasRight) {
  std::size_t tried = 0;
  for (const Example& example : examples()) try_offers(example, 1, tried);
  EXPECT_GT(tried, 1000U);
}

TEST(CompletionOffersLong, MakeNoPolicyWrongThatWasRight) {
  std::size_t tried = 0;
  for (const Example& example : examples()) try_offers(example, 1000, tried);
  EXPECT_GT(tried, 10000U);
}

TEST(CompletionOffers, AtEveryByteOfEveryExampleAreInsideTheText) {
  for (const Example& example : examples()) {
    const auto snapshot =
        make_snapshot("p", 1, FileKind::policy, example.text, policy::Dialect::tailscale, example.inventory);
    for (std::uint32_t offset = 0; offset <= example.text.size(); offset += 3) {
      for (const CompletionItem& item :
           complete({*snapshot, known_of(*snapshot, nullptr, nullptr), true, {}}, offset).items) {
        ASSERT_LE(item.replace.begin, offset);
        ASSERT_GE(item.replace.end, offset);
        ASSERT_LE(item.replace.end, example.text.size());
        const std::string_view replaced =
            std::string_view(example.text).substr(item.replace.begin, item.replace.end - item.replace.begin);
        ASSERT_EQ(replaced.find('\n'), std::string_view::npos) << item.label;
      }
    }
  }
}

}  // namespace
}  // namespace acl::lsp
