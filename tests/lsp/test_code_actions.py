#!/usr/bin/env python3
"""Code actions: applied, the diagnostic is gone."""
from client import Client, Folder, codes, main
from net import FILES, POLICY, apply_all


def actions(lsp, uri, range, diagnostics=(), only=None):
    context = {'diagnostics': list(diagnostics)}
    if only is not None:
        context['only'] = only
    return lsp.request('textDocument/codeAction', {'textDocument': {'uri': uri}, 'range': range, 'context': context})


def at(lsp, uri, text):
    place = lsp.place(uri, text, 1)
    return {'start': place, 'end': place}


def test_a_misspelt_tag_is_mended():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', POLICY.replace('"tag:db:5432", "vault', '"tag:bd:5432", "vault', 1))
        (wrong,) = [one for one in lsp.diagnostics(uri) if one['severity'] == 1]
        offered = actions(lsp, uri, wrong['range'], [wrong], ['quickfix'])
        assert [one['title'] for one in offered] == ['Define "tag:bd" in "tagOwners"'], offered
        uri2 = lsp.open('typo.hujson', POLICY.replace('"tag:db:5432", "vault', '"tag:db:5432", "vualt', 1))
        (wrong,) = [one for one in lsp.diagnostics(uri2) if one['severity'] == 1]
        fix = actions(lsp, uri2, wrong['range'], [wrong], ['quickfix'])[0]
        assert fix['title'] == 'Write "vault"' and fix['isPreferred'] and fix['diagnostics'] == [wrong], fix
        text = apply_all(lsp, fix['edit'])['typo.hujson']
        lsp.change(uri2, text)
        assert 'E0303' not in codes(lsp.diagnostics(uri2)) and text == POLICY


def test_rewrites_are_offered_where_they_are_asked_for():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        titles = [one['title'] for one in actions(lsp, uri, at(lsp, uri, '{"action"'), only=['refactor'])]
        assert titles == ['Turn into 2 grants', 'Add a test for this rule'], titles
        assert actions(lsp, uri, at(lsp, uri, '{"action"'), only=['source.organizeImports']) == []


def test_an_acl_becomes_grants_and_the_policy_stays_accepted():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        before = codes(lsp.diagnostics(uri))
        rewrite = actions(lsp, uri, at(lsp, uri, '{"action"'), only=['refactor'])[0]
        text = apply_all(lsp, rewrite['edit'])['policy.hujson']
        assert '"grants"' in text and '"acls"' not in text and '// Database' in text, text
        lsp.change(uri, text)
        assert codes(lsp.diagnostics(uri)) == before


def test_all_that_is_safe_is_mended_at_once():
    text = '{"ACLs": [{"action": "accept", "users": ["*"], "ports": ["*:*"]}]}\n'
    with Folder() as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', text)
        (fix,) = actions(lsp, uri, at(lsp, uri, 'ACLs'), only=['source.fixAll'])
        assert apply_all(lsp, fix['edit'])['policy.hujson'] == '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}\n'


def test_clients_that_take_commands_alone_are_offered_none():
    with Folder(FILES) as folder, Client(folder, capabilities={}) as lsp:
        uri = lsp.open('policy.hujson')
        assert 'codeActionProvider' not in lsp.capabilities
        assert actions(lsp, uri, at(lsp, uri, '{"action"')) == []


if __name__ == '__main__':
    main()
