#!/usr/bin/env python3
"""Holds docs/inventory.schema.json and the loader of inventories together.

usage: inventory_schema.py ACLC SCHEMA INVENTORY...

Each INVENTORY (the examples') is valid by the schema. Of the texts below, both refuse the bad ones and accept the good ones.
Exit: 0 they agree; 1 they do not; 77 (skipped) the Python package jsonschema is not installed.
"""
import json
import sys

import schema_agreement

NODE = '{"name": "a", "user": "ana@example.com", "addresses": ["100.64.0.1", "fd7a:115c:a1e0::1"]%s}'
GOOD_NODES = [
    '', ', "tags": null', ', "created": "2026-01-01T00:00:00.5+01:00"', ', "endpoint": "[2001:db8::7]:51820"',
    ', "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="', ', "posture": {"a": 1.5, "b": "x", "c": true}',
    ', "advertisedRoutes": ["10.0.0.0/8", "::/0", "10.0.0.1"]', ', "shared": true, "binding": "none", "id": "n1"',
]
BAD_NODES = [
    ', "nmae": "b"', ', "tags": ["db"]', ', "tags": "tag:db"', ', "created": "yesterday"', ', "created": 1767225600',
    ', "key": "abc"', ', "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh="', ', "endpoint": "198.51.100.7"',
    ', "posture": {"a": []}', ', "approvedRoutes": ["lan"]', ', "shared": "yes"', ', "binding": "ipsec"',
]
GOOD = ['{"nodes": [%s]}' % (NODE % more) for more in GOOD_NODES] + [
    '{"nodes": []}',
    '{"users": [{"login": "ana@example.com", "role": "it-admin", "suspended": false, "securityKeys": [], "sub": "1"}], "nodes": []}',
    '{"nodes": [%s], "services": [{"name": "svc:web", "addresses": ["100.64.9.1"], "hosts": ["a"]}]}' % (NODE % ''),
    '{"tailnet": "t", "domains": ["example.com"], "nodes": [], "syncedGroups": {"group:eng@example.com": ["ana@example.com"]}}',
    '{"nodes": [], "settings": {"magicDNS": true, "devicesAutoUpdatesOn": false, "binding": "none"}}',
]
BAD = ['{"nodes": [%s]}' % (NODE % more) for more in BAD_NODES] + [
    '{}', '[1]', '{"nodes": {}}', '{"nodes": [{"name": "a"}]}', '{"nodes": [{"addresses": ["::1"]}]}',
    '{"nodes": [{"name": "", "addresses": ["::1"]}]}', '{"nodes": [{"name": "a", "addresses": []}]}',
    '{"nodes": [{"name": "a", "addresses": ["100.64.0.1/32"]}]}', '{"nodes": [], "users": [{"name": "Ana"}]}',
    '{"nodes": [], "users": [{"login": "ana@x", "role": "boss"}]}', '{"nodes": [], "services": [{"name": "web"}]}',
    '{"nodes": [], "syncedGroups": {"eng": []}}', '{"nodes": [], "settings": {"magicdns2": true}}', '{"nodes": [], "hosts": {}}',
]


def main():
    try:
        import jsonschema
    except ImportError:
        print('inventory_schema.py: the Python package jsonschema is not installed', file=sys.stderr)
        return 77
    aclc, schema_path, *paths = sys.argv[1:]
    with open(schema_path, encoding='utf-8') as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return schema_agreement.judge_all(validator, [aclc, 'import'], 'inventories', GOOD, BAD, paths)


if __name__ == '__main__':
    sys.exit(main())
