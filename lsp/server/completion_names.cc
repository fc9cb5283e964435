// Names in completion: selectors, targets, ipset operations, postures, services, and what fixtures ask about.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "compiler/policy/decode.h"
#include "lsp/server/completer.h"
#include "lsp/server/known_ports.h"

namespace acl::lsp {

using policy::Autogroup;
using policy::Location;
using policy::Selector;
using policy::SelectorKind;

namespace {

constexpr std::size_t most_names = 300;  // of one kind

constexpr std::string_view autogroups[] = {"autogroup:member",   "autogroup:tagged",        "autogroup:self",
                                           "autogroup:internet", "autogroup:admin",         "autogroup:owner",
                                           "autogroup:it-admin", "autogroup:network-admin", "autogroup:billing-admin",
                                           "autogroup:auditor",  "autogroup:shared",        "autogroup:danger-all"};

bool is_device(const Selector& selector) noexcept {
  return selector.kind == SelectorKind::tag || selector.autogroup == Autogroup::tagged;
}

std::vector<Selector> parsed(const std::vector<std::string>& texts) {
  std::vector<Selector> out;
  for (const std::string& text : texts) out.push_back(policy::parse_selector(text, {}));
  return out;
}

// Targets less their ports.
std::vector<Selector> parsed_targets(const std::vector<std::string>& texts) {
  std::vector<Selector> out;
  for (const std::string& text : texts) {
    policy::Target target;
    (void)policy::read_target({text, {}}, target);
    out.push_back(target.selector);
  }
  return out;
}

template <class Fits>
bool any(const std::vector<Selector>& list, Fits fits) {
  return std::any_of(list.begin(), list.end(), fits);
}

// A name that is read back as what it is.
bool is_plain(std::string_view name, SelectorKind kind) {
  const Selector form = policy::parse_selector(name, {});
  return form.kind == kind && form.fault == policy::SelectorFault::none && !policy::looks_like_template(name);
}

std::string count_of(std::size_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

// Where a policy writes a person.
template <class F>
void each_written_login(const policy::Policy& policy, F f) {
  const auto see = [&](const Selector& selector) {
    if (selector.kind == SelectorKind::user && selector.fault == policy::SelectorFault::none) f(selector.text);
  };
  const auto all = [&](const std::vector<Selector>& list) { std::for_each(list.begin(), list.end(), see); };
  for (const policy::Group& group : policy.groups) all(group.members);
  for (const policy::TagOwners& tag : policy.tag_owners) all(tag.owners);
  if (policy.acls) {
    for (const policy::Acl& acl : *policy.acls) all(acl.src);
  }
  if (policy.grants) {
    for (const policy::Grant& grant : *policy.grants) all(grant.src);
  }
  for (const policy::SshRule& rule : policy.ssh) all(rule.src);
  for (const policy::PolicyTest& test : policy.tests) {
    if (test.src) see(*test.src);
  }
}

}  // namespace

Around Completer::around() const {
  Around rule;
  rule.acl = section() == "acls";
  rule.src_texts = near("src");
  rule.dst_texts = near("dst");
  rule.src = parsed(rule.src_texts);
  rule.dst = rule.acl ? parsed_targets(rule.dst_texts) : parsed(rule.dst_texts);
  rule.app = has_member("app");
  const auto actions = near("action");
  rule.check = std::find(actions.begin(), actions.end(), "check") != actions.end();
  return rule;
}

namespace {

bool fits_ssh_source(const Around& rule, const Selector& selector) {
  const auto is_person = [](const Selector& one) { return one.kind == SelectorKind::user; };
  const auto person = std::find_if(rule.dst.begin(), rule.dst.end(), is_person);
  // One person's devices are for that person alone.
  if (person != rule.dst.end() && (!policy::equal_ignoring_case(person->text, selector.text) || !rule.src.empty()))
    return false;
  const bool owned = any(rule.dst, [](const Selector& one) {
    return one.kind == SelectorKind::user || one.autogroup == Autogroup::self || one.autogroup == Autogroup::member;
  });
  return !is_device(selector) || (!rule.check && !owned);
}

bool fits_ssh_destination(const Around& rule, const Selector& selector) {
  if (selector.kind == SelectorKind::user) {
    return rule.src.size() == 1 && rule.src[0].kind == SelectorKind::user &&
           policy::equal_ignoring_case(rule.src[0].text, selector.text);
  }
  const bool owned = selector.autogroup == Autogroup::self || selector.autogroup == Autogroup::member;
  return !owned || !any(rule.src, is_device);
}

// Whether the rest of the rule allows it (https://tailscale.com/docs/reference/targets-and-selectors on autogroup:self;
// https://tailscale.com/docs/features/tailscale-ssh on who may log in where).
bool fits_rule(const Around& rule, const Selector& selector, Location location) {
  const auto is_self = [](const Selector& dst) { return dst.autogroup == Autogroup::self; };
  switch (location) {
    case Location::rule_src: return !any(rule.dst, is_self) || policy::may_reach_self(selector, rule.acl);
    case Location::acl_dst:
    case Location::grant_dst:
      if (selector.autogroup == Autogroup::internet) return !rule.app;
      return !is_self(selector) ||
             !any(rule.src, [&](const Selector& src) { return !policy::may_reach_self(src, rule.acl); });
    case Location::ssh_src: return fits_ssh_source(rule, selector);
    case Location::ssh_dst: return fits_ssh_destination(rule, selector);
    default: return true;
  }
}

}  // namespace

// Calls f(login, whether the inventory has it) for each login that `legal` accepts and that fits what is typed, each once: those of the
// inventory, then those that only the policy names.
template <class Legal, class F>
void Completer::each_login(std::size_t from, Legal legal, F f) {
  std::size_t offered = 0;
  const auto wanted = [&](std::string_view login) {
    return fits(login, from) && is_plain(login, SelectorKind::user) && legal(login);
  };
  if (known().facts != nullptr) {
    // Not the inventory's users, who lie far apart in memory.
    known().facts->logins.each([&](std::string_view login) {
      if (!wanted(login)) return true;
      if (++offered > most_names) return false;
      f(login, true);
      return true;
    });
    if (offered > most_names) {
      out.incomplete = true;
      return;
    }
  }
  if (names() == nullptr) return;
  const policy::Facts* facts = known().facts;
  std::unordered_set<std::string> seen;
  each_written_login(*names(), [&](std::string_view login) {
    if (seen.size() == most_names || !wanted(login) || (facts != nullptr && facts->logins.contains(login))) return;
    if (seen.insert(policy::lower_case(login)).second) f(login, false);
  });
  out.incomplete = out.incomplete || seen.size() == most_names;
}

std::set<std::string> Completer::domains() const {
  std::set<std::string> found;
  if (known().facts != nullptr) {
    found.insert(known().facts->domains.begin(), known().facts->domains.end());
  } else if (names() != nullptr) {
    each_written_login(*names(), [&](std::string_view login) {
      const auto domain = inventory::login_domain(login);
      if (!domain.empty() && found.size() < 20) found.insert(policy::lower_case(domain));
    });
  }
  return found;
}

// Calls f(text, kind, detail, rank), which answers whether it was one to offer.
template <class F>
void Completer::each_selector(F f) const {
  const policy::Policy* policy = names();
  if (policy != nullptr) {
    for (const policy::Group& group : policy->groups) {
      if (is_plain(group.name.value, SelectorKind::group)) {
        f(group.name.value, ItemKind::group, "group, " + count_of(group.members.size(), "person", "people"), 1);
      }
    }
  }
  if (known().inventory != nullptr && !headscale()) {
    for (const inventory::SyncedGroup& group : known().inventory->synced_groups) {
      if (is_plain(group.name, SelectorKind::group)) {
        f(group.name, ItemKind::group,
          "group of the identity provider, " + count_of(group.members.size(), "person", "people"), 1);
      }
    }
  }
  if (policy != nullptr) {
    for (const policy::TagOwners& tag : policy->tag_owners) {
      if (is_plain(tag.name.value, SelectorKind::tag)) f(tag.name.value, ItemKind::tag, "tag", 2);
    }
  }
  for (const std::string_view name : autogroups) f(name, ItemKind::autogroup, "autogroup", 3);
  if (policy != nullptr) {
    for (const policy::Host& host : policy->hosts) {
      if (host.prefix && is_plain(host.name.value, SelectorKind::host) &&
          host.name.value.find(':') == std::string_view::npos) {
        f(host.name.value, ItemKind::host, "host, " + std::string(host.value.value), 5);
      }
    }
    for (const policy::Ipset& ipset : policy->ipsets) {
      if (is_plain(ipset.name.value, SelectorKind::ipset)) f(ipset.name.value, ItemKind::ipset, "IP set", 6);
    }
  }
  std::set<std::string_view> services;
  if (known().inventory != nullptr) {
    for (const inventory::Service& service : known().inventory->services) services.insert(service.name);
  }
  if (policy != nullptr) {
    for (const auto& entry : policy->auto_approvers.services) {
      if (entry.service.kind == SelectorKind::service) services.insert(entry.service.text);
    }
  }
  for (const std::string_view name : services) {
    if (is_plain(name, SelectorKind::service)) f(name, ItemKind::service, "service", 6);
  }
  for (const std::string& domain : domains()) f("user:*@" + domain, ItemKind::user, "everyone of a domain", 7);
  f("*", ItemKind::autogroup, "everything", 8);
}

namespace {

// A prefix cannot be asked about in tests.
bool is_one_host(const policy::Policy* policy, const Selector& selector) {
  if (selector.kind != SelectorKind::host || policy == nullptr) return true;
  const auto host = std::find_if(policy->hosts.begin(), policy->hosts.end(),
                                 [&](const policy::Host& one) { return one.name.value == selector.name; });
  return host == policy->hosts.end() || (host->prefix && host->prefix->is_single());
}

bool is_of_tests(Location location) noexcept {
  return location == Location::test_src || location == Location::test_dst || location == Location::ssh_test_src ||
         location == Location::ssh_test_dst;
}

}  // namespace

// Every selector that may stand at the place, as an offer of itself.
template <class F>
void Completer::each_legal(Location location, F f) {
  const Around rule = around();
  const auto legal = [&](std::string_view text) {
    const Selector selector = policy::parse_selector(text, {});
    return policy::allowed_at(selector, location, known().dialect) == policy::Allowed::yes &&
           fits_rule(rule, selector, location) && (!is_of_tests(location) || is_one_host(names(), selector));
  };
  std::size_t of_kind[static_cast<std::size_t>(ItemKind::snippet) + 1] = {};
  each_selector([&](std::string_view text, ItemKind kind, std::string detail, int rank) {
    std::size_t& count = of_kind[static_cast<std::size_t>(kind)];
    if (!fits(text, 0) || !legal(text)) return;
    if (count == most_names) {
      out.incomplete = true;
      return;
    }
    ++count;
    Offer one{std::string(text), kind, std::move(detail), {}, rank, true, {}, {}, {}, {}};
    if (kind == ItemKind::autogroup) one.about = std::string(policy::about_autogroup(text));
    f(std::move(one));
  });
  // Of many people only one may be an ssh destination, and none where people may not stand.
  if (policy::allowed_at(policy::parse_selector("a@b.c", {}), location, known().dialect) != policy::Allowed::yes)
    return;
  if (location == Location::ssh_dst && rule.src.size() != 1) return;
  each_login(0, legal, [&](std::string_view login, bool known_user) {
    f({std::string(login),
       ItemKind::user,
       known_user ? "person" : "person, not in the inventory",
       {},
       4,
       true,
       {},
       {},
       {},
       {}});
  });
}

void Completer::selectors(Location location) {
  const auto present = near_own();
  const bool list = !cursor.path.empty() && !cursor.path.back().in_object;
  each_legal(location, [&](Offer one) {
    if (!list || std::find(present.begin(), present.end(), one.text) == present.end()) offer(std::move(one));
  });
}

// --- targets ----------------------------------------------------------------------------------------------------------

namespace {

// Where the ports of a target begin, behind their colon; npos if there is none yet.
std::size_t ports_begin(std::string_view target) {
  if (target.substr(0, 1) == "[") {
    const std::size_t close = target.find(']');
    if (close == std::string_view::npos) return std::string_view::npos;
    const std::size_t colon = target.find(':', close);
    return colon == std::string_view::npos ? colon : colon + 1;
  }
  std::size_t from = 0;
  for (const std::string_view word : {"group:", "tag:", "autogroup:", "ipset:", "svc:", "user:", "host:"}) {
    if (policy::equal_ignoring_case(target.substr(0, word.size()), word)) from = word.size();
  }
  const std::size_t colon = target.find(':', from);
  if (colon == std::string_view::npos) return colon;
  // An IPv6 address: its last colon, if anything that can be ports follows.
  if (from == 0 && target.find(':', colon + 1) != std::string_view::npos) return target.rfind(':') + 1;
  return colon + 1;
}

}  // namespace

void Completer::targets(Location location) {
  const std::string_view typed_text = whole().substr(0, typed());
  const bool one_port = location == Location::test_dst;
  const std::size_t colon = ports_begin(typed_text);
  if (colon != std::string_view::npos) {
    if (one_port) return ports(colon, whole().size(), true);
    // The item of the list that is being typed.
    const std::size_t comma = typed_text.find_last_of(',');
    const std::size_t begin = comma == std::string_view::npos || comma < colon ? colon : comma + 1;
    const std::size_t end = std::min(whole().find(',', typed()), whole().size());
    return ports(begin, end, begin != colon || end != whole().size());
  }
  // The selector: its ports are kept where they are, or come along.
  const std::size_t kept = ports_begin(whole());
  const std::size_t end = kept == std::string_view::npos ? whole().size() : kept - 1;
  const auto proto = near("proto");
  const auto protocol = proto.empty() ? policy::PortExpected<std::uint8_t>(tl::unexpected<std::string>(""))
                                      : policy::parse_protocol(proto[0], headscale() ? policy::ProtocolNames::headscale
                                                                                     : policy::ProtocolNames::hosted);
  const bool portless = protocol && !policy::protocol_has_ports(*protocol);
  const std::string port = one_port ? (portless ? "0" : "22") : "*";
  const auto offer_target = [&](Offer one) {
    if (kept == std::string_view::npos) {
      one.filter = one.text;
      one.before_stop = one.text + ":";
      one.stop = port;
      one.text += ":" + port;
    }
    offer_part(std::move(one), 0, end);
    if (kept == std::string_view::npos) {
      CompletionItem& added = out.items.back();
      added.label = added.filter;
      if (!added.selector.empty()) added.selector = added.filter;
    }
  };
  each_legal(location, offer_target);
}

// --- other names ------------------------------------------------------------------------------------------------------

namespace {

// The sets that contain `name`, itself among them: it may name none of these.
std::set<std::string_view> sets_with(const policy::Policy& policy, std::string_view name) {
  std::unordered_map<std::string_view, std::vector<std::string_view>> users;  // of each set: the sets that name it
  for (const policy::Ipset& ipset : policy.ipsets) {
    for (const policy::IpsetOperation& operation : ipset.operations) {
      if (operation.target.kind == SelectorKind::ipset) users[operation.target.text].push_back(ipset.name.value);
    }
  }
  std::set<std::string_view> found = {name};
  std::vector<std::string_view> open = {name};
  while (!open.empty()) {
    const auto using_it = users.find(open.back());
    open.pop_back();
    if (using_it == users.end()) continue;
    for (const std::string_view user : using_it->second) {
      if (found.insert(user).second) open.push_back(user);
    }
  }
  return found;
}

}  // namespace

void Completer::ipset_operations() {
  if (names() == nullptr || cursor.path.size() < 2) return;
  const std::string own = cursor.path[1].key;
  const auto others = near_own();
  const auto starts = [](std::string_view text, std::string_view word) { return text.substr(0, word.size()) == word; };
  // A set that takes anything away writes its verbs everywhere.
  const bool removes =
      std::any_of(others.begin(), others.end(), [&](const std::string& one) { return starts(one, "remove "); });
  const bool bare = std::any_of(others.begin(), others.end(), [&](const std::string& one) {
    return !starts(one, "remove ") && !starts(one, "add ");
  });
  std::vector<std::pair<std::string, std::string>> targets;  // and what they are
  for (const policy::Host& host : names()->hosts) {
    if (host.prefix && is_plain(host.name.value, SelectorKind::host)) {
      targets.emplace_back("host:" + std::string(host.name.value), "host, " + std::string(host.value.value));
    }
    if (targets.size() == most_names) break;
  }
  const auto around = sets_with(*names(), own);
  for (const policy::Ipset& ipset : names()->ipsets) {
    if (targets.size() >= 2 * most_names) break;
    if (around.count(ipset.name.value) == 0 && is_plain(ipset.name.value, SelectorKind::ipset)) {
      targets.emplace_back(ipset.name.value, "IP set");
    }
  }
  targets.emplace_back("autogroup:internet", "the internet");
  const std::string_view so_far = whole().substr(0, typed());
  for (const std::string_view verb : {"add ", "remove ", ""}) {
    if ((verb == "remove " && bare) || (verb.empty() && removes)) continue;
    // Once a verb is there, only what goes with it.
    if ((starts(so_far, "add ") || starts(so_far, "remove ")) && (verb.empty() || !starts(so_far, verb))) continue;
    const int rank = verb == "add " ? 1 : verb.empty() ? 3 : 2;
    for (const auto& [target, what] : targets) {
      const std::string text_of_it = std::string(verb) + target;
      if (std::find(others.begin(), others.end(), text_of_it) != others.end()) continue;
      offer({text_of_it,
             starts(target, "host:") ? ItemKind::host : ItemKind::ipset,
             what,
             {},
             rank,
             false,
             {},
             {},
             {},
             {}});
    }
    if (verb.empty()) continue;
    Offer literal{std::string(verb) + "10.0.0.0/8",
                  ItemKind::snippet,
                  "an address, prefix or range",
                  {},
                  rank,
                  false,
                  {},
                  {},
                  {},
                  {}};
    literal.before_stop = verb;
    literal.stop = "10.0.0.0/8";
    offer(std::move(literal));
  }
}

void Completer::posture_references() {
  if (names() == nullptr) return;
  const auto present = near_own();
  for (const policy::Posture& posture : names()->postures) {
    if (!is_plain(posture.name.value, SelectorKind::posture)) continue;
    if (std::find(present.begin(), present.end(), posture.name.value) != present.end()) continue;
    std::string about;
    for (const policy::Text& assertion : posture.texts) about += "- " + markdown_code(assertion.value) + "\n";
    offer({std::string(posture.name.value),
           ItemKind::posture,
           count_of(posture.texts.size(), "condition", "conditions"),
           std::move(about),
           1,
           false,
           {},
           {},
           {},
           {}});
  }
}

void Completer::services() {
  each_selector([&](std::string_view name, ItemKind kind, std::string detail, int rank) {
    if ((kind != ItemKind::service && kind != ItemKind::tag) || has_member(name)) return;
    add_key(as_snippet(hujson::quote(name).substr(1, hujson::quote(name).size() - 2)), "[\"$1\"]", kind,
            std::move(detail), "", kind == ItemKind::service ? 1 : rank);
  });
  if (!cursor.colon_follows) add_key("svc:${1:name}", "[\"$2\"]", ItemKind::snippet, "a service", "", 4);
}

// --- what fixtures ask about ------------------------------------------------------------------------------------------

// Sources and targets of questions: nodes by name, and whatever stands for devices.
void Completer::parties(bool with_ports) {
  const std::string_view typed_text = whole().substr(0, typed());
  const std::size_t colon = with_ports ? ports_begin(typed_text) : std::string_view::npos;
  if (colon != std::string_view::npos) return ports(colon, std::min(whole().find('/', colon), whole().size()), false);
  const std::size_t kept = with_ports ? ports_begin(whole()) : std::string_view::npos;
  const std::size_t end = kept == std::string_view::npos ? whole().size() : kept - 1;
  std::size_t nodes = 0;
  if (known().inventory != nullptr) {
    for (const inventory::Node& node : known().inventory->nodes) {
      if (!fits(node.name, 0)) continue;
      if (++nodes > most_names) {
        out.incomplete = true;
        break;
      }
      offer_part({node.name,
                  ItemKind::node,
                  node.addresses.empty() ? "node" : "node, " + node.addresses[0].text(),
                  {},
                  1,
                  false,
                  {},
                  {},
                  {},
                  {}},
                 0, end);
    }
  }
  const Location location = with_ports ? Location::test_dst : Location::test_src;
  each_selector([&](std::string_view text_of_it, ItemKind kind, std::string detail, int rank) {
    const Selector selector = policy::parse_selector(text_of_it, {});
    const bool devices = selector.autogroup == Autogroup::member || selector.autogroup == Autogroup::tagged ||
                         policy::is_role(selector.autogroup) ||
                         policy::allowed_at(selector, location, known().dialect) == policy::Allowed::yes;
    if (!devices || !is_one_host(names(), selector) || !fits(text_of_it, 0)) return;
    if (out.items.size() > 4 * most_names) {
      out.incomplete = true;
      return;
    }
    offer_part({std::string(text_of_it), kind, std::move(detail), {}, rank + 1, true, {}, {}, {}, {}}, 0, end);
  });
  each_login(
      0, [](std::string_view) { return true; },
      [&](std::string_view login, bool) {
        offer_part({std::string(login), ItemKind::user, "person", {}, 5, true, {}, {}, {}, {}}, 0, end);
      });
}

// USER@NODE
void Completer::logins() {
  const std::size_t at = whole().rfind('@', typed() == 0 ? 0 : typed() - 1);
  const bool behind_at = typed() != 0 && at != std::string_view::npos && at < typed();
  if (!behind_at) {
    tested_accounts();
    for (CompletionItem& item : out.items) {
      if (whole().find('@') != std::string_view::npos) continue;
      if (cursor.quoted) item.text.insert(item.label.size(), "@");
    }
    return;
  }
  if (known().inventory == nullptr) return;
  std::size_t nodes = 0;
  for (const inventory::Node& node : known().inventory->nodes) {
    if (!fits(node.name, at + 1)) continue;
    if (++nodes > most_names) {
      out.incomplete = true;
      return;
    }
    offer_part({node.name,
                ItemKind::node,
                node.addresses.empty() ? "node" : "node, " + node.addresses[0].text(),
                {},
                1,
                false,
                {},
                {},
                {},
                {}},
               at + 1, whole().size());
  }
}

}  // namespace acl::lsp
