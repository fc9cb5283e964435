#!/usr/bin/env python3
"""Holds the JSON Schema of policies and the checker together.

usage: policy_schema.py ACLC SCHEMA POLICY...

SCHEMA (for editors) is what `aclc schema` prints. Each POLICY (the examples') is valid by it. Of the texts below, both refuse the bad
ones and accept the good ones. Exit: 0 they agree; 1 they do not; 77 (skipped) the Python package jsonschema is not installed; the
comparison with `aclc schema` is made all the same.
"""
import json
import subprocess
import sys

import schema_agreement

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
    return schema_agreement.judge_all(validator, [aclc, 'check'], 'policies', GOOD, BAD, paths)


if __name__ == '__main__':
    sys.exit(main())
