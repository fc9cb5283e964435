// The proof of rule ids (prove.h): they are made anew from the policy's tree, as docs/table-format.md says, and compared with those of the
// names part, number by number.
#include <cstring>
#include <map>

#include "compiler/table/prove_shared.h"
#include "engine/release/digest.h"
#include "engine/table/names.h"

namespace acl::tables {

using resolve::Origin;
using resolve::Section;

namespace {

std::uint64_t id_of_text(const std::string& text) {
  const release::Digest digest = release::digest_of(release::as_bytes(text));
  std::uint64_t id = 0;
  std::memcpy(&id, digest.bytes.data(), sizeof id);
  return id;
}

// The rules of one section; `number` is its digit in an id's text. `values`: the elements of the policy's lists, by where they stand.
template <class Rules>
void add_ids(const Rules& rules, int number,
             const std::map<std::pair<std::uint32_t, std::uint32_t>, hujson::Value>& values,
             std::vector<std::uint64_t>& out) {
  std::map<std::string, int> before;
  for (const auto& rule : rules) {
    const auto value = values.find({rule.span.begin, rule.span.end});
    if (value == values.end()) return;  // then its id is none, and no table with it is proved
    const std::string text = hujson::minimize(value->second);
    out.push_back(id_of_text(fmt::format("{}\n{}\n{}", number, text, before[text]++)));
  }
}

}  // namespace

std::map<Section, std::vector<std::uint64_t>> ids_of_rules(const policy::PolicyFile& file) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, hujson::Value> values;
  for (const hujson::Value section : hujson::Value(file.tree, 0)) {
    if (!section.is(hujson::Kind::array)) continue;
    for (const hujson::Value rule : section) values.emplace(std::pair{rule.span().begin, rule.span().end}, rule);
  }
  std::map<Section, std::vector<std::uint64_t>> out;
  if (file.policy.grants) add_ids(*file.policy.grants, 1, values, out[Section::grants]);
  if (file.policy.acls) add_ids(*file.policy.acls, 2, values, out[Section::acls]);
  add_ids(file.policy.ssh, 3, values, out[Section::ssh]);
  out[Section::allow_all] = {id_of_text("everything\n0")};
  return out;
}

std::optional<std::uint64_t> Prover::id_of(const Origin& origin) const {
  const auto section = ids_.find(origin.section);
  const std::size_t index = origin.section == Section::allow_all ? 0 : origin.index;
  if (section == ids_.end() || index >= section->second.size()) return std::nullopt;
  return section->second[index];
}

Expected<void> Prover::ids(NodeId node, std::span<const std::uint8_t> bytes, std::span<const Origin> hot,
                           std::span<const Origin> ssh) const {
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  const resolve::Resolved& resolved = views_.resolved();
  if (part->header().hot_rules != hot.size() || part->header().ssh_rules != ssh.size()) {
    return differs(resolved, node,
                   fmt::format("it names {} rules for packets and {} for logins where {} and {} are expected",
                               part->header().hot_rules, part->header().ssh_rules, hot.size(), ssh.size()));
  }
  for (std::uint32_t i = 0; i < hot.size() + ssh.size(); ++i) {
    const bool packets = i < hot.size();
    const auto number = packets ? i : i - static_cast<std::uint32_t>(hot.size());
    const Origin& origin = packets ? hot[number] : ssh[number];
    const std::optional<std::uint64_t> wanted = id_of(origin);
    if (wanted && (packets ? part->hot_rule_id(number) : part->ssh_rule_id(number)) == *wanted) continue;
    return differs(resolved, node,
                   fmt::format("rule number {} for {} does not have the id of {}", number,
                               packets ? "packets" : "logins", resolve::origin_name(origin)));
  }
  return {};
}

}  // namespace acl::tables
