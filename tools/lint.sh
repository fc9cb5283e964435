#!/usr/bin/env bash
# Everything that judges the sources without running them: layering, layout, shell scripts, manual pages, clang-tidy.
#
# usage: tools/lint.sh [--quick] [--no-tidy] [FILE.cc...]
#   --quick     clang-tidy only on .cc files, tests aside, that differ from the last commit or that it changed; at most 16
#   --no-tidy   no clang-tidy at all
#   FILE.cc     clang-tidy on these files only
#
# clang-tidy reads compile_commands.json in BUILD_DIR (build), which `make build` writes. All problems are shown; exit 1 if
# there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD_DIR:-build}
tidy=all
files=()
for argument in "$@"; do
  case $argument in
    --quick) tidy=quick ;;
    --no-tidy) tidy=none ;;
    -*) echo "tools/lint.sh: unknown option \"$argument\"" >&2; exit 2 ;;
    *) tidy=given; files+=("$argument") ;;
  esac
done

status=0
step() {
  local title=$1
  shift
  local start=$SECONDS
  if "$@"; then
    printf 'lint: %-14s ok (%d s)\n' "$title" $((SECONDS - start))
  else
    printf 'lint: %-14s FAILED\n' "$title"
    status=1
  fi
}

roots=()
for root in engine compiler node lsp tests; do [ -d "$root" ] && roots+=("$root"); done
mapfile -t sources < <(find "${roots[@]}" -name node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print | sort)
mapfile -t scripts < <(find tools tests .ci -name node_modules -prune -o -type f -exec grep -lE '^#!(/usr/bin/env bash|/bin/bash|/bin/sh)$' {} + | sort)
mapfile -t pages < <(find docs/man -name '*.[1-9]' | sort)

# Nothing where there is no repository, nothing of the last commit where its parent is not there (first, or shallow).
changed_sources() {
  {
    git diff --name-only HEAD || true
    git ls-files --others --exclude-standard || true
    git diff --name-only HEAD~1 HEAD || true
  } 2>/dev/null | sed -n '/\.cc$/p' | sort -u | while read -r file; do
    if [ -f "$file" ]; then echo "$file"; fi
  done
}

# shellcheck disable=SC2317 # called by step
run_tidy() {
  printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" 2>/dev/null
}

# shellcheck disable=SC2016,SC2317 # the inner shell's variable; called by step
check_format() {
  printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" sh -c \
    'clang-format "$0" | cmp -s "$0" - || { echo "$0: not in our layout; run make fmt"; exit 1; }'
}

step layering python3 tools/check_layers.py .
step clang-format check_format
step shellcheck shellcheck "${scripts[@]}"
[ ${#pages[@]} -eq 0 ] || step mandoc mandoc -T lint -W warning "${pages[@]}"

case $tidy in
  none) files=() ;;
  all) mapfile -t files < <(printf '%s\n' "${sources[@]}" | grep '\.cc$') ;;
  quick) mapfile -t files < <(changed_sources | sed '/_test\.cc$/d' | head -n 16) ;;
esac
if [ ${#files[@]} -gt 0 ]; then
  if [ ! -f "$build/compile_commands.json" ]; then
    echo "tools/lint.sh: no $build/compile_commands.json; run make build first" >&2
    exit 1
  fi
  # Only what this build compiles (the fuzz targets, for one, are built elsewhere).
  mapfile -t files < <(printf '%s\n' "${files[@]}" | while read -r file; do
    if grep -qF "$PWD/$file\"" "$build/compile_commands.json"; then echo "$file"; fi
  done)
  [ ${#files[@]} -eq 0 ] || step "clang-tidy ${#files[@]}" run_tidy
fi
exit $status
