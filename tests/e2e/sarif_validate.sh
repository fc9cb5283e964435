#!/bin/sh
# Validates what `aclc check --format sarif` writes about the given policies with the validator of the SARIF authors,
# @microsoft/sarif-multitool from npm.
#
# usage: sarif_validate.sh ACLC CACHE_DIR POLICY…
#
# The validator (about 100 MB) is installed into CACHE_DIR once. Exit: 0 valid; 1 the validator has an error-level
# finding, or there was no result to validate (give policies with errors, warnings and notes); 77 (skipped) no npm, or
# its registry cannot be reached.
set -eu

if [ $# -lt 3 ]; then
  echo "usage: sarif_validate.sh ACLC CACHE_DIR POLICY…" >&2
  exit 2
fi
aclc=$1
cache=$2
shift 2

package=@microsoft/sarif-multitool
command -v npm >/dev/null || { echo "skipped: npm is not installed"; exit 77; }
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
if ! [ -e "$cache/node_modules/.bin/sarif-multitool" ]; then
  npm install --prefix "$cache" --no-audit --no-fund --loglevel=error "$package" ||
    { echo "skipped: $package cannot be installed"; exit 77; }
fi
# npm may be configured not to run the install script that does this.
chmod -R u+x "$cache"/node_modules/@microsoft/sarif-multitool-linux/ 2>/dev/null || true

# 1: refused, which is what most of these policies are for.
status=0
"$aclc" check --format sarif "$@" >"$cache/aclc.sarif" || status=$?
[ "$status" -le 1 ] || { echo "aclc check: exit code $status" >&2; exit 1; }

rm -f "$cache/findings.sarif"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
(cd "$cache" && node_modules/.bin/sarif-multitool validate aclc.sarif --output findings.sarif --log ForceOverwrite) || { echo "the validator itself failed" >&2; exit 1; }

python3 - "$cache/aclc.sarif" "$cache/findings.sarif" <<'END'
import json
import sys

def results(path):
    # The validator writes a byte order mark.
    with open(path, encoding='utf-8-sig') as file:
        return [result for run in json.load(file)['runs'] for result in run.get('results') or []]

ours, findings = results(sys.argv[1]), results(sys.argv[2])
levels = ', '.join(sorted({r['level'] for r in ours}))
print(f'{len(ours)} results ({levels}); {len(findings)} findings of the validator')
errors = [f for f in findings if f.get('level', 'warning') == 'error']
for error in errors:
    print('error:', error['ruleId'], json.dumps(error['message']), file=sys.stderr)
if not ours:
    print('no results: nothing was validated', file=sys.stderr)
sys.exit(1 if errors or not ours else 0)
END
