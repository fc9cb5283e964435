#include <fmt/format.h>

#include <algorithm>

#include "compiler/emit/display.h"
#include "compiler/emit/inspect.h"
#include "compiler/resolve/intervals.h"
#include "engine/release/base64.h"
#include "engine/release/time.h"

namespace acl::emit {
namespace {

// As `aclc show` has them.
constexpr std::size_t first_column = 26;
constexpr std::size_t second_column = 46;

std::string row(std::string_view what, std::string_view from, const RuleName& rule) {
  return fmt::format("    {:<{}}  from {:<{}}  {}\n", what, first_column, from, second_column, printable(rule.text()));
}

std::string members_text(const std::vector<table::AddressRange>& ranges, const Naming& naming) {
  const Members members = members_of(ranges, naming.directory);
  const auto marked = [&](const std::string& name) {
    const bool known = naming.knows == nullptr || name == naming.self ||
                       std::binary_search(naming.knows->begin(), naming.knows->end(), name);
    return known ? name : name + " (unknown to it)";
  };
  std::vector<std::string> names = members.addresses;
  for (const std::string& name : members.nodes) names.push_back(marked(name));
  for (const auto& [node, address] : members.partial) names.push_back(fmt::format("{} ({})", marked(node), address));
  return names.empty() ? "nobody" : short_list(names);
}

// What is behind the node, in few words: an exit node's internet is one.
std::vector<std::string> behind_texts(const std::vector<table::AddressRange>& ranges) {
  std::vector<table::AddressRange> rest = joined(ranges);
  std::vector<std::string> out;
  const auto is_listed = [&](const resolve::Interval& interval) {
    return std::find(rest.begin(), rest.end(), table::AddressRange{interval.first, interval.last}) != rest.end();
  };
  const std::vector<resolve::Interval>& internet = resolve::internet_set().list();
  if (std::all_of(internet.begin(), internet.end(), is_listed)) {
    out.emplace_back("the internet");
    for (const resolve::Interval& interval : internet)
      std::erase(rest, table::AddressRange{interval.first, interval.last});
  }
  for (const table::AddressRange& range : rest) out.push_back(range_text(range));
  return out;
}

// What of a node some destination classes are; "" if they are exactly its own addresses.
std::string destinations_text(const std::vector<std::uint32_t>& classes, const table::ClassRanges& behind,
                              const table::NodeHeader& own, std::uint16_t table::OwnAddress::*own_class) {
  std::vector<std::string> out;
  std::size_t owned = 0;
  for (const table::OwnAddress& address : own.own) {
    if (std::find(classes.begin(), classes.end(), address.*own_class) == classes.end()) continue;
    ++owned;
    out.push_back(address.address.text());
  }
  const std::vector<table::AddressRange> ranges = together(behind, classes);
  if (owned != 0 && owned == own.own.size()) {
    if (ranges.empty()) return {};
    out.assign(1, "itself");
  }
  for (std::string& text : behind_texts(ranges)) out.push_back(std::move(text));
  if (out.empty()) {
    // A part by itself does not say which addresses its classes are.
    for (const std::uint32_t one : classes) out.push_back(fmt::format("class {}", one));
  }
  return " to " + short_list(out);
}

std::string duration(std::uint32_t seconds) {
  constexpr std::uint32_t day = 86400;
  if (seconds > day && seconds % day == 0) return fmt::format("{}d", seconds / day);
  if (seconds % 3600 == 0) return fmt::format("{}h", seconds / 3600);
  if (seconds % 60 == 0) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", seconds);
}

std::string accounts_text(const LoginRow& login) {
  std::vector<std::string> accounts;
  for (const std::string_view account : login.details.accounts) accounts.emplace_back(account);
  if ((login.details.flags & acl_ssh_root) != 0) accounts.emplace_back("root");
  if ((login.details.flags & acl_ssh_nonroot) != 0) accounts.emplace_back("every account but root");
  if (!login.own_name.empty()) accounts.push_back(login.own_name + " (their own name)");
  std::string out = accounts.empty() ? "no account" : short_list(accounts);
  if (login.details.action != table::LoginAction::check) return out;
  return out + (login.details.check_period == acl_ssh_always
                    ? " (check each time)"
                    : fmt::format(" (check, {})", duration(login.details.check_period)));
}

// What is not as every rule has it.
std::string login_details(const table::Ssh::Rule& rule) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  const auto texts = [](const std::vector<std::string_view>& list) {
    return short_list(std::vector<std::string>(list.begin(), list.end()));
  };
  if (!rule.environment.empty()) add("environment " + texts(rule.environment));
  if (!rule.recorders.empty()) {
    add(fmt::format("recorded by {}{}{}", texts(rule.recorders),
                    (rule.flags & acl_ssh_is_recorder) != 0 ? " (this node)" : "",
                    (rule.flags & acl_ssh_enforce_recorder) != 0 ? ", or not at all" : ""));
  }
  std::vector<std::string> without;
  if ((rule.flags & acl_ssh_agent_forwarding) == 0) without.emplace_back("agent");
  if ((rule.flags & acl_ssh_local_forwarding) == 0) without.emplace_back("local ports");
  if ((rule.flags & acl_ssh_remote_forwarding) == 0) without.emplace_back("remote ports");
  if (!without.empty()) add("no forwarding of " + short_list(without));
  return out.empty() ? out : "      " + out + "\n";
}

std::string signers_text(const ReleaseReport& report) {
  if (!report.trust) return "none yet: compiled before there was a trust set";
  std::vector<std::string> names;
  for (const release::TrustedKey& key : report.signers) names.push_back(key.label);
  return fmt::format("{}: {} of the {} needed, of {} keys (trust version {})",
                     names.empty() ? "nobody" : short_list(names), names.size(), report.trust->threshold,
                     report.trust->keys.size(), report.trust->version);
}

std::string plural(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string short_list(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i == 0 ? "" : ", ") + printable(names[i]);
  if (names.size() > most) out += fmt::format(", … ({} more)", names.size() - most);
  return out;
}

std::string key_text(const std::array<std::uint8_t, 32>& key) { return release::encode_base64(key); }

std::string identity_line(const table::Identity& identity) {
  std::vector<std::string> who = identity.tags, addresses;
  if (who.empty()) who.push_back(identity.login.empty() ? "nobody's" : identity.login);
  for (const net::Address& address : identity.addresses) addresses.push_back(address.text());
  std::string check;
  if (!identity.security_keys.empty()) check = fmt::format("  security keys: {}", identity.security_keys.size());
  if (!identity.sub.empty()) check += fmt::format("  sub: {}", printable(identity.sub));
  return fmt::format("{}  ({})  {}{}\n", printable(identity.name), short_list(who), short_list(addresses), check);
}

std::string packets_text(const PacketTable& table, const table::NodeHeader& own, const Naming& naming) {
  std::string out;
  for (const PacketRow& one : table.rows) {
    out += row(services_text(one.services) +
                   destinations_text(one.destinations, table.behind, own, &table::OwnAddress::hot_class),
               members_text(together(table.sources, one.sources), naming), one.rule);
  }
  return out;
}

std::string logins_text(const LoginTable& table, const Naming& naming) {
  std::string out;
  for (const LoginRow& one : table.rows) {
    out += row(accounts_text(one), members_text(together(table.sources, one.sources), naming), one.rule);
    out += login_details(one.details);
  }
  return out;
}

std::string capabilities_text(const CapabilityTable& table, const table::NodeHeader& own, const Naming& naming) {
  std::string out;
  for (const CapabilityRow& one : table.rows) {
    const std::string value = one.value.empty() ? "" : " " + printable(one.value);
    out += row(printable(one.name) + value +
                   destinations_text(one.destinations, table.behind, own, &table::OwnAddress::names_class),
               members_text(together(table.sources, one.sources), naming), one.rule);
  }
  return out;
}

std::string node_text(const NodeReport& report, const table::Directory& directory) {
  std::string out = identity_line(report.identity);
  out += fmt::format("  WireGuard key {}\n", key_text(report.identity.key));
  const Naming naming{&directory, &report.knows, report.identity.name};
  const std::string packets = packets_text(report.packets, report.header, naming);
  out += packets.empty() ? "  packets: nobody reaches it\n" : "  packets\n" + packets;
  const std::string logins = logins_text(report.logins, naming);
  out += logins.empty() ? "  logins: nobody by SSH rules\n" : "  logins\n" + logins;
  const std::string capabilities = capabilities_text(report.capabilities, report.header, naming);
  if (!capabilities.empty()) out += "  capabilities\n" + capabilities;
  out += report.knows.empty()
             ? "  knows no other node\n"
             : fmt::format("  knows {}: {}\n", plural(report.knows.size(), "other node"), short_list(report.knows));
  std::vector<std::string> routes;
  for (const net::Prefix& route : report.identity.routes) routes.push_back(route.text_with_length());
  if (!routes.empty()) out += fmt::format("  routes {}\n", short_list(routes));
  out += fmt::format("  its table in release {}:", report.release);
  for (std::size_t i = 0; i < report.parts.size(); ++i)
    out += fmt::format("{} {} {} bytes", i == 0 ? "" : ",", part_names[i], report.parts[i].length);
  return out + "\n";
}

std::string release_text(const ReleaseReport& report) {
  const release::Head& head = report.head;
  std::string out = fmt::format("release {} in {}\n", head.generation.text(), printable(report.folder));
  out += fmt::format("  latest     {}\n", !report.latest                      ? "none: not enough signatures yet"
                                          : *report.latest == head.generation ? "this one"
                                                                              : report.latest->text());
  out += fmt::format("  signed by  {}\n", signers_text(report));
  out += fmt::format("  created    {}\n  expires    {}; then {} after a grace of {}\n",
                     release::print_time(head.created), release::print_time(head.expires),
                     release::on_expiry_name(head.on_expiry), duration(static_cast<std::uint32_t>(head.grace)));
  out += fmt::format("  policy     {}\n  inventory  {}\n", head.contents.policy.text(), head.contents.inventory.text());
  out += fmt::format("  tables     {} in {} ({} bytes)\n", plural(report.tree.leaves, "node"),
                     plural(report.tree.pages, "page"), report.tree.page_bytes);
  for (std::size_t i = 0; i < report.parts.size(); ++i) {
    out += fmt::format("    {:<7}  {:>6} distinct, {} bytes\n", part_names[i], report.parts[i].count,
                       report.parts[i].bytes);
  }
  std::vector<std::string> names;
  for (const table::Identity& identity : report.identities) names.push_back(identity.name);
  std::sort(names.begin(), names.end());
  out += fmt::format("  directory  {}: {}\n", plural(names.size(), "node"), short_list(names));
  out += fmt::format("  rules      {} of {}\n", report.rules.rules.size(), printable(report.rules.file));
  return out;
}

}  // namespace acl::emit
