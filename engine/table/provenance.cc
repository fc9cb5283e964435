#include "engine/table/provenance.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/table/cursor.h"

namespace acl::table {
namespace {

constexpr std::uint32_t magic = 0x504c4341;  // "ACLP"
constexpr std::size_t rule_bytes = 17;

tl::unexpected<Diagnostic> bad(const std::string& what) {
  return fail(Code::E1203, fmt::format("the list of rules cannot be used: {}", what),
              "fetch the release again; if its digests are right, it was made by a faulty or hostile compiler");
}

}  // namespace

const RulePlace* Provenance::find(std::uint64_t id) const noexcept {
  const auto place = std::lower_bound(rules.begin(), rules.end(), id,
                                      [](const RulePlace& rule, std::uint64_t wanted) { return rule.id < wanted; });
  return place != rules.end() && place->id == id ? &*place : nullptr;
}

std::string rule_name(const RulePlace& place) {
  switch (place.section) {
    case RuleSection::grants: return fmt::format("grants[{}]", place.index);
    case RuleSection::acls: return fmt::format("acls[{}]", place.index);
    case RuleSection::ssh: return fmt::format("ssh[{}]", place.index);
    case RuleSection::allow_all: break;
  }
  return "*";
}

Expected<Provenance> parse_provenance(std::span<const std::uint8_t> bytes) {
  Cursor cursor(bytes);
  std::uint32_t found = 0, count = 0;
  std::uint8_t version = 0, zero = 0;
  Provenance out;
  if (!cursor.number(found) || !cursor.number(version) || !cursor.number(zero) || !cursor.text(out.file) ||
      !cursor.number(count))
    return bad("it is too short");
  if (found != magic) return bad("it does not begin with ACLP");
  if (version != 1 || zero != 0) return bad(fmt::format("version \"{}\" is not \"1\"", version));
  if (std::uint64_t{count} * rule_bytes != cursor.left())
    return bad(fmt::format("{} rules do not fit {} bytes", count, cursor.left()));
  out.rules.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    RulePlace rule;
    std::uint8_t section = 0;
    if (!cursor.number(rule.id) || !cursor.number(section) || !cursor.number(rule.index) || !cursor.number(rule.line))
      return bad("it is too short");
    if (section < 1 || section > 4) return bad(fmt::format("there is no section \"{}\"", section));
    rule.section = static_cast<RuleSection>(section);
    if (!out.rules.empty() && out.rules.back().id >= rule.id) return bad("its rules do not ascend");
    out.rules.push_back(rule);
  }
  return out;
}

std::vector<std::uint8_t> encode_provenance(const Provenance& provenance) {
  std::vector<std::uint8_t> out;
  put_number(out, magic);
  put_number(out, std::uint8_t{1});
  put_number(out, std::uint8_t{0});
  put_text(out, provenance.file);
  put_number(out, static_cast<std::uint32_t>(provenance.rules.size()));
  for (const RulePlace& rule : provenance.rules) {
    put_number(out, rule.id);
    put_number(out, static_cast<std::uint8_t>(rule.section));
    put_number(out, rule.index);
    put_number(out, rule.line);
  }
  return out;
}

}  // namespace acl::table
