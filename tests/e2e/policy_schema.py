#!/usr/bin/env python3
"""Holds the JSON Schema of policies and the checker together.

usage: policy_schema.py ACLC SCHEMA POLICY...

SCHEMA (for editors) is what `aclc schema` prints. Each POLICY (the examples') is valid by it. Of the texts below, both refuse the bad
ones and accept the good ones. Exit: 0 they agree; 1 they do not; 77 (skipped) the Python package jsonschema is not installed; the
comparison with `aclc schema` is made all the same.
"""
import json
import re
import subprocess
import sys

RULE = '"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]%s}]'
GOOD = [
    '{%s}' % RULE % '', '{%s}' % RULE % ', "proto": "6"', '{%s}' % RULE % ', "proto": null', '{"grants": []}',
    '{"acls": [{"action": "accept", "users": ["*"], "ports": ["*:22"]}]}',
    '{"grants": [{"src": ["*"], "dst": ["*"], "app": {"example.com/cap/x": [{"any": [1, null]}]}}]}',
    '{"acls": [], "groups": {"group:a": ["ana@example.com"]}, "hosts": {"a": "10.0.0.1"}, "tagOwners": {"tag:a": []}}',
    '{"acls": [], "derpMap": {"Regions": {"1": null, "900": {"RegionID": 900, "RegionCode": "x", "Nodes": '
    '[{"Name": "1", "RegionID": 900, "HostName": "x.example.com"}]}}}}',
    '{"acls": [], "OneCGNATRoute": "mac-always", "disableIPv4": false, "randomizeClientPort": true}',
    '{"acls": [], "postures": {"posture:a": ["node:os == \'linux\'"]}, "defaultSrcPosture": ["posture:a"]}',
]
BAD = [
    '[]', '{"acl": []}', '{"acls": {}}', '{%s}' % RULE % ', "protocol": "tcp"', '{%s}' % RULE % ', "proto": 6',
    '{"acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]}', '{"acls": [{"src": ["*"], "dst": ["*:*"]}]}',
    '{"acls": [{"action": "accept", "src": "*", "dst": ["*:*"]}]}', '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*"]}]}',
    '{"acls": [], "groups": {"eng": []}}', '{"acls": [], "tagOwners": {"tag:9": []}}', '{"acls": [], "hosts": {"a": ["10.0.0.1"]}}',
    '{"acls": [], "ssh": [{"action": "ask", "src": ["*"], "dst": ["tag:a"], "users": ["root"]}]}',
    '{"acls": [], "OneCGNATRoute": "always"}', '{"acls": [], "disableIPv4": "yes"}',
    '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "app": {"nodomain": []}}]}',
]


def standard(text):
    """HuJSON as JSON: comments, then trailing commas, become white space."""
    for token in (r'//[^\n]*|/\*.*?\*/', r',(?=\s*[\]}])'):
        keep = r'"(?:[^"\\]|\\.)*"'
        text = re.sub(f'{keep}|{token}', lambda m: m.group() if m.group()[0] == '"' else ' ', text, flags=re.S)
    return text


def main():
    aclc, schema_path, *paths = sys.argv[1:]
    with open(schema_path, encoding='utf-8') as file:
        kept = file.read()
    printed = subprocess.run([aclc, 'schema'], capture_output=True, check=True).stdout.decode()
    if printed != kept:
        print(f'{schema_path} is not what `aclc schema` prints: write it anew', file=sys.stderr)
        return 1
    try:
        import jsonschema
    except ImportError:
        print('policy_schema.py: the Python package jsonschema is not installed', file=sys.stderr)
        return 77
    headscale = subprocess.run([aclc, 'schema', '--dialect', 'headscale'], capture_output=True, check=True).stdout
    jsonschema.Draft7Validator.check_schema(json.loads(headscale))
    jsonschema.Draft7Validator.check_schema(json.loads(kept))
    validator = jsonschema.Draft7Validator(json.loads(kept))
    failures = 0

    def judge(what, text, wanted):
        nonlocal failures
        document = json.loads(standard(text))
        checked = subprocess.run([aclc, 'check', '-'], input=text.encode(), capture_output=True, check=False)
        for who, verdict in (('the schema', validator.is_valid(document)), ('aclc check', checked.returncode == 0)):
            if verdict == wanted:
                continue
            failures += 1
            print(f'{who} {"accepts" if verdict else "refuses"} {what}', file=sys.stderr)
            if who == 'the schema' and not verdict:
                print(next(validator.iter_errors(document)).message, file=sys.stderr)
            elif not verdict:
                print(checked.stderr.decode(), checked.stdout.decode(), file=sys.stderr)

    for text in GOOD:
        judge(text, text, True)
    for text in BAD:
        judge(text, text, False)
    for path in paths:
        with open(path, encoding='utf-8') as file:
            judge(path, file.read(), True)
    print(f'{len(GOOD) + len(BAD) + len(paths)} policies, {failures} disagreements')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
