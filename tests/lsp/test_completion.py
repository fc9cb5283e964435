#!/usr/bin/env python3
"""Completion through the real server: what is offered, where it goes, what more is told of an item."""
from client import Client, Folder, everything, main

POLICY = '''{
	"groups": {"group:eng": ["ana@example.com"], "group:ops": []},
	"tagOwners": {"tag:web": ["group:ops"]},
	"acls": [
		{"action": "accept", "src": ["group:eng"], "dst": [""]},
	],
}
'''
INVENTORY = '''{"users": [{"login": "ana@example.com"}], "nodes": [
	{"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
	{"name": "web-1", "tags": ["tag:web"], "addresses": ["100.64.0.2"]},
]}'''


def complete(lsp, uri, place, trigger=None):
    params = dict(place)
    if trigger:
        params['context'] = {'triggerKind': 2, 'triggerCharacter': trigger}
    answer = lsp.request('textDocument/completion', params)
    return {item['label']: item for item in answer['items']}


def apply(text, edit):
    """The text with an edit of one line taken; characters are those of a text without astral ones."""
    lines = text.split('\n')
    start, end = edit['range']['start'], edit['range']['end']
    assert start['line'] == end['line']
    line = lines[start['line']]
    lines[start['line']] = line[:start['character']] + edit['newText'] + line[end['character']:]
    return '\n'.join(lines)


def test_names_of_the_policy_and_the_inventory_are_offered():
    with Folder({'inventory.hujson': INVENTORY, 'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.diagnostics(uri)
        items = complete(lsp, uri, lsp.at(uri, '"dst": ["', 9), '"')
        assert {'group:eng', 'tag:web', 'autogroup:self', 'ana@example.com', '*'} <= set(items), sorted(items)
        assert 'autogroup:danger-all' not in items and 'autogroup:nonroot' not in items
        edited = apply(POLICY, items['tag:web']['textEdit'])
        assert '"dst": ["tag:web:' in edited and edited.count('"') == POLICY.count('"')


def test_an_item_tells_more_when_it_is_looked_at():
    with Folder({'inventory.hujson': INVENTORY, 'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.diagnostics(uri)
        items = complete(lsp, uri, lsp.at(uri, '"dst": ["', 9))
        item = lsp.request('completionItem/resolve', items['tag:web'])
        assert '1 node' in item['detail'], item
        assert 'web-1' in item['documentation']['value'], item
        assert lsp.request('completionItem/resolve', {'label': 'x'}) == {'label': 'x'}


def test_keys_are_offered_with_their_documentation():
    with Folder({'policy.hujson': '{"acls": [{"action": "accept", }]}\n'}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        items = complete(lsp, uri, lsp.at(uri, '"accept", ', 10))
        assert {'src', 'dst', 'proto', 'srcPosture'} == set(items), sorted(items)
        assert items['src']['insertTextFormat'] == 2 and items['src']['textEdit']['newText'] == '"src": ["$1"]'
        assert items['src']['documentation']['value']


def test_ranges_are_counted_in_the_editors_units():
    for encoding in ('utf-8', 'utf-16'):
        ranges_are_counted_in(encoding)


def ranges_are_counted_in(encoding):
    text = '{"groups": {"group:\N{GRINNING FACE}": []}, "nodeAttrs": [{"target": ["gr"]}]}\n'
    can = {**everything(), 'general': {'positionEncodings': [encoding]}}
    with Folder({'policy.hujson': text}) as folder, Client(folder, can) as lsp:
        assert lsp.capabilities['positionEncoding'] == encoding
        uri = lsp.open('policy.hujson')
        items = complete(lsp, uri, lsp.at(uri, '["gr', 4))
        edit = items['group:\N{GRINNING FACE}']['textEdit']
        before = text[:text.index('["gr') + 2]
        units = len(before.encode('utf-16-le')) // 2 if encoding == 'utf-16' else len(before.encode())
        assert edit['range'] == {'start': {'line': 0, 'character': units}, 'end': {'line': 0, 'character': units + 2}}, edit


def test_a_space_brings_up_nothing_but_where_something_follows_it():
    with Folder({'policy.hujson': '{"acls": [], \n"postures": {"posture:a": ["node:os "]}}'}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert not complete(lsp, uri, lsp.at(uri, '[], ', 4), ' ')
        assert complete(lsp, uri, lsp.at(uri, '[], ', 4))
        assert 'IS SET' in complete(lsp, uri, lsp.at(uri, 'node:os ', 8), ' ')


def test_a_fixture_is_completed_with_the_names_of_its_policy_and_with_files():
    fixture = '{"policy": "policy.hujson", "expect": [{"from": "", "to": "web-1:22"}]}\n'
    with Folder({'inventory.hujson': INVENTORY, 'policy.hujson': POLICY, 'a.test.hujson': fixture}) as folder, Client(folder) as lsp:
        uri = lsp.open('a.test.hujson')
        lsp.diagnostics(uri)
        items = complete(lsp, uri, lsp.at(uri, '"from": "', 9))
        assert {'group:eng', 'tag:web'} <= set(items), sorted(items)
        items = complete(lsp, uri, lsp.at(uri, '"policy": "', 11))
        assert {'policy.hujson', 'inventory.hujson'} == set(items), sorted(items)


if __name__ == '__main__':
    main()
