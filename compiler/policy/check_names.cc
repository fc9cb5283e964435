// The sections that define names: groups, hosts, ipsets, tagOwners, postures.
#include <algorithm>
#include <unordered_map>

#include "compiler/policy/checker.h"
#include "engine/net/hash_index.h"

namespace acl::policy {
namespace {

bool starts_with(std::string_view text, std::string_view word) noexcept { return text.substr(0, word.size()) == word; }

// Whether the key is PREFIX and something behind it; reports it if not.
bool check_key(Checker& c, const Text& name, std::string_view prefix, Code code, std::string_view section) {
  if (starts_with(name.value, prefix) && name.value.size() > prefix.size()) return true;
  c.findings.add(code, name.span, fmt::format("{}[\"{}\"]: a name here is {}NAME", section, name.value, prefix),
                 fmt::format("write \"{}{}\"", prefix, name.value));
  return false;
}

// --- groups ---

void check_member(Checker& c, const Group& group, const Selector& member) {
  const auto in_group = [&] {
    return fmt::format("groups[\"{}\"]: \"{}\": ", short_name(group.name.value), member.text);
  };
  if (looks_like_template(member.text)) {
    c.findings.add(Code::W0339, member.span, in_group() + "looks like a template",
                   "fill in its placeholders, then check");
    return;
  }
  switch (member.kind) {
    case SelectorKind::user:
      if (member.fault == SelectorFault::none) {
        c.login(member, fmt::format("\"{}\": ", group.name.value));
        return;
      }
      break;
    case SelectorKind::group: c.mark_used(member); return;  // nesting is reported for all groups together
    case SelectorKind::host:
      // The hosted service keeps members it does not know, with a warning; Headscale wants an `@`.
      if (!c.headscale()) {
        c.findings.add(Code::W0340, member.span, in_group() + "no login: it has no @",
                       "members are logins such as ana@example.com or ana@github");
        return;
      }
      break;
    default: break;
  }
  c.mark_used(member);
  // Headscale takes whatever has an @ for a name.
  if (c.headscale() && member.text.find('@') != std::string_view::npos) {
    c.findings.add(Code::W0340, member.span, in_group() + "no login: it matches nobody",
                   "members are logins such as ana@example.com, without wildcards");
    return;
  }
  std::string help = "members are logins such as ana@example.com; rules can list several groups and tags side by side";
  if (c.headscale() && member.kind == SelectorKind::host) help = trailing_at_help(member.text);
  c.findings.add(Code::E0311, member.span, in_group() + "group members must be users", std::move(help));
}

void check_nesting(Checker& c) {
  // Of several groups that nest, the service names the last.
  for (auto group = c.policy.groups.rbegin(); group != c.policy.groups.rend(); ++group) {
    for (const Selector& member : group->members) {
      if (member.kind != SelectorKind::group) continue;
      Diagnostic& found = c.findings.add(Code::E0312, member.span,
                                         fmt::format("groups[\"{}\"]: \"{}\": group members cannot be recursive",
                                                     short_name(group->name.value), member.text),
                                         "list the people themselves, or name both groups in the rules");
      if (const Definition* inner = c.names.find(NameKind::group, member.text)) {
        c.findings.relate(found, fmt::format("\"{}\" is defined here", member.text), inner->span);
      }
    }
  }
}

void check_repeated_members(Checker& c, const Group& group) {
  HashIndex seen;
  seen.reserve(group.members.size());
  for (std::uint32_t i = 0; i < group.members.size(); ++i) {
    const Selector& member = group.members[i];
    const auto same = [&](std::uint32_t other) { return equal_ignoring_case(group.members[other].text, member.text); };
    const std::uint32_t first = seen.insert(hash_text(member.text), i, same);
    if (first == HashIndex::absent) continue;
    Diagnostic& found = c.findings.add(
        Code::W0328, member.span,
        fmt::format("\"{}\" is listed twice in \"{}\"", member.text, short_name(group.name.value)), "remove one");
    c.findings.relate(found, "first listed here", group.members[first].span);
  }
}

// --- hosts ---

void check_host_name(Checker& c, const Text& name) {
  if (looks_like_template(name.value)) return c.report_template(name);
  const auto error = [&](std::string_view reason, std::string help, std::string service_text = {}) {
    Diagnostic& found =
        c.findings.add(Code::E0313, name.span, fmt::format("hosts[\"{}\"]: {}", name.value, reason), std::move(help));
    if (!c.headscale()) found.service_text = std::move(service_text);
  };
  if (name.empty()) return error("a host needs a name", "name it");
  if (name.value == "*") return error("this name means every address", "choose another name");
  if (name.value.find('@') != std::string_view::npos) {
    // The service's words as quoted in https://github.com/tailscale/tailscale/issues/7886.
    return error("a name with @ would be taken for a user", "choose a name without @",
                 fmt::format("host names cannot include an @, please change the name for \"{}\"", name.value));
  }
  const Selector form = parse_selector(name.value, name.span);
  if (form.kind == SelectorKind::address || form.kind == SelectorKind::prefix || form.kind == SelectorKind::range) {
    return error("a name that is an address itself can never be referred to", "choose another name");
  }
  const bool colon = name.value.find(':') != std::string_view::npos;
  if (!colon && name.value.find('/') == std::string_view::npos) return;
  const std::string message =
      fmt::format("hosts[\"{}\"]: a name with \":\" or \"/\" can be misread in a rule", name.value);
  c.findings.add(colon && c.headscale() ? Code::E0313 : Code::W0341, name.span, message,
                 "use letters, digits, - and _");
}

void check_host_value(Checker& c, const Host& host) {
  const std::string_view value = host.value.value;
  if (host.prefix) {
    if (net::Prefix::parse(value).error != net::PrefixError::host_bits) return;
    c.findings.add(Code::W0320, host.value.span,
                   fmt::format("\"{}\" has bits set beyond its length: it means {}", value, host.prefix->text()),
                   fmt::format("write \"{}\", or \"{}\" if the one address is meant", host.prefix->text(),
                               value.substr(0, value.find('/'))));
    return;
  }
  std::string help = "a host is one address (100.64.0.7) or one prefix (10.0.0.0/8)";
  if (value.find(',') != std::string_view::npos) help = "a host is one address or prefix; several make an ipset";
  if (parse_selector(value, {}).kind == SelectorKind::range) help = "ranges belong into an ipset";
  if (looks_like_template(value)) help = "this looks like a template: fill in its placeholders, then check";
  c.findings.add(Code::E0314, host.value.span,
                 fmt::format("hosts[\"{}\"]: \"{}\" is neither an address nor a prefix", host.name.value, value),
                 std::move(help));
}

// --- ipsets ---

void check_operation(Checker& c, const Ipset& ipset, const IpsetOperation& operation, bool removes) {
  const std::string prefix = fmt::format("ipsets[\"{}\"]: ", short_name(ipset.name.value));
  if (operation.bare && removes) {
    c.findings.add(Code::E0316, operation.span,
                   fmt::format("{}\"{}\" needs \"add\" or \"remove\" in front", prefix, operation.target.text),
                   "a bare target is allowed only in a set that removes nothing");
  }
  const Selector& target = operation.target;
  if (target.kind == SelectorKind::host && !target.prefixed) {
    const bool known = c.names.find(NameKind::host, target.text) != nullptr;
    c.findings.add(Code::E0316, operation.span, fmt::format("{}\"{}\" is no target of an ipset", prefix, target.text),
                   known ? fmt::format("write \"host:{}\"", target.text)
                         : "targets are addresses, prefixes, ranges, host:NAME, ipset:NAME and autogroup:internet");
    return;
  }
  if (target.kind == SelectorKind::host) {  // host:NAME is how an ipset names a host
    Selector bare = target;
    bare.prefixed = false;
    c.selector(bare, Location::ipset_target, prefix);
    return;
  }
  c.selector(target, Location::ipset_target, prefix);
}

// A name that refers to another one of its kind.
struct Reference {
  std::size_t to;
  const Selector* written;
};

// Follows each reference once, with a stack of its own; one to a name that is still being followed closes a cycle.
template <class Report>
void find_cycles(const std::vector<std::vector<Reference>>& references, Report report) {
  enum class Mark : char { fresh, open, done };
  std::vector<Mark> marks(references.size(), Mark::fresh);
  struct Step {
    std::size_t name, next;
  };
  std::vector<Step> path;
  for (std::size_t start = 0; start < references.size(); ++start) {
    if (marks[start] != Mark::fresh) continue;
    marks[start] = Mark::open;
    path.push_back({start, 0});
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next == references[step.name].size()) {
        marks[step.name] = Mark::done;
        path.pop_back();
        continue;
      }
      const Reference& reference = references[step.name][step.next++];
      if (marks[reference.to] == Mark::open) {
        report(reference);
      } else if (marks[reference.to] == Mark::fresh) {
        marks[reference.to] = Mark::open;
        path.push_back({reference.to, 0});
      }
    }
  }
}

void check_cycles(Checker& c) {
  const auto& sets = c.policy.ipsets;
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < sets.size(); ++i) index.try_emplace(sets[i].name.value, i);
  std::vector<std::vector<Reference>> references(sets.size());
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const IpsetOperation& operation : sets[i].operations) {
      const Selector& target = operation.target;
      const auto to = target.kind == SelectorKind::ipset ? index.find(target.text) : index.end();
      if (to != index.end()) references[i].push_back({to->second, &target});
    }
  }
  find_cycles(references, [&](const Reference& reference) {
    Diagnostic& found =
        c.findings.add(Code::E0317, reference.written->span,
                       fmt::format("ipsets refer to each other in a cycle: \"{}\"", reference.written->text),
                       "a set cannot contain itself: remove one of the references");
    c.findings.relate(found, "the cycle leads back to this set", sets[reference.to].name.span);
  });
}

// --- tags ---

// The rules of the control plane's client library (tailscale/tailscale, tailcfg.CheckTag).
std::string_view tag_fault(std::string_view tag) noexcept {
  const auto is_letter = [](char ch) { return ch >= 'a' && ch <= 'z'; };
  if (!starts_with(tag, "tag:")) return "tags must start with 'tag:'";
  const std::string_view name = tag.substr(4);
  if (name.empty()) return "tag names must not be empty";
  if (!is_letter(name[0])) return "tag names must start with a letter, after 'tag:'";
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [&](char ch) { return is_letter(ch) || (ch >= '0' && ch <= '9') || ch == '-'; });
  return plain ? std::string_view() : "tag names can only contain numbers, letters, or dashes";
}

// Groups with an @ are those of the identity provider.
bool is_undeclared_group(Checker& c, const Selector& owner) {
  return owner.kind == SelectorKind::group && owner.fault == SelectorFault::none && !looks_like_template(owner.text) &&
         owner.text.find('@') == std::string_view::npos && c.names.find(NameKind::group, owner.text) == nullptr;
}

std::string declared_help(std::string suggestion) {
  return suggestion + (suggestion.empty() ? "" : " ") + "Groups are declared in \"groups\".";
}

void check_tag(Checker& c, const TagOwners& tag) {
  const std::string_view fault = tag_fault(tag.name.value);
  if (looks_like_template(tag.name.value)) {
    c.report_template(tag.name);
  } else if (!fault.empty()) {
    std::string help = "a tag is tag: and a letter, then letters, digits and hyphens";
    if (!starts_with(tag.name.value, "tag:")) help = fmt::format("write \"tag:{}\"", tag.name.value);
    c.findings.add(Code::E0309, tag.name.span, fmt::format("tagOwners[\"{}\"]: {}", tag.name.value, fault),
                   std::move(help));
  }
  const std::string prefix = fmt::format("tagOwners[\"{}\"]: ", short_name(tag.name.value));
  for (const Selector& owner : tag.owners) {
    if (!c.headscale() && is_undeclared_group(c, owner)) {
      c.findings.add(Code::W0344, owner.span, fmt::format("{}group not found: \"{}\"", prefix, owner.text),
                     declared_help(c.suggestion(NameKind::group, owner.text)));
    } else if (c.headscale() && owner.kind == SelectorKind::tag && c.names.find(NameKind::tag, owner.text) == nullptr) {
      c.findings.add(Code::E0301, owner.span,
                     fmt::format("tag \"{}\" references undefined tag \"{}\"", short_name(tag.name.value), owner.text),
                     c.suggestion(NameKind::tag, owner.text));
    } else {
      c.selector(owner, Location::tag_owner, prefix);
    }
  }
}

// Headscale refuses tags that own each other in a circle; the hosted service takes them.
void check_owner_cycles(Checker& c) {
  if (!c.headscale()) return;
  const auto& tags = c.policy.tag_owners;
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < tags.size(); ++i) index.try_emplace(tags[i].name.value, i);
  std::vector<std::vector<Reference>> references(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i) {
    for (const Selector& owner : tags[i].owners) {
      const auto to = owner.kind == SelectorKind::tag ? index.find(owner.text) : index.end();
      if (to != index.end()) references[i].push_back({to->second, &owner});
    }
  }
  find_cycles(references, [&](const Reference& reference) {
    c.findings.add(Code::E0331, reference.written->span,
                   fmt::format("circular reference detected: \"{}\" owns itself", reference.written->text),
                   "remove one of the owners");
  });
}

// --- postures ---

std::string_view operand_fault(const PostureAssertion& assertion) {
  const AttributeKind kind = posture_attribute_kind(assertion.attribute);
  const bool ordered = assertion.op == PostureOperator::less || assertion.op == PostureOperator::at_most ||
                       assertion.op == PostureOperator::greater || assertion.op == PostureOperator::at_least;
  for (const PostureOperand& operand : assertion.operands) {
    const bool text = std::holds_alternative<std::string>(operand);
    const bool boolean = std::holds_alternative<bool>(operand);
    if (ordered && boolean) return "true and false have no order";
    if ((kind == AttributeKind::string || kind == AttributeKind::version) && !text) return "the attribute is a string";
    if (kind == AttributeKind::boolean && !boolean) return "the attribute is true or false";
  }
  if (ordered && (kind == AttributeKind::string || kind == AttributeKind::boolean)) {
    return "only numbers, node:osVersion and node:tsVersion have an order";
  }
  return {};
}

// An IP set named anywhere in a condition is in use.
void mark_ipsets(Checker& c, std::string_view text) {
  constexpr std::string_view word = "ipset:";
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) {
    const std::size_t end = std::min(text.find_first_of(" \t'\"[],", at), text.size());
    if (Definition* set = c.names.find(NameKind::ipset, text.substr(at, end - at))) set->used = true;
  }
}

void check_assertion(Checker& c, const Posture& posture, std::size_t index) {
  const Text& text = posture.texts[index];
  const auto& assertion = posture.assertions[index];
  const std::string prefix = fmt::format("postures[\"{}\"]: ", short_name(posture.name.value));
  mark_ipsets(c, text.value);
  if (!assertion && parse_assertion(fmt::format("{} IS SET", text.value))) {  // an attribute, and no more
    const AttributeKind kind = posture_attribute_kind(text.value);
    const bool text_value = kind == AttributeKind::string || kind == AttributeKind::version;
    c.findings.add(Code::W0345, text.span, fmt::format("{}\"{}\" has no operator: it never holds", prefix, text.value),
                   fmt::format("write \"{} {}\"", text.value, text_value ? "IS SET" : "== true"));
    return;
  }
  if (!assertion) {
    const auto parsed = parse_assertion(text.value);
    std::string help = parsed.error().message;
    if (text.value.find("&&") != std::string_view::npos)
      help = "all entries of a posture must hold: split into two strings";
    c.findings.add(Code::E0333, text.span, fmt::format("{}\"{}\" is no assertion", prefix, text.value),
                   std::move(help));
    return;
  }
  if (posture_attribute_kind(assertion->attribute) == AttributeKind::unknown) {
    c.findings.add(Code::W0334, text.span, fmt::format("{}unknown attribute \"{}\"", prefix, assertion->attribute),
                   "an attribute that is not set makes every condition on it false; own attributes begin with custom:");
  }
  if (const std::string_view fault = operand_fault(*assertion); !fault.empty()) {
    c.findings.add(Code::W0342, text.span, fmt::format("{}\"{}\" can never hold: {}", prefix, text.value, fault));
  }
}

}  // namespace

void check_groups(Checker& c) {
  check_nesting(c);
  for (const Group& group : c.policy.groups) {
    if (!looks_like_template(group.name.value)) check_key(c, group.name, "group:", Code::E0310, "groups");
    for (const Selector& member : group.members) check_member(c, group, member);
    check_repeated_members(c, group);
  }
}

void check_hosts(Checker& c) {
  for (const Host& host : c.policy.hosts) {
    check_host_name(c, host.name);
    if (!looks_like_template(host.name.value) || !looks_like_template(host.value.value)) check_host_value(c, host);
  }
}

void check_ipsets(Checker& c) {
  for (const Ipset& ipset : c.policy.ipsets) {
    check_key(c, ipset.name, "ipset:", Code::E0315, "ipsets");
    const bool removes = std::any_of(ipset.operations.begin(), ipset.operations.end(),
                                     [](const IpsetOperation& operation) { return operation.remove; });
    for (const IpsetOperation& operation : ipset.operations) check_operation(c, ipset, operation, removes);
  }
  check_cycles(c);
}

void check_tag_owners(Checker& c) {
  for (const TagOwners& tag : c.policy.tag_owners) check_tag(c, tag);
  check_owner_cycles(c);
}

void check_postures(Checker& c) {
  for (const Posture& posture : c.policy.postures) {
    check_key(c, posture.name, "posture:", Code::E0332, "postures");
    for (std::size_t i = 0; i < posture.texts.size(); ++i) check_assertion(c, posture, i);
  }
  c.posture_names(c.policy.default_src_posture);
}

}  // namespace acl::policy
