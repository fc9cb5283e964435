// autoApprovers, nodeAttrs, the network-wide settings, and what is defined but not used.
#include <algorithm>
#include <array>

#include "compiler/policy/checker.h"
#include "compiler/policy/language.h"

namespace acl::policy {
namespace {

// --- nodeAttrs ---

bool is_known_attribute(std::string_view attribute) noexcept {
  for (const std::string_view prefix : {"nextdns:", "controld:", "debug-", "https://tailscale.com/cap/"}) {
    if (attribute.substr(0, prefix.size()) == prefix) return true;
  }
  const auto known = words_of(Meaning::node_attribute);
  return std::any_of(known.begin(), known.end(), [&](const Word& word) { return word.text == attribute; });
}

void check_attribute(Checker& c, const Text& attribute) {
  if (attribute.empty()) {
    c.findings.add(Code::W0705, attribute.span, "an empty attribute", "remove it");
  } else if (looks_like_template(attribute.value)) {
    c.report_template(attribute);
  } else if (c.headscale() && attribute.value == "funnel") {
    c.findings.add(Code::E0709, attribute.span,
                   fmt::format("nodeAttr \"{}\" is not supported by headscale", attribute.value));
  } else if (!is_known_attribute(attribute.value)) {
    c.findings.add(Code::W0705, attribute.span, fmt::format("unknown attribute \"{}\"", attribute.value),
                   "the service passes it on as it is; check its spelling");
  }
}

void check_ip_pool(Checker& c, const NodeAttr& entry) {
  const net::Prefix all(net::Address::v4(0x64400000), 10);
  const std::array reserved = {net::Prefix(net::Address::v4(0x64640000), 24),
                               net::Prefix(net::Address::v4(0x64646400), 24),
                               net::Prefix(net::Address::v4(0x64735c00), 23)};
  for (const Text& pool : entry.ip_pool) {
    const auto parsed = net::Prefix::parse(pool.value);
    const bool usable = parsed.error == net::PrefixError::none || parsed.error == net::PrefixError::host_bits;
    if (c.headscale()) {
      c.findings.add(Code::E0704, pool.span, "ipPool is not supported by headscale");
    } else if (!usable || !all.contains(parsed.prefix)) {
      c.findings.add(Code::E0704, pool.span, fmt::format("ipPool \"{}\" is no prefix inside 100.64.0.0/10", pool.value),
                     "addresses of nodes come from 100.64.0.0/10");
    } else if (std::any_of(reserved.begin(), reserved.end(),
                           [&](const auto& r) { return r.overlaps(parsed.prefix); })) {
      // A larger pool around the reserved blocks is what most people mean; only a pool made of them is refused.
      if (std::any_of(reserved.begin(), reserved.end(), [&](const auto& r) { return r.contains(parsed.prefix); })) {
        c.findings.add(Code::E0704, pool.span, fmt::format("ipPool \"{}\" is reserved", pool.value),
                       "100.100.0.0/24, 100.100.100.0/24 and 100.115.92.0/23 are taken");
      }
    }
  }
}

// Strings anywhere in a capability's value that name a tag keep that tag in use (connectors of an app).
void mark_tags(Checker& c, const hujson::Value& value) {
  const auto& nodes = c.file.tree.nodes;
  std::string buffer;
  for (std::uint32_t i = value.index(); i < value.node().next; ++i) {
    if (nodes[i].kind != hujson::Kind::string) continue;
    const std::string_view text = hujson::Value(c.file.tree, i).string(buffer);
    if (text.substr(0, 4) != "tag:") continue;
    if (Definition* tag = c.names.find(NameKind::tag, lower_case(text))) tag->used = true;
  }
}

void check_node_attr(Checker& c, const NodeAttr& entry, std::size_t index) {
  for (const Selector& target : entry.target) {
    if (target.autogroup == Autogroup::self) {
      Diagnostic& found =
          c.findings.add(Code::E0703, target.span, "autogroup:self cannot be the target of a nodeAttrs entry",
                         "name users, groups, tags or autogroup:member");
      found.service_text = "internal server error";
      continue;
    }
    c.selector(target, Location::node_attr, "target=");
  }
  for (const Text& attribute : entry.attr) check_attribute(c, attribute);
  for (const Capability& app : entry.app) {
    const hujson::Value value(c.file.tree, app.node);
    mark_tags(c, value);
    const bool everyone = entry.target.size() == 1 && entry.target[0].kind == SelectorKind::wildcard;
    if (app.name.value == "tailscale.com/app-connectors" && !everyone) {
      c.findings.add(Code::W0707, app.name.span, "app connectors need the target [\"*\"]", "write \"target\": [\"*\"]");
    }
  }
  check_ip_pool(c, entry);
  const bool empty = entry.attr.empty() && entry.app.empty() && entry.ip_pool.empty();
  if ((entry.target.empty() || empty) && !entry.damaged) {
    c.findings.add(Code::W0710, entry.span,
                   fmt::format("{} has no effect: it has no {}", rule_name("nodeAttrs", index),
                               entry.target.empty() ? "target" : "attr, app or ipPool"),
                   "complete it or remove it");
  }
}

// --- unused names ---

void report_unused(Checker& c, NameKind kind, Code code, std::string_view word) {
  for (const Definition& definition : c.names.all(kind)) {
    if (definition.used) continue;
    c.findings.add(code, definition.span, fmt::format("{} \"{}\" is defined but never used", word, definition.name),
                   "remove it, or use it in a rule");
  }
}

// Whether some rule reaches devices of every tag.
bool reaches_every_tag(const Policy& policy) {
  const auto everyone = [](const Selector& dst) {
    return dst.kind == SelectorKind::wildcard || dst.autogroup == Autogroup::tagged;
  };
  const auto acl = [&](const Acl& rule) {
    return std::any_of(rule.dst.begin(), rule.dst.end(), [&](const Target& dst) { return everyone(dst.selector); });
  };
  const auto grant = [&](const Grant& rule) { return std::any_of(rule.dst.begin(), rule.dst.end(), everyone); };
  return (policy.acls && std::any_of(policy.acls->begin(), policy.acls->end(), acl)) ||
         (policy.grants && std::any_of(policy.grants->begin(), policy.grants->end(), grant));
}

// One note for all of them: a tag that only marks devices is no mistake.
void report_unused_tags(Checker& c) {
  if (reaches_every_tag(c.policy)) return;
  constexpr std::size_t most_named = 8;
  std::vector<const Definition*> unused;
  for (const Definition& tag : c.names.all(NameKind::tag)) {
    if (!tag.used) unused.push_back(&tag);
  }
  if (unused.empty()) return;
  const bool one = unused.size() == 1;
  std::string message = one ? "tag" : fmt::format("{} tags are defined but never used:", unused.size());
  for (std::size_t i = 0; i < std::min(unused.size(), most_named); ++i) {
    message += fmt::format("{} \"{}\"", i == 0 ? "" : ",", short_name(unused[i]->name));
  }
  if (unused.size() > most_named) message += fmt::format(" and {} more", unused.size() - most_named);
  if (one) message += " is defined but never used";
  c.findings.add(Code::I0325, unused[0]->span, std::move(message),
                 one ? "no rule names it: a device with this tag alone is reached by nobody"
                     : "no rule names them: a device with such tags alone is reached by nobody");
}

}  // namespace

void check_auto_approvers(Checker& c) {
  const AutoApprovers& approvers = c.policy.auto_approvers;
  for (const RouteApprovers& route : approvers.routes) {
    if (!route.prefix) {
      c.findings.add(Code::E0701, route.route.span,
                     fmt::format("autoApprovers.routes: \"{}\" is no prefix", route.route.value),
                     looks_like_template(route.route.value) ? "this looks like a template: fill in its placeholders"
                                                            : "routes are prefixes such as 10.0.0.0/8");
    } else if (net::Prefix::parse(route.route.value).error == net::PrefixError::host_bits) {
      c.findings.add(Code::W0320, route.route.span,
                     fmt::format("\"{}\" has bits set beyond its length: it means {}", route.route.value,
                                 route.prefix->text_with_length()),
                     fmt::format("write \"{}\"", route.prefix->text_with_length()));
    }
    c.selectors(route.approvers, Location::approver, "autoApprovers.routes: ");
  }
  c.selectors(approvers.exit_node, Location::approver, "autoApprovers.exitNode: ");
  for (const ServiceApprovers& service : approvers.services) {
    if (service.service.kind == SelectorKind::tag) {
      c.defined(NameKind::tag, service.service, "autoApprovers.services: ");
    } else if (service.service.kind == SelectorKind::service) {
      c.selector(service.service, Location::grant_dst, "autoApprovers.services: ");  // where services may stand
    } else {
      c.findings.add(Code::E0702, service.service.span,
                     fmt::format("autoApprovers.services: \"{}\" is neither a service nor a tag", service.service.text),
                     "keys are svc:NAME or tag:NAME");
    }
    c.selectors(service.approvers, Location::approver, "autoApprovers.services: ");
  }
}

void check_node_attrs(Checker& c) {
  for (std::size_t i = 0; i < c.policy.node_attrs.size(); ++i) check_node_attr(c, c.policy.node_attrs[i], i);
}

void check_settings(Checker& c) {
  if (c.policy.one_cgnat_route) {
    const Text& route = *c.policy.one_cgnat_route;
    if (!route.empty() && route.value != "mac-always" && route.value != "mac-never") {
      c.findings.add(Code::E0706, route.span, fmt::format("OneCGNATRoute \"{}\" is not known", route.value),
                     "the values are \"\", \"mac-always\" and \"mac-never\"");
    }
  }
  if (c.policy.allows_everything()) {
    const hujson::Node& root = c.file.tree.nodes[0];
    c.findings.add(Code::W0418, {root.begin, root.begin + 1}, "neither acls nor grants: everything is allowed",
                   "add \"acls\" or \"grants\"; an empty list allows nothing");
  }
}

void check_unused(Checker& c) {
  report_unused(c, NameKind::group, Code::W0322, "group");
  report_unused(c, NameKind::host, Code::W0323, "host");
  report_unused(c, NameKind::ipset, Code::W0324, "ipset");
  report_unused_tags(c);
  report_unused(c, NameKind::posture, Code::W0326, "posture");
  if (c.plural_members && c.singular_members) {
    const hujson::Node& root = c.file.tree.nodes[0];
    c.findings.add(Code::W0330, {root.begin, root.begin + 1},
                   "the file mixes \"autogroup:members\" and \"autogroup:member\"",
                   "write \"autogroup:member\" everywhere: the service does not allow both in one file");
  }
}

}  // namespace acl::policy
