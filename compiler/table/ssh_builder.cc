#include "compiler/table/ssh_builder.h"

#include <algorithm>
#include <map>

#include "compiler/table/part_writer.h"

namespace acl::tables {

using resolve::none;
using resolve::Resolved;
using resolve::SshRule;

namespace {

class SshBuilder {
 public:
  SshBuilder(const Resolved& resolved, const Addresses& addresses, std::span<const LoginRule> rules)
      : resolved_(resolved), addresses_(addresses), rules_(rules) {}

  Expected<SshPart> run(Classifier& classifier) {
    find_people();
    std::vector<Column> columns;
    for (const LoginRule& rule : rules_) columns.push_back({rule.sources, nullptr});
    for (const auto& [person, devices] : people_) columns.push_back({devices, nullptr});
    const auto classes = classifier.run(columns);
    if (!classes) return tl::unexpected(classes.error());
    for (const LoginRule& rule : rules_) add_rule(rule);
    for (const std::vector<ColumnId>& set : classes->columns) add_class(set);
    return write(*classes);
  }

 private:
  // Whoever gets an account of their own name by some rule, with their devices among its sources.
  void find_people() {
    for (const LoginRule& login : rules_) {
      const SshRule& rule = resolved_.ssh[login.rule];
      if (rule.localpart_domains.empty()) continue;
      for (const NodeId source : login.sources) {
        const inventory::Node& device = resolved_.inventory->nodes[source];
        if (!device.tags.empty() || !resolve::localpart_fits(resolved_, rule, device.user)) continue;
        people_[device.user].push_back(source);
      }
    }
    for (auto& [person, devices] : people_) {
      std::sort(devices.begin(), devices.end());
      devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    }
  }

  template <class Texts, class F>
  std::pair<std::uint32_t, std::uint32_t> list(const Texts& texts, F text_of) {
    const auto first = static_cast<std::uint32_t>(words_.size());
    for (const auto& one : texts) words_.push_back(heap_.add(text_of(one)));
    return {first, static_cast<std::uint32_t>(texts.size())};
  }

  void add_rule(const LoginRule& login) {
    const SshRule& rule = resolved_.ssh[login.rule];
    const policy::SshRule& origin = resolved_.file->policy.ssh[rule.index];
    acl_ssh_rule out{};
    out.action = static_cast<acl_u8>(rule.check ? acl_ssh_check : acl_ssh_accept);
    // Forwarding as on the wire: https://tailscale.com/docs/features/tailscale-ssh has no switch for it in the policy.
    std::uint32_t flags = acl_ssh_agent_forwarding | acl_ssh_local_forwarding | acl_ssh_remote_forwarding;
    if (rule.root) flags |= acl_ssh_root;
    if (rule.nonroot) flags |= acl_ssh_nonroot;
    if (origin.enforce_recorder) flags |= acl_ssh_enforce_recorder;
    if (login.is_recorder) flags |= acl_ssh_is_recorder;
    out.flags = static_cast<acl_u8>(flags);
    out.check_period = rule.check ? check_period(origin) : 0;
    std::vector<std::string_view> accounts = rule.accounts;
    std::sort(accounts.begin(), accounts.end());
    accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
    std::tie(out.first_account, out.accounts) = list(accounts, [](std::string_view text) { return text; });
    std::tie(out.first_pattern, out.patterns) =
        list(origin.accept_env, [](const policy::Text& text) { return text.value; });
    std::tie(out.first_recorder, out.recorders) =
        list(origin.recorder, [](const policy::Selector& selector) { return selector.text; });
    ssh_rules_.push_back(out);
    origins_.push_back({resolve::Section::ssh, rule.index});
  }

  void add_class(const std::vector<ColumnId>& set) {
    std::uint32_t person = none;
    for (const ColumnId column : set) {
      if (column >= rules_.size())
        person = std::next(people_.begin(), column - static_cast<std::ptrdiff_t>(rules_.size()))->first;
    }
    acl_ssh_class out{};
    if (person != none) {
      const std::string& login = resolved_.inventory->users[person].login;
      out.own_name = heap_.add(std::string_view(login).substr(0, login.rfind('@')));
    }
    out.first = static_cast<acl_u32>(words_.size());
    for (const ColumnId column : set) {
      if (column >= rules_.size()) continue;
      const bool own = resolve::localpart_fits(resolved_, resolved_.ssh[rules_[column].rule], person);
      words_.push_back(column | (own ? acl_own_name_bit : 0));
      ++out.count;
    }
    ssh_classes_.push_back(out);
  }

  SshPart write(const Classes& classes) {
    PartWriter writer(sizeof(acl_ssh));
    acl_ssh ssh{};
    ssh.part = part_header(acl_kind_ssh, classes.columns.size());
    ssh.rules = static_cast<acl_u32>(ssh_rules_.size());
    ssh.sources = writer.classifier(classes, addresses_);
    ssh.class_line = writer.section<acl_ssh_class>(ssh_classes_);
    ssh.rule_line = writer.section<acl_ssh_rule>(ssh_rules_);
    ssh.words = static_cast<acl_u32>(words_.size());
    ssh.word_line = writer.section<std::uint32_t>(words_);
    ssh.text_bytes = static_cast<acl_u32>(heap_.bytes().size());
    ssh.text_line = writer.section<std::uint8_t>(heap_.bytes());
    return {writer.finish(ssh), std::move(origins_)};
  }

  const Resolved& resolved_;
  const Addresses& addresses_;
  std::span<const LoginRule> rules_;
  std::map<std::uint32_t, std::vector<NodeId>> people_;
  TextHeap heap_;
  std::vector<std::uint32_t> words_;
  std::vector<acl_ssh_rule> ssh_rules_;
  std::vector<acl_ssh_class> ssh_classes_;
  std::vector<resolve::Origin> origins_;
};

}  // namespace

std::uint32_t check_period(const policy::SshRule& rule) {
  constexpr std::uint32_t twelve_hours = 12 * 3600;
  if (rule.check_period && rule.check_period->value == "always") return acl_ssh_always;
  if (!rule.check_duration) return twelve_hours;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*rule.check_duration).count();
  return static_cast<std::uint32_t>(seconds);
}

Expected<SshPart> build_ssh(const Resolved& resolved, const Addresses& addresses, std::span<const LoginRule> rules,
                            Classifier& classifier) {
  return SshBuilder(resolved, addresses, rules).run(classifier);
}

}  // namespace acl::tables
