// What CheckService answers to `aclnode check`.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/release/base64.h"
#include "engine/release/text.h"
#include "node/daemon/check_approval.h"
#include "node/daemon/check_service.h"

namespace acl::node {

using nlohmann::json;
namespace {

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// Whose key it is; null: nobody's that is known.
const table::Identity* node_of(const LoadedTable* table, const Key& key) {
  if (table == nullptr) return nullptr;
  for (const auto& one : table->directory().identities()) {
    if (one.identity.key == key) return &one.identity;
  }
  return nullptr;
}

json approval_json(const CheckSubject& subject, const CheckApproval& approval) {
  return {{"source", release::encode_base64(subject.source)},
          {"user", subject.person},
          {"from", release::print_time(approval.from)},
          {"until", release::print_time(approval.until)},
          {"by", approval.by}};
}

}  // namespace

std::string CheckService::list() const {
  const Facts facts = source_.facts();
  json out;
  out["checks"] = json::array();
  for (const auto& [subject, entry] : checks_.entries()) {
    if (!entry.passed && !entry.approval) continue;
    const table::Identity* node = node_of(facts.table, subject.source);
    json one;
    one["node"] = node != nullptr ? json(node->name) : json(nullptr);
    one["source"] = release::encode_base64(subject.source);
    one["user"] = subject.person;
    one["checked"] =
        entry.passed ? json{{"at", release::print_time(entry.passed->at)}, {"by", entry.passed->by}} : json();
    one["approved"] = entry.approval ? json{{"from", release::print_time(entry.approval->from)},
                                            {"until", release::print_time(entry.approval->until)},
                                            {"by", entry.approval->by}}
                                     : json();
    out["checks"].push_back(std::move(one));
  }
  return dump(out);
}

// A node of a person that the table knows: by name, address or key.
Expected<CheckSubject> CheckService::subject_of(const std::string& source, const std::string& user) const {
  const Facts facts = source_.facts();
  if (facts.table == nullptr) return fail(Code::E1424, "there is no valid table, so nobody is known");
  Key key{};
  const table::Identity* node = nullptr;
  if (release::decode_base64(source, key)) {
    node = node_of(facts.table, key);
  } else {
    const auto addresses = addresses_of(*facts.table, source);
    if (!addresses) return fail(Code::E1424, addresses.error().message);
    const auto* found = facts.table->directory().whois(addresses->front());
    if (found != nullptr) node = &found->identity;
  }
  if (node == nullptr)
    return fail(Code::E1424, fmt::format("{} is no node that this one knows", release::quoted(source)),
                "`aclnode check list` shows keys; a name, an address or a key of the inventory");
  if (node->login.empty())
    return fail(Code::E1424, fmt::format("{} is a tagged node, which is no person", release::quoted(node->name)),
                "rules with \"check\" are for people");
  if (node->key == Key{})
    return fail(Code::E1424, fmt::format("{} has no WireGuard key in the inventory", release::quoted(node->name)));
  if (!user.empty() && user != node->login)
    return fail(Code::E1424, fmt::format("{} is {}'s, not {}'s", release::quoted(node->name),
                                         release::quoted(node->login), release::quoted(user)));
  return CheckSubject{node->key, node->login};
}

Expected<std::string> CheckService::approved(const CheckSubject& subject, const CheckApproval& approval) {
  if (!checks_.approve(subject, approval))
    return fail(Code::E1424, "there is no room for more approvals", "`aclnode check revoke` takes some away");
  static_cast<void>(keep());
  decisions_.record(clocks_.wall(), "check-approved",
                    {{"source", release::encode_base64(subject.source)},
                     {"identity", subject.person},
                     {"by", approval.by},
                     {"from", release::print_time(approval.from)},
                     {"until", release::print_time(approval.until)}});
  return dump(approval_json(subject, approval));
}

Expected<std::string> CheckService::approve(const std::string& source, const std::string& user, std::uint32_t for_s) {
  if (for_s == 0 || for_s > Checks::longest_period)
    return fail(Code::E1424, "an approval lasts from a second to 168 hours");
  const auto subject = subject_of(source, user);
  if (!subject) return tl::unexpected(subject.error());
  // What was signed before gives way to it, now and later.
  checks_.settle(*subject, now());
  return approved(*subject, {now(), now() + for_s, "root"});
}

Expected<std::string> CheckService::approve_signed(const std::string& text, const std::string& signature) {
  const release::TrustSet* trust = source_.trust();
  if (trust == nullptr) return fail(Code::E1424, "this node has no trust set");
  const auto approval = read_approval(text, signature, *trust, source_.facts().own_key, now());
  if (!approval) return tl::unexpected(approval.error());
  // Of a source that is not known it would be forgotten with the next release.
  const auto subject = subject_of(release::encode_base64(approval->subject.source), approval->subject.person);
  if (!subject) return tl::unexpected(subject.error());
  // Anybody may bring it, as often as he likes.
  if (checks_.is_settled(*subject, approval->approval.from))
    return fail(Code::E1424, "the approval does not count: root has approved or revoked since it was made",
                "have a newer one signed");
  const auto known = checks_.entries().find(*subject);
  if (known != checks_.entries().end() && known->second.approval == approval->approval)
    return dump(approval_json(*subject, approval->approval));
  return approved(*subject, approval->approval);
}

Expected<std::string> CheckService::request(const std::string& source, const std::string& user,
                                            std::uint32_t for_s) const {
  if (for_s == 0 || for_s > Checks::longest_period)
    return fail(Code::E1424, "an approval lasts from a second to 168 hours");
  const auto subject = subject_of(source, user);
  if (!subject) return tl::unexpected(subject.error());
  const Key own = source_.facts().own_key;
  if (own == Key{}) return fail(Code::E1424, "WireGuard does not say which key this node has");
  return dump({{"text", print_approval({own, *subject, now(), now() + for_s})}});
}

Expected<std::string> CheckService::revoke(const std::string& source, const std::string& user) {
  auto subject = subject_of(source, user);
  // One whom the table does not know any more is named by key and user.
  Key key{};
  if (!subject && release::decode_base64(source, key) && !user.empty()) subject = CheckSubject{key, user};
  if (!subject) return tl::unexpected(subject.error());
  if (!checks_.revoke(*subject, now()))
    return fail(Code::E1424, fmt::format("nothing is remembered of {}", release::quoted(subject->person)),
                "`aclnode check list` shows what is");
  // What stays on the disk would count again after a restart.
  if (const auto kept = keep(); !kept && !forget_file()) return tl::unexpected(kept.error());
  decisions_.record(clocks_.wall(), "check-revoked",
                    {{"source", release::encode_base64(subject->source)}, {"identity", subject->person}});
  return dump({{"source", release::encode_base64(subject->source)}, {"user", subject->person}});
}

}  // namespace acl::node
