// acls and grants.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "compiler/policy/checker.h"
#include "compiler/policy/decode.h"
#include "compiler/policy/language.h"
#include "engine/net/suggest.h"

namespace acl::policy {
namespace {

// --- what both kinds of rule share ---

void check_self(Checker& c, const std::vector<Selector>& sources, const Selector& self, bool acl) {
  for (const Selector& source : sources) {
    if (may_reach_self(source, acl)) continue;
    Diagnostic& found = c.findings.add(
        Code::E0406, source.span, "autogroup:self can only be used with users, groups, or supported autogroups",
        fmt::format("move \"{}\" into a rule of its own, without autogroup:self", source.text));
    c.findings.relate(found, "autogroup:self stands here", self.span);
    return;  // one bad source refuses the rule; the others are seen once it is mended
  }
}

bool is_danger_all(const Selector& selector) noexcept { return selector.autogroup == Autogroup::danger_all; }

bool check_danger_all(Checker& c, const Selector& selector) {
  if (!is_danger_all(selector)) return true;
  c.findings.add(Code::E0407, selector.span, "cannot use autogroup:danger-all as a dst",
                 "write \"*\" to mean every destination");
  return false;
}

// Only sources that are groups without members: nobody.
bool only_empty_groups(const Checker& c, const std::vector<Selector>& sources) {
  return std::all_of(sources.begin(), sources.end(), [&](const Selector& source) {
    return source.kind == SelectorKind::group && c.empty_groups.count(source.text) != 0;
  });
}

void check_matches_something(Checker& c, Span span, std::string_view section, std::size_t index,
                             const std::vector<Selector>& src, bool has_dst) {
  std::string_view reason;
  if (src.empty()) {
    reason = "it has no src";
  } else if (!has_dst) {
    reason = "it has no dst";
  } else if (only_empty_groups(c, src)) {
    reason = "its src is a group without members";
  }
  if (reason.empty()) return;
  c.findings.add(Code::W0413, span, fmt::format("{} can never match: {}", rule_name(section, index), reason),
                 "it allows nothing; complete it or remove it");
}

// The same rule twice: compared by what is written, order of the lists included.
class Duplicates {
 public:
  Duplicates(std::string_view section, std::size_t count) : section_(section) { seen_.reserve(count); }
  void see(Checker& c, std::string key, Span span, std::size_t index) {
    const auto [first, fresh] = seen_.try_emplace(std::move(key), std::pair(index, span));
    if (fresh) return;
    Diagnostic& found = c.findings.add(
        Code::W0414, span,
        fmt::format("{} repeats {}", rule_name(section_, index), rule_name(section_, first->second.first)),
        "remove one of the two");
    c.findings.relate(found, "the first one", first->second.second);
  }

 private:
  std::string_view section_;
  std::unordered_map<std::string, std::pair<std::size_t, Span>> seen_;
};

void append(std::string& key, std::string_view text) {
  key += text;
  key += '\n';
}

void append(std::string& key, const std::vector<Selector>& selectors) {
  for (const Selector& selector : selectors) append(key, selector.text);
  key += '\f';
}

void append(std::string& key, const std::optional<std::vector<Text>>& texts) {
  if (texts) {
    for (const Text& text : *texts) append(key, text.value);
    key += '\v';
  }
  key += '\f';
}

// --- acls ---

void check_protocol(Checker& c, const std::optional<Text>& proto) {
  if (!proto || proto->empty()) return;
  const auto parsed = parse_protocol(proto->value, c.headscale() ? ProtocolNames::headscale : ProtocolNames::hosted);
  if (parsed) return;
  c.findings.add(Code::E0404, proto->span, parsed.error(),
                 "known names: tcp, udp, sctp, icmp, ipv6-icmp, igmp, ipv4, ip-in-ip, egp, igp, gre, esp, ah, dccp");
}

std::string port_help(const Target& target, std::string_view message) {
  const std::string_view text = target.text.value;
  if (message.find("must contain a colon") != std::string_view::npos) {
    return fmt::format("add the ports behind a colon: \"{}:443\", or \"{}:*\" for all", text, text);
  }
  const std::string_view host = text.substr(0, text.rfind(':'));
  const std::string_view port = text.substr(text.rfind(':') + 1);
  const bool number = port.find_first_not_of("0123456789") == std::string_view::npos;
  if (!number && target.selector.text.find(':') != std::string_view::npos &&
      parse_protocol(port, ProtocolNames::hosted)) {
    return fmt::format("{} is a protocol: \"proto\": \"{}\" and \"{}:*\"", port, port, host);
  }
  const SelectorKind whole = parse_selector(text, {}).kind;
  const bool forgotten =
      target.selector.kind == SelectorKind::host &&
      (whole == SelectorKind::tag || whole == SelectorKind::group || whole == SelectorKind::autogroup ||
       whole == SelectorKind::ipset || whole == SelectorKind::service);
  if (forgotten) return fmt::format("the port is missing: \"{}:443\", or \"{}:*\" for all", text, text);
  return "ports are numbers from 1 to 65535, ranges 8000-8010, lists 22,80 or *";
}

// True if the ports could be read.
bool check_ports(Checker& c, const Target& target, const std::optional<std::uint8_t>& protocol) {
  Target again;
  const auto ports = read_target(target.text, again);
  if (looks_like_template(target.text.value)) {
    c.report_template(target.text);
    return false;
  }
  if (!ports) {
    const bool colon = ports.error().find("must contain a colon") != std::string::npos;
    c.findings.add(colon ? Code::E0402 : Code::E0403, target.text.span,
                   fmt::format("dst=\"{}\": {}", target.text.value, ports.error()), port_help(target, ports.error()));
    return false;
  }
  if (ports->wildcard) {
    c.findings.add(Code::W0415, target.text.span,
                   fmt::format("\"{}\": * among other ports means all ports", target.text.value),
                   "remove the other ports, or the *");
  }
  if (ports->spaces) {
    c.findings.add(Code::W0417, target.text.span,
                   fmt::format("\"{}\": white space in a list of ports", target.text.value), "remove it");
  }
  const bool all = ports->ranges.size() == 1 && ports->ranges[0].is_all();
  if (protocol && !protocol_has_ports(*protocol) && !all) {
    const std::string_view written = target.text.value.substr(target.text.value.rfind(':') + 1);
    c.findings.add(
        Code::E0405, target.text.span,
        fmt::format("{}protocol does not support specific ports: \"{}\", only \"*\" is allowed",
                    c.headscale() ? "" : fmt::format("dst=\"{}\": ", target.text.value), protocol_name(*protocol)),
        fmt::format("write \"{}:*\" instead of \":{}\"", target.text.value.substr(0, target.text.value.rfind(':')),
                    written));
  }
  return true;
}

void check_acl_target(Checker& c, const Acl& acl, const Target& target) {
  const Selector& selector = target.selector;
  if (!check_ports(c, target, acl.protocol)) {
    c.mark_used(selector);
    c.mark_used(parse_selector(target.text.value, {}));  // the ports may be what is missing
    return;
  }
  if (!check_danger_all(c, selector)) return;
  if (!c.selector(selector, Location::acl_dst, Preface("dst=", selector.text))) return;
  const bool v6 = (selector.kind == SelectorKind::address || selector.kind == SelectorKind::prefix) &&
                  selector.prefix.family() == net::Family::v6;
  if (v6 && target.text.value.substr(0, 1) != "[") {
    const std::string_view ports = target.text.value.substr(target.text.value.rfind(':') + 1);
    c.findings.add(
        Code::W0416, target.text.span,
        fmt::format("\"{}\": an IPv6 address and a port without brackets are easily misread", target.text.value),
        selector.kind == SelectorKind::address ? fmt::format("write \"[{}]:{}\"", selector.text, ports)
                                               : "make it a host and name the host here");
  }
}

void check_acl(Checker& c, const Acl& acl, std::size_t index) {
  const std::size_t errors = c.findings.errors();
  if (acl.action.value != "accept" && !(acl.damaged && acl.action.empty())) {
    c.findings.add(Code::E0401, acl.action.empty() ? acl.span : acl.action.span,
                   fmt::format("action=\"{}\" is not supported", acl.action.value),
                   "the only action is \"accept\": what no rule accepts is denied");
  }
  check_protocol(c, acl.proto);
  c.selectors(acl.src, Location::rule_src, "src=");
  for (const Target& target : acl.dst) check_acl_target(c, acl, target);
  const auto self = std::find_if(acl.dst.begin(), acl.dst.end(),
                                 [](const Target& target) { return target.selector.autogroup == Autogroup::self; });
  if (self != acl.dst.end()) check_self(c, acl.src, self->selector, true);
  c.posture_names(acl.src_posture);
  if (!acl.damaged && c.findings.errors() == errors)
    check_matches_something(c, acl.span, "acls", index, acl.src, !acl.dst.empty());
}

// --- grants ---

void check_ip(Checker& c, const GrantIp& ip) {
  const ProtocolNames names = c.headscale() ? ProtocolNames::headscale : ProtocolNames::hosted;
  const auto parsed = parse_ip_entry(ip.text.value, names);
  if (!parsed) {
    std::string help = "entries are *, 443, 8000-8010, tcp:443, udp:*, icmp:*";
    if (parse_protocol(ip.text.value, names) &&
        ip.text.value.find_first_not_of("0123456789") != std::string_view::npos) {
      help = fmt::format("a protocol needs its ports: \"{}:*\"", ip.text.value);
    }
    const bool protocol = parsed.error().find("proto") != std::string::npos;
    c.findings.add(protocol ? Code::E0404 : Code::E0403, ip.text.span, parsed.error(), std::move(help));
    return;
  }
  if (parsed->list && !c.headscale()) {
    c.findings.add(Code::W0419, ip.text.span, fmt::format("\"{}\": a list of ports in one entry", ip.text.value),
                   "write an entry for each: the control plane's own parser knows no lists here");
  }
  const bool all = parsed->ports.size() == 1 && parsed->ports[0].is_all();
  if (parsed->has_protocol && !protocol_has_ports(parsed->protocol) && !all) {
    const std::string name = protocol_name(parsed->protocol);
    c.findings.add(Code::E0405, ip.text.span,
                   fmt::format("protocol does not support specific ports: \"{}\", only \"*\" is allowed", name),
                   fmt::format("write \"{}:*\"", name));
  }
}

// clang-format off
// Given out by the control plane itself; no policy may.
constexpr std::array<std::string_view, 5> reserved_capabilities = {
    "tailscale.com/cap/relay-target", "tailscale.com/cap/drive-sharer",  "tailscale.com/cap/ingress",
    "tailscale.com/cap/funnel",       "tailscale.com/cap/service-proxy",
};
// clang-format on

// The names that may stand instead, the nearest one first.
std::string allowed_capabilities(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Word& word : words_of(Meaning::capability)) names.push_back(word.text);
  if (const auto near = nearest(name, names)) {
    const auto found = std::find(names.begin(), names.end(), *near);
    std::rotate(names.begin(), found, found + 1);
  }
  return fmt::format("use a domain of your own; of tailscale.com are allowed: {}", fmt::join(names, ", "));
}

// A name in the domain tailscale.com.
void check_service_capability(Checker& c, const Capability& capability) {
  constexpr std::string_view below = "tailscale.com/cap/";
  const std::string_view name = capability.name.value;
  const auto known = words_of(Meaning::capability);
  if (std::any_of(known.begin(), known.end(), [&](const Word& word) { return word.text == name; })) return;
  const bool reserved =
      std::find(reserved_capabilities.begin(), reserved_capabilities.end(), name) != reserved_capabilities.end();
  const bool one_word = name.substr(0, below.size()) == below && name.size() > below.size() &&
                        name.find('/', below.size()) == std::string_view::npos;
  if (c.headscale() || !one_word || reserved) {
    c.findings.add(Code::E0411, capability.name.span, "capability name must not be in the tailscale.com domain",
                   allowed_capabilities(name));
  } else {
    c.findings.add(Code::W0421, capability.name.span, fmt::format("unknown capability \"{}\"", name),
                   allowed_capabilities(name));
  }
}

void check_capability(Checker& c, const Capability& capability) {
  const std::string_view name = capability.name.value;
  const std::size_t slash = name.find('/');
  const std::string_view domain = name.substr(0, slash);
  const bool form = slash != std::string_view::npos && slash != 0 && slash + 1 < name.size() &&
                    domain.find('.') != std::string_view::npos && domain.find(':') == std::string_view::npos;
  if (!form) {
    Diagnostic& found = c.findings.add(Code::E0411, capability.name.span,
                                       fmt::format("capability name \"{}\" must be DOMAIN/PATH", name),
                                       "name it below a domain of your own, without a scheme: example.com/cap/reports");
    if (!c.headscale()) found.service_text = "capability name must have the form {domain}/{path}";
    return;
  }
  if (domain == "tailscale.com") {
    check_service_capability(c, capability);
  } else if (domain == "tailscale.io") {
    c.findings.add(Code::W0420, capability.name.span,
                   fmt::format("\"{}\": names below tailscale.io are reserved", name), "use a domain of your own");
  }
}

// What to write instead of a destination with ports; nothing if it has none.
std::string ports_in_grant_help(Checker& c, const Selector& dst) {
  Target target;
  const auto ports = read_target({dst.text, dst.span}, target);
  const Selector& host = target.selector;
  const bool alias = host.kind == SelectorKind::host;
  const bool selects = host.fault == SelectorFault::none && host.kind != SelectorKind::empty &&
                       (!alias || c.names.find(NameKind::host, host.name) != nullptr) &&
                       host.autogroup != Autogroup::unknown;
  if (!ports || !selects) return {};
  std::vector<std::string> entries;
  for (const PortRange& range : ports->ranges) {
    if (range.is_all()) {
      entries.emplace_back("\"*\"");
    } else if (range.first == range.last) {
      entries.push_back(fmt::format("\"{}\"", range.first));
    } else {
      entries.push_back(fmt::format("\"{}-{}\"", range.first, range.last));
    }
  }
  return fmt::format("a grant's dst has no port: write \"{}\" and \"ip\": [{}]", host.text, fmt::join(entries, ", "));
}

void check_grant_dst(Checker& c, const Grant& grant) {
  for (const Selector& dst : grant.dst) {
    if (!check_danger_all(c, dst)) continue;
    c.findings.error_help(ports_in_grant_help(c, dst));
    const bool good = c.selector(dst, Location::grant_dst, Preface("dst=", dst.text));
    c.findings.error_help({});
    if (!good) continue;
    if (dst.kind == SelectorKind::prefix && dst.prefix.is_everything()) {
      c.findings.add(
          Code::E0409, dst.span,
          fmt::format("dst \"{}\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"", dst.text),
          "\"*\" is every destination, \"autogroup:internet\" the internet behind exit nodes");
    }
    if (dst.autogroup == Autogroup::internet && !grant.app.empty()) {
      c.findings.add(Code::E0408, dst.span, "cannot use app grants with autogroup:internet",
                     "capabilities are for nodes: move \"app\" into a grant of its own");
    }
  }
  const auto self = std::find_if(grant.dst.begin(), grant.dst.end(),
                                 [](const Selector& dst) { return dst.autogroup == Autogroup::self; });
  if (self != grant.dst.end()) check_self(c, grant.src, *self, false);
}

void check_via(Checker& c, const Grant& grant) {
  for (const Selector& via : grant.via) {
    if (via.kind != SelectorKind::tag) {
      c.mark_used(via);
      c.findings.add(Code::E0412, via.span, "via can only be a tag",
                     fmt::format("tag the routers and name their tag instead of \"{}\"", via.text));
    } else if (Definition* tag = c.names.find(NameKind::tag, via.text)) {
      tag->used = true;
    } else {
      std::string help = c.suggestion(NameKind::tag, via.text);
      c.findings.add(
          Code::E0301, via.span, fmt::format("tag \"{}\" not found", via.text),
          help.empty() ? "Tags are declared in \"tagOwners\"." : help + " Tags are declared in \"tagOwners\".");
    }
  }
}

void check_grant(Checker& c, const Grant& grant, std::size_t index) {
  const std::size_t errors = c.findings.errors();
  if (grant.ip.empty() && grant.app.empty() && !grant.damaged) {
    c.findings.add(
        Code::E0410, grant.span, "ip and app can not both be empty",
        "say what is granted: \"ip\": [\"tcp:443\"], \"ip\": [\"*\"] for everything, or an \"app\" capability");
  }
  c.selectors(grant.src, Location::rule_src, "src=");
  check_grant_dst(c, grant);
  for (const GrantIp& ip : grant.ip) check_ip(c, ip);
  for (const Capability& capability : grant.app) check_capability(c, capability);
  check_via(c, grant);
  c.posture_names(grant.src_posture);
  if (!grant.damaged && c.findings.errors() == errors) {
    check_matches_something(c, grant.span, "grants", index, grant.src, !grant.dst.empty());
  }
}

}  // namespace

void check_acls(Checker& c) {
  if (!c.policy.acls) return;
  Duplicates duplicates("acls", c.policy.acls->size());
  for (std::size_t i = 0; i < c.policy.acls->size(); ++i) {
    const Acl& acl = (*c.policy.acls)[i];
    check_acl(c, acl, i);
    std::string key;
    append(key, acl.src);
    for (const Target& target : acl.dst) append(key, target.text.value);
    append(key, acl.proto ? acl.proto->value : "");
    append(key, acl.src_posture);
    duplicates.see(c, std::move(key), acl.span, i);
  }
}

void check_grants(Checker& c) {
  if (!c.policy.grants) return;
  Duplicates duplicates("grants", c.policy.grants->size());
  for (std::size_t i = 0; i < c.policy.grants->size(); ++i) {
    const Grant& grant = (*c.policy.grants)[i];
    check_grant(c, grant, i);
    std::string key;
    append(key, grant.src);
    append(key, grant.dst);
    for (const GrantIp& ip : grant.ip) append(key, ip.text.value);
    for (const Capability& capability : grant.app) {
      const hujson::Value value(c.file.tree, capability.node);
      append(key, capability.name.value);
      append(key, value.text());
    }
    append(key, grant.via);
    append(key, grant.src_posture);
    duplicates.see(c, std::move(key), grant.span, i);
  }
}

}  // namespace acl::policy
