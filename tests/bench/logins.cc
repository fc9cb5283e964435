#include "tests/bench/logins.h"

#include <cstring>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/table/ssh_builder.h"
#include "tests/generate/large_tailnet.h"

namespace acl::bench {
namespace {

Logins make() {
  const generate::LargeTailnet texts = generate::large_tailnet(*generate::large_shape("M"));
  const SourceText source("inventory.hujson", texts.inventory);
  const inventory::LoadedInventory inventory = inventory::load_inventory({&source});
  const policy::Facts facts = questions::facts_of(inventory.inventory);
  const policy::Loaded policy = policy::load_policy("policy.hujson", texts.policy, policy::Dialect::tailscale, &facts);
  Logins out;
  if (!inventory.ok() || !policy.accepted()) return out;
  const resolve::Resolved resolved = resolve::resolve(*policy.file, inventory.inventory, resolve::Depth::rules);
  const resolve::Views views(resolved);
  const tables::Addresses addresses(resolved);
  const tables::NodeRuleReader reader(views);
  tables::Classifier classifier(addresses, resolved.node_count());
  table::LineBytes largest;
  for (resolve::NodeId node = 0; node < resolved.node_count(); node += 7) {
    auto part = tables::build_ssh(resolved, addresses, reader.logins(node), classifier);
    if (part && part->bytes.size() > largest.size()) largest = std::move(part->bytes);
  }
  out.words.resize(largest.size() / sizeof(std::uint64_t));
  std::memcpy(out.words.data(), largest.data(), largest.size());
  for (const net::Address& address : addresses.list) {
    for (const char* name : {"root", "ubuntu", "nobody-known"}) out.questions.push_back({address, name, true, false});
  }
  for (table::LoginQuestion& one : out.questions) one.account_is_root = one.requested == "root";
  return out;
}

}  // namespace

const Logins& Logins::of_a_large_tailnet() {
  static const Logins made = make();
  return made;
}

}  // namespace acl::bench
