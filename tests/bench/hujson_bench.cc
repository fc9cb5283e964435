// Throughput of what sees every byte of a policy: the strict parser, parse(), the formatter.
//
//     aclc_bench [--benchmark_filter=Format]        ACL_BENCH_POLICIES=a.hujson:b.json for files besides the synthetic policy
//
// Each text also comes in its formatted version. Bytes per second are bytes of input.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "engine/net/file.h"
#include "engine/net/source_text.h"
#include "tests/generate/hujson_text.h"

namespace acl {
namespace {

void bytes_processed(benchmark::State& state, const SourceText& source) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(source.text().size()));
}

void parse_strict(benchmark::State& state, const SourceText& source) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(hujson::parse_strict(source.text()));
  bytes_processed(state, source);
}

void parse(benchmark::State& state, const SourceText& source) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(hujson::parse(source));
  bytes_processed(state, source);
}

void format(benchmark::State& state, const SourceText& source) {
  const auto tree = hujson::parse_strict(source.text());
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(hujson::format(*tree));
  bytes_processed(state, source);
}

// A deque, because benchmarks keep references to its members.
using Sources = std::deque<SourceText>;

// False if the text is not HuJSON.
bool add(Sources& sources, const std::string& name, std::string text) {
  const auto tree = hujson::parse_strict(text);
  if (!tree) return false;
  sources.emplace_back(name + "/formatted", hujson::format(*tree));
  sources.emplace_back(name, std::move(text));
  return true;
}

bool add_files(Sources& sources, std::string_view paths) {
  while (!paths.empty()) {
    const std::size_t end = std::min(paths.find(':'), paths.size());
    const std::filesystem::path path = paths.substr(0, end);
    paths.remove_prefix(std::min(end + 1, paths.size()));
    auto text = read_file(path.string());
    const std::string name = (path.parent_path().filename() / path.filename()).string();
    if (!text || !add(sources, name, std::move(*text))) {
      std::cerr << "ACL_BENCH_POLICIES: " << path << (text ? " is not HuJSON\n" : " cannot be read\n");
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace acl

int main(int argc, char** argv) {
  using acl::SourceText;
  acl::Sources sources;
  const char* paths = std::getenv("ACL_BENCH_POLICIES");
  if (!acl::add(sources, "synthetic", acl::generate::policy_text(10000))) return 1;
  if (!acl::add_files(sources, paths == nullptr ? "" : paths)) return 1;
  for (const SourceText& source : sources) {
    benchmark::RegisterBenchmark(("ParseStrict/" + source.name()).c_str(), acl::parse_strict, std::cref(source));
    benchmark::RegisterBenchmark(("Parse/" + source.name()).c_str(), acl::parse, std::cref(source));
    benchmark::RegisterBenchmark(("Format/" + source.name()).c_str(), acl::format, std::cref(source));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
