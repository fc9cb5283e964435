#include "tests/agreement/adapter.h"

#include "compiler/emit/wire.h"
#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/resolve/resolve.h"
#include "compiler/resolve/view.h"

namespace acl::agreement {
namespace {

std::string describe(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& found : diagnostics) {
    if (found.severity != Severity::error) continue;
    if (found.place) out += found.place->file + ":" + std::to_string(found.place->start.line) + ": ";
    out += found.message + "\n";
  }
  return out;
}

}  // namespace

tl::expected<Compiled, std::string> compile(const std::string& policy, const std::string& inventory) {
  const policy::Loaded loaded = policy::load_policy("policy.hujson", policy);
  if (!loaded.accepted()) return tl::unexpected(describe(loaded.diagnostics));
  const SourceText source("inventory.hujson", inventory);
  const inventory::LoadedInventory tailnet = inventory::load_inventory({&source});
  if (!tailnet.ok()) return tl::unexpected(describe(tailnet.diagnostics));

  const resolve::Resolved resolved = resolve::resolve(*loaded.file, tailnet.inventory);
  const resolve::Views views(resolved);
  Compiled compiled;
  for (resolve::NodeId node = 0; node < tailnet.inventory.nodes.size(); ++node) {
    const std::string& name = tailnet.inventory.nodes[node].name;
    compiled.wire[name] = emit::wire_node(views, node);
    compiled.nodes[name] = oracle::read_node_answer(compiled.wire[name]);
  }
  return compiled;
}

}  // namespace acl::agreement
