#!/usr/bin/env python3
"""Diagnostics: all that `aclc check` and `aclc test` say, at their places, sent and asked for."""
import json
import os
import pathlib
import subprocess

from client import Client, Folder, codes, everything, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
INVENTORY = json.dumps({
    'users': [{'login': 'ana@example.com'}, {'login': 'bob@example.com'}],
    'nodes': [{'name': 'a', 'user': 'ana@example.com', 'addresses': ['100.64.0.1']},
              {'name': 'b', 'user': 'bob@example.com', 'addresses': ['100.64.0.2']}]}) + '\n'
POLICY = '''{
	"acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["100.64.0.2:22"]}],
	"tests": [
		{"src": "ana@example.com", "accept": ["100.64.0.2:22"]},
		{"src": "bob@example.com", "accept": ["100.64.0.2:22"]},
	],
}
'''
POLICY = POLICY.replace('\t', '  ')


def aclc_check(path):
    out = subprocess.run([os.environ['ACLC'], 'check', '--format', 'json', path], capture_output=True).stdout
    return json.loads(out)['diagnostics']


def as_check(diagnostics):
    """What both say of it: code, severity, first line of the message, place."""
    severities = {1: 'error', 2: 'warning', 3: 'info'}
    return sorted((d['code'], severities[d['severity']], d['message'].split('\n')[0],
                   d['range']['start']['line'], d['range']['start']['character'],
                   d['range']['end']['line'], d['range']['end']['character']) for d in diagnostics)


def from_check(diagnostics):
    zero = {'start': {'line': 1, 'column': 1}, 'end': {'line': 1, 'column': 1}}
    return sorted((d['code'], d['severity'], d['message'], *(
        n for end in ('start', 'end')
        for n in ((d['range'] or zero)[end]['line'] - 1, (d['range'] or zero)[end]['column'] - 1)))
        for d in diagnostics)


def test_they_are_those_of_aclc_check():
    for path in [ROOT / 'examples/mistakes.hujson', *sorted(ROOT.glob('examples/policies/*/policy.hujson'))]:
        inventory = path.parent / 'inventory.hujson'
        files = {'policy.hujson': path.read_bytes()}
        if inventory.exists():
            files['inventory.hujson'] = inventory.read_bytes()
        with Folder(files) as folder, Client(folder) as lsp:
            uri = lsp.open('policy.hujson')
            assert as_check(lsp.diagnostics(uri)) == from_check(aclc_check(folder.path / 'policy.hujson')), path


def test_they_carry_the_code_its_page_help_and_related_places():
    text = '{"groups": {"group:a": ["ana@example.com"], "group:a": []}, "acls": [{"action": "accept", "src": ["group:b"], ' \
           '"dst": ["*:*"]}]}\n'
    with Folder({'policy.hujson': text}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        found = {d['code']: d for d in lsp.diagnostics(uri)}
        twice = found['E0202']
        assert twice['source'] == 'aclc' and twice['severity'] == 1
        assert twice['codeDescription']['href'].endswith('codes.md#e0202')
        related = twice['relatedInformation'][0]
        assert related['location']['uri'] == uri
        assert related['location']['range']['start'] == lsp.place(uri, '"group:a"')
        assert '\n' in found['E0302']['message'], 'the help is part of the message'
        assert found['W0322']['tags'] == [1], 'an unused group is unnecessary'
    with Folder({'policy.hujson': text}) as folder, Client(folder, capabilities={}) as lsp:
        for one in lsp.diagnostics(lsp.open('policy.hujson')):
            assert not {'codeDescription', 'relatedInformation', 'tags'} & set(one)


def test_versions_are_told_and_closing_clears():
    with Folder({'policy.hujson': '{'}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson', version=7)
        lsp.diagnostics(uri)
        lsp.change(uri, '{"acls": []}\n')
        assert lsp.diagnostics(uri) == []
        versions = [m['params'].get('version') for m in lsp.notifications
                    if m['method'] == 'textDocument/publishDiagnostics']
        assert versions == [7, 8]
        lsp.change(uri, '{')
        assert lsp.diagnostics(uri)
        lsp.close(uri)
        assert lsp.diagnostics(uri) == []


def test_failing_tests_stand_at_their_lines():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': INVENTORY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        found = [d for d in lsp.diagnostics(uri) if d['code'] == 'E0605']
        assert [d['range']['start']['line'] for d in found] == [4]
        assert 'bob@example.com' in found[0]['message']


def test_failures_move_with_the_text_and_go_when_their_line_is_edited():
    """While the policy cannot be resolved, no test runs: what is seen is what stayed."""
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': INVENTORY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        failures = lambda: [d['range']['start'] for d in lsp.diagnostics(uri) if d['code'] == 'E0605']
        assert failures() == [{'line': 4, 'character': 42}]
        lsp.change(uri, (1, 0, 1, 0, '// broken: [\n"x": [\n'))
        assert failures() == [{'line': 6, 'character': 42}], 'two lines down'
        lsp.change(uri, (1, 0, 2, 0, ''))
        assert failures() == [{'line': 5, 'character': 42}]
        # A client that sends whole texts moves them no less.
        lsp.change(uri, '\n' + lsp_text(POLICY, '"x": [\n'))
        assert failures() == [{'line': 6, 'character': 42}]
        lsp.change(uri, (6, 10, 6, 11, 'B'))
        assert failures() == []
        lsp.change(uri, POLICY)
        assert failures() == [{'line': 4, 'character': 42}]


def test_failures_go_when_many_of_them_would_be_moved_by_many_edits():
    failing = '{"src": "bob@example.com", "accept": ["100.64.0.2:22"]},\n'
    with Folder({'policy.hujson': '{"tests": [\n' + failing * 2000 + '],\n"acls": [\n]}\n',
                 'inventory.hujson': INVENTORY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        failures = lambda: codes(lsp.diagnostics(uri)).count('E0605')
        assert failures() == 2000
        # Broken, so that no test runs.
        lsp.change(uri, (2001, 0, 2001, 0, '[\n'), *[(2001, 0, 2001, 0, '\n')] * 10)
        assert failures() == 2000
        lsp.change(uri, *[(2001, 0, 2001, 0, '\n')] * 1000)
        assert failures() == 0
        lsp.change(uri, (2001, 0, 3012, 0, ''))
        assert failures() == 2000


def lsp_text(policy, inserted):
    head, rest = policy.split('\n', 1)
    return head + '\n' + inserted + rest


def test_fixtures_are_run_on_their_policy():
    fixture = '{"policy": "policy.hujson",\n"tests": [{"src": "bob@example.com", "deny": ["100.64.0.2:22"]}],\n"expect": [\n' \
              '{"from": "a", "to": "100.64.0.2:22", "verdict": "accept", "rule": "acls[0]"},\n' \
              '{"from": "b", "to": "100.64.0.2:22", "verdict": "accept"}]}\n'
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': INVENTORY, 'a.test.hujson': fixture}) as folder:
        out = subprocess.run([os.environ['ACLC'], 'test', '--format', 'json', folder.path / 'a.test.hujson'],
                             capture_output=True).stdout
        failed = [case['line'] for case in json.loads(out)['cases'] if not case['ok']]
        with Client(folder) as lsp:
            uri = lsp.open('a.test.hujson')
            # The policy's own test fails, but it is not refused for that here.
            found = lsp.diagnostics(uri)
            assert [d['range']['start']['line'] + 1 for d in found] == failed == [5], found
            assert lsp.status(uri)['tests'] == {'version': 1, 'passed': 2, 'failed': 1}
            # An unsaved policy counts.
            policy = lsp.open('policy.hujson')
            lsp.change(policy, POLICY.replace('"ana@example.com"], "dst"', '"*"], "dst"'))
            assert [d['range']['start']['line'] for d in lsp.diagnostics(uri)] == [1]
            lsp.change(policy, '{"acls": 3}\n')
            refused = lsp.diagnostics(uri)
            assert len(refused) == 1 and 'refused' in refused[0]['message']
            assert refused[0]['relatedInformation'][0]['location']['uri'] == policy
            lsp.close(policy)
            assert [d['range']['start']['line'] for d in lsp.diagnostics(uri)] == [4]


def test_fixtures_may_hold_their_inventory():
    fixture = '{"policy": "policy.hujson", "inventory": ' + INVENTORY.replace('100.64.0.2', '100.64.0.x').strip() + \
              ',\n"expect": [{"from": "b", "to": "100.64.0.2:22", "verdict": "deny"}]}\n'
    with Folder({'policy.hujson': POLICY, 'a.test.hujson': fixture}) as folder, Client(folder) as lsp:
        uri = lsp.open('a.test.hujson')
        found = lsp.diagnostics(uri)
        assert [d['range']['start'] for d in found] == [lsp.place(uri, '"100.64.0.x"')], found
        lsp.change(uri, fixture.replace('100.64.0.x', '100.64.0.2'))
        assert lsp.diagnostics(uri) == []


def test_fixtures_without_policy_or_inventory_say_so():
    with Folder({'a.test.hujson': '{"policy": "none.hujson", "expect": []}\n', 'b.test.hujson': '{"expect": 3}\n',
                 'c.test.hujson': '{"policy": "policy.hujson", "inventory": "none.json"}\n',
                 'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        assert codes(lsp.diagnostics(lsp.open('a.test.hujson'))) == ['E0002']
        assert 'E0905' in codes(lsp.diagnostics(lsp.open('b.test.hujson')))
        assert codes(lsp.diagnostics(lsp.open('c.test.hujson'))) == ['E0904']


def pulling():
    capabilities = everything()
    capabilities['textDocument']['diagnostic'] = {'dynamicRegistration': False, 'relatedDocumentSupport': False}
    capabilities['workspace']['diagnostics'] = {'refreshSupport': True}
    return capabilities


def test_who_can_ask_is_not_sent_them_and_is_told_when_to_ask_again():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': INVENTORY}) as folder, Client(folder, pulling()) as lsp:
        assert lsp.capabilities['diagnosticProvider']['interFileDependencies'] is True
        uri = lsp.open('policy.hujson')
        lsp.settled()
        assert any(r['method'] == 'workspace/diagnostic/refresh' for r in lsp.requests)
        assert not any(m['method'] == 'textDocument/publishDiagnostics' and m['params']['uri'] == uri
                       for m in lsp.notifications)
        report = lsp.request('textDocument/diagnostic', {'textDocument': {'uri': uri}})
        assert report['kind'] == 'full' and codes(report['items']) == ['E0605']
        again = lsp.request('textDocument/diagnostic',
                            {'textDocument': {'uri': uri}, 'previousResultId': report['resultId']})
        assert again == {'kind': 'unchanged', 'resultId': report['resultId']}
        lsp.change(uri, '{')
        report = lsp.request('textDocument/diagnostic',
                             {'textDocument': {'uri': uri}, 'previousResultId': report['resultId']})
        assert report['kind'] == 'full' and 'E0103' in codes(report['items'])


def test_who_asks_is_told_to_ask_again_when_another_file_makes_them_others():
    """Also of a policy without tests: what its inventory holds decides."""
    policy = '{"acls": [{"action": "accept", "src": ["cy@example.com"], "dst": ["*:*"]}]}\n'
    with Folder({'policy.hujson': policy, 'inventory.hujson': INVENTORY}) as folder, Client(folder, pulling()) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        ask = lambda: codes(lsp.request('textDocument/diagnostic', {'textDocument': {'uri': uri}})['items'])
        before = ask()
        people = lsp.open('inventory.hujson')
        lsp.settled()
        lsp.requests.clear()
        lsp.change(people, INVENTORY.replace('bob@example.com', 'cy@example.com'))
        lsp.settled()
        assert ask() != before
        assert any(r['method'] == 'workspace/diagnostic/refresh' for r in lsp.requests), lsp.requests


def test_of_the_workspace_with_ids_of_results():
    wrong = INVENTORY.replace('100.64.0.2', '100.64.0.x')
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': wrong}) as folder, Client(folder, pulling()) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        items = lsp.request('workspace/diagnostic', {'previousResultIds': []})['items']
        assert {item['uri']: item['version'] for item in items} == {uri: 1, folder.uri('inventory.hujson'): None}
        assert all(item['kind'] == 'full' for item in items)
        items = lsp.request('workspace/diagnostic', {'previousResultIds': [
            {'uri': item['uri'], 'value': item['resultId']} for item in items]})['items']
        assert all(item['kind'] == 'unchanged' for item in items)
        assert lsp.request('workspace/diagnostic', {'previousResultIds': [3, {}]})['items']


def test_who_cannot_be_told_to_ask_again_is_sent_them():
    capabilities = pulling()
    del capabilities['workspace']['diagnostics']
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': INVENTORY}) as folder, Client(folder, capabilities) as lsp:
        assert 'diagnosticProvider' not in lsp.capabilities
        assert codes(lsp.diagnostics(lsp.open('policy.hujson'))) == ['E0605']


def test_ranges_count_as_agreed():
    text = '{"hosts": {"é😀": "10.0.0.300"}}\n'
    for encodings in (['utf-8'], ['utf-16']):
        with Client(capabilities={'general': {'positionEncodings': encodings}}) as lsp:
            uri = lsp.open('untitled:a', text)
            places = [d['range']['start'] for d in lsp.diagnostics(uri)]
            assert lsp.place(uri, '"10.0.0.300"') in places, (places, lsp.place(uri, '"10.0.0.300"'))


def test_the_dialect_is_a_setting():
    text = '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}], "nodeAttrs": [{"target": ["*"], "ipPool": ["100.64.0.0/24"]}]}\n'
    with Client() as lsp:
        uri = lsp.open('untitled:a', text)
        before = lsp.diagnostics(uri)
        lsp.notify('workspace/didChangeConfiguration', {'settings': {'aclLsp': {'dialect': 'headscale'}}})
        assert lsp.diagnostics(uri) != before


def test_only_the_newest_text_is_looked_at():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '{')
        lsp.settled()
        lsp.notifications.clear()
        data = b''
        for version in range(2, 200):
            body = json.dumps({'jsonrpc': '2.0', 'method': 'textDocument/didChange', 'params': {
                'textDocument': {'uri': uri, 'version': version},
                'contentChanges': [{'text': '{' * (version % 2)}]}}).encode()
            data += b'Content-Length: %d\r\n\r\n%s' % (len(body), body)
        lsp.send_bytes(data)
        lsp.settled()
        versions = [m['params']['version'] for m in lsp.notifications
                    if m['method'] == 'textDocument/publishDiagnostics']
        assert versions == sorted(set(versions)) and versions[-1] == 199


def large_policy():
    """More than 128 KiB; the last rule alone uses group:ops."""
    rules = ''.join('    {"action": "accept", "src": ["group:eng"], "dst": ["tag:web:%d"]},\n' % port
                    for port in range(1, 3000))
    return ('{\n  "groups": {"group:eng": ["ana@example.com"], "group:ops": ["bob@example.com"]},\n'
            '  "tagOwners": {"tag:web": ["group:eng"]},\n  "acls": [\n' + rules +
            '    {"action": "accept", "src": ["group:ops"], "dst": ["tag:web:*"]},\n  ],\n}\n')


def test_of_a_large_file_the_changed_rule_is_told_first_and_then_the_whole():
    with Folder({'policy.hujson': large_policy()}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert not lsp.diagnostics(uri)

        def published():
            """The codes of each publication since the last change."""
            lsp.settled()
            return [sorted(codes(m['params']['diagnostics'])) for m in lsp.notifications
                    if m['method'] == 'textDocument/publishDiagnostics' and m['params']['version'] == lsp.versions[uri]]

        at = lsp.place(uri, '"group:ops"], "dst"')
        line, begin = at['line'], at['character'] + 1
        # What is wrong in the rule is known at once; that nothing uses group:ops is what the whole tells.
        lsp.change(uri, (line, begin + 6, line, begin + 9, 'opps'))
        first = lsp.wait(lambda m: m['method'] == 'textDocument/publishDiagnostics')['params']['diagnostics']
        assert codes(first) == ['E0302'], first
        assert first[0]['range'] == {'start': {'line': line, 'character': begin - 1},
                                     'end': {'line': line, 'character': begin + 11}}
        assert published() == [['E0302'], ['E0302', 'W0322']]
        # Both marks move and stay where text comes that is no rule; that one is looked at as a whole alone.
        lsp.change(uri, (line, 0, line, 0, '    // who is on call\n'))
        assert published() == [['E0302', 'W0322']]
        lsp.change(uri, (line + 1, begin + 6, line + 1, begin + 10, 'ops'))
        assert published() == [['W0322'], []]
        # A request that needs the whole does not wait, and the whole is told all the same.
        lsp.change(uri, (line + 1, begin + 6, line + 1, begin + 9, 'eng'))
        lsp.request('textDocument/foldingRange', {'textDocument': {'uri': uri}})
        assert published()[-1] == ['W0322']


if __name__ == '__main__':
    main()
