// Resolving: a policy under an inventory, what single nodes get, counts and digests of all nodes, the check on saving; and how
// the cost grows with nodes and with rules.
//
//     resolve_bench [--benchmark_filter=…]      ACL_BENCH_XL=1: 250,000 nodes, too (about 1 GB)
//
// Inputs are those of tests/generate/large_tailnet.h, made once each. Times of the whole program, reading files included, are
// in tools/bench.sh.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "compiler/emit/wire.h"
#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/resolve/summary.h"
#include "tests/generate/large_tailnet.h"

namespace acl {
namespace {

// A tailnet, read and checked.
struct Input {
  generate::LargeTailnet texts;
  inventory::LoadedInventory inventory;
  policy::Loaded policy;
};

const Input& input_of(const std::string& name, const generate::LargeShape& shape) {
  static std::map<std::string, std::unique_ptr<Input>> inputs;
  std::unique_ptr<Input>& input = inputs[name];
  if (!input) {
    input = std::make_unique<Input>();
    input->texts = generate::large_tailnet(shape);
    const SourceText source("inventory.hujson", input->texts.inventory);
    input->inventory = inventory::load_inventory({&source});
    const policy::Facts facts = questions::facts_of(input->inventory.inventory);
    input->policy = policy::load_policy("policy.hujson", input->texts.policy, policy::Dialect::tailscale, &facts);
  }
  return *input;
}

// False, and said, if there is nothing to measure.
bool is_sound(benchmark::State& state, const Input& input) {
  if (input.inventory.ok() && input.policy.accepted()) return true;
  state.SkipWithError("the generated tailnet is refused");
  return false;
}

void resolve_policy(benchmark::State& state, const std::string& name, const generate::LargeShape& shape) {
  const Input& input = input_of(name, shape);
  if (!is_sound(state, input)) return;
  for ([[maybe_unused]] auto _ : state) {
    const resolve::Resolved resolved = resolve::resolve(*input.policy.file, input.inventory.inventory);
    const resolve::Views views(resolved);
    benchmark::DoNotOptimize(&views);
  }
  state.counters["nodes"] = static_cast<double>(shape.nodes);
  state.counters["rules"] = static_cast<double>(shape.rules);
}

void summarize(benchmark::State& state, const std::string& name, const generate::LargeShape& shape) {
  const Input& input = input_of(name, shape);
  if (!is_sound(state, input)) return;
  const resolve::Resolved resolved = resolve::resolve(*input.policy.file, input.inventory.inventory);
  const resolve::Views views(resolved);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(resolve::summarize(views).digest);
  state.counters["nodes"] = static_cast<double>(shape.nodes);
}

// One node after another, so that tagged and owned ones, routers and exit nodes all come up.
void wire_of_a_node(benchmark::State& state, const std::string& name, const generate::LargeShape& shape) {
  const Input& input = input_of(name, shape);
  if (!is_sound(state, input)) return;
  const resolve::Resolved resolved = resolve::resolve(*input.policy.file, input.inventory.inventory);
  const resolve::Views views(resolved);
  resolve::NodeId node = 0;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    bytes += emit::wire_node(views, node).size();
    node = static_cast<resolve::NodeId>((node + 7919) % shape.nodes);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void check_with_inventory(benchmark::State& state, const std::string& name, const generate::LargeShape& shape) {
  const Input& input = input_of(name, shape);
  if (!is_sound(state, input)) return;
  for ([[maybe_unused]] auto _ : state) {
    const policy::Loaded loaded = questions::full_check("policy.hujson", input.texts.policy, policy::Dialect::tailscale,
                                                        input.inventory.inventory);
    if (!loaded.accepted()) state.SkipWithError("the generated policy is refused");
  }
}

template <class Function>
void add(const std::string& what, Function function, const std::string& name, const generate::LargeShape& shape) {
  benchmark::RegisterBenchmark((what + "/" + name).c_str(), function, name, shape)->Unit(benchmark::kMillisecond);
}

void add_all() {
  const char* xl = std::getenv("ACL_BENCH_XL");
  for (const std::string name : {"S", "M", "L", "XL"}) {
    if (name == "XL" && (xl == nullptr || std::string(xl) != "1")) continue;
    const generate::LargeShape shape = *generate::large_shape(name);
    add("resolve", resolve_policy, name, shape);
    add("summary", summarize, name, shape);
    add("wire_of_a_node", wire_of_a_node, name, shape);
    add("check", check_with_inventory, name, shape);
  }
  // How the cost grows: M with other numbers of nodes, and with other numbers of rules.
  for (const std::size_t factor : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
    generate::LargeShape nodes = *generate::large_shape("M");
    generate::LargeShape rules = nodes;
    nodes.nodes *= factor;
    nodes.users *= factor;
    rules.rules *= factor;
    add("resolve", resolve_policy, "M_nodes_x" + std::to_string(factor), nodes);
    add("summary", summarize, "M_nodes_x" + std::to_string(factor), nodes);
    add("resolve", resolve_policy, "M_rules_x" + std::to_string(factor), rules);
    add("summary", summarize, "M_rules_x" + std::to_string(factor), rules);
  }
}

}  // namespace
}  // namespace acl

int main(int argc, char** argv) {
  acl::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
