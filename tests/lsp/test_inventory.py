#!/usr/bin/env python3
"""The inventory: where it is looked for, that it may be absent or broken, that it is watched, that an unsaved one counts."""
import json

from client import Client, Folder, codes, everything, main

POLICY = '{"acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["*:*"]}],\n' \
         '"tests": [{"src": "ana@example.com", "accept": ["10.0.0.1:22"]},\n' \
         '{"src": "bob@example.com", "accept": ["10.0.0.1:22"]}]}\n'


def inventory(*users):
    return json.dumps({
        'users': [{'login': user} for user in users],
        'nodes': [{'name': f'n{i}', 'user': user, 'addresses': [f'100.64.{i >> 8}.{i & 255}']} for i, user in enumerate(users)],
    }, indent=1) + '\n'


BOTH = inventory('ana@example.com', 'bob@example.com')


def test_beside_the_policy():
    for name in ('inventory.hujson', 'inventory.json'):
        with Folder({'policy.hujson': POLICY, name: BOTH}) as folder, Client(folder) as lsp:
            status = lsp.status(lsp.open('policy.hujson'))
            assert status['inventory'] == str(folder.path / name)
            assert (status['nodes'], status['users'], status['state']) == (2, 2, 'ready')
            assert status['tests'] == {'version': 1, 'passed': 1, 'failed': 1}


def test_without_one_all_else_works_and_the_status_says_so():
    with Folder({'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        status = lsp.status(uri)
        assert (status['inventory'], status['state']) == (None, 'none')
        assert status['message']
        assert 'E0605' not in codes(lsp.diagnostics(uri))
        lsp.change(uri, '{"groups": 3}\n')
        assert 'E0203' in codes(lsp.diagnostics(uri))


def test_by_options_of_initialize_relative_to_the_folder_or_absolute():
    with Folder({'a/policy.hujson': POLICY, 'who/people.json': BOTH}) as folder:
        for path in ('who/people.json', str(folder.path / 'who/people.json')):
            for options in ({'inventory': path}, {'aclLsp': {'inventory': path}}):
                with Client(folder, options=options) as lsp:
                    status = lsp.status(lsp.open('a/policy.hujson'))
                    assert status['inventory'] == str(folder.path / 'who/people.json')
                    assert status['state'] == 'ready'


def test_by_workspace_configuration_for_each_folder():
    capabilities = everything()
    capabilities['workspace']['configuration'] = True
    with Folder({'one/policy.hujson': POLICY, 'two/policy.hujson': POLICY, 'one/a.json': BOTH,
                 'two/b.json': inventory('ana@example.com')}) as folder:
        by_folder = {folder.uri('one'): {'inventory': 'a.json'}, folder.uri('two'): {'inventory': 'b.json'}}

        def configuration(params):
            assert all(item['section'] == 'aclLsp' for item in params['items'])
            return [by_folder.get(item.get('scopeUri')) for item in params['items']]

        with Client(folder, capabilities, folders=list(by_folder),
                    answers={'workspace/configuration': configuration}) as lsp:
            one, two = lsp.open('one/policy.hujson'), lsp.open('two/policy.hujson')
            lsp.settled()
            lsp.settled()  # the answer to workspace/configuration was read before this
            assert lsp.status(one)['users'] == 2
            assert lsp.status(two)['users'] == 1
            by_folder[folder.uri('two')] = {'inventory': '../one/a.json'}
            lsp.notify('workspace/didChangeConfiguration', {'settings': None})
            lsp.settled()
            lsp.settled()
            assert lsp.status(two)['users'] == 2


def test_by_did_change_configuration():
    with Folder({'policy.hujson': POLICY, 'people.json': BOTH}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.status(uri)['state'] == 'none'
        lsp.notify('workspace/didChangeConfiguration', {'settings': {'aclLsp': {'inventory': 'people.json'}}})
        assert lsp.status(uri)['state'] == 'ready'
        for settings in (None, []):
            lsp.notify('workspace/didChangeConfiguration', {'settings': settings})
            assert lsp.status(uri)['state'] == 'ready'
        for settings in ({'aclLsp': {}}, {'aclLsp': 3}, {'aclLsp': {'inventory': 3, 'dialect': []}}):
            lsp.notify('workspace/didChangeConfiguration', {'settings': settings})
            assert lsp.status(uri)['state'] == 'none', 'taken back'
            lsp.notify('workspace/didChangeConfiguration', {'settings': {'aclLsp': {'inventory': 'people.json'}}})
            assert lsp.status(uri)['state'] == 'ready'


def test_what_is_configured_no_more_is_as_initialize_had_it():
    with Folder({'policy.hujson': POLICY, 'a.json': BOTH, 'b.json': inventory('ana@example.com')}) as folder:
        with Client(folder, options={'inventory': 'a.json'}) as lsp:
            uri = lsp.open('policy.hujson')
            lsp.notify('workspace/didChangeConfiguration', {'settings': {'aclLsp': {'inventory': 'b.json'}}})
            assert lsp.status(uri)['users'] == 1
            lsp.notify('workspace/didChangeConfiguration', {'settings': {'aclLsp': {}}})
            assert lsp.status(uri)['users'] == 2


def test_an_answer_about_configuration_is_about_the_folders_that_were_asked_for():
    """Two questions under way, with other folders each; the first is answered behind the second."""
    capabilities = everything()
    capabilities['workspace']['configuration'] = True
    with Folder({'one/policy.hujson': POLICY, 'two/policy.hujson': POLICY, 'one/a.json': BOTH,
                 'two/b.json': inventory('ana@example.com')}) as folder:
        with Client(folder, initialize=False) as lsp:
            questions = []
            send = lsp.send
            # The client answers by itself: hold back what it says to these.
            lsp.send = lambda message: None if message.get('id') in [q['id'] for q in questions] else send(message)
            lsp.answers['workspace/configuration'] = lambda params: questions.append(lsp.requests[-1])
            lsp.initialize(capabilities, folders=[folder.uri('one'), folder.uri('two')])
            two = lsp.open('two/policy.hujson')
            lsp.notify('workspace/didChangeWorkspaceFolders', {
                'event': {'added': [], 'removed': [{'uri': folder.uri('one'), 'name': 'one'}]}})
            lsp.settled()
            first, second = questions
            settings = {folder.uri('one'): {'inventory': 'a.json'}, folder.uri('two'): {'inventory': 'b.json'}}
            for question in (second, first):
                send({'id': question['id'],
                      'result': [settings.get(item.get('scopeUri')) for item in question['params']['items']]})
            assert lsp.status(two)['users'] == 1


def test_folders_come_and_go():
    with Folder({'a/policy.hujson': POLICY, 'a/people.json': BOTH}) as folder:
        with Client(folder, folders=[], options={'inventory': 'people.json'}) as lsp:
            uri = lsp.open('a/policy.hujson')
            # Without a folder, relative to the policy.
            assert lsp.status(uri)['inventory'] == str(folder.path / 'a/people.json')
            root = [{'uri': folder.uri(), 'name': 'root'}]
            lsp.notify('workspace/didChangeWorkspaceFolders', {'event': {'added': root, 'removed': []}})
            assert lsp.status(uri)['inventory'] == str(folder.path / 'people.json')
            assert lsp.status(uri)['state'] == 'none'
            lsp.notify('workspace/didChangeWorkspaceFolders', {'event': {'added': [], 'removed': root}})
            assert lsp.status(uri)['state'] == 'ready'


def test_an_open_inventory_counts_with_its_unsaved_text():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': BOTH}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.status(uri)['users'] == 2
        people = lsp.open('inventory.hujson')
        lsp.change(people, inventory('ana@example.com'))
        assert lsp.status(uri)['users'] == 1
        lsp.close(people)
        assert lsp.status(uri)['users'] == 2


def test_one_that_is_open_and_not_on_the_disk_yet():
    with Folder({'policy.hujson': POLICY}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.status(uri)['state'] == 'none'
        people = lsp.open('inventory.hujson', BOTH)
        assert lsp.status(uri)['state'] == 'ready'
        lsp.close(people)
        assert lsp.status(uri)['state'] == 'none'


def test_a_broken_one_leaves_the_last_that_was_whole():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': BOTH}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        people = lsp.open('inventory.hujson')
        assert lsp.status(uri)['state'] == 'ready'
        lsp.change(people, BOTH[:-5])
        status = lsp.status(uri)
        assert (status['state'], status['users']) == ('broken', 2) and 'errors' in status['message'], status
        assert codes(lsp.diagnostics(people)) == ['E0103']
        lsp.change(people, BOTH)
        assert lsp.status(uri)['state'] == 'ready'
        assert lsp.diagnostics(people) == []


def test_its_problems_are_diagnostics_of_its_own_file_open_or_not():
    wrong = BOTH.replace('"login": "bob', '"legin": "bob')
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': wrong}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        people = folder.uri('inventory.hujson')
        found = lsp.diagnostics(people)
        assert found and all(one['source'] == 'aclc' for one in found)
        assert lsp.status(uri)['state'] == 'broken'
        lsp.close(uri)
        assert lsp.diagnostics(people) == [], 'nobody asks any more'


def changed_on_disk(lsp, folder, name, text, told):
    """Writes a file and waits for the status that says what came of it."""
    folder.write(name, text)
    while True:
        for message in lsp.notifications:
            if message['method'] == 'aclLsp/status' and told(message['params']):
                lsp.notifications.clear()
                return
        lsp.receive()


def test_it_is_watched_where_the_client_watches_nothing():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': BOTH}) as folder, Client(folder) as lsp:
        lsp.status(lsp.open('policy.hujson'))
        lsp.notifications.clear()
        changed_on_disk(lsp, folder, 'inventory.hujson', inventory('ana@example.com'), lambda s: s['users'] == 1)
        (folder.path / 'inventory.hujson').rename(folder.path / 'other.hujson')
        changed_on_disk(lsp, folder, 'x', '', lambda s: s['state'] == 'none')
        changed_on_disk(lsp, folder, 'inventory.json', BOTH, lambda s: s['users'] == 2)


def test_it_is_still_watched_when_its_folder_was_deleted_and_made_again():
    with Folder({'a/policy.hujson': POLICY, 'b/c/people.json': BOTH}) as folder:
        with Client(folder, options={'inventory': 'b/c/people.json'}) as lsp:
            assert lsp.status(lsp.open('a/policy.hujson'))['users'] == 2
            for _ in range(3):
                lsp.notifications.clear()
                (folder.path / 'b/c/people.json').unlink()
                (folder.path / 'b/c').rmdir()
                (folder.path / 'b').rmdir()
                changed_on_disk(lsp, folder, 'a/x', '', lambda s: s['state'] == 'none')
                changed_on_disk(lsp, folder, 'b/c/people.json', inventory('ana@example.com'), lambda s: s['users'] == 1)
                lsp.settled()
                changed_on_disk(lsp, folder, 'b/c/people.json', BOTH, lambda s: s['users'] == 2)


def test_the_client_watches_where_it_can():
    capabilities = everything()
    capabilities['workspace']['didChangeWatchedFiles'] = {'dynamicRegistration': True}
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': BOTH}) as folder, Client(folder, capabilities) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.status(uri)['users'] == 2
        registered = [r for r in lsp.requests if r['method'] == 'client/registerCapability']
        assert registered[0]['params']['registrations'][0]['method'] == 'workspace/didChangeWatchedFiles'
        folder.write('inventory.hujson', inventory('ana@example.com'))
        lsp.notify('workspace/didChangeWatchedFiles', {'changes': [{'uri': folder.uri('inventory.hujson'), 'type': 2}]})
        assert lsp.status(uri)['users'] == 1


def test_one_outside_of_what_the_client_watches_is_watched_as_well():
    capabilities = everything()
    capabilities['workspace']['didChangeWatchedFiles'] = {'dynamicRegistration': True}
    with Folder({'people': BOTH}) as elsewhere, Folder({'policy.hujson': POLICY}) as folder:
        with Client(folder, capabilities, options={'inventory': str(elsewhere.path / 'people')}) as lsp:
            assert lsp.status(lsp.open('policy.hujson'))['users'] == 2
            lsp.notifications.clear()
            changed_on_disk(lsp, elsewhere, 'people', inventory('ana@example.com'), lambda s: s['users'] == 1)


def test_a_large_one_is_read_beside_the_typing():
    users = [f'u{i}@example.com' for i in range(20000)]
    with Folder({'policy.hujson': POLICY, 'inventory.json': inventory(*users)}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        status = lsp.status(uri)
        assert (status['state'], status['users']) == ('ready', 20000)
        states = [m['params']['state'] for m in lsp.notifications if m['method'] == 'aclLsp/status']
        assert states[0] == 'loading'


def test_a_large_one_that_only_a_fixture_asks_for_is_read_once():
    fixture = '{"policy": "../policy.hujson", "expect": []}\n'
    users = [f'u{i}@example.com' for i in range(6000)]
    files = {'tests/a.test.hujson': fixture, 'policy.hujson': POLICY, 'inventory.hujson': inventory(*users)}
    assert len(files['inventory.hujson']) > 256 << 10
    with Folder(files) as folder, Client(folder) as lsp:
        uri = lsp.open('tests/a.test.hujson')
        assert lsp.diagnostics(uri) == []
        assert lsp.status(uri)['tests'] == {'version': 1, 'passed': 0, 'failed': 0}


def test_while_a_large_open_one_is_read_no_places_of_its_older_text_are_told():
    users = [f'u{i}@example.com' for i in range(6000)]
    text = inventory(*users).replace('"login": "u9@', '"legin": "u9@')
    line = text[:text.index('"legin"')].count('\n')
    with Folder({'inventory.hujson': text}) as folder, Client(folder) as lsp:
        uri = lsp.open('inventory.hujson')
        lsp.settled()
        for _ in range(3):
            lsp.change(uri, (0, 0, 0, 0, '\n'))
            lsp.wait(lambda m: m['method'] == 'aclLsp/status' and m['params']['state'] == 'loading')
            lsp.settled()
        told = [m['params'] for m in lsp.notifications
                if m['method'] == 'textDocument/publishDiagnostics' and m['params']['uri'] == uri]
        assert [one['version'] for one in told] == [1, 2, 3, 4]
        for one in told:
            assert one['diagnostics'][0]['range']['start']['line'] == line + one['version'] - 1, one


def test_untitled_documents_have_none_unless_it_is_configured():
    with Folder({'people.json': BOTH}) as folder:
        with Client(folder) as lsp:
            assert lsp.status(lsp.open('untitled:a', POLICY))['state'] == 'none'
        with Client(folder, options={'inventory': str(folder.path / 'people.json')}) as lsp:
            assert lsp.status(lsp.open('untitled:a', POLICY))['state'] == 'ready'


def test_it_may_be_a_folder_or_unreadable():
    with Folder({'policy.hujson': POLICY, 'inventory.hujson/x': ''}) as folder, Client(folder) as lsp:
        assert lsp.status(lsp.open('policy.hujson'))['state'] == 'none'
    with Folder({'policy.hujson': POLICY, 'inventory.hujson': b'\xff\0\xfe'}) as folder, Client(folder) as lsp:
        assert lsp.status(lsp.open('policy.hujson'))['state'] == 'broken'


if __name__ == '__main__':
    main()
