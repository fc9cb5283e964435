// The records of the language: every key with its type and what to tell a person about it. The words that strings may be are in
// language_words.cc.
#include "compiler/policy/language.h"

#include <algorithm>
#include <array>

#include "compiler/policy/selector.h"

namespace acl::policy {
namespace {

constexpr Type text_of(Meaning meaning, Location location = Location::rule_src) {
  return {Shape::text, meaning, location, {}, nullptr};
}
constexpr Type list_of(const Type& element) { return {Shape::list, Meaning::none, Location::rule_src, {}, &element}; }
constexpr Type map_of(Meaning key, const Type& element, Location location = Location::rule_src) {
  return {Shape::map, key, location, {}, &element};
}
constexpr Type record_of(std::span<const Field> fields) {
  return {Shape::record, Meaning::none, Location::rule_src, fields, nullptr};
}
constexpr Type boolean{Shape::boolean};
constexpr Type number{Shape::number};
constexpr Type scalar{Shape::scalar};
constexpr Type opaque{Shape::opaque};
constexpr Type free_text = text_of(Meaning::none);

// Lists of one kind of selector, one for each place.
template <Location location>
constexpr Type selector_at = text_of(Meaning::selector, location);
template <Location location>
constexpr Type selectors_at = list_of(selector_at<location>);
template <Location location>
constexpr Type target_at = text_of(Meaning::target, location);
template <Location location>
constexpr Type targets_at = list_of(target_at<location>);
template <Meaning meaning>
constexpr Type text_meaning = text_of(meaning);
template <Meaning meaning>
constexpr Type texts_meaning = list_of(text_meaning<meaning>);

// A field that only the hosted service has.
constexpr Field hosted(Field field) {
  field.in_headscale = false;
  return field;
}
constexpr Field required(Field field) {
  field.required = true;
  return field;
}
// An old spelling, which only the hosted service still takes.
constexpr Field old_name(Field field, std::string_view modern) {
  field.modern = modern;
  return hosted(field);
}

constexpr Type capability_values = list_of(opaque);
constexpr Type app_of_grant = map_of(Meaning::capability, capability_values);
constexpr Type app_of_nodes = map_of(Meaning::capability, capability_values, Location::node_attr);
constexpr Type posture_attributes = map_of(Meaning::attribute_name, scalar);

constexpr Field src_posture = hosted(
    {"srcPosture", &texts_meaning<Meaning::posture_reference>,
     "Device postures: the rule counts for a source device only if **one** of them holds for it. Replaces "
     "`defaultSrcPosture` for this rule. See [device posture](https://tailscale.com/docs/features/device-posture).",
     "[\"posture:$1\"]"});

constexpr Field src_posture_attrs = hosted(
    {"srcPostureAttrs", &posture_attributes,
     "Posture attributes the source is assumed to have: `{\"node:os\": \"linux\"}`. Without them, rules that ask for a "
     "posture do not match in this test.",
     "{\"${1:node:os}\": \"$2\"}"});

// --- acls -------------------------------------------------------------------------------------------------------------

constexpr std::string_view about_src = "Who may start connections: users, groups, tags, autogroups, hosts, addresses.";
constexpr std::string_view about_dst =
    "What may be reached, each entry `SELECTOR:PORTS`. Ports are `*`, a number, a range `8000-8010` or a comma list of "
    "these; "
    "they stand behind the last colon.";

constexpr std::array acl_fields = {
    required({"action", &text_meaning<Meaning::acl_action>,
              "What happens to traffic that matches. Only `accept` exists: whatever no rule accepts is denied.",
              "\"accept\""}),
    required({"src", &selectors_at<Location::rule_src>, about_src, "[\"$1\"]"}),
    required({"dst", &targets_at<Location::acl_dst>, about_dst, "[\"$1:${2:*}\"]"}),
    Field{"proto", &text_meaning<Meaning::protocol>,
          "The IP protocol, by name or by its number in quotes. Without it TCP, UDP, ICMP and ICMPv6 are meant. Only "
          "`tcp`, "
          "`udp` and `sctp` have ports; the others need `*`.",
          "\"${1:tcp}\""},
    src_posture,
    old_name({"users", &selectors_at<Location::rule_src>, "The old name of `src`.", "[\"$1\"]"}, "src"),
    old_name({"ports", &targets_at<Location::acl_dst>, "The old name of `dst`.", "[\"$1:${2:*}\"]"}, "dst"),
};
constexpr Type acl = record_of(acl_fields);
constexpr Type acls = list_of(acl);

// --- grants -----------------------------------------------------------------------------------------------------------

constexpr std::array grant_fields = {
    required({"src", &selectors_at<Location::rule_src>, about_src, "[\"$1\"]"}),
    required({"dst", &selectors_at<Location::grant_dst>,
              "What may be reached: selectors **without** ports, which stand in `ip`.", "[\"$1\"]"}),
    Field{"ip", &texts_meaning<Meaning::grant_ip>,
          "Protocols and ports: `*`, `443`, `8000-8010`, `tcp:443`, `udp:*`, `icmp:*`. Without a protocol TCP, UDP, "
          "ICMP and "
          "ICMPv6 are meant. A grant needs `ip`, `app` or both.",
          "[\"${1:tcp:443}\"]"},
    Field{"app", &app_of_grant,
          "Application capabilities: a name `DOMAIN/PATH` and a list of objects that the application reads. They take "
          "effect "
          "only where network access exists, too.",
          "{\"${1:example.com/cap/app}\": [{$2}]}"},
    Field{"via", &selectors_at<Location::via>,
          "Tags of routers, exit nodes or app connectors: the traffic of this grant goes only through devices with one "
          "of "
          "them. See [grants via](https://tailscale.com/docs/features/access-control/grants/grants-via).",
          "[\"tag:$1\"]"},
    src_posture,
};
constexpr Type grant = record_of(grant_fields);
constexpr Type grants = list_of(grant);

// --- ssh --------------------------------------------------------------------------------------------------------------

constexpr std::array ssh_fields = {
    required({"action", &text_meaning<Meaning::ssh_action>,
              "`accept` lets the login in; `check` asks the person to sign in again, at most every `checkPeriod`. "
              "Rules with "
              "`check` are tried before all others.",
              "\"${1|accept,check|}\""}),
    required({"src", &selectors_at<Location::ssh_src>,
              "Who may log in: users, groups, tags, autogroups of people. `check` needs people: no tags then.",
              "[\"$1\"]"}),
    required({"dst", &selectors_at<Location::ssh_dst>,
              "Where: tags, `autogroup:tagged`, or people's own devices (`autogroup:self`). No ports.", "[\"$1\"]"}),
    required(
        {"users", &texts_meaning<Meaning::account>,
         "As which local accounts: names, `root`, `autogroup:nonroot` (any but uid 0), or `localpart:*@DOMAIN` (the "
         "account named as the person's login is before the `@`).",
         "[\"${1:autogroup:nonroot}\"]"}),
    Field{"checkPeriod", &text_meaning<Meaning::check_period>,
          "For `check`: how long a verification lasts, such as `12h` (the default) or `1h30m`, at most `168h`; "
          "`always` asks on "
          "every connection.",
          "\"${1:12h}\""},
    Field{"acceptEnv", &texts_meaning<Meaning::environment>,
          "Environment variables that a client may send, with `*` and `?` as wildcards. Takes effect on nodes with the "
          "attribute "
          "`ssh-env-vars`.",
          "[\"$1\"]"},
    src_posture,
    hosted({"recorder", &selectors_at<Location::via>,
            "Tags of the nodes that record these sessions. See [session "
            "recording](https://tailscale.com/docs/features/tailscale-ssh/tailscale-ssh-session-recording).",
            "[\"tag:$1\"]"}),
    hosted({"enforceRecorder", &boolean,
            "`true`: without a recorder that works there is no session. `false` (the default): the session goes on.",
            "${1|true,false|}"}),
};
constexpr Type ssh_rule = record_of(ssh_fields);
constexpr Type ssh = list_of(ssh_rule);

// --- tests ------------------------------------------------------------------------------------------------------------

constexpr std::array test_fields = {
    required(
        {"src", &selector_at<Location::test_src>, "Who connects: one user, group, tag, host or address.", "\"$1\""}),
    Field{"accept", &targets_at<Location::test_dst>,
          "What must be reachable, each `SELECTOR:PORT` with exactly one port and one host: no prefix, no `*`, no "
          "`autogroup:internet`.",
          "[\"$1:${2:22}\"]"},
    Field{"deny", &targets_at<Location::test_dst>, "What must **not** be reachable, written as in `accept`.",
          "[\"$1:${2:22}\"]"},
    Field{"proto", &text_meaning<Meaning::protocol>, "The IP protocol the test asks about. Without it: TCP or UDP.",
          "\"${1:tcp}\""},
    src_posture_attrs,
    old_name({"user", &selector_at<Location::test_src>, "The old name of `src`.", "\"$1\""}, "src"),
    old_name({"allow", &targets_at<Location::test_dst>, "The old name of `accept`.", "[\"$1:${2:22}\"]"}, "accept"),
};
constexpr Type test = record_of(test_fields);
constexpr Type tests = list_of(test);

constexpr std::array ssh_test_fields = {
    required(
        {"src", &selector_at<Location::ssh_test_src>, "Who logs in: one user, group, tag, host or address.", "\"$1\""}),
    required({"dst", &selectors_at<Location::ssh_test_dst>, "Where: users, groups, tags, hosts, addresses. No ports.",
              "[\"$1\"]"}),
    Field{"accept", &texts_meaning<Meaning::tested_account>,
          "Local accounts that must be open without a further check.", "[\"${1:root}\"]"},
    Field{"check", &texts_meaning<Meaning::tested_account>, "Local accounts that must be open after a check.",
          "[\"${1:root}\"]"},
    Field{"deny", &texts_meaning<Meaning::tested_account>, "Local accounts that must **not** be open.",
          "[\"${1:root}\"]"},
    src_posture_attrs,
};
constexpr Type ssh_test = record_of(ssh_test_fields);
constexpr Type ssh_tests = list_of(ssh_test);

// --- settings ---------------------------------------------------------------------------------------------------------

constexpr Type routes_approvers = map_of(Meaning::route, selectors_at<Location::approver>);
constexpr Type service_approvers = map_of(Meaning::service_name, selectors_at<Location::approver>);

constexpr std::array auto_approver_fields = {
    Field{"routes", &routes_approvers,
          "Prefixes and whose devices may advertise them, or any prefix inside them, without approval by hand. Exit "
          "routes are "
          "not among them: those are `exitNode`.",
          "{\"${1:10.0.0.0/8}\": [\"$2\"]}"},
    Field{"exitNode", &selectors_at<Location::approver>, "Whose devices may be exit nodes without approval by hand.",
          "[\"$1\"]"},
    hosted({"services", &service_approvers,
            "Services (`svc:NAME`, or a tag for all services that carry it) and whose devices may host them without "
            "approval "
            "by hand.",
            "{\"svc:$1\": [\"$2\"]}"}),
};
constexpr Type auto_approvers = record_of(auto_approver_fields);

constexpr std::array node_attr_fields = {
    required({"target", &selectors_at<Location::node_attr>,
              "Which nodes: `*`, users, groups, tags, autogroups, hosts, addresses, prefixes.", "[\"$1\"]"}),
    Field{"attr", &texts_meaning<Meaning::node_attribute>, "Attributes that these nodes get, such as `funnel`.",
          "[\"$1\"]"},
    hosted({"app", &app_of_nodes, "Configuration of applications on the node, such as `tailscale.com/app-connectors`.",
            "{\"${1:tailscale.com/app-connectors}\": [{$2}]}"}),
    Field{"ipPool", &texts_meaning<Meaning::ip_pool>,
          "Prefixes of `100.64.0.0/10` from which **new** nodes of these targets get their IPv4 address. See [IP "
          "pools](https://tailscale.com/kb/1304/ip-pool).",
          "[\"${1:100.64.0.0/16}\"]"},
};
constexpr Type node_attr = record_of(node_attr_fields);
constexpr Type node_attrs = list_of(node_attr);

constexpr std::array derp_node_fields = {
    required({"Name", &free_text, "The server's name, unique in its region.", "\"$1\""}),
    required({"RegionID", &number, "The region it belongs to.", "${1:900}"}),
    required({"HostName", &free_text, "Its DNS name.", "\"$1\""}),
    Field{"CertName", &free_text, "The name that its certificate bears, where that is not `HostName`.", "\"$1\""},
    Field{"IPv4", &free_text, "Its IPv4 address, where DNS is not to be asked; `none` to use no IPv4.", "\"$1\""},
    Field{"IPv6", &free_text, "Its IPv6 address, where DNS is not to be asked; `none` to use no IPv6.", "\"$1\""},
    Field{"STUNPort", &number, "UDP port for STUN: 0 means 3478, -1 none.", "${1:3478}"},
    Field{"STUNOnly", &boolean, "Only STUN, no relaying.", "${1|true,false|}"},
    Field{"DERPPort", &number, "TCP port of the relay: 0 means 443.", "${1:443}"},
    Field{"STUNTestIP", &free_text, "For tests: the address that STUN is sent to.", "\"$1\""},
    Field{"InsecureForTests", &boolean, "For tests: certificates are not verified.", "${1|true,false|}"},
    Field{"CanPort80", &boolean, "The server also answers on port 80, to find captive portals.", "${1|true,false|}"},
};
constexpr Type derp_node = record_of(derp_node_fields);
constexpr Type derp_nodes = list_of(derp_node);

constexpr std::array derp_region_fields = {
    required(
        {"RegionID", &number, "The number that is also the region's key. Own regions use 900 to 999.", "${1:900}"}),
    required({"RegionCode", &free_text, "A short name.", "\"$1\""}),
    Field{"RegionName", &free_text, "A name for people.", "\"$1\""},
    Field{"Avoid", &boolean, "Clients do not choose it as their home.", "${1|true,false|}"},
    Field{"Latitude", &number, "Where it is, in degrees.", "${1:0}"},
    Field{"Longitude", &number, "Where it is, in degrees.", "${1:0}"},
    Field{"NoMeasureNoHome", &boolean, "Clients neither measure it nor choose it as their home.", "${1|true,false|}"},
    Field{"Nodes", &derp_nodes, "The region's servers.",
          "[{\"Name\": \"$1\", \"RegionID\": ${2:900}, \"HostName\": \"$3\"}]"},
};
constexpr Type derp_region = record_of(derp_region_fields);
constexpr Type derp_regions = map_of(Meaning::none, derp_region);

constexpr std::array derp_map_fields = {
    Field{"OmitDefaultRegions", &boolean, "`true`: none of the built-in regions is used.", "${1|true,false|}"},
    Field{"Regions", &derp_regions,
          "Regions by number, in quotes; `null` removes a built-in one. Own regions use 900 to 999.",
          "{\"${1:900}\": {\"RegionID\": ${1:900}, \"RegionCode\": \"$2\", \"Nodes\": [$3]}}"},
};
constexpr Type derp_map = record_of(derp_map_fields);

// --- the policy -------------------------------------------------------------------------------------------------------

constexpr Type groups = map_of(Meaning::group_name, selectors_at<Location::group_member>);
constexpr Type hosts = map_of(Meaning::host_name, text_meaning<Meaning::host_value>);
constexpr Type ipset_operation = text_of(Meaning::ipset_operation, Location::ipset_target);
constexpr Type ipset_operations = list_of(ipset_operation);
constexpr Type ipsets = map_of(Meaning::ipset_name, ipset_operations);
constexpr Type tag_owners = map_of(Meaning::tag_name, selectors_at<Location::tag_owner>);
constexpr Type postures = map_of(Meaning::posture_name, texts_meaning<Meaning::posture_assertion>);

constexpr Field tests_field{
    "tests", &tests,
    "Assertions about network access: who must reach what, and who must not. A policy with a failing test is refused.",
    "[\n\t{\"src\": \"$1\", \"accept\": [\"$2:${3:22}\"]},\n]"};
constexpr Field ssh_tests_field{"sshTests", &ssh_tests,
                                "Assertions about logins: who must get into which account where, and who must not.",
                                "[\n\t{\"src\": \"$1\", \"dst\": [\"$2\"], \"accept\": [\"${3:root}\"]},\n]"};

constexpr std::array policy_fields = {
    Field{"groups", &groups,
          "Named sets of users: `\"group:NAME\": [LOGINS]`. Groups hold people only, no other groups. See [groups in "
          "the policy "
          "file](https://tailscale.com/docs/reference/syntax/policy-file).",
          "{\n\t\"group:${1:eng}\": [\"$2\"],\n}"},
    Field{"hosts", &hosts, "Names for addresses: `\"NAME\": \"ADDRESS or PREFIX\"`. A rule uses the bare name.",
          "{\n\t\"${1:name}\": \"${2:100.64.0.1}\",\n}"},
    hosted({"ipsets", &ipsets,
            "Named sets of addresses: `\"ipset:NAME\": [OPERATIONS]`, worked through from top to bottom: `add TARGET`, "
            "`remove "
            "TARGET`. See [IP sets](https://tailscale.com/docs/features/tailnet-policy-file/ip-sets).",
            "{\n\t\"ipset:${1:name}\": [\"add ${2:10.0.0.0/8}\"],\n}"}),
    Field{"tagOwners", &tag_owners,
          "Declares every tag, with who may give it to a device: `\"tag:NAME\": [OWNERS]`. `[]` means the admins "
          "alone. See "
          "[tags](https://tailscale.com/docs/features/tags).",
          "{\n\t\"tag:${1:server}\": [$2],\n}"},
    Field{"acls", &acls,
          "Network access, the older form: each entry lets its sources reach its destinations. Entries add up, nothing "
          "denies; "
          "without `acls` and `grants` **everything** is allowed. See "
          "[ACLs](https://tailscale.com/docs/features/access-control/acls).",
          "[\n\t{\"action\": \"accept\", \"src\": [\"$1\"], \"dst\": [\"$2:${3:*}\"]},\n]"},
    Field{"grants", &grants,
          "Network and application access: each entry gives its sources ports (`ip`) or capabilities (`app`) on its "
          "destinations. Entries add up with `acls`, nothing denies. See "
          "[grants](https://tailscale.com/docs/reference/syntax/grants).",
          "[\n\t{\"src\": [\"$1\"], \"dst\": [\"$2\"], \"ip\": [\"${3:tcp:443}\"]},\n]"},
    Field{"ssh", &ssh,
          "Who may log in where as which local account. A login also needs network access to port 22. See [Tailscale "
          "SSH](https://tailscale.com/docs/features/tailscale-ssh).",
          "[\n\t{\"action\": \"${1|accept,check|}\", \"src\": [\"$2\"], \"dst\": [\"$3\"], \"users\": "
          "[\"${4:autogroup:nonroot}\"]},\n]"},
    tests_field,
    ssh_tests_field,
    Field{"autoApprovers", &auto_approvers,
          "Whose devices may advertise routes, be exit nodes or host services without approval by hand.",
          "{\n\t\"routes\": {\"${1:10.0.0.0/8}\": [\"$2\"]},\n}"},
    Field{"nodeAttrs", &node_attrs,
          "Further attributes for nodes. An entry's attributes go to every node that one of its targets selects; "
          "entries add up.",
          "[\n\t{\"target\": [\"$1\"], \"attr\": [\"$2\"]},\n]"},
    hosted({"postures", &postures,
            "Conditions on devices: `\"posture:NAME\": [ASSERTIONS]`, all of which must hold. See [device "
            "posture](https://tailscale.com/docs/features/device-posture).",
            "{\n\t\"posture:${1:managed}\": [\"${2:node:os == 'linux'}\"],\n}"}),
    hosted({"defaultSrcPosture", &texts_meaning<Meaning::posture_reference>,
            "The postures for rules without a `srcPosture` of their own: one of them must hold for a source device.",
            "[\"posture:$1\"]"}),
    hosted({"derpMap", &derp_map, "Relay servers of one's own. Without it the built-in ones are used.",
            "{\n\t\"Regions\": {$1},\n}"}),
    hosted({"disableIPv4", &boolean,
            "`true`: nodes get no IPv4 address. The attribute `disable-ipv4` in `nodeAttrs` does it for some nodes and "
            "is the "
            "better way.",
            "${1|true,false|}"}),
    hosted({"OneCGNATRoute", &text_meaning<Meaning::cgnat_route>,
            "Whether clients install one route for `100.64.0.0/10` or one for each peer. `\"\"` leaves it to them.",
            "\"${1|mac-always,mac-never|}\""}),
    hosted({"attrConfig", &opaque, "Not documented; it needs a feature flag of the service.", "{$1}"}),
    Field{"randomizeClientPort", &boolean, "`true`: nodes listen on a random UDP port rather than 41641.",
          "${1|true,false|}"},
};
constexpr Type policy = record_of(policy_fields);

// --- fixtures ---------------------------------------------------------------------------------------------------------

constexpr std::array expectation_fields = {
    required({"from", &text_meaning<Meaning::question_source>,
              "Who connects: a node's name, or any selector that stands for devices.", "\"$1\""}),
    Field{"to", &text_meaning<Meaning::question_target>,
          "What is to be reached: `DST[:PORT[/PROTO]]`. Without a protocol TCP is meant, without a port every port.",
          "\"$1:${2:22}\""},
    Field{"ssh", &text_meaning<Meaning::question_login>, "The login asked for: `USER@NODE`. Instead of `to`.",
          "\"${1:root}@$2\""},
    required({"verdict", &text_meaning<Meaning::verdict>,
              "What the answer must be: `accept` or `deny`; of a login also `check`.", "\"${1|accept,deny,check|}\""}),
    Field{"rule", &text_meaning<Meaning::rule_name>, "The rule that must decide, such as `acls[3]`, counted from 0.",
          "\"${1:acls[0]}\""},
};
constexpr Type expectation = record_of(expectation_fields);
constexpr Type expectations = list_of(expectation);
constexpr Type inventory_of_fixture{Shape::opaque, Meaning::file_path};

constexpr std::array fixture_fields = {
    required({"policy", &text_meaning<Meaning::file_path>, "The policy that is tested: a path from this file.",
              "\"${1:policy.hujson}\""}),
    Field{
        "inventory", &inventory_of_fixture,
        "The inventory: a path from this file, or the inventory itself. Without it the one beside the policy is used.",
        "\"${1:inventory.hujson}\""},
    tests_field,
    ssh_tests_field,
    Field{"expect", &expectations, "Questions as `aclc can` takes them, with the answers they must have.",
          "[\n\t{\"from\": \"$1\", \"to\": \"$2:${3:22}\", \"verdict\": \"${4|accept,deny|}\"},\n]"},
};
constexpr Type fixture = record_of(fixture_fields);

}  // namespace

const Type& policy_type() noexcept { return policy; }
const Type& fixture_type() noexcept { return fixture; }

const Field* find_field(const Type& record, std::string_view name) noexcept {
  const auto found = std::find_if(record.fields.begin(), record.fields.end(),
                                  [&](const Field& field) { return equal_ignoring_case(field.name, name); });
  return found == record.fields.end() ? nullptr : &*found;
}

bool in_dialect(const Field& field, Dialect dialect) noexcept {
  return dialect == Dialect::headscale ? field.in_headscale : field.in_tailscale;
}

}  // namespace acl::policy
