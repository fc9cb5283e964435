#include <nlohmann/json.hpp>

#include "compiler/emit/inspect.h"
#include "compiler/policy/ports.h"
#include "engine/release/time.h"

namespace acl::emit {
namespace {

using Json = nlohmann::ordered_json;

// Valid UTF-8 whatever the names are.
std::string line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json rule_json(const RuleName& rule) { return Json{{"name", rule.name}, {"file", rule.file}, {"line", rule.line}}; }

Json ranges_json(const std::vector<table::AddressRange>& ranges) {
  Json out = Json::array();
  for (const table::AddressRange& range : ranges) out.push_back(range_text(range));
  return out;
}

// A node with some of its addresses only is told by these.
Json classes_json(const table::ClassRanges& classes, const table::Directory* directory) {
  Json out = Json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    Members members = members_of(classes[i], directory);
    for (const auto& [node, address] : members.partial) members.addresses.push_back(address);
    out.push_back(Json{{"class", i + 1}, {"nodes", members.nodes}, {"addresses", members.addresses}});
  }
  return out;
}

Json destinations_json(const table::ClassRanges& behind, const table::NodeHeader& own,
                       std::uint16_t table::OwnAddress::*own_class) {
  Json out = Json::array();
  for (std::size_t i = 0; i < behind.size(); ++i) {
    Json addresses = Json::array();
    for (const table::OwnAddress& address : own.own) {
      if (address.*own_class == i + 1) addresses.push_back(address.address.text());
    }
    out.push_back(Json{{"class", i + 1}, {"own", addresses}, {"behind", ranges_json(behind[i])}});
  }
  return out;
}

Json packets(const PacketTable& table, const table::NodeHeader& own, const table::Directory* directory) {
  Json rules = Json::array();
  for (const PacketRow& one : table.rows) {
    Json allows = Json::array();
    for (const Service& service : one.services) {
      allows.push_back(Json{
          {"protocol", service.protocol}, {"name", policy::protocol_name(service.protocol)}, {"ports", service.ports}});
    }
    rules.push_back(Json{{"rule", rule_json(one.rule)},
                         {"allows", allows},
                         {"sources", one.sources},
                         {"destinations", one.destinations}});
  }
  return Json{{"sources", classes_json(table.sources, directory)},
              {"destinations", destinations_json(table.behind, own, &table::OwnAddress::hot_class)},
              {"rules", rules}};
}

Json check_period_json(const table::Ssh::Rule& rule) {
  if (rule.action != table::LoginAction::check) return {};
  if (rule.check_period == acl_ssh_always) return "always";
  return rule.check_period;
}

Json logins(const LoginTable& table, const table::Directory* directory) {
  Json rules = Json::array();
  for (const LoginRow& one : table.rows) {
    const auto flag = [&](acl_u32 bit) { return (one.details.flags & bit) != 0; };
    Json rule;
    rule["rule"] = rule_json(one.rule);
    rule["action"] = one.details.action == table::LoginAction::check ? "check" : "accept";
    rule["check_period"] = check_period_json(one.details);
    rule["accounts"] = one.details.accounts;
    rule["own_name"] = or_null(one.own_name);
    rule["root"] = flag(acl_ssh_root);
    rule["nonroot"] = flag(acl_ssh_nonroot);
    rule["environment"] = one.details.environment;
    rule["recorders"] = one.details.recorders;
    rule["enforce_recorder"] = flag(acl_ssh_enforce_recorder);
    rule["is_recorder"] = flag(acl_ssh_is_recorder);
    rule["agent_forwarding"] = flag(acl_ssh_agent_forwarding);
    rule["local_forwarding"] = flag(acl_ssh_local_forwarding);
    rule["remote_forwarding"] = flag(acl_ssh_remote_forwarding);
    rule["sources"] = one.sources;
    rules.push_back(std::move(rule));
  }
  return Json{{"sources", classes_json(table.sources, directory)}, {"rules", rules}};
}

Json capabilities(const CapabilityTable& table, const table::NodeHeader& own, const table::Directory* directory) {
  Json rules = Json::array();
  for (const CapabilityRow& one : table.rows) {
    rules.push_back(Json{{"rule", rule_json(one.rule)},
                         {"name", one.name},
                         {"value", or_null(one.value)},
                         {"sources", one.sources},
                         {"destinations", one.destinations}});
  }
  return Json{{"sources", classes_json(table.sources, directory)},
              {"destinations", destinations_json(table.behind, own, &table::OwnAddress::names_class)},
              {"rules", rules}};
}

Json identity_json(const table::Identity& identity) {
  Json addresses = Json::array(), routes = Json::array();
  for (const net::Address& address : identity.addresses) addresses.push_back(address.text());
  for (const net::Prefix& route : identity.routes) routes.push_back(route.text_with_length());
  const bool keyless = identity.key == std::array<std::uint8_t, 32>{};
  Json out{{"name", identity.name},           {"key", keyless ? Json() : Json(key_text(identity.key))},
           {"user", or_null(identity.login)}, {"tags", identity.tags},
           {"addresses", addresses},          {"routes", routes}};
  if (!identity.sub.empty()) out["sub"] = identity.sub;
  if (!identity.security_keys.empty()) out["securityKeys"] = identity.security_keys;
  return out;
}

Json identities(const std::vector<table::Identity>& list) {
  Json out = Json::array();
  for (const table::Identity& identity : list) out.push_back(identity_json(identity));
  return out;
}

Json rules(const table::Provenance& provenance) {
  Json out = Json::array();
  for (const table::RulePlace& place : provenance.rules)
    out.push_back(Json{{"name", table::rule_name(place)}, {"file", provenance.file}, {"line", place.line}});
  return out;
}

Json trust_json(const ReleaseReport& report) {
  if (!report.trust) return {};
  Json signers = Json::array();
  for (const release::TrustedKey& key : report.signers)
    signers.push_back(Json{{"label", key.label}, {"key", key.key.id.text()}});
  return Json{{"version", report.trust->version},
              {"threshold", report.trust->threshold},
              {"keys", report.trust->keys.size()},
              {"signers", signers}};
}

}  // namespace

std::string packets_json(const PacketTable& table) { return line(packets(table, {}, nullptr)); }
std::string logins_json(const LoginTable& table) { return line(logins(table, nullptr)); }

std::string names_json(const table::Names& names, const CapabilityTable& table) {
  Json known = Json::array();
  names.each_known([&](std::uint32_t number) { known.push_back(number); });
  Json out;
  out["capabilities"] = capabilities(table, {}, nullptr);
  out["knows"] = known;
  out["packet_rules"] = names.header().hot_rules;
  out["ssh_rules"] = names.header().ssh_rules;
  return line(out);
}

std::string identities_json(const std::vector<table::Identity>& list) { return line(identities(list)); }
std::string rules_json(const table::Provenance& provenance) { return line(rules(provenance)); }

std::string node_json(const NodeReport& report, const table::Directory& directory) {
  Json parts;
  for (std::size_t i = 0; i < report.parts.size(); ++i)
    parts[part_names[i]] = Json{{"digest", report.parts[i].digest.text()}, {"bytes", report.parts[i].length}};
  Json out;
  out["release"] = report.release;
  out["node"] = identity_json(report.identity);
  out["packets"] = packets(report.packets, report.header, &directory);
  out["logins"] = logins(report.logins, &directory);
  out["capabilities"] = capabilities(report.capabilities, report.header, &directory);
  out["knows"] = report.knows;
  out["parts"] = std::move(parts);
  return line(out);
}

std::string release_json(const ReleaseReport& report) {
  const release::Head& head = report.head;
  Json parts;
  for (std::size_t i = 0; i < report.parts.size(); ++i)
    parts[part_names[i]] = Json{{"count", report.parts[i].count}, {"bytes", report.parts[i].bytes}};
  Json out;
  out["release"] = head.generation.text();
  out["latest"] = report.latest ? Json(report.latest->text()) : Json();
  out["created"] = release::print_time(head.created);
  out["expires"] = release::print_time(head.expires);
  out["on_expiry"] = release::on_expiry_name(head.on_expiry);
  out["grace"] = head.grace;
  out["trust"] = trust_json(report);
  out["policy"] = head.contents.policy.text();
  out["inventory"] = head.contents.inventory.text();
  out["root"] = head.contents.root.digest.text();
  out["nodes"] = report.tree.leaves;
  out["pages"] = Json{{"count", report.tree.pages}, {"bytes", report.tree.page_bytes}};
  out["parts"] = std::move(parts);
  out["identities"] = identities(report.identities);
  out["rules"] = rules(report.rules);
  return line(out);
}

}  // namespace acl::emit
