#!/usr/bin/env python3
"""Folding, selection ranges, semantic tokens, inlay hints, code lens."""
from client import Client, Folder, everything, main
from net import FILES, POLICY, text_at


def whole(uri):
    return {'textDocument': {'uri': uri}, 'range': {'start': {'line': 0, 'character': 0}, 'end': {'line': 999, 'character': 0}}}


def test_folding_leaves_the_closing_line():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', '{\n"acls": [\n// a\n// b\n],\n}\n')
        folds = lsp.request('textDocument/foldingRange', {'textDocument': {'uri': uri}})
        assert folds == [{'startLine': 0, 'endLine': 4}, {'startLine': 1, 'endLine': 3},
                         {'startLine': 2, 'endLine': 3, 'kind': 'comment'}], folds


def test_selection_ranges_grow_to_the_whole():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        (range,) = lsp.request('textDocument/selectionRange', {
            'textDocument': {'uri': uri}, 'positions': [lsp.place(uri, 'tag:db:5432', 3)]})
        texts = []
        while range:
            texts.append(text_at(POLICY, range['range']))
            range = range.get('parent')
        assert texts[0] == 'tag:db:5432' and texts[-1] == POLICY and texts[3] == '["tag:db:5432", "vault:443"]', texts


def test_semantic_tokens_are_the_same_for_the_whole_and_for_its_range():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        legend = lsp.capabilities['semanticTokensProvider']['legend']
        full = lsp.request('textDocument/semanticTokens/full', {'textDocument': {'uri': uri}})['data']
        assert full == lsp.request('textDocument/semanticTokens/range', whole(uri))['data']
        lines, line, character, found = POLICY.split('\n'), 0, 0, []
        for i in range(0, len(full), 5):
            line, character = line + full[i], full[i + 1] + (0 if full[i] else character)
            found.append((lines[line][character:character + full[i + 2]], legend['tokenTypes'][full[i + 3]]))
        for token in (('group:eng', 'class'), ('tag:db', 'type'), ('5432', 'number'), ('accept', 'keyword'), ('vault', 'variable')):
            assert token in found, (token, found)
        first = lsp.request('textDocument/semanticTokens/range', {
            'textDocument': {'uri': uri}, 'range': {'start': {'line': 1, 'character': 0}, 'end': {'line': 1, 'character': 99}}})
        assert 0 < len(first['data']) < len(full)


def test_inlay_hints_and_lenses_tell_who_is_reached():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        labels = [one['label'] for one in lsp.request('textDocument/inlayHint', whole(uri))]
        assert labels[:2] == ['2 people, 2 nodes', '1 node'], labels
        lenses = lsp.request('textDocument/codeLens', {'textDocument': {'uri': uri}})
        titles = [(one if 'command' in one else lsp.request('codeLens/resolve', one))['command']['title'] for one in lenses]
        assert titles[0] == '2 people, 2 nodes → 1 node', titles
        assert '✓ 2 passed' in titles and '✗ group:eng -> tag:db:80: expected accept, got deny' in titles, titles
        assert titles.count('Run test') == 2, titles


def test_the_client_is_told_to_ask_again_once_what_they_tell_is_known():
    """And not before: whoever asks at each `refresh` has seen the newest at the last one."""
    capabilities = everything()
    for what in ('inlayHint', 'codeLens', 'semanticTokens'):
        capabilities['workspace'][what] = {'refreshSupport': True}
    with Folder(FILES) as folder, Client(folder, capabilities) as lsp:
        asked = []

        def refresh(_):
            asked.append(lsp.start('textDocument/inlayHint', whole(uri)))

        lsp.answers['workspace/inlayHint/refresh'] = refresh
        uri = lsp.open('policy.hujson')
        lsp.settled()
        for what in ('inlayHint', 'codeLens', 'semanticTokens'):
            assert any(r['method'] == f'workspace/{what}/refresh' for r in lsp.requests), what
        assert [one['label'] for one in lsp.result(asked[-1])][:1] == ['2 people, 2 nodes']
        # One that leaves the policy's tests as they are.
        lsp.change(uri, POLICY.replace('"src": ["group:eng"], "dst": ["tag:db:5432', '"src": ["group:eng", "*"], "dst": ["tag:db:5432'))
        lsp.settled()
        newest = lsp.request('textDocument/inlayHint', whole(uri))
        assert lsp.result(asked[-1]) == newest


def test_lenses_of_a_fixture_tell_its_outcomes():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('access.test.hujson', FILES['access.test.hujson'].replace('"accept", "rule"', '"deny", "rule"'))
        lsp.open('policy.hujson', POLICY.replace('\t\t{"src": "group:eng", "accept": ["tag:db:80"]},\n', ''))
        lsp.settled()
        titles = [one['command']['title'] for one in lsp.request('textDocument/codeLens', {'textDocument': {'uri': uri}})]
        assert titles[0] == '✓ 1 passed' and titles[2].startswith('✗ laptop -> db-1:5432: expected deny'), titles


def test_settings_switch_hints_and_lenses_off():
    with Folder(FILES) as folder, Client(folder, options={'inlayHints': False, 'codeLens': False}) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        assert lsp.request('textDocument/inlayHint', whole(uri)) == []
        assert lsp.request('textDocument/codeLens', {'textDocument': {'uri': uri}}) == []


def test_without_an_inventory_there_are_no_counts_and_tests_can_still_be_run_for():
    with Folder({'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        assert lsp.request('textDocument/inlayHint', whole(uri)) == []
        lenses = lsp.request('textDocument/codeLens', {'textDocument': {'uri': uri}})
        assert [one['command']['title'] for one in lenses] == ['Run test'] * 2, lenses


if __name__ == '__main__':
    main()
