#include "compiler/policy/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "compiler/policy/decoder.h"
#include "engine/net/suggest.h"

namespace acl::policy {

using hujson::Kind;
using hujson::Value;

// --- Decoder ----------------------------------------------------------------------------------------------------------

namespace {

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view space = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool has_capitals(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

std::string_view Decoder::keep(std::string text) { return file_.strings.emplace_back(std::move(text)); }

std::string_view Decoder::string(Value value) {
  if (!value.node().escaped) return value.text().substr(1, value.text().size() - 2);
  return keep(value.string());
}

bool Decoder::expect(Value value, Kind kind, std::string_view wanted) {
  if (value.is(kind)) return true;
  std::string help;
  if (kind == Kind::array && (value.is(Kind::string) || value.is(Kind::object))) {
    help = "put it in brackets: [ … ]";
  } else if (kind == Kind::string && (value.is(Kind::number) || value.is(Kind::boolean))) {
    help = fmt::format("put it in double quotes: \"{}\"", value.text());
  }
  std::string what = field_ == "the policy" ? "the policy" : fmt::format("\"{}\"", field_);
  if (key_ != nullptr) what = fmt::format("{}[\"{}\"]", field_, key_->value.substr(0, 500));
  findings_.add(Code::E0203, value.span(),
                fmt::format("{} must be {}, not {}", what, wanted, hujson::kind_name(value.kind())), std::move(help));
  return false;
}

Text Decoder::text(Value value) {
  if (!expect(value, Kind::string, "a string")) return {{}, value.span()};
  const std::string_view whole = string(value);
  const std::string_view trimmed = trim(whole);
  if (trimmed.size() != whole.size()) {
    findings_.add(Code::W0210, value.span(), fmt::format("\"{}\" has white space around it", whole),
                  "the service ignores it; remove it");
  }
  return {trimmed, value.span()};
}

Text Decoder::key(Value name) { return {string(name), name.span()}; }

Text Decoder::tag_key(Value name) {
  const std::string_view written = string(name);
  return {has_capitals(written) ? keep(lower_case(written)) : written, name.span()};
}

std::vector<Text> Decoder::texts(Value value) {
  std::vector<Text> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (expect(element, Kind::string, "an array of strings")) out.push_back(text(element));
  }
  return out;
}

Selector Decoder::normal(Selector selector) {
  const bool tag = selector.kind == SelectorKind::tag;
  if (!selector.odd_case && !(tag && has_capitals(selector.text))) return selector;
  const std::size_t lowered = tag ? selector.text.size() : selector.text.find(':');
  std::string text = lower_case(selector.text.substr(0, lowered));
  text += selector.text.substr(lowered);
  const std::size_t name = selector.text.size() - selector.name.size();
  selector.text = keep(std::move(text));
  selector.name = selector.text.substr(name);
  return selector;
}

Selector Decoder::selector(Value value) {
  const Text written = text(value);
  return normal(parse_selector(written.value, written.span));
}

std::vector<Selector> Decoder::selectors(Value value) {
  std::vector<Selector> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (expect(element, Kind::string, "an array of strings")) out.push_back(selector(element));
  }
  return out;
}

std::vector<Selector> Decoder::selectors_of(const Text& key, Value value) {
  key_ = &key;
  std::vector<Selector> out = selectors(value);
  key_ = nullptr;
  return out;
}

std::vector<Target> Decoder::targets(Value value) {
  std::vector<Target> out;
  if (!expect(value, Kind::array, "an array of strings")) return out;
  for (const Value element : value) {
    if (!expect(element, Kind::string, "an array of strings")) continue;
    Target target;
    if (auto ports = read_target(text(element), target)) target.ports = std::move(ports->ranges);
    target.selector = normal(target.selector);
    out.push_back(std::move(target));
  }
  return out;
}

bool Decoder::boolean(Value value) { return expect(value, Kind::boolean, "true or false") && value.text() == "true"; }

std::vector<Capability> Decoder::capabilities(Value value) {
  std::vector<Capability> out;
  if (!expect(value, Kind::object, "an object of capabilities")) return out;
  map(value, false, [&](Value name, Value member) {
    if (!member.is(Kind::null) && !expect(member, Kind::array, "an object whose values are arrays of objects")) return;
    out.push_back({key(name), member.index()});
  });
  return out;
}

std::vector<PostureAttribute> Decoder::posture_attributes(Value value) {
  std::vector<PostureAttribute> out;
  if (!expect(value, Kind::object, "an object of posture attributes")) return out;
  map(value, false, [&](Value name, Value member) {
    if (member.is(Kind::object) || member.is(Kind::array)) {
      expect(member, Kind::string, "an object whose values are strings, numbers or booleans");
      return;
    }
    out.push_back({key(name), member.index()});
  });
  return out;
}

template <class Read>
void Decoder::map(Value value, bool ignore_case, Read read) {
  std::unordered_map<std::string, Span> seen;
  for (auto it = value.begin(); it != value.end(); ++it) {
    const Value name = *it;
    ++it;
    const std::string_view written = string(name);
    const auto [first, fresh] = seen.try_emplace(ignore_case ? lower_case(written) : std::string(written), name.span());
    if (fresh) {
      read(name, *it);
    } else {
      report_duplicate(written, name.span(), first->second, false);
    }
  }
}

void Decoder::report_duplicate(std::string_view name, Span span, Span first, bool ignore_case) {
  Diagnostic& found = findings_.add(
      Code::E0202, span, fmt::format("duplicate key \"{}\"{}", name, ignore_case ? " (in another spelling)" : ""),
      "a key may stand only once in an object: join the two, or remove one");
  findings_.relate(found, "first defined here", first);
}

void Decoder::report_unknown(std::string_view name, Span span, std::string_view section,
                             const std::vector<std::string_view>& known) {
  // Headscale skips keys of acls entries that begin with "#": comments of a time before HuJSON.
  if (headscale() && section == "an acls entry" && name.substr(0, 1) == "#") return;
  std::string help;
  const auto suggestion = nearest(name, known);
  if (name.substr(0, 2) == "//" || name.substr(0, 1) == "#" || equal_ignoring_case(name, "comment")) {
    help = "HuJSON has comments: write // and the text on a line of its own";
  } else if (section == "the policy" && (name == "acl" || name == "policy")) {
    help = "this looks like the answer of an API: check the document inside it";
  } else if (section == "the policy" && equal_ignoring_case(name, "dns")) {
    help = "DNS is set in the admin console, not in the policy";
  } else if (suggestion) {
    help = fmt::format("did you mean \"{}\"?", *suggestion);
  } else {
    help = fmt::format("{} has the keys {}", section, fmt::join(known, ", "));
  }
  const std::string format = headscale() ? "unknown field: \"{}\"" : "json: unknown field \"{}\"";
  findings_.add(Code::E0201, span, fmt::format(fmt::runtime(format), name), std::move(help));
}

void Decoder::report_unsupported(std::string_view name, Span span) {
  findings_.add(Code::E0201, span, fmt::format("unknown field: \"{}\"", name),
                "the hosted service knows it, Headscale does not");
}

void Decoder::note_spelling(Code code, std::string_view written, std::string_view documented, Span span) {
  const auto [at, fresh] = spelling_index_.try_emplace({code, written}, spellings_.size());
  if (fresh) spellings_.push_back({code, written, documented, span, 0});
  ++spellings_[at->second].count;
}

void Decoder::report_spellings() {
  for (const Spelling& found : spellings_) {
    const bool old = found.code == Code::W0209;
    const std::string often = found.count == 1 ? "" : fmt::format(" ({} times in this file)", found.count);
    findings_.add(
        found.code, found.span,
        fmt::format(fmt::runtime(old ? "\"{}\" is the old name of \"{}\"{}" : "\"{}\" is documented as \"{}\"{}"),
                    found.written, found.documented, often),
        fmt::format("write \"{}\"{}", found.documented, old ? "" : ": not every tool ignores case"));
  }
}

// --- targets ----------------------------------------------------------------------------------------------------------

namespace {

// "[fd7a::5]" less its brackets.
std::string_view without_brackets(std::string_view host) noexcept {
  return host.size() >= 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
}

// "[fd7a::]/48", as Headscale has it, less its brackets; empty if the text is nothing of the kind.
std::string joined_prefix(std::string_view host) {
  const std::size_t close = host.find("]/");
  if (host.substr(0, 1) != "[" || close == std::string_view::npos) return {};
  return std::string(host.substr(1, close - 1)).append(host.substr(close + 1));
}

}  // namespace

PortExpected<PortList> read_target(const Text& text, Target& target) {
  target.text = text;
  const std::size_t colon = text.value.rfind(':');
  if (colon == std::string_view::npos) {
    target.selector = parse_selector(text.value, text.span);
    return tl::unexpected<std::string>("hostport must contain a colon (\":\")");
  }
  std::string_view host = text.value.substr(0, colon);
  target.selector = parse_selector(trim(without_brackets(host)), text.span);
  if (const std::string joined = joined_prefix(host); !joined.empty()) {
    target.selector = parse_selector(joined, text.span);
    target.selector.text = target.selector.name = host;
  }
  if (host.find(',') != std::string_view::npos) {
    return tl::unexpected<std::string>("host cannot contain a comma (\",\")");
  }
  return parse_port_list(text.value.substr(colon + 1));
}

// --- sections of names ------------------------------------------------------------------------------------------------

namespace {

void read_groups(Decoder& d, Value value, Policy& policy) {
  if (!d.expect(value, Kind::object, "an object of groups")) return;
  d.map(value, false, [&](Value name, Value members) {
    Group group{d.key(name), {}};
    if (!members.is(Kind::null)) group.members = d.selectors_of(group.name, members);
    policy.groups.push_back(std::move(group));
  });
}

void read_hosts(Decoder& d, Value value, Policy& policy) {
  if (!d.expect(value, Kind::object, "an object of names and addresses")) return;
  d.map(value, false, [&](Value name, Value address) {
    Host host{d.key(name), {}, {}};
    if (!d.expect(address, Kind::string, "an object whose values are addresses or prefixes, as strings")) return;
    host.value = d.text(address);
    const auto parsed = net::Prefix::parse(host.value.value);
    const bool usable = parsed.error == net::PrefixError::none || parsed.error == net::PrefixError::host_bits;
    if (usable) host.prefix = parsed.prefix;
    policy.hosts.push_back(host);
  });
}

IpsetOperation read_ipset_operation(Decoder& d, const Text& text) {
  IpsetOperation operation;
  operation.span = text.span;
  std::string_view target = text.value;
  const auto take = [&](std::string_view word) {
    if (target.substr(0, word.size()) != word) return false;
    target = trim(target.substr(word.size()));
    return true;
  };
  operation.remove = take("remove ");
  operation.bare = !operation.remove && !take("add ");
  operation.target = d.normal(parse_selector(target, text.span));
  return operation;
}

void read_ipsets(Decoder& d, Value value, Policy& policy) {
  if (!d.expect(value, Kind::object, "an object of IP sets")) return;
  d.map(value, false, [&](Value name, Value operations) {
    Ipset ipset{d.key(name), {}};
    if (!operations.is(Kind::null)) {
      for (const Text& text : d.texts(operations)) ipset.operations.push_back(read_ipset_operation(d, text));
    }
    policy.ipsets.push_back(std::move(ipset));
  });
}

void read_tag_owners(Decoder& d, Value value, Policy& policy) {
  if (!d.expect(value, Kind::object, "an object of tags")) return;
  d.map(value, true, [&](Value name, Value owners) {
    TagOwners entry{d.tag_key(name), {}};
    if (!owners.is(Kind::null)) entry.owners = d.selectors_of(entry.name, owners);
    policy.tag_owners.push_back(std::move(entry));
  });
}

void read_postures(Decoder& d, Value value, Policy& policy) {
  if (!d.expect(value, Kind::object, "an object of postures")) return;
  d.map(value, false, [&](Value name, Value assertions) {
    Posture posture{d.key(name), {}, {}};
    if (!assertions.is(Kind::null)) posture.texts = d.texts(assertions);
    for (const Text& text : posture.texts) {
      auto parsed = parse_assertion(text.value);
      posture.assertions.push_back(parsed ? std::optional(std::move(*parsed)) : std::nullopt);
    }
    policy.postures.push_back(std::move(posture));
  });
}

// --- sections of settings ---------------------------------------------------------------------------------------------

const Fields<AutoApprovers> auto_approver_fields = {
    {"routes",
     [](Decoder& d, Value value, AutoApprovers& out) {
       if (!d.expect(value, Kind::object, "an object of prefixes")) return;
       d.map(value, false, [&](Value name, Value approvers) {
         RouteApprovers route{d.key(name), {}, {}};
         const auto parsed = net::Prefix::parse(route.route.value);
         const bool usable = parsed.error == net::PrefixError::none || parsed.error == net::PrefixError::host_bits;
         if (usable) route.prefix = parsed.prefix;
         if (!approvers.is(Kind::null)) route.approvers = d.selectors_of(route.route, approvers);
         out.routes.push_back(std::move(route));
       });
     }},
    {"exitNode", [](Decoder& d, Value value, AutoApprovers& out) { out.exit_node = d.selectors(value); }},
    {"services",
     [](Decoder& d, Value value, AutoApprovers& out) {
       if (!d.expect(value, Kind::object, "an object of services")) return;
       d.map(value, false, [&](Value name, Value approvers) {
         ServiceApprovers service{d.selector(name), {}};
         if (!approvers.is(Kind::null)) service.approvers = d.selectors(approvers);
         out.services.push_back(std::move(service));
       });
     },
     FieldIn::tailscale},
};

const Fields<NodeAttr> node_attr_fields = {
    {"target", [](Decoder& d, Value value, NodeAttr& out) { out.target = d.selectors(value); }},
    {"attr", [](Decoder& d, Value value, NodeAttr& out) { out.attr = d.texts(value); }},
    {"app", [](Decoder& d, Value value, NodeAttr& out) { out.app = d.capabilities(value); }, FieldIn::tailscale},
    {"ipPool", [](Decoder& d, Value value, NodeAttr& out) { out.ip_pool = d.texts(value); }},
};

struct DerpNode {};
struct DerpRegion {};
struct DerpMap {};

// Nothing of the relay map is used here but its spelling.
void any_string(Decoder& d, Value value, DerpNode&) { d.expect(value, Kind::string, "a string"); }
void any_number(Decoder& d, Value value, DerpNode&) { d.expect(value, Kind::number, "a number"); }
void any_boolean(Decoder& d, Value value, DerpNode&) { d.expect(value, Kind::boolean, "true or false"); }

// clang-format off
const Fields<DerpNode> derp_node_fields = {
    {"Name", any_string},        {"RegionID", any_number},  {"HostName", any_string},         {"CertName", any_string},
    {"IPv4", any_string},        {"IPv6", any_string},      {"STUNPort", any_number},         {"STUNOnly", any_boolean},
    {"DERPPort", any_number},    {"STUNTestIP", any_string}, {"InsecureForTests", any_boolean}, {"CanPort80", any_boolean},
};

// clang-format on
const Fields<DerpRegion> derp_region_fields = {
    {"RegionID", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::number, "a number"); }},
    {"RegionCode", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::string, "a string"); }},
    {"RegionName", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::string, "a string"); }},
    {"Avoid", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::boolean, "true or false"); }},
    {"Latitude", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::number, "a number"); }},
    {"Longitude", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::number, "a number"); }},
    {"NoMeasureNoHome", [](Decoder& d, Value value, DerpRegion&) { d.expect(value, Kind::boolean, "true or false"); }},
    {"Nodes",
     [](Decoder& d, Value value, DerpRegion&) { d.objects(value, derp_node_fields, "a node of a relay region"); }},
};

const Fields<DerpMap> derp_map_fields = {
    {"OmitDefaultRegions", [](Decoder& d, Value value, DerpMap&) { d.expect(value, Kind::boolean, "true or false"); }},
    {"Regions",
     [](Decoder& d, Value value, DerpMap&) {
       if (!d.expect(value, Kind::object, "an object of regions")) return;
       d.map(value, false, [&](Value, Value region) {
         DerpRegion out;
         if (!region.is(Kind::null)) d.object(region, derp_region_fields, "a relay region", out);
       });
     }},
};

// --- the policy -------------------------------------------------------------------------------------------------------

const Fields<Policy> policy_fields = {
    {"groups", read_groups},
    {"hosts", read_hosts},
    {"ipsets", read_ipsets, FieldIn::tailscale},
    {"tagOwners", read_tag_owners},
    {"acls", read_acls},
    {"grants", read_grants},
    {"ssh", read_ssh},
    {"tests", read_tests},
    {"sshTests", read_ssh_tests},
    {"autoApprovers", [](Decoder& d, Value value,
                         Policy& out) { d.object(value, auto_approver_fields, "autoApprovers", out.auto_approvers); }},
    {"nodeAttrs", [](Decoder& d, Value value,
                     Policy& out) { out.node_attrs = d.objects(value, node_attr_fields, "a nodeAttrs entry"); }},
    {"postures", read_postures, FieldIn::tailscale},
    {"defaultSrcPosture", [](Decoder& d, Value value, Policy& out) { out.default_src_posture = d.texts(value); },
     FieldIn::tailscale},
    {"derpMap",
     [](Decoder& d, Value value, Policy& out) {
       DerpMap map;
       d.object(value, derp_map_fields, "derpMap", map);
       out.derp_map = value.index();
     },
     FieldIn::tailscale},
    {"disableIPv4", [](Decoder& d, Value value, Policy& out) { out.disable_ipv4 = d.boolean(value); },
     FieldIn::tailscale},
    {"OneCGNATRoute", [](Decoder& d, Value value, Policy& out) { out.one_cgnat_route = d.text(value); },
     FieldIn::tailscale},
    {"attrConfig",
     [](Decoder& d, Value value, Policy&) {
       d.findings().add(Code::W0711, value.span(), "\"attrConfig\" is not documented; it needs a feature flag");
     },
     FieldIn::tailscale},
    {"randomizeClientPort", [](Decoder& d, Value value, Policy& out) { out.randomize_client_port = d.boolean(value); }},
};

void warn_of_null_sections(Value root, Findings& findings) {
  for (auto it = root.begin(); it != root.end(); ++it) {
    const Value name = *it;
    ++it;
    if (!(*it).is(Kind::null)) continue;
    findings.add(Code::W0208, (*it).span(), fmt::format("{} is null, which counts as absent", name.text()),
                 "remove the section, or write [] or {} if it is meant to be empty");
  }
}

}  // namespace

void decode(PolicyFile& file, Findings& findings) {
  Decoder decoder(file, findings);
  const Value root = file.tree.root();
  decoder.object(root, policy_fields, "the policy", file.policy);
  decoder.report_spellings();
  if (root.is(Kind::object)) warn_of_null_sections(root, findings);
}

}  // namespace acl::policy
