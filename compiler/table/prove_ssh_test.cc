// The proof finds every fault in an ssh part.
#include "compiler/table/prove.h"

#include <gtest/gtest.h>

#include "compiler/table/faults.h"
#include "engine/table/ssh.h"
#include "tests/generate/tailnet.h"

namespace acl::tables {
namespace {

using net::Address;

template <class F>
Fault change_login_rule(F change) {
  return [change](Part& part, Random& random) {
    const acl_ssh header = header_of<acl_ssh>(part);
    if (header.rules == 0) return false;
    return change(section<acl_ssh_rule>(part.bytes, header.rule_line)[below(random, header.rules)], random);
  };
}

std::map<std::string, Fault> ssh_faults() {
  std::map<std::string, Fault> faults;
  add_classifier_faults(faults, {[](const Part& part) { return header_of<acl_ssh>(part).sources; },
                                 [](const Part& part) { return header_of<acl_ssh>(part).part.source_classes; }});
  faults.erase("a source interval moved");  // logins have none
  faults.erase("a source interval's class");
  faults["another action"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    rule.action = static_cast<acl_u8>(acl_ssh_accept + acl_ssh_check - rule.action);
    return true;
  });
  faults["another flag"] = change_login_rule([](acl_ssh_rule& rule, Random& random) {
    rule.flags = static_cast<acl_u8>(rule.flags ^ (1U << below(random, 6)));
    return true;
  });
  faults["another check period"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    ++rule.check_period;
    return true;
  });
  faults["an account less"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    if (rule.accounts == 0) return false;
    --rule.accounts;
    return true;
  });
  faults["an environment pattern less"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    if (rule.patterns == 0) return false;
    --rule.patterns;
    return true;
  });
  faults["a letter of a text"] = [](Part& part, Random& random) {
    const acl_ssh header = header_of<acl_ssh>(part);
    if (header.text_bytes <= 4) return false;
    section<std::uint8_t>(part.bytes, header.text_line)[4 + below(random, header.text_bytes - 4)] ^= 1;
    return true;
  };
  faults["a word"] = [](Part& part, Random& random) {
    const acl_ssh header = header_of<acl_ssh>(part);
    if (header.words == 0) return false;
    auto* words = section<std::uint32_t>(part.bytes, header.word_line);
    std::uint32_t& word = words[below(random, header.words)];
    return std::exchange(word, words[below(random, header.words)]) != word;
  };
  faults["an account of one's own name, given or taken"] = [](Part& part, Random& random) {
    const acl_ssh header = header_of<acl_ssh>(part);
    if (header.part.source_classes == 0) return false;
    const acl_ssh_class& one =
        section<acl_ssh_class>(part.bytes, header.class_line)[below(random, header.part.source_classes)];
    if (one.count == 0) return false;
    section<std::uint32_t>(part.bytes, header.word_line)[one.first + below(random, one.count)] ^= acl_own_name_bit;
    return true;
  };
  faults["two classes swapped"] = [](Part& part, Random& random) {
    const acl_ssh header = header_of<acl_ssh>(part);
    if (header.part.source_classes < 2) return false;
    auto* classes = section<acl_ssh_class>(part.bytes, header.class_line);
    const std::size_t a = below(random, header.part.source_classes);
    std::swap(classes[a], classes[(a + 1) % header.part.source_classes]);
    return true;
  };
  faults["a rule stands for another"] = [](Part& part, Random& random) {
    if (part.rules.empty()) return false;
    part.rules[below(random, part.rules.size())].index += 1;
    return true;
  };
  return faults;
}

// Everything that a part can be asked by a name: those that it holds, root, and others.
std::set<std::string> names_in(const table::Ssh& ssh) {
  std::set<std::string> out = {"root", "nobody", "ubuntu"};
  for (std::uint32_t i = 0; i < ssh.rules(); ++i) {
    for (const std::string_view account : ssh.rule(i).accounts) out.emplace(account);
  }
  for (std::uint32_t i = 1; i <= ssh.classes(); ++i) out.emplace(ssh.own_name(i));
  return out;
}

bool same_logins(const Part& a, const Part& b) {
  const auto left = table::Ssh::open(a.bytes), right = table::Ssh::open(b.bytes);
  std::set<Address> sources;
  add_interesting(a.bytes, left->header().sources, sources);
  add_interesting(b.bytes, right->header().sources, sources);
  std::set<std::string> names = names_in(*left);
  names.merge(names_in(*right));
  for (const Address& source : sources) {
    for (const std::string& name : names) {
      for (const auto& [exists, root] : {std::pair{true, false}, {true, true}, {false, false}}) {
        const auto x = left->decide({source, name, exists, root}), y = right->decide({source, name, exists, root});
        if (x.action != y.action) return false;
        if (x.action == table::LoginAction::deny) continue;
        if (!(a.rules.at(x.rule) == b.rules.at(y.rule)) || x.check_period != y.check_period ||
            x.agent_forwarding != y.agent_forwarding || x.local_forwarding != y.local_forwarding ||
            x.remote_forwarding != y.remote_forwarding || x.enforce_recorder != y.enforce_recorder ||
            x.is_recorder != y.is_recorder || x.environment != y.environment || x.recorders != y.recorders)
          return false;
      }
    }
  }
  return true;
}

TEST(Proof, FindsEveryFaultInAnSshPart) {
  Fates fates;
  Random random(2);
  const auto faults = ssh_faults();
  each_node(1000, generate::random_texts, [&](const Setting& setting, const Prover& prover, NodeId node) {
    auto built = setting.ssh(node);
    ASSERT_TRUE(built);
    if (built->rules.empty()) return;
    const Part whole{built->bytes, {}, built->rules};
    const Judge judge{[&](const Part& part) { return prover.ssh(node, part.bytes, part.rules); }, same_logins,
                      [](const Part& part) { return table::Ssh::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 3, random, fates);
  });
  expect_found(fates, 20);
}

}  // namespace
}  // namespace acl::tables
