#include "compiler/policy/names.h"

#include <algorithm>

#include "engine/net/suggest.h"

namespace acl::policy {

Names::Names(const Policy& policy) {
  for (const Group& group : policy.groups) define(NameKind::group, group.name);
  for (const Host& host : policy.hosts) define(NameKind::host, host.name);
  for (const Ipset& ipset : policy.ipsets) define(NameKind::ipset, ipset.name);
  for (const TagOwners& tag : policy.tag_owners) define(NameKind::tag, tag.name);
  for (const Posture& posture : policy.postures) define(NameKind::posture, posture.name);
}

void Names::define(NameKind kind, const Text& name) {
  Table& names = table(kind);
  if (!names.index.try_emplace(name.value, names.list.size()).second) return;
  names.list.push_back({name.value, name.span});
  names.bytes += std::min<std::size_t>(name.value.size(), 100);
}

Definition* Names::find(NameKind kind, std::string_view name) {
  Table& names = table(kind);
  const auto found = names.index.find(name);
  return found == names.index.end() ? nullptr : &names.list[found->second];
}

const Definition* Names::nearest(NameKind kind, std::string_view name) {
  // In bytes times bytes, which is what comparing two names costs. Names too long to compare cost nothing.
  constexpr std::size_t most_work = 50'000'000;
  Table& names = table(kind);
  if (work_ > most_work) return nullptr;
  work_ += name.size() > 100 ? 0 : name.size() * (names.list.size() + names.bytes);
  if (names.names.empty()) {
    for (const Definition& definition : names.list) names.names.push_back(definition.name);
  }
  const auto found = acl::nearest(name, names.names);
  return found ? find(kind, *found) : nullptr;
}

}  // namespace acl::policy
