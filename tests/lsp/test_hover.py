#!/usr/bin/env python3
"""Hover through the real server."""
from client import Client, Folder, main
from test_completion import INVENTORY, POLICY


def hover(lsp, uri, text, offset=0):
    return lsp.request('textDocument/hover', lsp.at(uri, text, offset))


def test_a_name_a_rule_and_a_key_are_told_about():
    with Folder({'inventory.hujson': INVENTORY, 'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.diagnostics(uri)
        group = hover(lsp, uri, '"src": ["group:eng', 12)
        assert '1 node, 1 person' in group['contents']['value'] and 'laptop' in group['contents']['value'], group
        assert group['contents']['kind'] == 'markdown'
        line = POLICY.split('\n').index(next(l for l in POLICY.split('\n') if '"src"' in l))
        assert group['range']['start']['line'] == group['range']['end']['line'] == line
        assert 'Lets `group:eng`' in hover(lsp, uri, '"action"', 2)['contents']['value']
        assert 'Declares every tag' in hover(lsp, uri, 'tagOwners', 2)['contents']['value']
        assert hover(lsp, uri, '\n\t"groups"', 0) is None


def test_without_an_inventory_names_are_still_explained():
    with Folder({'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert '1 person' in hover(lsp, uri, '"src": ["group:eng', 12)['contents']['value']


if __name__ == '__main__':
    main()
