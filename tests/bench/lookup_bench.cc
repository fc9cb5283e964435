// Lookups: what one packet, a batch of 32 and one login cost in nanoseconds, by the size of the table; and opening a table.
//
//     lookup_bench [--benchmark_filter=…]
//
// How it is measured. `one` is one packet after the other, as a filter sees them: the next packet does not wait for the verdict on
// the one before, and the processor may begin it early. `chained` is latency: each packet is made from the answer to the one
// before, so that no two lookups overlap. `hot` asks about one packet again and again; `random` draws the source and one of the
// ports open to it anew, in arithmetic whose own cost is the row `draw`, to be subtracted. `batch` is decide_batch() of 32
// packets. Every row is of several repetitions, of which the least and the median are told; a busy machine shows in their
// difference. The counter `ns` is processor time per packet.
//
// Tables are those of lookup_tables.h; both address families of all hosts are in each. Answers are checked before the clock runs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/dpdk_acl.h"
#include "tests/bench/logins.h"
#include "tests/bench/lookup_tables.h"

namespace acl::bench {
namespace {

using table::Hot;
using table::Question;

constexpr std::size_t batch = 32;
constexpr std::size_t lookups = 1024;  // of one iteration

// The last table made; the next one replaces it, for those of a million hosts are large.
const std::vector<std::uint64_t>& hot_of(const Shape& shape) {
  static Shape last;
  static std::vector<std::uint64_t> words;
  if (!(last == shape)) {
    words = make_hot(shape);
    last = shape;
  }
  return words;
}

// Random numbers, each made from the one before and from an answer (Knuth's constants for 64 bits).
struct Draw {
  std::uint64_t state = 1;

  void step(std::uint64_t answer) noexcept { state = state * 6364136223846793005ULL + 1442695040888963407ULL + answer; }
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) const noexcept {
    return static_cast<std::uint32_t>(((state >> 32) * bound) >> 32);
  }
  [[nodiscard]] std::uint32_t nth() const noexcept { return static_cast<std::uint32_t>(state >> 16 & 0xffff); }
};

// A zero that the compiler knows nothing of: what is combined with it depends on the answer without being changed by it.
std::uint32_t unknown_zero() noexcept {
  std::uint32_t zero = 0;
  __asm__ volatile("" : "+r"(zero));
  return zero;
}

void count(benchmark::State& state, double packets_each) {
  state.counters["ns"] =
      benchmark::Counter(packets_each, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

bool answers_are_right(const Hot& hot, const Shape& shape, Kind kind, bool v6) {
  std::vector<Question> questions;
  Draw draw;
  for (std::size_t i = 0; i < 10'000; ++i) {
    draw.step(0);
    questions.push_back(question(shape, kind, v6, draw.below(shape.hosts), draw.nth()));
  }
  std::vector<std::uint32_t> batched(questions.size());
  table::decide_batch(hot, questions, batched);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::uint32_t wanted = kind == Kind::hit ? questions[i].port - 1000U + 1 : 0;
    if (batched[i] != wanted || decide_one(hot.raw(), questions[i]) != wanted) return false;
  }
  return true;
}

// Whether the next packet is made from the answer to the one before.
enum class Order : bool { free, chained };

void one_hot(benchmark::State& state, const Shape& shape, Kind kind, bool v6, Order order) {
  const Hot hot = open_hot(hot_of(shape));
  if (!answers_are_right(hot, shape, kind, v6)) return state.SkipWithError("a wrong answer");
  const acl_table table = hot.raw();
  const std::uint32_t zero = unknown_zero();
  Question asked = question(shape, kind, v6, shape.hosts / 2, shape.rules / 3);
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < lookups; ++i) {
      const std::uint32_t answer = decide_one(table, asked);
      benchmark::DoNotOptimize(answer);
      if (order == Order::chained) asked.low += answer & zero;
      __asm__ volatile("" : "+r"(asked.low), "+r"(asked.high));
    }
  }
  count(state, lookups);
}

void one_random(benchmark::State& state, const Shape& shape, Kind kind, bool v6, Order order) {
  const Hot hot = open_hot(hot_of(shape));
  if (!answers_are_right(hot, shape, kind, v6)) return state.SkipWithError("a wrong answer");
  const acl_table table = hot.raw();
  const std::uint32_t zero = unknown_zero();
  Draw draw;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < lookups; ++i) {
      const std::uint32_t answer = decide_one(table, question(shape, kind, v6, draw.below(shape.hosts), draw.nth()));
      benchmark::DoNotOptimize(answer);
      draw.step(order == Order::chained ? answer & zero : 0);
    }
  }
  count(state, lookups);
}

// What drawing alone costs.
void draw_alone(benchmark::State& state, const Shape& shape, bool v6, Order order) {
  const std::uint32_t zero = unknown_zero();
  Draw draw;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < lookups; ++i) {
      const Question asked = question(shape, Kind::hit, v6, draw.below(shape.hosts), draw.nth());
      const std::uint32_t answer = static_cast<std::uint32_t>(asked.low) + asked.port;
      benchmark::DoNotOptimize(answer);
      draw.step(order == Order::chained ? answer & zero : 0);
    }
  }
  count(state, lookups);
}

void batch_hot(benchmark::State& state, const Shape& shape, bool v6) {
  const Hot hot = open_hot(hot_of(shape));
  std::array<Question, batch> asked;
  std::array<std::uint32_t, batch> rules{};
  asked.fill(question(shape, Kind::hit, v6, shape.hosts / 2, shape.rules / 3));
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < lookups; i += batch) {
      table::decide_batch(hot, asked, rules);
      benchmark::DoNotOptimize(rules.data());
      benchmark::ClobberMemory();
    }
  }
  count(state, lookups);
}

void batch_random(benchmark::State& state, const Shape& shape, bool v6, bool only_draw) {
  const Hot hot = open_hot(hot_of(shape));
  if (!answers_are_right(hot, shape, Kind::hit, v6)) return state.SkipWithError("a wrong answer");
  Draw draw;
  std::array<Question, batch> asked;
  std::array<std::uint32_t, batch> rules{};
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < lookups; i += batch) {
      for (Question& one : asked) {
        draw.step(0);
        one = question(shape, Kind::hit, v6, draw.below(shape.hosts), draw.nth());
      }
      benchmark::DoNotOptimize(asked.data());
      if (!only_draw) table::decide_batch(hot, asked, rules);
      benchmark::DoNotOptimize(rules.data());
      benchmark::ClobberMemory();
    }
  }
  count(state, lookups);
}

void open_table(benchmark::State& state, const Shape& shape) {
  const std::vector<std::uint64_t>& words = hot_of(shape);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(open_hot(words).raw().base);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(words.size() * sizeof(std::uint64_t)));
}

// --- a peer: DPDK's ACL library -----------------------------------------------------------------------------------------

// Hosts of IPv4, a rule each, one port.
void dpdk(benchmark::State& state, std::uint32_t rules, std::size_t at_once) {
  DpdkAcl* acl = DpdkAcl::of(rules);
  if (acl == nullptr) return state.SkipWithError("DPDK's ACL library is not there or did not start");
  std::vector<DpdkKey> keys(1U << 16);
  Draw draw;
  for (DpdkKey& key : keys) {
    draw.step(0);
    key = DpdkKey::of(v4_of(draw.below(rules)), tcp, 1022);
  }
  std::vector<std::uint32_t> results(at_once);
  if (!acl->all_hit(keys, at_once)) return state.SkipWithError("DPDK does not find a rule");
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < keys.size(); i += at_once) acl->classify(keys.data() + i, results);
    benchmark::DoNotOptimize(results.data());
  }
  count(state, static_cast<double>(keys.size()));
}

// The same questions to our table: hosts with a rule each and one port are one class.
void ours_beside_dpdk(benchmark::State& state, std::uint32_t hosts, std::size_t at_once) {
  const Shape shape{hosts, 1, 1};
  const Hot hot = open_hot(hot_of(shape));
  const acl_table table = hot.raw();
  std::vector<Question> asked(1U << 16);
  Draw draw;
  for (Question& one : asked) {
    draw.step(0);
    one = question(shape, Kind::hit, false, draw.below(hosts), 0);
  }
  std::vector<std::uint32_t> results(at_once);
  for ([[maybe_unused]] auto _ : state) {
    if (at_once == 1) {
      for (const Question& one : asked) benchmark::DoNotOptimize(decide_one(table, one));
      continue;
    }
    for (std::size_t i = 0; i < asked.size(); i += at_once)
      table::decide_batch(hot, {asked.data() + i, at_once}, results);
    benchmark::DoNotOptimize(results.data());
  }
  count(state, static_cast<double>(asked.size()));
}

// --- logins -------------------------------------------------------------------------------------------------------------

void decide_login(benchmark::State& state) {
  const Logins& logins = Logins::of_a_large_tailnet();
  const auto ssh = table::Ssh::open(logins.part());
  if (!ssh || logins.questions.empty()) return state.SkipWithError("no logins in the generated tailnet");
  std::size_t allowed = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (const table::LoginQuestion& one : logins.questions)
      allowed += ssh->decide(one).action == table::LoginAction::deny ? 0 : 1;
  }
  benchmark::DoNotOptimize(allowed);
  count(state, static_cast<double>(logins.questions.size()));
  state.counters["rules"] = ssh->rules();
  state.counters["bytes"] = static_cast<double>(ssh->bytes().size());
}

// --- which --------------------------------------------------------------------------------------------------------------

template <class F>
void add(const std::string& name, F f) {
  const auto least = [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); };
  benchmark::RegisterBenchmark(name.c_str(), f)
      ->ComputeStatistics("min", least)
      ->Repetitions(9)
      ->MinTime(0.05)
      ->DisplayAggregatesOnly(true)
      ->Unit(benchmark::kMicrosecond);
}

std::string family(bool v6) { return v6 ? "ipv6" : "ipv4"; }

// Of most_groups: each rule has a group of its own.
constexpr std::uint32_t own_groups = 10'000;

void add_one(const Shape& shape, bool v6) {
  const std::string size = std::to_string(shape.hosts) + " hosts, " + std::to_string(shape.rules) + " rules" +
                           (shape.most_groups == own_groups ? ", a group each" : "") +
                           (shape.memberships == 1 ? "" : ", " + std::to_string(shape.memberships) + " groups a host");
  for (const Order order : {Order::free, Order::chained}) {
    const std::string name = order == Order::free ? "one/" : "chained/";
    add(name + "hot/" + family(v6) + "/" + size, [=](benchmark::State& s) { one_hot(s, shape, Kind::hit, v6, order); });
    add(name + "random/" + family(v6) + "/" + size,
        [=](benchmark::State& s) { one_random(s, shape, Kind::hit, v6, order); });
  }
}

void add_all() {
  for (const bool v6 : {false, true}) {
    add("one/draw/" + family(v6), [=](benchmark::State& s) { draw_alone(s, {10'000, 1'000, 1}, v6, Order::free); });
    add("chained/draw/" + family(v6), [=](benchmark::State& s) {
      draw_alone(s, {10'000, 1'000, 1}, v6, Order::chained);
    });
    for (const Shape& like : {Shape{10'000, 0, 1, own_groups}, Shape{10'000, 0, 1, 100}, Shape{10'000, 0, 3, 100}}) {
      for (const std::uint32_t rules : {10U, 100U, 1'000U, 10'000U})
        add_one({like.hosts, rules, like.memberships, like.most_groups}, v6);
    }
    for (const std::uint32_t hosts : {100'000U, 1'000'000U}) add_one({hosts, 1'000, 1}, v6);
    add("batch/draw/" + family(v6), [=](benchmark::State& s) { batch_random(s, {10'000, 1'000, 1}, v6, true); });
    for (const std::uint32_t hosts : {10'000U, 100'000U, 1'000'000U}) {
      const Shape shape{hosts, 1'000, 1};
      const std::string size = family(v6) + "/" + std::to_string(hosts) + " hosts, 1000 rules";
      add("batch/hot/" + family(v6) + "/" + std::to_string(hosts) + " hosts, 10 rules", [=](benchmark::State& s) {
        batch_hot(s, {hosts, 10, 1}, v6);
      });
      add("batch/hot/" + size, [=](benchmark::State& s) { batch_hot(s, shape, v6); });
      add("batch/random/" + family(v6) + "/" + std::to_string(hosts) + " hosts, 10 rules", [=](benchmark::State& s) {
        batch_random(s, {hosts, 10, 1}, v6, false);
      });
      add("batch/random/" + size, [=](benchmark::State& s) { batch_random(s, shape, v6, false); });
    }
    const Shape shape{10'000, 1'000, 1};
    for (const Kind kind : {Kind::unknown_source, Kind::closed_port}) {
      const std::string what = family(v6) + (kind == Kind::closed_port ? "/closed port" : "/unknown source");
      add("one/hot/" + what, [=](benchmark::State& s) { one_hot(s, shape, kind, v6, Order::free); });
      add("one/random/" + what, [=](benchmark::State& s) { one_random(s, shape, kind, v6, Order::free); });
    }
  }
  for (const std::uint32_t hosts : {10'000U, 1'000'000U})
    add("open/" + std::to_string(hosts) + " hosts", [=](benchmark::State& s) { open_table(s, {hosts, 1'000, 1}); });
  add("login", decide_login);
  for (const std::uint32_t rules : {1'000U, 10'000U}) {
    for (const std::size_t at_once : {std::size_t{1}, batch}) {
      const std::string size = std::to_string(rules) + " host rules, " + std::to_string(at_once) + " at once";
      add("ours/" + size, [=](benchmark::State& s) { ours_beside_dpdk(s, rules, at_once); });
      if (DpdkAcl::built_in()) add("dpdk/" + size, [=](benchmark::State& s) { dpdk(s, rules, at_once); });
    }
  }
}

}  // namespace
}  // namespace acl::bench

int main(int argc, char** argv) {
  acl::bench::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
