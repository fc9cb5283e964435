#!/usr/bin/env bash
# Measures: HuJSON parse and format throughput (aclc_bench), and the time from start to exit of `aclc check` on a policy of
# the size people have.
#
# usage: tools/bench.sh [SHARED_DIR]
#
# SHARED_DIR/bench/gen_tailnet.py, where it is there, writes large policies (M: 1,000 rules, L: 5,000) into build/bench/; without
# it the examples are measured. Further arguments of Google Benchmark: BENCH_ARGS.
set -euo pipefail
cd "$(dirname "$0")/.."

shared=${1:-../shared}
generator=$shared/bench/gen_tailnet.py
policies=()
if [ -f "$generator" ]; then
  for size in M L; do
    out=build/bench/$size
    if [ ! -f "$out/policy.hujson" ] || [ "$generator" -nt "$out/policy.hujson" ]; then
      mkdir -p "$out"
      python3 "$generator" "$size" "$out"
    fi
    policies+=("$PWD/$out/policy.hujson")
  done
else
  echo "bench: no $generator; measuring the examples, which are small" >&2
  policies=("$PWD"/examples/policies/*/policy.hujson)
fi

if [ -x build/bin/aclc_bench ]; then
  list=$(IFS=:; echo "${policies[*]}")
  # shellcheck disable=SC2086 # BENCH_ARGS is a list of words
  ACL_BENCH_POLICIES=$list build/bin/aclc_bench ${BENCH_ARGS:-}
else
  echo "bench: aclc_bench is not built (is libbenchmark-dev installed?)" >&2
  exit 1
fi

# Releases of up to a million nodes: building the tree, signing, what a node takes to verify.
echo
# shellcheck disable=SC2086
build/bin/release_bench ${BENCH_ARGS:-}

policy=examples/policies/company/policy.hujson
echo
echo "aclc check, start to exit, $(wc -l <$policy) lines:"
hyperfine --shell=none --warmup 10 --runs 200 --style basic "build/bin/aclc check $policy"
