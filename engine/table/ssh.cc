#include "engine/table/ssh.h"

#include <fmt/format.h>

#include "engine/table/decide.h"
#include "engine/table/part.h"

namespace acl::table {
namespace {

Expected<void> check_rules(const PartReader& part, const acl_ssh& ssh, std::span<const std::uint32_t> words,
                           std::span<const std::uint8_t> heap) {
  const auto rules = part.section<acl_ssh_rule>("rules", ssh.rule_line, ssh.rules);
  if (!rules) return tl::unexpected(rules.error());
  const auto all_texts = [&](std::uint32_t first, std::uint32_t count) {
    if (std::uint64_t{first} + count > words.size()) return false;
    for (const std::uint32_t word : words.subspan(first, count)) {
      if (word == 0 || !PartReader::is_text(heap, word)) return false;
    }
    return true;
  };
  // Linear: the lists of rules may overlap in the words, but all of them together may not be longer than the words.
  std::uint64_t listed = 0;
  for (const acl_ssh_rule& rule : *rules) {
    if (rule.action != acl_ssh_accept && rule.action != acl_ssh_check)
      return bad_part("ssh", fmt::format("the action \"{}\" of a rule is neither accept nor check", rule.action));
    if (rule.flags >= acl_ssh_is_recorder * 2 || rule.reserved != 0)
      return bad_part("ssh", "a reserved bit of a rule is set");
    listed += std::uint64_t{rule.accounts} + rule.patterns + rule.recorders;
    if (listed > words.size()) return bad_part("ssh", "its rules list more texts than there are");
    if (!all_texts(rule.first_account, rule.accounts) || !all_texts(rule.first_pattern, rule.patterns) ||
        !all_texts(rule.first_recorder, rule.recorders))
      return bad_part("ssh", "a text of a rule is not in the part");
  }
  return {};
}

Expected<void> check_classes(const PartReader& part, const acl_ssh& ssh, std::span<const std::uint32_t> words,
                             std::span<const std::uint8_t> heap) {
  const auto classes = part.section<acl_ssh_class>("classes", ssh.class_line, ssh.part.source_classes);
  if (!classes) return tl::unexpected(classes.error());
  std::uint64_t listed = 0;
  for (const acl_ssh_class& one : *classes) {
    if (!PartReader::is_text(heap, one.own_name)) return bad_part("ssh", "the name of a class is not in the part");
    listed += one.count;
    if (listed > words.size() || std::uint64_t{one.first} + one.count > words.size())
      return bad_part("ssh", "the rules of a class are not in the part");
    for (const std::uint32_t word : words.subspan(one.first, one.count)) {
      if ((word & ~acl_own_name_bit) >= ssh.rules)
        return bad_part("ssh",
                        fmt::format("the rule \"{}\" of a class is not below {}", word & ~acl_own_name_bit, ssh.rules));
    }
  }
  return {};
}

}  // namespace

Expected<Ssh> Ssh::open(std::span<const std::uint8_t> bytes) {
  const auto part = PartReader::open(bytes, acl_kind_ssh, sizeof(acl_ssh));
  if (!part) return tl::unexpected(part.error());
  const acl_ssh& ssh = part->header<acl_ssh>();
  for (const std::uint32_t word : ssh.reserved) {
    if (word != 0) return bad_part("ssh", "a reserved byte is set");
  }
  if (ssh.reserved2 != 0 || ssh.reserved3 != 0) return bad_part("ssh", "a reserved byte is set");
  if (auto ok = part->check(ssh.sources, ssh.part.source_classes); !ok) return tl::unexpected(ok.error());
  const auto words = part->section<std::uint32_t>("words", ssh.word_line, ssh.words);
  if (!words) return tl::unexpected(words.error());
  const auto heap = part->section<std::uint8_t>("texts", ssh.text_line, ssh.text_bytes);
  if (!heap) return tl::unexpected(heap.error());
  if (auto ok = check_rules(*part, ssh, *words, *heap); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_classes(*part, ssh, *words, *heap); !ok) return tl::unexpected(ok.error());
  return Ssh(bytes);
}

std::string_view Ssh::text(std::uint32_t reference) const noexcept {
  return PartReader::text({at<std::uint8_t>(header().text_line, 0), header().text_bytes}, reference);
}

std::vector<std::string_view> Ssh::texts(std::uint32_t first, std::uint32_t count) const {
  std::vector<std::string_view> out;
  out.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(text(*at<std::uint32_t>(header().word_line, first + i)));
  return out;
}

Ssh::Rule Ssh::rule(std::uint32_t number) const {
  const acl_ssh_rule& rule = *at<acl_ssh_rule>(header().rule_line, number);
  return {rule.action == acl_ssh_check ? LoginAction::check : LoginAction::accept,
          rule.flags,
          rule.check_period,
          texts(rule.first_account, rule.accounts),
          texts(rule.first_pattern, rule.patterns),
          texts(rule.first_recorder, rule.recorders)};
}

std::string_view Ssh::own_name(std::uint32_t source_class) const noexcept {
  return text(at<acl_ssh_class>(header().class_line, source_class - 1)->own_name);
}

std::vector<Ssh::ClassRule> Ssh::rules_of(std::uint32_t source_class) const {
  const acl_ssh_class& one = *at<acl_ssh_class>(header().class_line, source_class - 1);
  std::vector<ClassRule> out;
  for (std::uint32_t i = 0; i < one.count; ++i) {
    const std::uint32_t word = *at<std::uint32_t>(header().word_line, one.first + i);
    out.push_back({word & ~acl_own_name_bit, (word & acl_own_name_bit) != 0});
  }
  return out;
}

std::uint32_t Ssh::source_class(const net::Address& address) const noexcept {
  const acl_table table{bytes_.data()};
  const acl_classifier& c = header().sources;
  return address.is_v4() ? acl_class_v4(&table, &c, static_cast<std::uint32_t>(address.low()))
                         : acl_class_v6(&table, &c, address.high(), address.low());
}

// Whether the rule gives the source the requested account.
bool Ssh::gives(const acl_ssh_rule& rule, bool own, std::string_view own_name,
                const LoginQuestion& question) const noexcept {
  if (own && question.requested == own_name) return true;
  if (question.requested == "root") return (rule.flags & acl_ssh_root) != 0;
  for (std::uint32_t i = 0; i < rule.accounts; ++i) {
    if (text(*at<std::uint32_t>(header().word_line, rule.first_account + i)) == question.requested) return true;
  }
  return (rule.flags & acl_ssh_nonroot) != 0 && question.account_exists && !question.account_is_root;
}

LoginDecision Ssh::decide(const LoginQuestion& question) const {
  LoginDecision out;
  const std::uint32_t source = source_class(question.source);
  if (source == 0 || question.requested.empty()) return out;
  const acl_ssh_class& one = *at<acl_ssh_class>(header().class_line, source - 1);
  const std::string_view own_name = text(one.own_name);
  out.known_source = one.count != 0;
  for (std::uint32_t i = 0; i < one.count; ++i) {
    const std::uint32_t word = *at<std::uint32_t>(header().word_line, one.first + i);
    const std::uint32_t number = word & ~acl_own_name_bit;
    const acl_ssh_rule& rule = *at<acl_ssh_rule>(header().rule_line, number);
    if (!gives(rule, (word & acl_own_name_bit) != 0, own_name, question)) continue;
    out.action = rule.action == acl_ssh_check ? LoginAction::check : LoginAction::accept;
    out.account = question.requested;
    out.rule = number;
    out.check_period = rule.check_period;
    out.agent_forwarding = (rule.flags & acl_ssh_agent_forwarding) != 0;
    out.local_forwarding = (rule.flags & acl_ssh_local_forwarding) != 0;
    out.remote_forwarding = (rule.flags & acl_ssh_remote_forwarding) != 0;
    out.enforce_recorder = (rule.flags & acl_ssh_enforce_recorder) != 0;
    out.is_recorder = (rule.flags & acl_ssh_is_recorder) != 0;
    out.environment = texts(rule.first_pattern, rule.patterns);
    out.recorders = texts(rule.first_recorder, rule.recorders);
    return out;
  }
  return out;
}

}  // namespace acl::table
