// Names mean nothing by themselves: under other names, and with users, nodes and keys in another order, every node gets the
// same answers. Over random pairs, and over the recorded cases where they are (ACL_SHARED_DIR/conformance/).
//
// Addresses stay, because orders on the wire follow them; so do domains, which policies name.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/agreement/adapter.h"
#include "tests/generate/hujson_text.h"
#include "tests/generate/tailnet.h"
#include "tests/oracle/oracle.h"

namespace acl::agreement {
namespace {

using generate::Model;
using Json = nlohmann::ordered_json;

// Old names and their new ones. A new name sorts wherever the seed puts it.
class Renaming {
 public:
  explicit Renaming(std::uint64_t seed) : seed_(seed) {}

  // The part behind the first colon, or before the @, changes: "tag:web" → "tag:qx0web".
  std::string operator()(const std::string& name) {
    const auto found = names_.find(name);
    return found == names_.end() ? add(name) : found->second;
  }
  // Only if it is a name that changes.
  std::string known(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? name : found->second;
  }
  std::string back(const std::string& name) const {
    const auto found = old_.find(name);
    return found == old_.end() ? name : found->second;
  }
  // A login takes its local part along, which is also the name of an account. Root stays root.
  std::string login(const std::string& name) {
    const std::size_t at = name.rfind('@');
    const std::string local = name.substr(0, at);
    std::string renamed = (local == "root" ? local : (*this)(local)) + name.substr(at);
    set(name, renamed);
    return renamed;
  }

 private:
  std::string add(const std::string& name) {
    const std::size_t colon = name.find(':');
    const std::size_t begin = colon == std::string::npos ? 0 : colon + 1;
    std::string mark;
    for (std::uint64_t bits = std::hash<std::string>()(name) ^ seed_ * 0x9e3779b97f4a7c15U; mark.size() < 3;
         bits /= 26) {
      mark += static_cast<char>('a' + (bits ^ bits >> 29U) % 26);
    }
    set(name, name.substr(0, begin) + mark + name.substr(begin));
    return names_.at(name);
  }
  void set(const std::string& name, const std::string& renamed) {
    names_[name] = renamed;
    old_[renamed] = name;
  }

  std::uint64_t seed_;
  std::map<std::string, std::string> names_, old_;
};

template <class List>
void shuffle(List& list, std::uint64_t& state) {
  for (std::size_t i = list.size(); i > 1; --i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::swap(list[i - 1], list[(state >> 33U) % i]);
  }
}

// --- models ---

void rename(std::vector<oracle::Selector>& selectors, const Renaming& names) {
  for (oracle::Selector& selector : selectors) {
    if (selector.kind != oracle::Kind::role && selector.kind != oracle::Kind::user_domain)
      selector.name = names.known(selector.name);
  }
}

void rename(oracle::Selector& selector, const Renaming& names) {
  std::vector<oracle::Selector> one = {selector};
  rename(one, names);
  selector = one[0];
}

template <class Value, class Rename>
void rename_keys(std::map<std::string, Value>& map, Renaming& names, Rename value) {
  std::map<std::string, Value> renamed;
  for (auto& [key, old] : map) {
    value(old);
    renamed[names(key)] = std::move(old);
  }
  map = std::move(renamed);
}

void rename(std::vector<std::string>& list, Renaming& names) {
  for (std::string& name : list) name = names(name);
}

void rename(std::optional<std::vector<std::string>>& list, Renaming& names) {
  if (list) rename(*list, names);
}

void rename_definitions(Model& model, Renaming& names) {
  auto& [policy, tailnet] = model;
  for (oracle::User& user : tailnet.users) user.login = names.login(user.login);
  const auto logins = [&](std::vector<std::string>& members) {
    for (std::string& member : members) member = names.login(member);
  };
  for (oracle::Node& node : tailnet.nodes) {
    node.name = names(node.name);
    if (!node.user.empty()) node.user = names.login(node.user);
    rename(node.tags, names);
  }
  for (oracle::Service& service : tailnet.services) {
    service.name = names(service.name);
    rename(service.hosts, names);
  }
  names.login("gone@example.com");
  rename_keys(tailnet.synced_groups, names, logins);
  rename_keys(policy.groups, names, logins);
  rename_keys(policy.hosts, names, [](auto&) {});
  rename_keys(policy.tag_owners, names, [](auto&) {});
  rename_keys(policy.postures, names, [](auto&) {});
  // An ipset names those before it in the order of the old names.
  rename_keys(policy.ipsets, names, [](auto&) {});
}

void rename_uses(oracle::Policy& policy, Renaming& names) {
  for (auto& [name, operations] : policy.ipsets) {
    for (oracle::IpsetOperation& operation : operations) rename(operation.target, names);
  }
  for (auto& [tag, owners] : policy.tag_owners) rename(owners, names);
  rename(policy.default_posture, names);
  if (policy.acls) {
    for (oracle::Acl& acl : *policy.acls) {
      rename(acl.src, names);
      for (oracle::Target& dst : acl.dst) rename(dst.selector, names);
      rename(acl.posture, names);
    }
  }
  if (policy.grants) {
    for (oracle::Grant& grant : *policy.grants) {
      rename(grant.src, names);
      rename(grant.dst, names);
      rename(grant.via, names);
      rename(grant.posture, names);
    }
  }
  for (oracle::SshRule& rule : policy.ssh) {
    rename(rule.src, names);
    rename(rule.dst, names);
    for (std::string& user : rule.users) {
      if (user.find(':') == std::string::npos) user = names.known(user);
    }
    rename(rule.posture, names);
  }
  for (auto& [route, approvers] : policy.route_approvers) rename(approvers, names);
  rename(policy.exit_approvers, names);
  for (oracle::NodeAttribute& entry : policy.node_attributes) rename(entry.target, names);
  policy.tests.clear();
  policy.ssh_tests.clear();
}

Model renamed(Model model, Renaming& names, std::uint64_t seed) {
  rename_definitions(model, names);
  rename_uses(model.policy, names);
  auto& [policy, tailnet] = model;
  shuffle(tailnet.users, seed);
  shuffle(tailnet.nodes, seed);
  shuffle(tailnet.services, seed);
  shuffle(tailnet.domains, seed);
  shuffle(policy.route_approvers, seed);
  for (auto& [name, members] : policy.groups) shuffle(members, seed);
  return model;
}

// --- answers ---

// Where rules are split by user they stand in the order of users, which a renaming changes: ssh rules with localpart:, filter
// rules with autogroup:self (whose parts are joined with later rules of the same sources, at nodes without them, too).
struct AnyOrder {
  bool of_ssh = false;
  bool of_filter = false;
};

void sort_by_text(std::vector<Json>& rules) {
  std::stable_sort(rules.begin(), rules.end(), [](const Json& a, const Json& b) { return a.dump() < b.dump(); });
}

// An answer in the old names. Of lists that have names in them the order means nothing.
Json in_old_names(const std::string& wire, const Renaming& names, const AnyOrder& any_order) {
  Json json = Json::parse(wire);
  if (json.contains("peers")) {
    auto peers = json["peers"].get<std::vector<std::string>>();
    for (std::string& peer : peers) peer = names.back(peer);
    std::sort(peers.begin(), peers.end());
    json["peers"] = peers;
  }
  const auto sorted_keys = [&](const Json& object) {
    std::map<std::string, Json> map;
    for (const auto& [key, value] : object.items()) map[names.back(key)] = value;
    return Json(map);
  };
  for (const char* member : {"peer_allowed_ips", "peer_primary_routes", "peer_caps"}) {
    if (json.contains(member)) json[member] = sorted_keys(json[member]);
  }
  if (json.contains("ssh_rules")) {
    std::vector<Json> rules = json["ssh_rules"];
    for (Json& rule : rules) {
      std::map<std::string, std::string> users;
      for (const auto& [name, local] : rule["sshUsers"].items()) users[names.back(name)] = names.back(local);
      rule["sshUsers"] = users;
    }
    if (any_order.of_ssh) sort_by_text(rules);
    json["ssh_rules"] = rules;
  }
  if (any_order.of_filter) {
    auto rules = json["packet_filter_rules"].get<std::vector<Json>>();
    sort_by_text(rules);
    json["packet_filter_rules"] = rules;
  }
  return json;
}

void expect_same(const Compiled& before, const Compiled& after, const Renaming& names, const AnyOrder& any_order,
                 const std::string& where) {
  const Renaming same(0);
  ASSERT_EQ(before.wire.size(), after.wire.size()) << where;
  for (const auto& [name, wire] : before.wire) {
    const std::string other = names.known(name);
    ASSERT_EQ(after.wire.count(other), 1U) << where << ": " << name;
    ASSERT_EQ(in_old_names(wire, same, any_order).dump(1), in_old_names(after.wire.at(other), names, any_order).dump(1))
        << where << ": " << name << ", then " << other;
  }
}

bool has_localpart(const oracle::Policy& policy) {
  return std::any_of(policy.ssh.begin(), policy.ssh.end(), [](const oracle::SshRule& rule) {
    return std::any_of(rule.users.begin(), rule.users.end(),
                       [](const std::string& user) { return user.rfind("localpart:", 0) == 0; });
  });
}

bool has_self(const oracle::Policy& policy) {
  const auto is_self = [](const oracle::Selector& selector) { return selector.kind == oracle::Kind::self; };
  const auto acls = policy.acls.value_or(std::vector<oracle::Acl>());
  const auto grants = policy.grants.value_or(std::vector<oracle::Grant>());
  return std::any_of(acls.begin(), acls.end(),
                     [&](const oracle::Acl& acl) {
                       return std::any_of(acl.dst.begin(), acl.dst.end(),
                                          [&](const oracle::Target& dst) { return is_self(dst.selector); });
                     }) ||
         std::any_of(grants.begin(), grants.end(), [&](const oracle::Grant& grant) {
           return std::any_of(grant.dst.begin(), grant.dst.end(), is_self);
         });
}

TEST(Renaming, RandomPairsGiveTheSameAnswers) {
  const char* text = std::getenv("ACL_AGREEMENT_RUNS");
  const std::uint64_t runs = (text == nullptr ? 4000 : std::strtoull(text, nullptr, 10)) / 4;
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    Model model = generate::tailnet_model(generate::random_choices(seed + 1000000, 40 + seed * 37 % 500));
    // Without tests, which are another matter; and no two nodes of one age, which their names would decide.
    model.policy.tests.clear();
    model.policy.ssh_tests.clear();
    for (std::size_t i = 0; i < model.tailnet.nodes.size(); ++i) {
      model.tailnet.nodes[i].created = 1767225600 + static_cast<std::int64_t>(i * 5 % 13);
    }
    Renaming names(seed);
    const Model other = renamed(model, names, seed);
    const auto before = compile(generate::policy_text(model.policy), generate::inventory_text(model.tailnet));
    const auto after = compile(generate::policy_text(other.policy), generate::inventory_text(other.tailnet));
    ASSERT_TRUE(before) << before.error();
    ASSERT_TRUE(after) << after.error() << generate::policy_text(other.policy);
    expect_same(*before, *after, names, {has_localpart(model.policy), has_self(model.policy)},
                "seed " + std::to_string(seed));
    if (HasFatalFailure()) {
      std::printf("%s%s%s%s", generate::policy_text(model.policy).c_str(),
                  generate::inventory_text(model.tailnet).c_str(), generate::policy_text(other.policy).c_str(),
                  generate::inventory_text(other.tailnet).c_str());
      return;
    }
  }
}

// --- recorded cases ---

// A string of a policy: a name, or a name and its ports, maybe with white space around it.
std::string rename_string(const std::string& text, const Renaming& names) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin != std::string::npos && begin != 0) return text.substr(0, begin) + rename_string(text.substr(begin), names);
  if (!text.empty() && text.back() == ' ') return rename_string(text.substr(0, text.size() - 1), names) + " ";
  std::string whole = names.known(text);
  const std::size_t colon = text.rfind(':');
  if (whole != text || colon == std::string::npos) return whole;
  const std::string host = names.known(text.substr(0, colon));
  return host + text.substr(colon);
}

// The names that a policy defines: tags, groups, and the keys of `hosts`.
void learn_names(const std::string& policy, Renaming& names) {
  const std::size_t hosts = policy.find("\"hosts\"");
  const std::size_t end_of_hosts = policy.find('}', hosts);
  for (std::size_t begin = policy.find('"'); begin != std::string::npos;) {
    const std::size_t end = policy.find('"', begin + 1);
    const std::string text = policy.substr(begin + 1, end - begin - 1);
    const auto is = [&](const std::string& word) {
      return text.rfind(word, 0) == 0 && text.size() > word.size() &&
             text.find_first_of(":@", word.size()) == std::string::npos;
    };
    const bool host = hosts != std::string::npos && begin > hosts && begin < end_of_hosts && policy[end + 1] == ':';
    if (is("tag:") || is("group:") || host) names(text);
    begin = policy.find('"', end + 1);
  }
}

// Every string literal of a policy text, comments and layout left alone.
std::string rename_policy(const std::string& policy, const Renaming& names) {
  std::string out;
  for (std::size_t i = 0; i < policy.size();) {
    const std::size_t quote = policy[i] == '"' ? policy.find('"', i + 1) : std::string::npos;
    if (quote == std::string::npos) {
      out += policy[i++];
      continue;
    }
    out += '"' + rename_string(policy.substr(i + 1, quote - i - 1), names) + '"';
    i = quote + 1;
  }
  return out;
}

Json rename_inventory(Json inventory, Renaming& names, std::uint64_t seed) {
  for (Json& user : inventory["users"]) {
    user["email"] = names.login(user["email"].get<std::string>());
    user["name"] = names(user["name"].get<std::string>());
  }
  for (Json& node : inventory["nodes"]) {
    node["name"] = names(node["name"].get<std::string>());
    if (node["user"].is_string()) node["user"] = names(node["user"].get<std::string>());
    for (Json& tag : node["tags"]) tag = names(tag.get<std::string>());
  }
  shuffle(inventory["users"], seed);
  shuffle(inventory["nodes"], seed);
  return inventory;
}

TEST(Renaming, RecordedCasesGiveTheSameAnswers) {
  const std::filesystem::path folder = std::filesystem::path(ACL_SHARED_DIR) / "conformance";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "SKIPPED: no recorded cases in " << folder;
  int accepted = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    const Json recorded = Json::parse(file);
    const std::string policy = recorded.at("policy");
    const auto before = compile(policy, recorded.at("inventory").dump());
    Renaming names(7);
    learn_names(policy, names);
    const Json inventory = rename_inventory(recorded.at("inventory"), names, 7);
    const auto after = compile(rename_policy(policy, names), inventory.dump());
    ASSERT_EQ(before.has_value(), after.has_value())
        << entry.path() << (before ? "" : before.error()) << (after ? "" : after.error());
    if (!before) continue;
    ++accepted;
    expect_same(*before, *after, names, {}, entry.path().stem().string());
    if (HasFatalFailure()) return;
  }
  std::printf("%d accepted cases\n", accepted);
  EXPECT_GT(accepted, 400);
}

}  // namespace
}  // namespace acl::agreement
