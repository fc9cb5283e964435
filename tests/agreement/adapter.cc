#include "tests/agreement/adapter.h"

#include "compiler/emit/wire.h"
#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
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
  const SourceText source("inventory.hujson", inventory);
  const inventory::LoadedInventory tailnet = inventory::load_inventory({&source});
  if (!tailnet.ok()) return tl::unexpected(describe(tailnet.diagnostics));
  // As on saving: with what the inventory knows, tests included.
  const policy::Loaded loaded =
      questions::full_check("policy.hujson", policy, policy::Dialect::tailscale, tailnet.inventory);
  if (!loaded.accepted()) return tl::unexpected(describe(loaded.diagnostics));

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
