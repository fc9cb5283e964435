#include "lsp/server/hover.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/policy/decode.h"
#include "compiler/policy/language.h"
#include "compiler/questions/names.h"
#include "compiler/resolve/posture.h"
#include "lsp/server/cursor.h"
#include "lsp/server/known_ports.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Value;
using policy::Meaning;
using policy::Shape;

namespace {

// What the tree has at a place.
struct Found {
  Value value;
  At at = At::value;       // name: `value` is a member's name
  std::vector<Step> path;  // to it
};

bool around(const Value& value, std::uint32_t offset) noexcept {
  return value.node().begin <= offset && offset <= value.node().end;
}

std::optional<Found> find(const hujson::Tree& tree, std::uint32_t offset) {
  if (tree.nodes.empty() || !around(tree.root(), offset)) return std::nullopt;
  Found found{tree.root(), At::value, {}};
  for (;;) {
    const bool object = found.value.is(Kind::object);
    if (!object && !found.value.is(Kind::array)) return found;
    std::optional<Value> inside;
    Step step{object, {}, 0};
    for (auto it = found.value.begin(); it != found.value.end(); ++it) {
      const Value first = *it;
      if (object) {
        ++it;
        if (!(it != found.value.end())) break;
        if (around(first, offset) || around(*it, offset)) step.key = first.string();
        if (around(first, offset)) {
          found.path.push_back(std::move(step));
          return Found{first, At::name, std::move(found.path)};
        }
      }
      if (around(*it, offset)) {
        inside = *it;
        break;
      }
      ++step.index;
    }
    if (!inside) return found;
    if (object) step.index = 0;
    found.path.push_back(std::move(step));
    found.value = *inside;
  }
}

std::string about_word(Meaning meaning, std::string_view text) {
  for (const policy::Word& word : policy::words_of(meaning)) {
    if (policy::equal_ignoring_case(word.text, text)) return std::string(word.about);
  }
  return {};
}

class Hoverer {
 public:
  Hoverer(const Snapshot& of, const Known& with, Found place) : file_(of), known_(with), found_(std::move(place)) {
    const policy::Type& root = of.kind == FileKind::fixture ? policy::fixture_type() : policy::policy_type();
    typed_ = type_at(root, found_.path, found_.at);
  }

  std::string say() {
    if (found_.at == At::name) return name();
    if (!found_.value.is(Kind::string)) return composite();
    if (typed_.type == nullptr || typed_.type->shape == Shape::scalar) return {};
    return text(typed_.type->meaning, found_.value.string());
  }

 private:
  [[nodiscard]] std::string section() const { return found_.path.empty() ? "" : found_.path[0].key; }

  // The sentence of the entry the place is in.
  [[nodiscard]] std::string sentence() const {
    if (found_.path.size() < 2 || found_.path[1].in_object) return {};
    const std::size_t index = found_.path[1].index;
    const std::string said = rule_sentence(known_, *file_.file, section(), index);
    if (said.empty()) return {};
    std::string out = fmt::format("**{}[{}]** {}", markdown_text(section()), index, said);
    return out + outcome_of_entry(index);
  }

  std::string field(const policy::Field& field) const {
    std::string out = fmt::format("**{}**", field.name);
    if (field.required) out += " · required";
    if (!policy::in_dialect(field, known_.dialect)) {
      out += known_.dialect == policy::Dialect::headscale ? " · not known to Headscale"
                                                          : " · not known to the hosted service";
    }
    out += "\n\n" + std::string(field.about);
    if (!field.modern.empty()) out += fmt::format(" Write `{}`.", field.modern);
    return out;
  }

  std::string name() {
    if (typed_.type == nullptr) return {};
    const std::string key = found_.value.string();
    if (typed_.type->shape == Shape::record) {
      const policy::Field* known_field = policy::find_field(*typed_.type, key);
      if (known_field == nullptr) return {};
      const std::string rule = found_.path.size() == 3 ? sentence() : "";
      return (rule.empty() ? "" : rule + "\n\n---\n\n") + field(*known_field);
    }
    switch (typed_.type->meaning) {
      case Meaning::group_name:
      case Meaning::ipset_name: return selector(key);
      case Meaning::host_name: return about_selector(known_, host(key));
      case Meaning::tag_name: return selector(policy::lower_case(key));
      case Meaning::posture_name: return posture(key);
      case Meaning::attribute_name: return attribute(key);
      case Meaning::capability: return capability(key);
      case Meaning::route:
      case Meaning::service_name: return selector(key);
      default: return {};
    }
  }

  // Between the values of an object or array: the entry, or the field whose value it is.
  std::string composite() {
    const std::string rule = sentence();
    if (!rule.empty()) return rule;
    return typed_.field != nullptr && found_.path.size() == 1 ? field(*typed_.field) : std::string();
  }

  [[nodiscard]] std::string selector(std::string_view written) const {
    return about_selector(known_, policy::parse_selector(written, {}));
  }

  static policy::Selector host(std::string_view name) {
    policy::Selector selector = policy::parse_selector(name, {});
    selector.kind = policy::SelectorKind::host;
    return selector;
  }

  [[nodiscard]] std::string target(const std::string& written) const {
    policy::Target target;
    const auto list = policy::read_target({written, {}}, target);
    if (target.selector.kind == policy::SelectorKind::tag) target.selector.text = written;  // shown as written
    const std::size_t colon = written.rfind(':');
    policy::Selector shown = policy::parse_selector(std::string_view(written).substr(0, colon), {});
    if (target.selector.kind == policy::SelectorKind::address || target.selector.kind == policy::SelectorKind::prefix) {
      shown = target.selector;
    }
    std::string out = about_selector(known_, shown);
    if (!list) return out;
    std::vector<std::string> items;
    for (const policy::PortRange& range : list->ranges) items.push_back(port(range));
    return out + "\n\nPorts: " + listed(items) + ".";
  }

  static std::string port(const policy::PortRange& range) {
    if (range.is_all()) return "all";
    if (range.first != range.last) return fmt::format("{}–{}", range.first, range.last);
    const std::string_view known_name = port_name(range.first);
    return known_name.empty() ? std::to_string(range.first) : fmt::format("{} ({})", range.first, known_name);
  }

  [[nodiscard]] std::string posture(std::string_view wanted) const {
    if (known_.policy == nullptr) return {};
    for (const policy::Posture& one : known_.policy->policy.postures) {
      if (one.name.value != wanted) continue;
      std::string out =
          markdown_code(wanted) + holding([&](const resolve::Attributes& a) { return resolve::holds(one, a); });
      out += "\n\nAll of these must hold:\n";
      std::size_t shown = 0;
      for (const policy::Text& assertion : one.texts) {
        if (++shown > 10) {
          out += fmt::format("\n- and {} more", one.texts.size() - 10);
          break;
        }
        out += "\n- " + markdown_code(assertion.value);
      }
      return out;
    }
    return {};
  }

  // " · holds for 12 of 40 nodes", by what the inventory says of them.
  template <class Holds>
  [[nodiscard]] std::string holding(Holds holds) const {
    if (known_.inventory == nullptr) return {};
    std::size_t with = 0, told = 0;
    for (const inventory::Node& node : known_.inventory->nodes) {
      if (node.posture.empty()) continue;
      ++told;
      if (holds(node.posture)) ++with;
    }
    return told == 0 ? "" : fmt::format(" · holds for {} of the {} nodes whose posture is known", with, told);
  }

  [[nodiscard]] std::string assertion(const std::string& written) const {
    const auto parsed = policy::parse_assertion(written);
    if (!parsed) return {};
    const std::string about = about_word(Meaning::attribute_name, parsed->attribute);
    return markdown_code(written) + holding([&](const resolve::Attributes& a) { return resolve::holds(*parsed, a); }) +
           (about.empty() ? "" : "\n\n" + markdown_code(parsed->attribute) + ": " + about);
  }

  [[nodiscard]] static std::string attribute(const std::string& written) {
    const std::string about = about_word(Meaning::attribute_name, written);
    return markdown_code(written) + "\n\n" +
           (about.empty() ? "A posture attribute that is set through the API or by an integration." : about);
  }

  [[nodiscard]] static std::string capability(const std::string& written) {
    const std::string about = about_word(Meaning::capability, written);
    return markdown_code(written) + "\n\n" +
           (about.empty() ? "A capability: what it means is up to the application that reads it." : about);
  }

  static std::string protocol(const std::string& written) {
    const auto number = policy::parse_protocol(written, policy::ProtocolNames::hosted);
    if (!number) return {};
    const std::string about = about_word(Meaning::protocol, policy::protocol_name(*number));
    return markdown_code(written) + "\n\n" + (about.empty() ? fmt::format("IP protocol {}.", *number) : about);
  }

  static std::string grant_ip(const std::string& written) {
    const auto entry = policy::parse_ip_entry(written, policy::ProtocolNames::hosted);
    if (!entry) return {};
    std::vector<std::string> items;
    for (const policy::PortRange& range : entry->ports) items.push_back(port(range));
    const std::string by = entry->has_protocol ? policy::protocol_name(entry->protocol) : "TCP, UDP, ICMP and ICMPv6";
    if (entry->has_protocol && !policy::protocol_has_ports(entry->protocol)) {
      return fmt::format("{}\n\nAll of {}.", markdown_code(written), by);
    }
    return fmt::format("{}\n\n{}, ports: {}.", markdown_code(written), by, listed(items));
  }

  static std::string account(const std::string& written) {
    std::string about = about_word(Meaning::account, written);
    if (about.empty() && written.rfind("localpart:*@", 0) == 0) {
      about = "The local account named as the person's login is before the `@`, for logins of this domain.";
    }
    return markdown_code(written) + "\n\n" + (about.empty() ? "The local account of this name." : about);
  }

  [[nodiscard]] std::string party(std::string_view written) const {
    if (known_.inventory != nullptr) {
      for (const inventory::Node& node : known_.inventory->nodes) {
        if (node.name == written) return about_node(node);
      }
    }
    return selector(written);
  }

  [[nodiscard]] std::string about_node(const inventory::Node& node) const {
    std::string out = markdown_code(node.name) + " · node";
    std::vector<std::string> items;
    for (const net::Address& address : node.addresses) items.push_back(markdown_code(address.text()));
    if (!items.empty()) out += "\n\nAddresses: " + listed(items) + ".";
    if (node.user != inventory::none) out += "\n\nOf " + markdown_text(known_.inventory->users[node.user].login) + ".";
    items.clear();
    for (const std::uint32_t tag : node.tags) items.push_back(markdown_code(known_.inventory->tags[tag]));
    if (!items.empty()) out += "\n\nTags: " + listed(items) + ".";
    return out;
  }

  [[nodiscard]] std::string rule(const std::string& written) const {
    const std::size_t open = written.find('[');
    if (open == std::string::npos || known_.policy == nullptr) return {};
    std::size_t index = 0;
    for (std::size_t i = open + 1; i < written.size() && written[i] >= '0' && written[i] <= '9' && index < 100'000'000;
         ++i) {
      index = index * 10 + static_cast<std::size_t>(written[i] - '0');
    }
    const std::string said = rule_sentence(known_, *known_.policy, written.substr(0, open), index);
    return said.empty() ? "" : fmt::format("**{}** {}", markdown_text(written), said);
  }

  std::string text(Meaning meaning, const std::string& written) {
    switch (meaning) {
      case Meaning::selector: return selector(written);
      case Meaning::target: return target(written) + outcome();
      case Meaning::posture_reference: return posture(written);
      case Meaning::posture_assertion: return assertion(written);
      case Meaning::host_value:
      case Meaning::ip_pool: return selector(written);
      case Meaning::ipset_operation: return operation(written);
      case Meaning::protocol: return protocol(written);
      case Meaning::grant_ip: return grant_ip(written);
      case Meaning::account: return account(written);
      case Meaning::tested_account: return account(written) + outcome();
      case Meaning::environment:
        return markdown_code(written) + "\n\nVariables that a client may send, where the node takes them.";
      case Meaning::question_source: return party(written);
      case Meaning::question_target: return question(written) + outcome();
      case Meaning::question_login: return login(written) + outcome();
      case Meaning::rule_name: return rule(written);
      case Meaning::none:
      case Meaning::file_path: return {};
      default: break;
    }
    std::string about = about_word(meaning, written);
    if (about.empty() && meaning == Meaning::node_attribute)
      about = "An attribute that is passed on to the node as it is.";
    if (about.empty() && typed_.field != nullptr) about = std::string(typed_.field->about);
    std::string out = about.empty() ? "" : markdown_code(written) + "\n\n" + about;
    // The action stands for the rule.
    if (meaning != Meaning::acl_action && meaning != Meaning::ssh_action) return out;
    const std::string rule_said = sentence();
    return rule_said.empty() ? out : rule_said + "\n\n---\n\n" + out;
  }

  [[nodiscard]] std::string operation(std::string_view written) const {
    for (const std::string_view verb : {"add ", "remove "}) {
      if (written.substr(0, verb.size()) == verb) written.remove_prefix(verb.size());
    }
    return selector(written);
  }

  [[nodiscard]] std::string question(const std::string& written) const {
    const auto parsed = questions::parse_target(written);
    return party(parsed ? std::string_view(parsed->name) : std::string_view(written));
  }
  [[nodiscard]] std::string login(const std::string& written) const {
    const std::size_t at = written.rfind('@');
    return at == std::string::npos ? "" : party(std::string_view(written).substr(at + 1));
  }

  // The outcome of the assertion that stands here; of this very text alone.
  [[nodiscard]] const questions::TestRun* run() const {
    const Understanding* understanding = known_.understanding;
    if (understanding == nullptr || file_.kind != FileKind::policy || understanding->snapshot.get() != &file_)
      return nullptr;
    return understanding->tests.get();
  }
  static std::string outcome_text(const questions::TestCase& test) {
    std::string out = test.ok ? fmt::format("✓ {}", test.got)
                              : fmt::format("✗ expected {}, got {}", test.expected, markdown_text(test.got));
    if (!test.rule.empty()) out += " by " + markdown_code(test.rule);
    if (!test.detail.empty()) out += " (" + markdown_text(test.detail) + ")";
    return out;
  }
  [[nodiscard]] std::string outcome() const {
    if (run() == nullptr) return {};
    std::string out;
    for (const questions::TestCase& test : run()->cases) {
      if (test.span == found_.value.span()) out += "\n\n" + outcome_text(test);
    }
    return out;
  }
  [[nodiscard]] std::string outcome_of_entry(std::size_t index) const {
    const bool ssh = policy::equal_ignoring_case(section(), "sshTests");
    if (run() == nullptr || (!ssh && !policy::equal_ignoring_case(section(), "tests"))) return {};
    std::size_t passed = 0, failed = 0;
    std::string failures;
    for (const questions::TestCase& test : run()->cases) {
      if (test.index != index || test.kind != (ssh ? "sshTest" : "test")) continue;
      test.ok ? ++passed : ++failed;
      if (!test.ok && failed <= 5) failures += "\n- " + markdown_text(test.name) + ": " + outcome_text(test);
    }
    if (passed + failed == 0) return {};
    return fmt::format("\n\n{} of {} assertions hold.", passed, passed + failed) +
           (failures.empty() ? "" : "\n" + failures);
  }

  const Snapshot& file_;
  const Known& known_;
  Found found_;
  Typed typed_;
};

// In an inventory people and tags mean what they mean in a policy.
std::string in_inventory(const Known& known, const Found& found) {
  if (found.at != At::value || !found.value.is(Kind::string)) return {};
  const std::string written = found.value.string();
  const policy::Selector selector = policy::parse_selector(written, {});
  const bool name = selector.kind == policy::SelectorKind::user || selector.kind == policy::SelectorKind::tag;
  return name && known.inventory != nullptr ? about_selector(known, selector) : "";
}

}  // namespace

std::optional<Hover> hover(const Snapshot& file, const Known& known, std::uint32_t offset) {
  auto found = find(file.file->tree, offset);
  if (!found) return std::nullopt;
  Span span = found->value.span();
  // Of an entry its first line would do, but for clients that highlight the range: its brace.
  if (found->value.is(Kind::object) || found->value.is(Kind::array)) span = {offset, offset};
  std::string markdown =
      file.kind == FileKind::inventory ? in_inventory(known, *found) : Hoverer(file, known, std::move(*found)).say();
  if (markdown.empty()) return std::nullopt;
  return Hover{std::move(markdown), span};
}

}  // namespace acl::lsp
