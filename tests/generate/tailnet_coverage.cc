// What the generated models hold, counted.
#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "tests/generate/tailnet.h"

namespace acl::generate {
namespace {

using oracle::Kind;
using oracle::Selector;

const std::map<Kind, std::string>& kind_names() {
  static const std::map<Kind, std::string> names = {
      {Kind::everything, "*"},
      {Kind::user, "user"},
      {Kind::user_domain, "user:*@"},
      {Kind::group, "group"},
      {Kind::tag, "tag"},
      {Kind::member, "autogroup:member"},
      {Kind::tagged, "autogroup:tagged"},
      {Kind::role, "role autogroup"},
      {Kind::shared, "autogroup:shared"},
      {Kind::danger_all, "autogroup:danger-all"},
      {Kind::self, "autogroup:self"},
      {Kind::internet, "autogroup:internet"},
      {Kind::address, "address"},
      {Kind::prefix, "prefix"},
      {Kind::range, "range"},
      {Kind::host, "host"},
      {Kind::ipset, "ipset"},
      {Kind::service, "service"},
  };
  return names;
}

constexpr std::array<std::pair<const char*, const char*>, 13> kinds_at = {{
    // Columns: the members of Kind in their order.
    {"acls src", "YYYYYYYYYYNNYYNYYN"},
    {"acls dst", "YYYYYYYYNNYYYYNYYY"},
    {"grants src", "YYYYYYYYYYNNYYNYYN"},
    {"grants dst", "YYYYYYYYNNYYYYNYYY"},
    {"ssh src", "NYYYYYYYNNNNNNNNNN"},
    {"ssh dst", "NYNNYNYNNNYNNNNNNN"},
    {"tagOwners", "NYYYYYYYNNNNNNNNNN"},
    {"approver", "NYYYYYYYNNNNNNNNNN"},
    {"nodeAttrs", "YYNYYYYYNNNNYYNYNN"},
    {"ipsets", "NNNNNNNNNNNYYYYYYN"},
    {"tests src", "NYNYYNNNNNNNYNNYNN"},
    {"tests dst", "NNNNYNNNNNNNYNNYNY"},
    {"sshTests", "NYNYYNNNNNNNNNNNNN"},
}};

constexpr std::array<std::pair<int, const char*>, 17> protocol_kinds = {{{-1, "none"},
                                                                         {1, "icmp"},
                                                                         {2, "igmp"},
                                                                         {4, "ipv4"},
                                                                         {6, "tcp"},
                                                                         {8, "egp"},
                                                                         {9, "igp"},
                                                                         {17, "udp"},
                                                                         {33, "dccp"},
                                                                         {47, "gre"},
                                                                         {50, "esp"},
                                                                         {51, "ah"},
                                                                         {58, "ipv6-icmp"},
                                                                         {99, "tsmp"},
                                                                         {132, "sctp"},
                                                                         {89, "89"},
                                                                         {255, "255"}}};

constexpr std::array sections = {"groups",
                                 "hosts",
                                 "ipsets",
                                 "tagOwners",
                                 "acls",
                                 "grants",
                                 "neither acls nor grants",
                                 "ssh",
                                 "postures",
                                 "defaultSrcPosture",
                                 "autoApprovers routes",
                                 "autoApprovers exitNode",
                                 "nodeAttrs",
                                 "tests",
                                 "sshTests",
                                 "derpMap",
                                 "disableIPv4",
                                 "OneCGNATRoute",
                                 "randomizeClientPort"};

constexpr std::array features = {"synced group",
                                 "shared node",
                                 "service",
                                 "exit node",
                                 "HA route",
                                 "overlapping routes",
                                 "app",
                                 "via",
                                 "ip and app",
                                 "app and via",
                                 "srcPosture in acls",
                                 "srcPosture in grants",
                                 "srcPosture in ssh",
                                 "posture of another type",
                                 "NOT IN of another type",
                                 "NOT IN of mixed types",
                                 "ipset with remove",
                                 "localpart",
                                 "nonroot",
                                 "root",
                                 "check",
                                 "accept"};

std::string cell(std::string_view place, std::string_view what) {
  return std::string(place) + ": " + std::string(what);
}

std::string protocol_cell(std::string_view place, const std::optional<std::uint8_t>& protocol) {
  for (const auto& [number, name] : protocol_kinds) {
    if (number == (protocol ? int{*protocol} : -1)) return cell(place, name);
  }
  return cell(place, "another number");
}

// What one model has; each once.
class Counter {
 public:
  explicit Counter(const Model& model) : policy_(model.policy), tailnet_(model.tailnet) {
    sections_of();
    rules();
    ssh();
    names();
    postures();
    features_of();
  }
  const std::set<std::string>& cells() const { return cells_; }

 private:
  void mark(std::string_view place, std::string_view what) { cells_.insert(cell(place, what)); }
  void mark_if(bool there, std::string_view place, std::string_view what) {
    if (there) mark(place, what);
  }
  void selector(std::string_view place, const Selector& selector) { mark(place, kind_names().at(selector.kind)); }
  void selectors(std::string_view place, const std::vector<Selector>& list) {
    for (const Selector& one : list) selector(place, one);
  }

  void sections_of() {
    mark_if(!policy_.groups.empty(), "section", "groups");
    mark_if(!policy_.hosts.empty(), "section", "hosts");
    mark_if(!policy_.ipsets.empty(), "section", "ipsets");
    mark_if(!policy_.tag_owners.empty(), "section", "tagOwners");
    mark_if(policy_.acls.has_value(), "section", "acls");
    mark_if(policy_.grants.has_value(), "section", "grants");
    mark_if(!policy_.acls && !policy_.grants, "section", "neither acls nor grants");
    mark_if(!policy_.ssh.empty(), "section", "ssh");
    mark_if(!policy_.postures.empty(), "section", "postures");
    mark_if(policy_.default_posture.has_value(), "section", "defaultSrcPosture");
    mark_if(!policy_.route_approvers.empty(), "section", "autoApprovers routes");
    mark_if(!policy_.exit_approvers.empty(), "section", "autoApprovers exitNode");
    mark_if(!policy_.node_attributes.empty(), "section", "nodeAttrs");
    mark_if(!policy_.tests.empty(), "section", "tests");
    mark_if(!policy_.ssh_tests.empty(), "section", "sshTests");
    mark_if(policy_.derp_map, "section", "derpMap");
    mark_if(policy_.disable_ipv4, "section", "disableIPv4");
    mark_if(!policy_.one_cgnat_route.empty(), "section", "OneCGNATRoute");
    mark_if(policy_.randomize_client_port, "section", "randomizeClientPort");
  }

  void rules() {
    for (const oracle::Acl& acl : policy_.acls.value_or(std::vector<oracle::Acl>())) {
      selectors("acls src", acl.src);
      for (const oracle::Target& dst : acl.dst) selector("acls dst", dst.selector);
      cells_.insert(protocol_cell("acls proto", acl.protocol));
      mark_if(acl.posture.has_value(), "feature", "srcPosture in acls");
    }
    for (const oracle::Grant& grant : policy_.grants.value_or(std::vector<oracle::Grant>())) {
      selectors("grants src", grant.src);
      selectors("grants dst", grant.dst);
      for (const oracle::Traffic& ip : grant.ip) cells_.insert(protocol_cell("grants ip", ip.protocol));
      mark_if(grant.posture.has_value(), "feature", "srcPosture in grants");
      mark_if(!grant.app.empty(), "feature", "app");
      mark_if(!grant.via.empty(), "feature", "via");
      mark_if(!grant.app.empty() && !grant.ip.empty(), "feature", "ip and app");
      mark_if(!grant.app.empty() && !grant.via.empty(), "feature", "app and via");
    }
    for (const oracle::Test& test : policy_.tests) {
      selector("tests src", test.src);
      for (const auto* list : {&test.accept, &test.deny}) {
        for (const oracle::Target& dst : *list) selector("tests dst", dst.selector);
      }
    }
  }

  void ssh() {
    for (const oracle::SshRule& rule : policy_.ssh) {
      selectors("ssh src", rule.src);
      selectors("ssh dst", rule.dst);
      mark("feature", rule.check ? "check" : "accept");
      mark_if(rule.posture.has_value(), "feature", "srcPosture in ssh");
      for (const std::string& user : rule.users) {
        mark_if(user.rfind("localpart:", 0) == 0, "feature", "localpart");
        mark_if(user == "autogroup:nonroot", "feature", "nonroot");
        mark_if(user == "root", "feature", "root");
      }
    }
    for (const oracle::SshTest& test : policy_.ssh_tests) {
      selector("sshTests", test.src);
      selectors("sshTests", test.dst);
    }
  }

  void names() {
    for (const auto& [name, owners] : policy_.tag_owners) selectors("tagOwners", owners);
    for (const auto& [route, approvers] : policy_.route_approvers) selectors("approver", approvers);
    selectors("approver", policy_.exit_approvers);
    for (const oracle::NodeAttribute& entry : policy_.node_attributes) selectors("nodeAttrs", entry.target);
    for (const auto& [name, operations] : policy_.ipsets) {
      for (const oracle::IpsetOperation& operation : operations) {
        selector("ipsets", operation.target);
        mark_if(operation.remove, "feature", "ipset with remove");
      }
    }
  }

  // Conditions on values that some device has, of another type.
  void postures() {
    for (const auto& [name, conditions] : policy_.postures) {
      for (const oracle::Condition& condition : conditions) {
        for (const oracle::Node& node : tailnet_.nodes) {
          const auto found = node.attributes.find(condition.attribute);
          if (found != node.attributes.end()) types(condition, found->second);
        }
      }
    }
  }

  void types(const oracle::Condition& condition, const oracle::Value& value) {
    const auto same = std::count_if(condition.operands.begin(), condition.operands.end(),
                                    [&](const oracle::Value& operand) { return operand.index() == value.index(); });
    const bool none = !condition.operands.empty() && same == 0;
    const bool some = same != 0 && static_cast<std::size_t>(same) != condition.operands.size();
    mark_if(none, "feature", "posture of another type");
    if (condition.op != oracle::Condition::Operator::not_in) return;
    mark_if(none, "feature", "NOT IN of another type");
    mark_if(some, "feature", "NOT IN of mixed types");
  }

  void features_of() {
    mark_if(!tailnet_.synced_groups.empty(), "feature", "synced group");
    mark_if(!tailnet_.services.empty(), "feature", "service");
    std::vector<net::Prefix> approved;
    for (const oracle::Node& node : tailnet_.nodes) {
      mark_if(node.shared, "feature", "shared node");
      for (const net::Prefix& route : node.approved) {
        mark_if(route.is_everything(), "feature", "exit node");
        if (route.is_everything()) continue;
        for (const net::Prefix& other : approved) {
          mark_if(other == route, "feature", "HA route");
          mark_if(other != route && other.overlaps(route), "feature", "overlapping routes");
        }
        approved.push_back(route);
      }
    }
  }

  const oracle::Policy& policy_;
  const oracle::Tailnet& tailnet_;
  std::set<std::string> cells_;
};

}  // namespace

Coverage no_coverage() {
  Coverage coverage;
  for (const auto& [place, columns] : kinds_at) {
    for (const auto& [kind, name] : kind_names()) {
      if (columns[static_cast<std::size_t>(kind)] == 'Y') coverage[cell(place, name)] = 0;
    }
  }
  for (const char* name : sections) coverage[cell("section", name)] = 0;
  for (const char* name : features) coverage[cell("feature", name)] = 0;
  for (const auto& [number, name] : protocol_kinds) {
    coverage[cell("acls proto", name)] = 0;
    coverage[cell("grants ip", name)] = 0;
  }
  return coverage;
}

void count_coverage(const Model& model, Coverage& coverage) {
  const Counter counter(model);
  for (const std::string& name : counter.cells()) ++coverage[name];
}

}  // namespace acl::generate
