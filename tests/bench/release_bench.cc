// Releases: building the tree of up to a million nodes, signing, and what a node's client takes to verify, without the hashing of
// its table. `make bench` runs it.
#include <benchmark/benchmark.h>

#include "engine/release/client.h"
#include "engine/release/directory.h"
#include "engine/release/testing.h"

namespace {

using namespace acl;                    // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::release;           // NOLINT(google-build-using-namespace)
using namespace acl::release::testing;  // NOLINT(google-build-using-namespace)

constexpr std::size_t header_size = 200;

void fill(TreeBuilder& builder, std::uint64_t nodes) {
  const Bytes header(header_size, 7);
  const Reference part = reference_to(as_bytes("table"));
  for (std::uint64_t i = 0; i < nodes; ++i) {
    must(builder.add(key_of_node(i), header, {{PartKind::hot, part}, {PartKind::ssh, part}, {PartKind::names, part}})
             .map([] { return 0; }));
  }
}

// A release of this many nodes, whose directory has a chunk for 1024 of them; signed by 3 of 5.
struct World {
  Network network{5, 3};
  Head head;

  explicit World(std::uint64_t nodes) {
    TreeBuilder builder;
    fill(builder, nodes);
    const std::string table = "table";
    const Reference part = reference_to(as_bytes(table));
    network.store[blob_name(part.digest)] = table;
    const BuiltTree built = must(builder.finish([&](const Reference& reference, ByteView page) -> Expected<void> {
      network.store[page_name(reference.digest)] = as_text(page);
      return {};
    }));
    std::vector<Reference> chunks;
    for (std::uint64_t i = 0; i < (nodes + 1023) / 1024; ++i) chunks.push_back({position_of(key_of_node(i)), 65536});
    const std::string index(as_text(must(encode_directory(chunks))));
    network.store[blob_name(digest_of(as_bytes(index)))] = index;
    head.generation = {1, 1};
    head.trust = digest_of(as_bytes(print_trust(network.trust)));
    head.created = first_day;
    head.expires = first_day + 30 * day;
    head.contents.root = built.root;
    head.contents.directory = reference_to(as_bytes(index));
    head.contents.rules = part;
    network.store["head/1.1"] = print_head(head);
    network.store["latest"] = print_latest({1, 1});
    for (const SecretKey& key : network.keys) Network::sign_head(network.store, {1, 1}, key);
  }
};

void build_tree(benchmark::State& state) {
  const auto nodes = static_cast<std::uint64_t>(state.range(0));
  TreeCounts counts;
  for (auto _ : state) {
    TreeBuilder builder;
    fill(builder, nodes);
    counts = must(builder.finish([](const Reference&, ByteView) -> Expected<void> { return {}; })).counts;
  }
  state.counters["pages"] = static_cast<double>(counts.pages);
  state.counters["page_bytes"] = static_cast<double>(counts.page_bytes);
  state.counters["depth"] = counts.depth;
}
BENCHMARK(build_tree)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

// Signing is over the head alone.
void sign_head(benchmark::State& state) {
  const World world(static_cast<std::uint64_t>(state.range(0)));
  const std::string text = print_head(world.head);
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.network.keys[0].sign(as_bytes(text), "timestamp:1\tfile:head/1.1"));
  }
}
BENCHMARK(sign_head)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

// A whole attempt of one node, whose table is 5 bytes: latest, head, three signatures, pages, index.
void verify_as_a_node(benchmark::State& state) {
  const auto nodes = static_cast<std::uint64_t>(state.range(0));
  const World world(nodes);
  const State first = first_state(world.network.trust);
  std::uint64_t node = 0, bytes = 0, most = 0, runs = 0;
  for (auto _ : state) {
    Client client({key_of_node(node), {}, {}, {}}, first);
    const Instant now{first_day + day, 0};
    std::vector<Request> open = client.begin(now).requests;
    while (!open.empty()) {
      const std::string name = std::move(open.back().name);
      open.pop_back();
      client.receive(name, as_bytes(world.network.store.at(name)), now);
      for (Request& more : client.complete(name, now).requests) open.push_back(std::move(more));
    }
    if (client.phase() != Phase::accepted) std::abort();
    bytes += client.bytes_received();
    most = std::max(most, client.bytes_received());
    ++runs;
    node = (node + 7919) % nodes;
  }
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(runs, 1));
  state.counters["bytes_most"] = static_cast<double>(most);
}
BENCHMARK(verify_as_a_node)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
