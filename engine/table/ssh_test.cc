// The ssh part: who may log in as whom, in which order, on which terms; and which bytes are refused.
#include "engine/table/ssh.h"

#include <rapidcheck.h>

#include "engine/table/testing.h"

namespace acl::table {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Sources as in testing.h. Rules: 0 check, root and nobody else, each hour; 1 accept, every account but root; 2 accept, "ubuntu",
// "web", with environment and recorder; 3 accept, one's own name. Class 1 has 0, 1 and 3 and is "ana", class 2 has 2, class 3
// has 3, of nobody.
struct SshBytes {
  SshBytes() {
    heap = {0, 0};
    Lines lines(sizeof(acl_ssh));
    header.sources = add_sources(lines);
    const acl_u32 ana = text("ana"), ubuntu = text("ubuntu"), web = text("web"), pattern = text("GIT_*"),
                  recorder = text("tag:rec");
    const std::vector<acl_u32> words = {0, 1, 3 | acl_own_name_bit, 2, 3, ubuntu, web, pattern, recorder};
    header.class_line = lines.add<acl_ssh_class>({{ana, 0, 3}, {0, 3, 1}, {0, 4, 1}});
    acl_ssh_rule root{}, nonroot{}, named{}, own{};
    root.action = acl_ssh_check;
    root.flags = acl_ssh_root;
    root.check_period = 3600;
    nonroot.action = named.action = own.action = acl_ssh_accept;
    nonroot.flags = acl_ssh_nonroot | acl_ssh_agent_forwarding | acl_ssh_remote_forwarding;
    named.flags = acl_ssh_local_forwarding | acl_ssh_enforce_recorder;
    named.first_account = 5;
    named.accounts = 2;
    named.first_pattern = 7;
    named.patterns = 1;
    named.first_recorder = 8;
    named.recorders = 1;
    header.rules = 4;
    header.rule_line = lines.add<acl_ssh_rule>({root, nonroot, named, own});
    header.words = static_cast<acl_u32>(words.size());
    header.word_line = lines.add(words);
    header.text_bytes = static_cast<acl_u32>(heap.size());
    header.text_line = lines.add(heap);
    bytes = lines.finish(header, acl_kind_ssh, 3);
  }
  acl_u32 text(const std::string& text) {
    const auto place = static_cast<acl_u32>(heap.size());
    heap.push_back(static_cast<std::uint8_t>(text.size()));
    heap.push_back(0);
    heap.insert(heap.end(), text.begin(), text.end());
    return place;
  }
  acl_ssh header{};
  Bytes heap, bytes;
};

class SshPart : public testing::Test {
 protected:
  [[nodiscard]] LoginDecision ask(const char* source, std::string_view name, bool exists = true,
                                  bool root = false) const {
    return ssh_.decide({at(source), name, exists, root});
  }
  SshBytes made_;
  Ssh ssh_ = *Ssh::open(made_.bytes);
};

constexpr const char* ana = "100.64.0.1";
constexpr const char* machine = "fd7a::1";
constexpr const char* nobody = "10.2.3.4";

TEST_F(SshPart, TheFirstRuleThatGivesTheAccountDecides) {
  const LoginDecision root = ask(ana, "root");
  EXPECT_EQ(root.action, LoginAction::check);
  EXPECT_EQ(root.rule, 0U);
  EXPECT_EQ(root.check_period, 3600U);
  const LoginDecision other = ask(ana, "ubuntu");
  EXPECT_EQ(other.action, LoginAction::accept);
  EXPECT_EQ(other.rule, 1U);
  EXPECT_EQ(other.account, "ubuntu");
  EXPECT_EQ(ask(ana, "ana").rule, 1U);  // by every account but root, which is asked before her own name
}

TEST_F(SshPart, EveryAccountButRootIsNotForOnesThatAreMissing) {
  EXPECT_EQ(ask(ana, "ubuntu", false).action, LoginAction::deny);
  EXPECT_EQ(ask(ana, "ana", false).rule, 3U);  // named: whether it exists is asked by whoever opens it
}

TEST_F(SshPart, AnAccountOfUserId0IsRootWhateverItsName) {
  EXPECT_EQ(ask(ana, "toor", true, true).action, LoginAction::deny);
  EXPECT_EQ(ask(ana, "root", true, true).action, LoginAction::check);
  EXPECT_EQ(ask(machine, "ubuntu", true, true).action, LoginAction::accept);  // named
}

TEST_F(SshPart, NamedAccountsAreTheseAlone) {
  for (const char* name : {"ubuntu", "web"}) EXPECT_EQ(ask(machine, name).rule, 2U) << name;
  for (const char* name : {"root", "we", "webb", "UBUNTU", "", "ana"})
    EXPECT_EQ(ask(machine, name).action, LoginAction::deny) << name;
}

TEST_F(SshPart, TheAccountOfOnesOwnNameIsForThePersonAlone) {
  EXPECT_EQ(ask(ana, "ana", false).action, LoginAction::accept);
  EXPECT_EQ(ask(nobody, "ana").action, LoginAction::deny);
  EXPECT_EQ(ask(nobody, "").action, LoginAction::deny);
}

TEST_F(SshPart, ADenialTellsWhetherTheSourceIsKnown) {
  EXPECT_TRUE(ask(machine, "root").known_source);
  EXPECT_TRUE(ask(nobody, "root").known_source);
  EXPECT_FALSE(ask("8.8.8.8", "root").known_source);
}

TEST_F(SshPart, TheTermsAreThoseOfTheRule) {
  const LoginDecision named = ask(machine, "web");
  EXPECT_THAT(named.environment, ElementsAre("GIT_*"));
  EXPECT_THAT(named.recorders, ElementsAre("tag:rec"));
  EXPECT_TRUE(named.enforce_recorder && named.local_forwarding);
  EXPECT_FALSE(named.agent_forwarding || named.remote_forwarding);
  const LoginDecision nonroot = ask(ana, "ubuntu");
  EXPECT_TRUE(nonroot.agent_forwarding && nonroot.remote_forwarding);
  EXPECT_FALSE(nonroot.enforce_recorder || nonroot.local_forwarding);
  EXPECT_THAT(nonroot.environment, IsEmpty());
}

TEST_F(SshPart, ListsWhatItHolds) {
  EXPECT_EQ(ssh_.rules(), 4U);
  EXPECT_EQ(ssh_.classes(), 3U);
  EXPECT_EQ(ssh_.own_name(1), "ana");
  EXPECT_EQ(ssh_.own_name(2), "");
  ASSERT_EQ(ssh_.rules_of(1).size(), 3U);
  EXPECT_EQ(ssh_.rules_of(1)[2].rule, 3U);
  EXPECT_TRUE(ssh_.rules_of(1)[2].own_name);
  EXPECT_THAT(ssh_.rule(2).accounts, ElementsAre("ubuntu", "web"));
}

TEST_F(SshPart, IsRefusedWithWordsForEachFault) {
  const auto header = [&](auto change) { return edited<acl_ssh>(made_.bytes, change); };
  for (int i = 0; i < 5; ++i)
    expect_refused<Ssh>(header([i](acl_ssh& h) { h.reserved[i] = 1; }), "a reserved byte is set");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.reserved2 = 1; }), "a reserved byte is set");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.reserved3 = 1; }), "a reserved byte is set");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.sources.reserved = 9; }),
                      "the ssh part of the table cannot be used: a reserved byte is set");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.words += 100; }), "its words (line");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.text_bytes += 100; }), "its texts (line");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.rules = 100; }), "its rules (line");
  expect_refused<Ssh>(header([](acl_ssh& h) { h.class_line = h.part.lines; }), "its classes (line");
  const auto rule = [&](auto change) {
    Bytes bytes = made_.bytes;
    change(at_line<acl_ssh_rule>(bytes, made_.header.rule_line)[2]);
    return bytes;
  };
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.action = 0; }),
                      "the action \"0\" of a rule is neither accept nor check");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.action = 3; }),
                      "the action \"3\" of a rule is neither accept nor check");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.flags |= 128; }), "a reserved bit of a rule is set");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.reserved = 1; }), "a reserved bit of a rule is set");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.accounts = 10; }), "its rules list more texts than there are");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.first_account = 8; }), "a text of a rule is not in the part");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.first_pattern = 0xffffffff; }),
                      "a text of a rule is not in the part");
  expect_refused<Ssh>(rule([](acl_ssh_rule& r) { r.first_recorder = 0; }),
                      "a text of a rule is not in the part");  // word 0 is 0: no text
  const auto class_of = [&](auto change) {
    Bytes bytes = made_.bytes;
    change(at_line<acl_ssh_class>(bytes, made_.header.class_line)[0]);
    return bytes;
  };
  expect_refused<Ssh>(class_of([](acl_ssh_class& c) { c.own_name = 1000; }), "the name of a class is not in the part");
  expect_refused<Ssh>(class_of([](acl_ssh_class& c) { c.count = 10; }), "the rules of a class are not in the part");
  expect_refused<Ssh>(class_of([](acl_ssh_class& c) { c.first = 8; }), "the rules of a class are not in the part");
  expect_refused<Ssh>(class_of([](acl_ssh_class& c) { c.first = 3; }), "of a class is not below 4");
}

TEST_F(SshPart, LookupsStayInsideForAnyBytesThatOpen) {
  rc::check([&](const std::vector<std::pair<std::uint16_t, std::uint8_t>>& changes) {
    Bytes bytes = made_.bytes;
    for (const auto& [place, value] : changes) bytes[std::size_t{place} % bytes.size()] = value;
    const auto ssh = Ssh::open(bytes);
    if (!ssh) return;
    for (const char* source : {ana, machine, nobody, "10.0.0.7", "::"}) {
      for (const char* name : {"root", "ubuntu", "ana"}) {
        const LoginDecision decision = ssh->decide({at(source), name, true, false});
        RC_ASSERT(decision.action == LoginAction::deny || (decision.rule < ssh->rules() && decision.account == name));
      }
    }
  });
}

}  // namespace
}  // namespace acl::table
