// aclc show: who gets what. For people, per node; or the control plane's wire form; or counts and digests of all nodes.
//
// Exit code: 0 shown, 1 the policy is refused, 2 no inventory or an unknown node, 3 unreadable.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/options.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/people.h"
#include "compiler/emit/wire.h"
#include "compiler/resolve/summary.h"
#include "engine/net/suggest.h"

namespace acl::cli {
namespace {

enum class As : std::uint8_t { text, wire };

struct ShowOptions {
  std::string policy, inventory, node;
  As as = As::text;
  bool summary = false;
  policy::Dialect dialect = policy::Dialect::tailscale;
};

// The nodes to show, in the order of their names; none if the name is unknown (then said).
std::vector<resolve::NodeId> nodes_to_show(const resolve::Views& views, const std::string& name) {
  const auto& nodes = views.resolved().inventory->nodes;
  std::vector<resolve::NodeId> out;
  if (name.empty()) {
    out.resize(nodes.size());
    for (resolve::NodeId id = 0; id < nodes.size(); ++id) out[views.name_order()[id]] = id;
    return out;
  }
  for (resolve::NodeId id = 0; id < nodes.size(); ++id) {
    if (nodes[id].name == name) out.push_back(id);
  }
  if (out.empty()) {
    std::vector<std::string_view> names;
    for (const auto& node : nodes) names.push_back(node.name);
    const auto near = acl::nearest(name, names);
    complain(make_diagnostic(Code::E0901, fmt::format("unknown node \"{}\"", name),
                             near ? fmt::format("did you mean \"{}\"?", *near) : "the inventory has no such node"));
  }
  return out;
}

int show_summary(const resolve::Views& views, const std::vector<resolve::NodeId>& nodes, As as) {
  const resolve::Summary summary = [&] {
    Progress progress("summing up nodes", views.resolved().node_count());
    return resolve::summarize(views, [&](std::size_t done) { progress.done(done); });
  }();
  const auto& all = views.resolved().inventory->nodes;
  std::string out;
  if (as == As::wire) out = fmt::format("{{\"digest\":\"{}\",\"nodes\":{{", summary.digest);
  if (as == As::text)
    out = fmt::format("{:<32} {:>8} {:>14} {:>8} {:>6}  {}\n", "node", "rules", "pairs", "peers", "ssh", "digest");
  bool first = true;
  for (const resolve::NodeId id : nodes) {
    const resolve::NodeSummary& node = summary.nodes[id];
    if (as == As::text) {
      out += fmt::format("{:<32} {:>8} {:>14} {:>8} {:>6}  {}\n", all[id].name, node.rules, node.pairs, node.peers,
                         node.ssh_rules, node.digest.substr(0, 16));
      continue;
    }
    out += fmt::format("{}{}:{{\"rules\":{},\"pairs\":{},\"peers\":{},\"ssh_rules\":{},\"digest\":\"{}\"}}",
                       first ? "" : ",", hujson::quote(all[id].name), node.rules, node.pairs, node.peers,
                       node.ssh_rules, node.digest);
    first = false;
  }
  if (as == As::wire) out += "}}\n";
  if (as == As::text) out += fmt::format("{} nodes, digest {}\n", nodes.size(), summary.digest);
  return print_out(out) ? exit_yes : exit_unreadable;
}

// Node by node: all nodes of a large tailnet do not fit into memory at once. Progress is told only where the nodes go elsewhere
// than to the terminal. False if they could not be written.
bool print_nodes(const resolve::Views& views, const std::vector<resolve::NodeId>& nodes, As as) {
  std::optional<Progress> progress;
  if (::isatty(STDOUT_FILENO) == 0) progress.emplace("showing nodes", nodes.size());
  if (as == As::wire && !print_out("{\"nodes\":{")) return false;
  std::size_t done = 0;
  for (const resolve::NodeId id : nodes) {
    std::string text;
    if (as == As::wire) {
      const std::string name = hujson::quote(views.resolved().inventory->nodes[id].name);
      text = (done == 0 ? "" : ",") + name + ":" + emit::wire_node(views, id);
    } else {
      text = (done == 0 ? "" : "\n") + emit::describe_node(views, id);
    }
    if (!print_out(text)) return false;
    ++done;
    if (progress) progress->done(done);
  }
  return as != As::wire || print_out("}}\n");
}

int run_show(const ShowOptions& options) {
  int exit_code = exit_yes;
  const auto inputs = load_inputs(options.policy, options.inventory, options.dialect, exit_code);
  if (!inputs) return exit_code;
  std::optional<Progress> progress("resolving " + options.policy);
  const resolve::Resolved resolved = resolve::resolve(*inputs->policy, inputs->inventory.inventory);
  const resolve::Views views(resolved);
  progress.reset();
  const auto nodes = nodes_to_show(views, options.node);
  if (nodes.empty() && !options.node.empty()) return exit_usage;
  if (options.summary) return show_summary(views, nodes, options.as);
  return print_nodes(views, nodes, options.as) ? exit_yes : exit_unreadable;
}

}  // namespace

void add_show(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* verb = app.add_subcommand("show", "Say who gets what: packets, logins, peers of each node");
  verb->add_option("POLICY", options->policy, "policy file; - reads standard input")->required();
  add_inventory_option(*verb, options->inventory);
  verb->add_option("--node", options->node, "only this node");
  verb->add_flag("--summary", options->summary, "counts and digests instead of rules");
  verb->add_option("--as", options->as, "text (default) or wire, the control plane's own form as JSON")
      ->transform(CLI::CheckedTransformer(std::map<std::string, As>{{"text", As::text}, {"wire", As::wire}})
                      .description("text|wire"))
      ->type_name("");
  add_dialect_option(*verb, options->dialect);
  verb->callback([options, &exit_code] { exit_code = run_show(*options); });
}

}  // namespace acl::cli
