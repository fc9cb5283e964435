#include "compiler/inventory/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>

#include "compiler/hujson/parse.h"
#include "compiler/inventory/shapes.h"

namespace acl::inventory {
namespace {

using hujson::Kind;
using hujson::Value;

struct File {
  File(const SourceText& source, std::uint32_t number, hujson::Tree tree)
      : reader(source, number, std::move(tree)), parts(reader.root()) {}

  Reader reader;
  Parts parts;
  const Steps* steps = nullptr;  // none: of no shape that we know
};

// --- telling formats apart --------------------------------------------------------------------------------------------

bool has_any(Value object, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return object.find(name).has_value(); });
}

std::optional<Value> first_object(Value list) {
  if (!list.is(Kind::array)) return std::nullopt;
  for (const Value element : list) {
    if (element.is(Kind::object)) return element;
  }
  return std::nullopt;
}

std::optional<Value> first_object(Value root, std::string_view member) {
  const auto list = root.find(member);
  return list ? first_object(*list) : std::nullopt;
}

bool is_headscale_node(Value object) {
  return has_any(object, {"ipAddresses", "ip_addresses", "givenName", "given_name", "nodeKey", "node_key"});
}

const Steps* steps_of(Value root) {
  if (root.is(Kind::array)) {
    const auto first = first_object(root);
    if (!first) return root.empty() ? &headscale_users_steps : nullptr;
    if (is_headscale_node(*first)) return &headscale_nodes_steps;
    return has_any(*first, {"id"}) && has_any(*first, {"name", "email"}) ? &headscale_users_steps : nullptr;
  }
  if (!root.is(Kind::object)) return nullptr;
  if (has_any(root, {"devices"})) return &devices_steps;
  if (has_any(root, {"Self", "Peer"})) return &status_steps;
  if (has_any(root, {"hostKeys"})) return &host_keys_steps;
  if (has_any(root, {"nodes"})) {
    if (const auto node = first_object(root, "nodes"); node && !has_any(*node, {"addresses"})) {
      if (is_headscale_node(*node)) return &headscale_nodes_steps;
      if (has_any(*node, {"ipv4", "ipv6", "created_rank", "routable_ips"})) return &case_steps;
    }
    return &native_steps;
  }
  if (const auto user = first_object(root, "users"); user && !has_any(*user, {"login"})) {
    if (has_any(*user, {"loginName"})) return &api_users_steps;
    if (has_any(*user, {"id"}) && has_any(*user, {"name", "email"})) return &headscale_users_steps;
  }
  return has_any(root, {"users", "tailnet", "domains", "services", "syncedGroups", "settings"}) ? &native_steps
                                                                                                : nullptr;
}

bool is_from(const Steps* steps, From from) noexcept {
  switch (from) {
    case From::any: return true;
    case From::tailscale: return steps == &status_steps;
    case From::api: return steps == &devices_steps || steps == &api_users_steps;
    case From::headscale: return steps == &headscale_nodes_steps || steps == &headscale_users_steps;
  }
  return false;
}

// A test fixture or a recorded case holds its inventory as a member.
Value inventory_of(Value root) {
  if (!root.is(Kind::object) || has_any(root, {"nodes"})) return root;
  const auto member = root.find("inventory");
  return member && member->is(Kind::object) ? *member : root;
}

void recognise(File& file, From from) {
  file.parts.root = inventory_of(file.parts.root);
  file.steps = steps_of(file.parts.root);
  const Value root = file.parts.root;
  const Span place{root.node().begin, root.node().begin + 1};
  if (file.steps == nullptr) {
    const bool policy = root.is(Kind::object) && has_any(root, {"acls", "grants", "tagOwners"});
    file.reader.report(
        Code::E0801, place, fmt::format("\"{}\" is no inventory", file.reader.source().name()),
        policy ? "this looks like a policy" : "an inventory looks like {\"nodes\": [{\"name\", \"addresses\"}]}");
  } else if (!is_from(file.steps, from)) {
    constexpr std::array<std::string_view, 4> wanted{"", "the output of tailscale status --json",
                                                     "an answer of the devices or users API",
                                                     "the output of headscale nodes list or users list -o json"};
    file.reader.report(
        Code::E0801, place,
        fmt::format("\"{}\" is not {}", file.reader.source().name(), wanted[static_cast<std::size_t>(from)]),
        "without --from formats are told apart by their shape");
    file.steps = nullptr;
  }
}

void read(std::deque<File>& files, Draft& draft, void (*Steps::*step)(Reader&, Parts&, Draft&)) {
  for (File& file : files) {
    if (file.steps != nullptr && file.steps->*step != nullptr) (file.steps->*step)(file.reader, file.parts, draft);
  }
}

}  // namespace

bool LoadedInventory::ok() const noexcept {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.severity == Severity::error; });
}

LoadedInventory load_inventory(const std::vector<const SourceText*>& sources, From from) {
  LoadedInventory loaded;
  std::deque<File> files;  // readers stay where they are
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    auto parsed = hujson::parse(*sources[i]);
    if (parsed.ok()) {
      recognise(files.emplace_back(*sources[i], i, std::move(parsed.tree)), from);
    } else {
      std::move(parsed.errors.begin(), parsed.errors.end(), std::back_inserter(loaded.diagnostics));
    }
  }
  if (!loaded.ok()) return loaded;

  Draft draft;
  for (const auto step : {&Steps::parts, &Steps::users, &Steps::nodes, &Steps::rest}) read(files, draft, step);
  const bool recognised =
      std::all_of(files.begin(), files.end(), [](const File& file) { return file.steps != nullptr; });
  if (recognised && !draft.nodes_listed) {
    if (files.empty()) {
      loaded.diagnostics.push_back(make_diagnostic(Code::E0801, "no inventory was given"));
    } else {
      const hujson::Node& root = files.back().parts.root.node();
      files.back().reader.report(Code::E0801, {root.begin, root.begin + 1}, "the inventory has no list of nodes",
                                 "add \"nodes\", or give the file with the nodes, too");
    }
  }
  draft.finish();
  for (File& file : files) {
    auto found = file.reader.findings().take();
    std::move(found.begin(), found.end(), std::back_inserter(loaded.diagnostics));
  }
  loaded.inventory = std::move(draft.inventory);
  loaded.gaps = std::move(draft.gaps);
  return loaded;
}

}  // namespace acl::inventory
