#!/usr/bin/env python3
"""workspace/executeCommand: can, explain, run tests, who is reached; as aclc answers."""
import json
import os
import pathlib
import subprocess

from client import Client, Folder, main
from net import FILES, POLICY

GOOD = {**FILES, 'policy.hujson': POLICY.replace('\t\t{"src": "group:eng", "accept": ["tag:db:80"]},\n', '')}


def command(lsp, name, **arguments):
    return lsp.request('workspace/executeCommand', {'command': 'aclLsp.' + name, 'arguments': [arguments]})


def refused(lsp, name, **arguments):
    return lsp.error('workspace/executeCommand', {'command': 'aclLsp.' + name, 'arguments': [arguments]})


def aclc(*arguments):
    out = subprocess.run([os.environ.get('ACLC', 'build/bin/aclc'), *map(str, arguments)], capture_output=True, text=True)
    return out.stdout


def test_can_answers_as_aclc_can():
    with Folder(GOOD) as folder, Client(folder) as lsp:
        uri, path = lsp.open('policy.hujson'), folder.path / 'policy.hujson'
        for source, target in (('laptop', 'db-1:5432'), ('laptop', 'db-1:22'), ('group:eng', 'vault:443/udp')):
            answer = command(lsp, 'can', uri=uri, source=source, target=target)
            assert answer['answer'] == json.loads(aclc('can', path, source, target, '--json')), answer
            assert answer['text'] == aclc('can', path, source, target), answer
        answer = command(lsp, 'can', uri=uri, source='laptop', target='ssh root@db-1')
        assert answer['answer'] == json.loads(aclc('can', path, 'laptop', 'ssh', 'root@db-1', '--json')), answer


def test_can_answers_about_the_examples_as_aclc_can():
    """Also once the worker has resolved the policy, when the answer is made of what it left."""
    examples = pathlib.Path(__file__).resolve().parents[2] / 'examples' / 'policies'
    questions = {'company': [('autogroup:member', 'tag:prod:22'), ('group:eng', '10.0.0.1:443'), ('autogroup:member', '8.8.8.8:53/udp')],
                 'plain-wireguard': [('tag:bastion', 'idrac-web1:443'), ('group:dba', 'tag:db:5432'), ('priya@example.com', 'ssh deploy@tag:server'),
                                     ('tag:hub', 'tag:hub:*/esp'), ('autogroup:member', 'git:22-443')]}
    for name, asked in questions.items():
        files = {one: (examples / name / one).read_text() for one in ('policy.hujson', 'inventory.hujson')}
        with Folder(files) as folder, Client(folder) as lsp:
            uri, path = lsp.open('policy.hujson'), folder.path / 'policy.hujson'
            lsp.settled()
            for source, target in asked:
                words = (source, *target.split(' '))
                out = aclc('can', path, *words, '--json')
                if not out:
                    assert refused(lsp, 'can', uri=uri, source=source, target=target).code == -32803
                    continue
                assert command(lsp, 'can', uri=uri, source=source, target=target)['answer'] == json.loads(out), (source, target)


def test_can_refuses_what_would_keep_others_waiting():
    nodes = ['{"name": "laptop-%d", "user": "ana@example.com", "addresses": ["100.64.1.%d"]}' % (i, i) for i in range(1, 21)]
    nodes += ['{"name": "db-%d", "tags": ["tag:db"], "addresses": ["100.64.2.%d"]}' % (i, i) for i in range(1, 21)]
    inventory = '{"users": [{"login": "ana@example.com"}], "nodes": [%s]}' % ', '.join(nodes)
    with Folder({'policy.hujson': GOOD['policy.hujson'], 'inventory.hujson': inventory}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert len(command(lsp, 'can', uri=uri, source='ana@example.com', target='tag:db:22')['answer']) > 0
        error = refused(lsp, 'can', uri=uri, source='ana@example.com', target='tag:db:1-65535')
        assert '26214000 pairs' in error.message, error


def test_tests_that_would_keep_others_waiting_are_left_to_the_worker():
    hosts = ', '.join('"host-%d": "10.0.%d.%d"' % (i, i // 250, i % 250 + 1) for i in range(5000))
    tests = ', '.join('{"src": "ana@example.com", "deny": ["host-%d:22"]}' % i for i in range(3000))
    files = {**FILES, 'policy.hujson': '{"hosts": {%s}, "acls": [], "tests": [%s]}' % (hosts, tests)}
    with Folder(files) as folder, Client(folder) as lsp:
        assert 'too many tests' in refused(lsp, 'runTests', uri=lsp.uri('policy.hujson')).message


def test_can_says_what_it_does_not_know():
    with Folder(GOOD) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert 'unknown name "latop": did you mean "laptop"?' in refused(lsp, 'can', uri=uri, source='latop', target='db-1').message
        assert refused(lsp, 'can', uri=uri).code == -32602
        broken = lsp.open('broken.hujson', '{')
        assert 'mend them first' in refused(lsp, 'can', uri=broken, source='a', target='b').message


def test_explain_gives_the_page():
    with Folder() as folder, Client(folder) as lsp:
        answer = command(lsp, 'explain', code='e0301')
        assert answer['answer']['name'] == 'tag-not-found' and answer['text'] == aclc('explain', 'E0301'), answer
        assert refused(lsp, 'explain', code='E9999').code == -32803


def test_tests_run_as_aclc_test_runs_them():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri, fixture = lsp.open('policy.hujson', GOOD['policy.hujson']), lsp.open('access.test.hujson')
        folder.write('policy.hujson', GOOD['policy.hujson'])
        lsp.settled()
        for one in (uri, fixture):
            path = folder.path / one.rsplit('/', 1)[1]
            assert command(lsp, 'runTests', uri=one)['answer'] == json.loads(aclc('test', '--format', 'json', path))
        one = command(lsp, 'runTests', uri=uri, section='tests', index=0)
        assert one['answer']['passed'] == 2 and one['text'].endswith('2 passed, 0 failed\n'), one


def test_a_failing_test_is_told():
    with Folder(FILES) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        answer = command(lsp, 'runTests', uri=uri)
        assert answer['answer']['failed'] == 1 and 'group:eng -> tag:db:80: expected accept, got deny' in answer['text'], answer


def test_who_is_reached_is_listed_by_name():
    with Folder(GOOD) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        lsp.settled()
        answer = command(lsp, 'showReached', uri=uri, rule='acls[0]')
        assert answer['answer'] == {'rule': 'acls[0]', 'people': ['ana@example.com', 'bo@example.com'],
                                    'sources': ['laptop', 'desk'], 'destinations': ['db-1']}, answer
        assert answer['text'].startswith('acls[0]: 2 people, 2 nodes → 1 node\n'), answer
        assert 'no rule' in refused(lsp, 'showReached', uri=uri, rule='acls[9]').message


def test_unknown_commands_are_refused():
    with Folder() as folder, Client(folder) as lsp:
        assert refused(lsp, 'nothing').code == -32602
        assert lsp.error('workspace/executeCommand', {}).code == -32602
        assert set(lsp.capabilities['executeCommandProvider']['commands']) == {
            'aclLsp.can', 'aclLsp.explain', 'aclLsp.runTests', 'aclLsp.showReached'}


if __name__ == '__main__':
    main()
