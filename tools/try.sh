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

# From here on one network: servers on plain WireGuard, with an inventory of who and what exists beside the policy.
cd examples/policies/plain-wireguard

say "4. Who gets what: who reaches the server web-1, and who logs in there (in examples/policies/plain-wireguard)"
show 0 aclc show --node web-1 policy.hujson

say "5. May Ines log in there as root? Yes, and by which rule"
show 0 aclc can policy.hujson ines-laptop ssh root@web-1

say "6. May Sam? No, and what is missing"
show 1 aclc can policy.hujson sam-laptop ssh root@web-1

say "7. The tests of the policy, and more of them in a file of their own"
show 0 aclc test policy.hujson access.test.hujson

# From policy to signed release, in a folder that is removed at the end. The keys have no passphrase here: it is read from an
# empty descriptor, which a terminal would otherwise be asked for.
policies=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$policies"/policy.hujson "$policies"/inventory.hujson .
exec 9</dev/null

say "8. Whose signature makes a release: a key, and a trust set with it (in a temporary folder)"
show 0 aclc keygen --out ines --passphrase-fd 9
show 0 aclc trust init release --pub ines.pub --key ines.key --passphrase-fd 9

say "9. The policy compiled: a table for each node, each proved equal to its rules"
show 0 aclc compile policy.hujson --out release

say "10. Read back from the bytes, with the lines of the policy: what web-1 would enforce"
show 0 aclc inspect release --node web-1

say "11. Signed, after compiling once more to compare every digest; then every byte verified from a copy of the trust set"
show 0 aclc sign release --key ines.key --passphrase-fd 9 --rebuild policy.hujson
cp release/trust/1 trusted
show 0 aclc verify release --trust trusted

say "12. Brought to where nodes fetch it: here a folder, as a web server would serve it"
show 0 aclc publish release served
show 0 aclc verify served --trust trusted

say "Next: aclc check YOUR/policy.hujson, and aclc explain CODE for any code above. docs/inventory.md says how to make an inventory."
