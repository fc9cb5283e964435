#include "engine/store/release_folder.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::store {
namespace {

using namespace acl::release;  // NOLINT(google-build-using-namespace): every other word here is one of a release

// An absent or unreadable signature is none; a malformed one, too: whoever wrote it can write it again.
std::vector<Signature> read_signatures(const Folder& folder, const std::vector<std::string>& names) {
  std::vector<Signature> out;
  for (const std::string& name : names) {
    const auto text = folder.read(name, signature_limit);
    if (!text || !*text) continue;
    if (auto signature = parse_signature(**text, name)) out.push_back(std::move(*signature));
  }
  return out;
}

std::vector<TrustedKey> signers_of(ByteView message, const TrustSet& by, const std::vector<Signature>& signatures) {
  std::vector<TrustedKey> out;
  for (const TrustedKey& key : by.keys) {
    const bool any = std::any_of(signatures.begin(), signatures.end(),
                                 [&](const Signature& s) { return verify(s, key.key, message); });
    if (any) out.push_back(key);
  }
  return out;
}

std::vector<Signature> trust_signatures(const Folder& folder, std::uint64_t version, const TrustSet& by) {
  std::vector<std::string> names;
  for (const TrustedKey& key : by.keys) names.push_back(trust_signature_name(version, key.key.id));
  return read_signatures(folder, names);
}

std::uint32_t lacks(const Folder& folder, const StoredTrust& trust, const TrustSet& by) {
  const std::uint32_t has = count_valid(by, as_bytes(trust.text), trust_signatures(folder, trust.trust.version, by));
  return by.threshold - std::min(has, by.threshold);
}

template <class T>
tl::unexpected<Diagnostic> pass_on(const Expected<T>& failed) {
  return tl::unexpected<Diagnostic>(failed.error());
}

tl::unexpected<Diagnostic> missing(const Folder& folder, const std::string& name) {
  return fail(Code::E1013, fmt::format("\"{}\" is not there", folder.path_of(name)));
}

}  // namespace

Expected<std::optional<StoredHead>> read_head(const Folder& folder, const Generation& generation) {
  const std::string name = head_name(generation);
  auto text = folder.read(name, head_limit);
  if (!text) return pass_on(text);
  if (!*text) return std::nullopt;
  auto head = parse_head(**text, folder.path_of(name));
  if (!head) return pass_on(head);
  if (head->generation != generation) {
    return fail(Code::E1001, fmt::format("\"{}\": it says it is the head of release {}", folder.path_of(name),
                                         head->generation.text()));
  }
  return StoredHead{*head, std::move(**text)};
}

Expected<std::optional<StoredTrust>> read_trust(const Folder& folder, std::uint64_t version) {
  const std::string name = trust_name(version);
  auto text = folder.read(name, trust_limit);
  if (!text) return pass_on(text);
  if (!*text) return std::nullopt;
  auto trust = parse_trust(**text, folder.path_of(name));
  if (!trust) return pass_on(trust);
  if (trust->version != version) {
    return fail(Code::E1002, fmt::format("\"{}\": it says it is version {}", folder.path_of(name), trust->version));
  }
  return StoredTrust{std::move(*trust), std::move(**text)};
}

Expected<std::optional<StoredTrust>> current_trust(const Folder& folder) {
  const auto objects = folder.heads_and_trust();
  if (!objects) return pass_on(objects);
  std::uint64_t version = 0;
  for (const ObjectName& object : *objects) {
    if (object.kind == NameKind::trust) version = std::max(version, object.generation.trust);
  }
  if (version == 0) return std::nullopt;
  return read_trust(folder, version);
}

Expected<std::optional<StoredHead>> newest_head(const Folder& folder) {
  const auto objects = folder.heads_and_trust();
  if (!objects) return pass_on(objects);
  std::optional<Generation> newest;
  for (const ObjectName& object : *objects) {
    if (object.kind != NameKind::head) continue;
    const Generation& generation = object.generation;
    if (!newest || generation.number > newest->number ||
        (generation.number == newest->number && generation.trust > newest->trust)) {
      newest = generation;
    }
  }
  if (!newest) return std::nullopt;
  return read_head(folder, *newest);
}

Expected<std::optional<StoredHead>> newest_head(const Folder& folder, std::uint64_t trust_version) {
  const auto objects = folder.heads_and_trust();
  if (!objects) return pass_on(objects);
  std::optional<Generation> newest;
  for (const ObjectName& object : *objects) {
    if (object.kind != NameKind::head || object.generation.trust != trust_version) continue;
    newest = std::max(newest.value_or(object.generation), object.generation);
  }
  if (!newest) return std::nullopt;
  return read_head(folder, *newest);
}

Expected<std::vector<TrustedKey>> head_signers(const Folder& folder, const StoredHead& head, const TrustSet& trust) {
  std::vector<std::string> names;
  for (const TrustedKey& key : trust.keys) names.push_back(head_signature_name(head.head.generation, key.key.id));
  return signers_of(as_bytes(head.text), trust, read_signatures(folder, names));
}

Expected<std::vector<TrustedKey>> trust_signers(const Folder& folder, const StoredTrust& trust, const TrustSet& by) {
  return signers_of(as_bytes(trust.text), by, trust_signatures(folder, trust.trust.version, by));
}

Expected<Lacking> trust_lacks(const Folder& folder, const StoredTrust& trust) {
  Lacking out;
  out.by_own = lacks(folder, trust, trust.trust);
  if (trust.trust.version == 1) return out;
  const auto last = read_trust(folder, trust.trust.version - 1);
  if (!last) return pass_on(last);
  if (!*last) return missing(folder, trust_name(trust.trust.version - 1));
  if (const std::string fault = succession_fault((*last)->trust, trust.trust); !fault.empty()) {
    return fail(Code::E1030,
                fmt::format("\"{}\" does not follow version {}: {}", folder.path_of(trust_name(trust.trust.version)),
                            (*last)->trust.version, fault));
  }
  out.by_last = lacks(folder, trust, (*last)->trust);
  return out;
}

Expected<StoredTrust> follow_chain(const Folder& folder, const std::string& from, std::uint64_t version) {
  auto first = parse_trust(from, "the trust set that was given");
  if (!first) return pass_on(first);
  if (first->version > version) {
    return fail(Code::E1015, fmt::format("\"{}\" has trust version {}, older than the {} that is trusted",
                                         folder.path(), version, first->version));
  }
  StoredTrust trust{std::move(*first), from};
  // The copy that is trusted is one of this folder, or it is another network's.
  const auto own = read_trust(folder, trust.trust.version);
  if (!own) return pass_on(own);
  if (!*own) return missing(folder, trust_name(trust.trust.version));
  if ((*own)->text != from) {
    return fail(Code::E1030, fmt::format("\"{}\" is not the trust set that is trusted",
                                         folder.path_of(trust_name(trust.trust.version))));
  }
  while (trust.trust.version < version) {
    const std::uint64_t next = trust.trust.version + 1;
    const auto stored = read_trust(folder, next);
    if (!stored) return pass_on(stored);
    if (!*stored) return missing(folder, trust_name(next));
    std::vector<Signature> signatures = trust_signatures(folder, next, trust.trust);
    for (Signature& signature : trust_signatures(folder, next, (*stored)->trust)) {
      signatures.push_back(std::move(signature));
    }
    auto followed = follow_trust(trust.trust, (*stored)->text, signatures);
    if (!followed) return pass_on(followed);
    trust = {std::move(*followed), (*stored)->text};
  }
  return trust;
}

Expected<StoredHead> next_head(const Folder& folder, const Contents& contents, const Validity& validity) {
  const bool lengths = validity.valid > 0 && validity.valid <= longest_duration && validity.grace >= 0 &&
                       validity.grace <= longest_duration;
  if (!lengths || validity.created < 0 || validity.created > last_time_there_is - validity.valid) {
    return fail(Code::E1001,
                fmt::format("a release cannot be valid for {} seconds from {} with a grace of {} seconds",
                            validity.valid, print_time(validity.created), validity.grace),
                "validity is more than nothing, and neither it nor the grace longer than ten years");
  }
  const auto trust = current_trust(folder);
  if (!trust) return pass_on(trust);
  const auto newest = newest_head(folder);
  if (!newest) return pass_on(newest);
  StoredHead out;
  out.head.generation.number = *newest ? (*newest)->head.generation.number + 1 : 1;
  if (out.head.generation.number > largest_number) {
    return fail(Code::E1001, fmt::format("\"{}\" has the last generation there can be", folder.path()));
  }
  if (*trust) {
    out.head.generation.trust = (*trust)->trust.version;
    out.head.trust = digest_of(as_bytes((*trust)->text));
  }
  out.head.created = validity.created;
  out.head.expires = validity.created + validity.valid;
  out.head.grace = validity.grace;
  out.head.on_expiry = validity.on_expiry;
  out.head.contents = contents;
  out.text = print_head(out.head);
  return out;
}

Expected<StoredHead> put_next_head(Folder& folder, const Contents& contents, const Validity& validity) {
  auto next = next_head(folder, contents, validity);
  if (!next) return next;
  if (auto settled = folder.settle(); !settled) return pass_on(settled);
  const auto put = folder.put(head_name(next->head.generation), as_bytes(next->text));
  if (!put) return pass_on(put);
  return next;
}

Expected<bool> advance_latest(Folder& folder, const StoredHead& head, std::string& why) {
  const Generation& generation = head.head.generation;
  const auto trust = read_trust(folder, generation.trust);
  if (!trust) return pass_on(trust);
  if (!*trust) return missing(folder, trust_name(generation.trust));
  const auto signers = head_signers(folder, head, (*trust)->trust);
  if (!signers) return pass_on(signers);
  if (signers->size() < (*trust)->trust.threshold) {
    why = fmt::format("{} of {} signatures", signers->size(), (*trust)->trust.threshold);
    return false;
  }
  const auto lacking = trust_lacks(folder, **trust);
  if (!lacking) return pass_on(lacking);
  if (!lacking->none()) {
    why = fmt::format("{} is not signed by enough keys yet: nodes could not follow it", trust_name(generation.trust));
    return false;
  }
  const auto latest = folder.latest();
  if (!latest) return pass_on(latest);
  if (*latest && **latest >= generation) {
    why = fmt::format("latest is at {} already", (*latest)->text());
    return false;
  }
  if (const auto moved = folder.move_latest(*latest, generation); !moved) return pass_on(moved);
  return true;
}

}  // namespace acl::store
