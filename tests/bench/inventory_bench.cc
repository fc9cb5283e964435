// Loading an inventory, from the text to the checked value: how long, and how time grows with the number of nodes.
//
//     inventory_bench [FILE]        a FILE of one's own beside the synthetic ones
//
// Synthetic inventories have three tenths of tagged nodes, five nodes for each user, two addresses and a key each: 52 MB at
// 250,000 nodes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <deque>
#include <iostream>

#include "compiler/hujson/parse.h"
#include "compiler/inventory/load.h"
#include "compiler/inventory/print.h"
#include "engine/net/file.h"

namespace acl {
namespace {

std::string synthetic(std::uint32_t nodes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::uint64_t state = nodes;
  const auto random = [&] { return (state = state * 6364136223846793005U + 1442695040888963407U) >> 33; };
  std::string text = R"({"tailnet":"example.com","domains":["example.com"],"users":[)";
  const std::uint32_t users = nodes / 5 + 1;
  for (std::uint32_t i = 0; i < users; ++i) {
    text += fmt::format(R"({}{{"login":"user{:05}@example.com","name":"user{:05}","role":"member"}})",
                        i == 0 ? "" : ", ", i, i);
  }
  text += R"(], "nodes": [)";
  for (std::uint32_t i = 0; i < nodes; ++i) {
    std::string key;
    for (int k = 0; k < 42; ++k) key += digits[random() % 64];
    const std::string owner = random() % 10 < 3 ? fmt::format(R"("tags": ["tag:t{:04}"])", random() % 500)
                                                : fmt::format(R"("user": "user{:05}@example.com")", random() % users);
    // Multiplying by an odd number shuffles: addresses are distinct and in no order.
    const std::uint32_t address = i * 2654435761U % (1U << 22);
    text += fmt::format(
        R"({}{{"name": "n{:05}", {}, "addresses": ["100.{}.{}.{}", "fd7a:115c:a1e0::{:x}:{:x}"], "key": "{}A=", )"
        R"("created": "2026-01-01T{:02}:{:02}:{:02}Z"}})",
        i == 0 ? "" : ", ", i, owner, 64 + (address >> 16), address >> 8 & 255, address & 255, 1 + (i >> 16),
        i & 0xffff, key, i / 3600 % 24, i / 60 % 60, i % 60);
  }
  return text + "]}\n";
}

void set_rates(benchmark::State& state, const SourceText& source, std::size_t nodes) {
  const auto times = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(times * static_cast<std::int64_t>(source.text().size()));
  state.SetItemsProcessed(times * static_cast<std::int64_t>(nodes));
}

void load(benchmark::State& state, const SourceText& source) {
  std::size_t nodes = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto loaded = inventory::load_inventory({&source});
    if (!loaded.ok()) state.SkipWithError("the inventory has errors");
    nodes = loaded.inventory.nodes.size();
  }
  set_rates(state, source, nodes);
}

// Of that, the syntax alone.
void parse(benchmark::State& state, const SourceText& source) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(hujson::parse_strict(source.text()));
  set_rates(state, source, 0);
}

void print(benchmark::State& state, const SourceText& source) {
  const auto loaded = inventory::load_inventory({&source});
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(inventory::print_inventory(loaded.inventory));
  set_rates(state, source, loaded.inventory.nodes.size());
}

void add(const std::string& name, const SourceText& source) {
  const auto unit = benchmark::kMillisecond;
  benchmark::RegisterBenchmark(("parse/" + name).c_str(), parse, std::cref(source))->Unit(unit);
  benchmark::RegisterBenchmark(("load/" + name).c_str(), load, std::cref(source))->Unit(unit);
  benchmark::RegisterBenchmark(("print/" + name).c_str(), print, std::cref(source))->Unit(unit);
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::deque<SourceText> sources;  // benchmarks keep references to its members
  for (const std::uint32_t nodes : {1000U, 10000U, 100000U, 250000U}) {
    add(std::to_string(nodes), sources.emplace_back("synthetic", synthetic(nodes)));
  }
  if (argc > 1) {
    auto text = read_file(argv[1]);
    if (!text) {
      std::cerr << text.error().message << '\n';
      return 1;
    }
    add(argv[1], sources.emplace_back(argv[1], std::move(*text)));
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace acl

int main(int argc, char** argv) { return acl::run(argc, argv); }
