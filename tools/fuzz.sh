#!/usr/bin/env bash
# Runs every fuzz target for a while, one per processor at a time, from the seeds in tests/fuzz/corpus/ and the examples.
#
# usage: tools/fuzz.sh SECONDS [TARGET...]
#
# What libFuzzer learns stays in build-fuzz/corpus/TARGET; an input that crashes, hangs (10 s) or takes too much memory is
# left in build-fuzz/findings/, with the report beside it. Exit 1 if there is any.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ]; then
  echo "usage: tools/fuzz.sh SECONDS [TARGET...]" >&2
  exit 2
fi
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cc; do [ -f "$source" ] && targets+=("$(basename "$source" .cc)"); done
fi
if [ ${#targets[@]} -eq 0 ]; then
  echo "tools/fuzz.sh: no fuzz target in tests/fuzz" >&2
  exit 1
fi

fuzz_one() {
  local seconds=$1 target=$2
  local found="build-fuzz/findings/$target" learned="build-fuzz/corpus/$target" log="build-fuzz/$target.log"
  mkdir -p "$found" "$learned" build-fuzz/examples
  local seeds=(build-fuzz/examples)
  [ -d "tests/fuzz/corpus/$target" ] && seeds+=("tests/fuzz/corpus/$target")
  if "build-fuzz/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=16384 \
    -print_final_stats=1 -artifact_prefix="$found/" "$learned" "${seeds[@]}" >"$log" 2>&1; then
    printf 'fuzz: %-14s ok, %s runs in %s s\n' "$target" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds"
  else
    cp "$log" "$found/report.txt"
    printf 'fuzz: %-14s FAILED, see %s\n' "$target" "$found"
    tail -n 40 "$log"
    return 1
  fi
}
export -f fuzz_one

mkdir -p build-fuzz/examples
for policy in examples/*.hujson examples/policies/*/policy.hujson; do
  [ -f "$policy" ] && cp "$policy" "build-fuzz/examples/$(echo "$policy" | tr / -)"
done
# shellcheck disable=SC2016 # $1 and $2 are the inner shell's
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I TARGET bash -c 'fuzz_one "$1" "$2"' bash "$seconds" TARGET || exit 1
