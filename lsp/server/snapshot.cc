#include "lsp/server/snapshot.h"

#include <algorithm>

#include "compiler/hujson/parse.h"
#include "compiler/inventory/load.h"
#include "compiler/policy/decode.h"
#include "compiler/questions/full_check.h"

namespace acl::lsp {
namespace {

using hujson::Kind;
using hujson::Node;
using hujson::Tree;

bool ends_with(std::string_view text, std::string_view ending) noexcept {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

bool has_error(const std::vector<Diagnostic>& diagnostics) noexcept {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

// A recovered tree without the members whose name is no string: what reads trees may then take every name for one.
Tree readable(const Tree& tree) {
  Tree out{tree.text, {}, tree.has_comments, tree.trailing_commas};
  out.nodes.reserve(tree.nodes.size());
  struct Open {
    std::uint32_t from, to;  // in the old tree and in the new
  };
  std::vector<Open> open;
  bool is_name = false;
  for (std::uint32_t i = 0; i < tree.nodes.size();) {
    while (!open.empty() && tree.nodes[open.back().from].next <= i) {
      out.nodes[open.back().to].next = static_cast<std::uint32_t>(out.nodes.size());
      open.pop_back();
      is_name = true;  // a whole value: in an object, a name is next
    }
    const Node& node = tree.nodes[i];
    const bool in_object = !open.empty() && tree.nodes[open.back().from].kind == Kind::object;
    if (in_object && is_name) {
      const std::uint32_t value = node.next;
      if (node.kind != Kind::string || value >= tree.nodes[open.back().from].next) {
        i = value < tree.nodes[open.back().from].next ? tree.nodes[value].next : value;
        continue;
      }
      is_name = false;
    } else {
      is_name = true;
    }
    const auto self = static_cast<std::uint32_t>(out.nodes.size());
    out.nodes.push_back(node);
    out.nodes.back().next = self + 1;
    if (node.kind == Kind::object || node.kind == Kind::array) {
      open.push_back({i, self});
      is_name = true;
    }
    ++i;
  }
  for (const Open& composite : open) out.nodes[composite.to].next = static_cast<std::uint32_t>(out.nodes.size());
  return out;
}

// What can be told of a text with syntax errors: names and rules as far as they were recovered. That they are incomplete is no
// finding.
void decode_recovered(Snapshot& out) {
  policy::PolicyFile& file = *out.file;
  if (file.tree.nodes.empty()) return;
  file.tree = readable(file.tree);
  policy::Findings unused(file.source);
  if (out.kind == FileKind::policy) policy::decode(file, unused);
  if (out.kind == FileKind::fixture) policy::decode_fixture(file, unused, out.fixture);
}

void parse(Snapshot& out, std::string name, std::string text, policy::Dialect dialect) {
  out.file = std::make_unique<policy::PolicyFile>(std::move(name), std::move(text));
  out.file->policy.dialect = dialect;
  auto parsed = hujson::parse(out.file->source);
  out.file->tree = std::move(parsed.tree);
  out.whole = parsed.ok();
  out.diagnostics = std::move(parsed.errors);
}

}  // namespace

FileKind kind_of(std::string_view path) noexcept {
  if (ends_with(path, ".test.hujson")) return FileKind::fixture;
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name == "inventory.hujson" || name == "inventory.json" ? FileKind::inventory : FileKind::policy;
}

std::shared_ptr<const Snapshot> make_snapshot(std::string path, std::int64_t version, FileKind kind, std::string text,
                                              policy::Dialect dialect,
                                              std::shared_ptr<const InventoryState> inventory) {
  auto out = std::make_shared<Snapshot>();
  out->path = std::move(path);
  out->version = version;
  out->kind = kind;
  out->lines = Lines(text);
  out->inventory = std::move(inventory);
  if (kind == FileKind::policy) {
    const policy::Facts* facts = out->inventory ? &out->inventory->facts : nullptr;
    policy::Loaded loaded = policy::load_policy(out->path, std::move(text), dialect, facts);
    out->file = std::move(loaded.file);
    out->diagnostics = std::move(loaded.diagnostics);
    out->skipped = std::move(loaded.skipped);
    const bool syntax = std::any_of(out->diagnostics.begin(), out->diagnostics.end(),
                                    [](const Diagnostic& d) { return d.code >= Code::E0101 && d.code <= Code::E0106; });
    out->whole = !syntax;
  } else {
    parse(*out, out->path, std::move(text), dialect);
    if (kind == FileKind::fixture && out->whole) {
      policy::Findings findings(out->file->source);
      policy::decode_fixture(*out->file, findings, out->fixture);
      out->diagnostics = findings.take();
    }
  }
  if (!out->whole) decode_recovered(*out);
  out->accepted = !has_error(out->diagnostics);
  return out;
}

InventoryState::InventoryState(std::string of, inventory::Inventory what)
    : path(std::move(of)), inventory(std::move(what)), facts(questions::facts_of(inventory)), tailnet(inventory) {}

questions::TestRun judge_tests(const Snapshot& policy) {
  if (policy.kind != FileKind::policy || !policy.accepted || !policy.inventory) return {};
  const policy::PolicyFile& file = *policy.file;
  return questions::judge_tests(file, policy.inventory->tailnet, file.tree, file.policy.tests, file.policy.ssh_tests);
}

std::shared_ptr<const Understanding> understand(std::shared_ptr<const Snapshot> snapshot,
                                                const std::atomic<bool>& cancelled) {
  if (snapshot == nullptr || snapshot->kind != FileKind::policy || !snapshot->accepted || !snapshot->inventory ||
      cancelled)
    return nullptr;
  const policy::PolicyFile& file = *snapshot->file;
  const inventory::Inventory& inventory = snapshot->inventory->inventory;
  auto out = std::make_shared<Understanding>();
  out->resolved = resolve::resolve(file, inventory, resolve::Depth::rules);
  if (cancelled) return nullptr;
  out->views = std::make_unique<resolve::Views>(out->resolved);
  if (cancelled) return nullptr;
  out->tests = std::make_shared<questions::TestRun>(
      questions::run_tests(file, snapshot->inventory->tailnet, file.tree, file.policy.tests, file.policy.ssh_tests));
  out->snapshot = out->tested = std::move(snapshot);
  return cancelled ? nullptr : out;
}

}  // namespace acl::lsp
