#!/usr/bin/env python3
"""Definition, references, highlights, rename, symbols and links."""
from client import Client, Folder, main
from net import FILES, FIXTURE, INVENTORY, POLICY, apply_all, text_at


def places(lsp, locations, texts=FILES):
    """What stands there: (file, text)."""
    out = []
    for one in locations:
        name = one['uri'].rsplit('/', 1)[1]
        out.append((name, text_at(texts[name], one['range'], lsp.capabilities['positionEncoding'])))
    return out


def test_definition_leads_to_the_section_that_defines_the_name():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        for use, name in (('tag:db:5432', 'tag:db'), ('vault:443', 'vault'), ('group:eng"], "dst": ["tag:db"]', 'group:eng')):
            found = lsp.request('textDocument/definition', lsp.at(uri, use, 2))
            assert places(lsp, found) == [('policy.hujson', name)], found


def test_definition_of_users_and_nodes_is_in_the_inventory_and_of_rules_in_the_policy():
    with Folder(FILES) as folder, Client(folder) as lsp:
        policy, fixture = lsp.open('policy.hujson'), lsp.open('access.test.hujson')
        assert places(lsp, lsp.request('textDocument/definition', lsp.at(policy, 'ana@', 1))) == [
            ('inventory.hujson', 'ana@example.com')]
        assert places(lsp, lsp.request('textDocument/definition', lsp.at(fixture, 'laptop', 1))) == [
            ('inventory.hujson', 'laptop')]
        assert places(lsp, lsp.request('textDocument/definition', lsp.at(fixture, 'tag:db', 1))) == [
            ('policy.hujson', 'tag:db')]
        (rule,) = lsp.request('textDocument/definition', lsp.at(fixture, 'acls[0]', 1))
        assert rule['range']['start']['line'] == 6, rule


def test_references_are_found_in_files_that_are_not_open():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        params = {**lsp.at(uri, 'tag:db:5432', 1), 'context': {'includeDeclaration': True}}
        found = places(lsp, lsp.request('textDocument/references', params))
        assert sorted(name for name, _ in found) == ['access.test.hujson', 'inventory.hujson'] + ['policy.hujson'] * 6, found
        params['context']['includeDeclaration'] = False
        assert len(lsp.request('textDocument/references', params)) == len(found) - 1


def test_highlights_tell_the_definition():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        found = lsp.request('textDocument/documentHighlight', lsp.at(uri, 'vault:443', 1))
        assert [one['kind'] for one in found] == [3, 2], found


def test_rename_changes_the_policy_and_its_fixtures():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        prepared = lsp.request('textDocument/prepareRename', lsp.at(uri, 'tag:db:5432', 1))
        assert prepared['placeholder'] == 'tag:db', prepared
        edit = lsp.request('textDocument/rename', {**lsp.at(uri, 'tag:db:5432', 1), 'newName': 'tag:postgres'})
        assert apply_all(lsp, edit) == {'policy.hujson': POLICY.replace('tag:db', 'tag:postgres'),
                                        'access.test.hujson': FIXTURE.replace('tag:db', 'tag:postgres')}
        versions = {one['textDocument']['uri']: one['textDocument']['version'] for one in edit['documentChanges']}
        assert versions == {uri: 1, lsp.uri('access.test.hujson'): None}, versions


def test_rename_never_reaches_another_policy():
    files = {**FILES, 'other/policy.hujson': POLICY, 'other/access.test.hujson': FIXTURE, 'other/inventory.hujson': INVENTORY}
    with Folder(files) as folder, Client(folder) as lsp:
        lsp.open('other/policy.hujson')
        fixture = lsp.open('access.test.hujson')
        edit = lsp.request('textDocument/rename', {**lsp.at(fixture, 'group:eng', 1), 'newName': 'people'})
        assert sorted(one['textDocument']['uri'] for one in edit['documentChanges']) == [
            lsp.uri('access.test.hujson'), lsp.uri('policy.hujson')], edit


def test_rename_without_document_changes_and_in_utf16():
    text = POLICY.replace('// Database', '// 🗄 Datenbank für alle').replace('{"action"', '/* 🗄 */ {"action"')
    with Folder({'policy.hujson': text}) as folder, Client(folder, capabilities={}) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.capabilities['positionEncoding'] == 'utf-16'
        edit = lsp.request('textDocument/rename', {**lsp.at(uri, 'vault:443', 1), 'newName': 'safe'})
        assert apply_all(lsp, edit) == {'policy.hujson': text.replace('vault', 'safe')}


def test_rename_refuses_what_is_taken_or_illegal():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', POLICY.replace('"tag:db": [', '"tag:web": [], "tag:db": [', 1))
        for name, why in (('tag:web', 'already defined'), ('tag:1', 'must start with a letter'), ('', 'empty')):
            error = lsp.error('textDocument/rename', {**lsp.at(uri, 'tag:db:5432', 1), 'newName': name})
            assert error.code == -32803 and why in error.message, error
        assert lsp.error('textDocument/prepareRename', lsp.at(uri, '"action"', 1)).code == -32803


def test_renaming_a_host_leaves_questions_that_a_node_answers():
    """Whichever inventory a fixture asks: the one beside its policy, in a foreign format, one that it names, one within it."""
    def headscale(node):
        return '[{"id": 1, "name": "%s", "given_name": "%s", "ip_addresses": ["100.64.0.1"]}]' % (node, node)

    def native(node):
        return '{"users": [{"login": "ana@example.com"}], "nodes": [{"name": "%s", "user": "ana@example.com", ' \
               '"addresses": ["100.64.0.1"]}]}' % node

    def fixture(inventory):
        return '{"policy": "policy.hujson", %s"expect": [{"from": "100.64.0.1", "to": "vault:22", "verdict": "deny"}]}' % inventory

    files = {'policy.hujson': POLICY, 'inventory.json': headscale('vault'), 'other.hujson': native('laptop'),
             'beside.test.hujson': fixture(''), 'named.test.hujson': fixture('"inventory": "other.hujson", '),
             'within.test.hujson': fixture('"inventory": %s, ' % native('vault'))}
    with Folder(files) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        edit = lsp.request('textDocument/rename', {**lsp.at(uri, 'vault:443', 1), 'newName': 'safe'})
        assert apply_all(lsp, edit) == {name: files[name].replace('vault', 'safe')
                                        for name in ('policy.hujson', 'named.test.hujson')}, edit
        error = lsp.error('textDocument/rename', {**lsp.at(uri, 'vault:443', 1), 'newName': 'laptop'})
        assert '"laptop" is a node of' in error.message and 'other.hujson' in error.message, error


def test_symbols_of_a_file_are_a_tree_and_of_all_files_a_list():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        symbols = lsp.request('textDocument/documentSymbol', {'textDocument': {'uri': uri}})
        acls = next(one for one in symbols if one['name'] == 'acls')
        assert acls['children'][0]['name'] == 'acls[0]: group:eng → tag:db:5432, vault:443', acls
        names = [one['name'] for one in lsp.request('workspace/symbol', {'query': 'GROUP:'})]
        assert 'group:eng' in names, names
    with Folder(FILES) as folder, Client(folder, capabilities={}) as lsp:
        uri = lsp.open('policy.hujson')
        flat = lsp.request('textDocument/documentSymbol', {'textDocument': {'uri': uri}})
        assert any(one['name'] == 'tag:db' and one['containerName'] == 'tagOwners' for one in flat), flat


def test_links_of_a_fixture_lead_to_its_policy():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('access.test.hujson')
        (link,) = lsp.request('textDocument/documentLink', {'textDocument': {'uri': uri}})
        assert link['target'] == lsp.uri('policy.hujson'), link


def test_a_broken_text_still_has_definitions_and_symbols():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', POLICY[:POLICY.index('"vault:443"')])
        assert places(lsp, lsp.request('textDocument/definition', lsp.at(uri, 'tag:db:5432', 1))) == [
            ('policy.hujson', 'tag:db')]
        assert lsp.request('textDocument/documentSymbol', {'textDocument': {'uri': uri}})


if __name__ == '__main__':
    main()
