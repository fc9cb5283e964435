// structures_bench: three ways from a source's address to its class, on the source sets of servers: hash lines with intervals as
// they are in a hot part, a trie, an ordered search (structures.h). Prints a table; docs/decisions/0006-address-structure.md has it.
//
//     structures_bench [S M L 1M FILE]
//
// S, M and L: of the generated tailnets of that size (tests/generate/large_tailnet.h) the node with the largest hot part of every
// seventh (of L, of every seventieth); 1M: a million hosts (lookup_tables.h); FILE: a hot part, such as a blob of a release. Addresses are asked in random order, each from the answer to the one before, so
// this is latency; the least and the median of nine rounds, in processor time. All three must give the same answers for every listed
// address and both its neighbours, or nothing is printed and the exit code is 1.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/table/hot_builder.h"
#include "compiler/table/part_writer.h"
#include "engine/net/file.h"
#include "tests/bench/lookup_tables.h"
#include "tests/bench/structures.h"
#include "tests/generate/large_tailnet.h"

namespace acl::bench {
namespace {

double seconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Every seventh node's hot part, the largest.
std::vector<std::uint64_t> largest_hot(const std::string& size) {
  const generate::LargeTailnet texts = generate::large_tailnet(*generate::large_shape(size));
  const SourceText source("inventory.hujson", texts.inventory);
  const inventory::LoadedInventory inventory = inventory::load_inventory({&source});
  const policy::Facts facts = questions::facts_of(inventory.inventory);
  const policy::Loaded policy = policy::load_policy("policy.hujson", texts.policy, policy::Dialect::tailscale, &facts);
  const resolve::Resolved resolved = resolve::resolve(*policy.file, inventory.inventory, resolve::Depth::rules);
  const resolve::Views views(resolved);
  const tables::Addresses addresses(resolved);
  const tables::NodeRuleReader reader(views);
  tables::Classifier classifier(addresses, resolved.node_count());
  table::LineBytes largest;
  const resolve::NodeId step = resolved.node_count() > 10'000 ? 70 : 7;
  for (resolve::NodeId node = 0; node < resolved.node_count(); node += step) {
    auto part = tables::build_hot(resolved, addresses, reader.packets(node), reader.own(node).size(), classifier);
    if (part && part->bytes.size() > largest.size()) largest = std::move(part->bytes);
  }
  std::vector<std::uint64_t> words(largest.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), largest.data(), largest.size());
  return words;
}

template <class Key>
struct Set {
  std::vector<Key> exact;  // ascending
  std::vector<Boundary<Key>> boundaries;
  std::size_t part_bytes = 0;  // of what the hot part has for this family
};

template <class Key>
std::uint32_t ours(const table::Hot& hot, Key key) noexcept {
  if constexpr (sizeof(Key) == 4) {
    return acl_source_v4(&hot.raw(), key);
  } else {
    return acl_source_v6(&hot.raw(), static_cast<std::uint64_t>(key >> 64), static_cast<std::uint64_t>(key));
  }
}

// What is listed in the part: its exact addresses, and the boundaries of its intervals with those put in.
template <class Key>
Set<Key> set_of(const table::Hot& hot) {
  const acl_classifier& c = hot.header().sources;
  const std::uint8_t* base = hot.raw().base;
  const auto line = [&](std::uint64_t number) { return base + number * acl_line_bytes; };
  std::vector<const acl_space*> spaces(0x10000);
  const auto* space = reinterpret_cast<const acl_space*>(line(c.space_line));
  for (std::uint32_t i = 0; i < c.space_lines * acl_spaces; ++i) spaces[space[i].number] = space + i;
  Set<Key> out;
  const auto* slot = reinterpret_cast<const acl_u64*>(line(c.hash_line));
  for (std::uint64_t i = 0; i < std::uint64_t{c.hash_lines} * acl_slots; ++i) {
    const std::uint64_t key = slot[i] >> 16, number = key >> 32;
    if (slot[i] == 0 || (number == 0) != (sizeof(Key) == 4)) continue;
    if constexpr (sizeof(Key) == 4) {
      out.exact.push_back(static_cast<Key>(key));
    } else {
      out.exact.push_back(static_cast<Key>(spaces[number]->high) << 64 |
                          static_cast<Key>(spaces[number]->middle) << 32 | (key & 0xffffffff));
    }
  }
  std::sort(out.exact.begin(), out.exact.end());
  std::vector<Key> starts{0};
  if constexpr (sizeof(Key) == 4) {
    const auto* start = reinterpret_cast<const acl_u32*>(line(c.v4_line));
    starts.insert(starts.end(), start, start + c.v4_count);
  } else {
    const auto* start = reinterpret_cast<const acl_u64*>(line(c.v6_line));
    for (std::size_t i = 0; i < c.v6_count; ++i)
      starts.push_back(static_cast<Key>(start[i * 2]) << 64 | start[i * 2 + 1]);
  }
  for (const Key key : out.exact) {
    starts.push_back(key);
    if (static_cast<Key>(key + 1) != 0) starts.push_back(static_cast<Key>(key + 1));
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  for (const Key start : starts) {
    const auto number = static_cast<std::uint16_t>(ours(hot, start));
    if (out.boundaries.empty() || out.boundaries.back().number != number) out.boundaries.push_back({start, number});
  }
  // Both families share the lines of exact addresses.
  std::uint64_t filled = 0;
  for (std::uint64_t i = 0; i < std::uint64_t{c.hash_lines} * acl_slots; ++i) filled += slot[i] != 0 ? 1 : 0;
  const std::size_t lines = filled == 0 ? 0 : std::uint64_t{c.hash_lines} * acl_line_bytes * out.exact.size() / filled;
  out.part_bytes = lines + (sizeof(Key) == 4 ? c.v4_count * 6ULL : c.space_lines * 64ULL + c.v6_count * 18ULL);
  return out;
}

struct Time {
  double least = 0, median = 0;  // nanoseconds
};

template <class Key, class F>
Time latency(const std::vector<Key>& exact, F find) {
  constexpr std::size_t asked = 1U << 18;
  std::vector<Key> order(asked);
  std::uint64_t state = 1;
  for (Key& one : order) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    one = exact[((state >> 32) * exact.size()) >> 32];
  }
  std::uint32_t zero = 0, answer = 0;
  __asm__ volatile("" : "+r"(zero));
  std::vector<double> rounds;
  for (int round = 0; round < 9; ++round) {
    const double start = seconds();
    for (const Key key : order) answer = find(static_cast<Key>(key + (answer & zero)));
    __asm__ volatile("" : : "r"(answer));
    rounds.push_back((seconds() - start) * 1e9 / static_cast<double>(asked));
  }
  std::sort(rounds.begin(), rounds.end());
  return {rounds.front(), rounds[rounds.size() / 2]};
}

template <class Key, class F>
bool agrees(const Set<Key>& set, const table::Hot& hot, F find) {
  for (const Key key : set.exact) {
    for (const Key near : {static_cast<Key>(key - 1), key, static_cast<Key>(key + 1)}) {
      if (find(near) != ours(hot, near)) return false;
    }
  }
  for (const Boundary<Key>& one : set.boundaries) {
    if (find(one.start) != ours(hot, one.start)) return false;
  }
  return true;
}

template <class F>
auto built(F make, double& milliseconds) {
  const double start = seconds();
  auto out = make();
  milliseconds = (seconds() - start) * 1e3;
  return out;
}

// Placing the addresses of one family in lines, as the compiler does.
template <class Key>
std::size_t place(const Set<Key>& set, const table::Hot& hot) {
  tables::Classes classes;
  for (const Key key : set.exact) {
    const auto number = static_cast<std::uint16_t>(ours(hot, key));
    const net::Address address = sizeof(Key) == 4
                                     ? net::Address::v4(static_cast<std::uint32_t>(key))
                                     : net::Address::v6(static_cast<std::uint64_t>(static_cast<Wide>(key) >> 64),
                                                        static_cast<std::uint64_t>(key));
    classes.singles.emplace_back(address, number);
  }
  const inventory::Inventory nobody;
  resolve::Resolved resolved;
  resolved.inventory = &nobody;
  tables::PartWriter writer(sizeof(acl_hot));
  (void)writer.classifier(classes, tables::Addresses(resolved));
  return writer.size();
}

template <class Key>
bool compare(const std::string& size, const table::Hot& hot) {
  const Set<Key> set = set_of<Key>(hot);
  const char* family = sizeof(Key) == 4 ? "IPv4" : "IPv6";
  if (set.exact.empty()) return true;
  double lines_time = 0, trie_time = 0, search_time = 0;
  built([&] { return place(set, hot); }, lines_time);
  const auto trie = built([&] { return Poptrie<Key>(set.boundaries); }, trie_time);
  const auto search = built([&] { return Eytzinger<Key>(set.boundaries); }, search_time);
  const auto by_lines = [&](Key key) { return ours(hot, key); };
  const auto by_trie = [&](Key key) { return trie.find(key); };
  const auto by_search = [&](Key key) { return search.find(key); };
  if (!agrees(set, hot, by_trie) || !agrees(set, hot, by_search)) {
    std::fprintf(stderr, "structures_bench: %s, %s: the structures do not agree\n", size.c_str(), family);
    return false;
  }
  const auto row = [&](const char* name, const Time& time, std::size_t bytes, double build) {
    fmt::print("| {} | {} | {} | {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n", size, family, set.exact.size(), name,
               time.least, time.median, static_cast<double>(bytes) / static_cast<double>(set.exact.size()), build);
  };
  row("hash lines", latency(set.exact, by_lines), set.part_bytes, lines_time);
  row("trie", latency(set.exact, by_trie), trie.bytes(), trie_time);
  row("ordered search", latency(set.exact, by_search), search.bytes(), search_time);
  return true;
}

bool run(const std::string& size) {
  std::vector<std::uint64_t> words;
  if (size == "1M") {
    words = make_hot({1'000'000, 1'000, 1});
  } else if (generate::large_shape(size)) {
    words = largest_hot(size);
  } else {
    const auto text = read_file(size, std::size_t{1} << 29);
    words.resize(text ? text->size() / sizeof(std::uint64_t) : 0);
    if (text) std::memcpy(words.data(), text->data(), words.size() * sizeof(std::uint64_t));
  }
  if (words.empty()) {
    std::fprintf(stderr, "structures_bench: \"%s\" is neither S, M, L, XL, 1M nor a file that can be read\n",
                 size.c_str());
    return false;
  }
  const table::Hot hot = open_hot(words);
  const std::string name = size.size() > 8 ? "…" + size.substr(size.size() - 6) : size;
  return compare<std::uint32_t>(name, hot) && compare<Wide>(name, hot);
}

}  // namespace
}  // namespace acl::bench

int main(int argc, char** argv) {
  std::vector<std::string> sizes(argv + 1, argv + argc);
  if (sizes.empty()) sizes = {"S", "M", "L", "1M"};
  fmt::print(
      "| tailnet | family | addresses | structure | ns, least | ns, median | bytes an address | built in ms "
      "|\n|---|---|---|---|---|---|---|---|\n");
  for (const std::string& size : sizes) {
    if (!acl::bench::run(size)) return 1;
    std::fflush(stdout);
  }
  return 0;
}
