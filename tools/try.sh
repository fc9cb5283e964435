#!/usr/bin/env bash
# What `make try` shows: the main job of aclc on examples/. Exit 1 if a command does not answer as the text around it says.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/build/bin:$PATH

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' plain=$'\e[0m'
else
  bold='' plain=''
fi

say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# show EXPECTED_EXIT COMMAND...
show() {
  local expected=$1 code=0
  shift
  printf '\n  $ %s\n\n' "$*"
  "$@" || code=$?
  printf '\n  (exit code %d)\n' "$code"
  if [ "$code" -ne "$expected" ]; then
    printf 'tools/try.sh: "%s" should have ended with %d\n' "$*" "$expected" >&2
    exit 1
  fi
}

say "1. Policies that pass"
show 0 aclc check examples/policies/*/policy.hujson

say "2. A policy with three mistakes: a forgotten port, a misspelt tag, a key that does not exist here"
show 1 aclc check examples/mistakes.hujson

say "3. A policy written in a hurry, and what aclc fmt makes of it"
show 1 aclc fmt --diff examples/untidy.hujson

say "Next: aclc check YOUR/policy.hujson, and aclc explain CODE for any code above."
