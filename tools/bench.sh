#!/usr/bin/env bash
# Measures: HuJSON parse and format throughput (aclc_bench), loading of inventories (inventory_bench), resolving and how its
# cost grows (resolve_bench), releases (release_bench), lookups in tables (lookup_bench; DPDK's ACL library beside them if it is
# installed) and other structures for them (structures_bench), what a person who types in an editor waits for (lsp_bench), the packet filter in the kernel (filter_cost; root), sizes of tables (table_sizes), and the time from start to exit of
# aclc at its common jobs, memory included for the large ones.
#
# usage: tools/bench.sh [SHARED_DIR]
#
# Large tailnets (S: 100 nodes and 50 rules, M: 5,000 and 1,000, L: 50,000 and 5,000) are written into build/bench/ by
# SHARED_DIR/bench/gen_tailnet.py where it is there, else by our own generator (tests/generate/large_tailnet.h). BENCH_XL=1
# adds XL: 250,000 nodes and 10,000 rules, about 1 GB of memory. BENCH_ARGS: further arguments of Google Benchmark.
# BENCH_L_TABLES=1 compiles the tables of L, too. BENCH_RUNS: how often the large jobs run (5).
set -euo pipefail
cd "$(dirname "$0")/.."

shared=${1:-../shared}
generator=$shared/bench/gen_tailnet.py
sizes=(S M L)
[ "${BENCH_XL:-0}" = 1 ] && sizes+=(XL)
for program in aclc_bench inventory_bench resolve_bench release_bench lookup_bench structures_bench table_sizes filter_cost lsp_bench; do
  if [ ! -x build/bin/$program ]; then
    echo "bench: $program is not built (is libbenchmark-dev installed?)" >&2
    exit 1
  fi
done

generate() {
  local size=$1 out=build/bench/$1
  [ -f "$out/policy.hujson" ] && [ ! "$generator" -nt "$out/policy.hujson" ] && return
  mkdir -p "$out"
  if [ -f "$generator" ]; then
    python3 "$generator" "$size" "$out"
  else
    build/bin/aclc_gen "$size" "$out"
  fi
}

policies=()
for size in "${sizes[@]}"; do
  generate "$size"
  policies+=("$PWD/build/bench/$size/policy.hujson")
done
list=$(IFS=:; echo "${policies[*]}")

# shellcheck disable=SC2086 # BENCH_ARGS is a list of words
ACL_BENCH_POLICIES=$list build/bin/aclc_bench ${BENCH_ARGS:-}
# shellcheck disable=SC2086
build/bin/inventory_bench ${BENCH_ARGS:-}
# shellcheck disable=SC2086
ACL_BENCH_XL=${BENCH_XL:-0} build/bin/resolve_bench ${BENCH_ARGS:-}

# Releases of up to a million nodes: building the tree, signing, what a node takes to verify.
echo
# shellcheck disable=SC2086
build/bin/release_bench ${BENCH_ARGS:-}

# The language server; BENCH_KEYS says how many keys are typed.
echo
build/bin/lsp_bench build/bin/acl-lsp

# Packets and logins against tables of up to a million hosts; the counter ns is per packet.
echo
# shellcheck disable=SC2086
build/bin/lookup_bench ${BENCH_ARGS:-}
echo
build/bin/structures_bench
# What the packet filter costs in the kernel; says so where it may not load one (root).
echo
build/bin/filter_cost
# Sizes of all tables. Those of L are 2 GB on the disk and take minutes: BENCH_L_TABLES=1.
for size in "${sizes[@]}"; do
  [ "$size" = XL ] && continue
  [ "$size" = L ] && [ "${BENCH_L_TABLES:-0}" != 1 ] && continue
  dir=build/bench/$size
  inventory=$(find "$dir" -maxdepth 1 -name "inventory.*json" -print -quit)
  rm -rf "$dir/release"
  echo
  echo "$size: aclc compile"
  build/bin/aclc compile --inventory "$inventory" --out "$dir/release" "$dir/policy.hujson"
  build/bin/table_sizes "$dir/release"
done

policy=examples/policies/company/policy.hujson
echo
echo "aclc check, start to exit, $(wc -l <$policy) lines:"
hyperfine --shell=none --warmup 10 --runs 200 --style basic "build/bin/aclc check $policy"

# job TITLE ARGUMENT...: time of a few runs, and the greatest memory of one.
job() {
  local title=$1 kib
  shift
  echo
  echo "$title, start to exit:"
  hyperfine --shell=none --warmup 1 --runs "${BENCH_RUNS:-5}" --style basic --output null "build/bin/aclc $*"
  kib=$(python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' build/bin/aclc "$@")
  echo "  Memory:               $((kib / 1024)) MiB"
}

echo
echo "load average: $(cut -d ' ' -f 1-3 /proc/loadavg)"
for size in "${sizes[@]}"; do
  dir=build/bench/$size
  inventory=$(find "$dir" -name "inventory.*json" -print -quit)
  node=$(sed -n 's/.*"name": *"\([^"]*\)", *"user".*/\1/p; s/.*"name": *"\([^"]*\)", *"tags".*/\1/p' "$inventory" | head -n 1)
  job "$size: check with inventory" check --inventory "$inventory" "$dir/policy.hujson"
  job "$size: show --summary, every node" show --summary --inventory "$inventory" "$dir/policy.hujson"
  [ -n "$node" ] && job "$size: show --as wire --node $node" show --as wire --node "$node" --inventory "$inventory" "$dir/policy.hujson"
done

# A TCP stream through a tunnel, with and without the packet filter; needs root and network namespaces, says so otherwise.
echo
python3 -B tests/e2e/node/throughput.py "${BENCH_PAIRS:-40}"
