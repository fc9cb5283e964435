#!/usr/bin/env python3
"""The life of a server: what may come when, what is answered to what is no message, how it ends."""
import json
import os
import subprocess
import sys

from client import TIMEOUT, Client, Folder, everything, main


def test_requests_before_initialize_are_refused_and_the_server_goes_on():
    with Client(initialize=False) as lsp:
        assert lsp.error('textDocument/hover').code == -32002
        lsp.notify('textDocument/didOpen', {'textDocument': {'uri': 'untitled:a', 'text': '{', 'version': 1}})
        lsp.initialize()
        assert lsp.diagnostics('untitled:a') is None, 'what came before initialize counts for nothing'


def test_a_second_initialize_is_refused():
    with Client() as lsp:
        assert lsp.error('initialize', {'capabilities': {}}).code == -32600


def test_after_shutdown_only_exit_is_taken():
    lsp = Client()
    assert lsp.request('shutdown') is None
    assert lsp.error('textDocument/hover').code == -32600
    assert lsp.error('shutdown').code == -32600
    lsp.notify('exit')
    assert lsp.process.wait(TIMEOUT) == 0


def test_exit_without_shutdown_is_exit_code_1():
    for initialize in (True, False):
        lsp = Client(initialize=initialize)
        lsp.notify('exit')
        assert lsp.process.wait(TIMEOUT) == 1


def test_the_end_of_the_input_ends_the_server():
    lsp = Client()
    lsp.process.stdin.close()
    assert lsp.process.wait(TIMEOUT) == 1


def test_the_end_of_the_process_that_started_it_ends_the_server():
    parent = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    lsp = Client(initialize=False)
    lsp.request('initialize', {'processId': parent.pid, 'capabilities': {}, 'rootUri': None})
    parent.communicate(b'\n')
    assert lsp.process.wait(TIMEOUT) == 1


def test_positions_count_utf8_if_that_is_offered_else_utf16():
    for offered, agreed in ((['utf-16', 'utf-8'], 'utf-8'), (['utf-16'], 'utf-16'), (['utf-32'], 'utf-16')):
        with Client(capabilities={'general': {'positionEncodings': offered}}) as lsp:
            assert lsp.capabilities['positionEncoding'] == agreed
    with Client(capabilities={}) as lsp:
        assert lsp.capabilities['positionEncoding'] == 'utf-16'


def test_initialize_takes_any_parameters():
    for params in ({}, {'capabilities': 3}, {'capabilities': {'general': []}, 'workspaceFolders': [1, {}, {'uri': 4}]},
                   {'processId': None, 'rootUri': 7, 'initializationOptions': [1]}, []):
        with Client(initialize=False) as lsp:
            assert 'capabilities' in lsp.request('initialize', params)


def test_unknown_methods_are_refused_and_unknown_notifications_passed_over():
    with Client() as lsp:
        assert lsp.error('textDocument/fly').code == -32601
        assert lsp.error('$/fly').code == -32601
        lsp.notify('$/setTrace', {'value': 'off'})
        lsp.notify('textDocument/fly')
        lsp.settled()


def test_parameters_that_are_missing_are_invalid():
    with Client() as lsp:
        for params in ({}, {'textDocument': {}}, {'textDocument': 3}, {'textDocument': {'uri': 3}}, []):
            assert lsp.error('textDocument/formatting', params).code == -32602, params


def test_ids_are_numbers_strings_and_null():
    with Client() as lsp:
        for id in (7, 'seven', 'ä"\\', -1, 1.5):
            assert lsp.result(lsp.start('aclLsp/settled', id=id)) is None
        lsp.send({'id': None, 'method': 'textDocument/fly'})
        while 'null' not in lsp.responses:
            lsp.receive()
        assert lsp.responses.pop('null')['error']['code'] == -32601


def raw(lsp, body, length=None):
    body = body if isinstance(body, bytes) else body.encode()
    lsp.send_bytes(b'Content-Length: %d\r\n\r\n%s' % (len(body) if length is None else length, body))


def refusal(lsp):
    """The next error without an id."""
    while 'null' not in lsp.responses:
        lsp.receive()
    return lsp.responses.pop('null')['error']['code']


def test_what_is_no_json_rpc_is_refused_and_the_server_goes_on():
    with Client() as lsp:
        for body, code in (('{', -32700), ('', -32700), (b'\xff\xfe', -32700), ('1', -32600), ('{}', -32600),
                           ('[]', -32600), ('[{"jsonrpc":"2.0","id":1,"method":"shutdown"}]', -32600),
                           ('{"jsonrpc":"1.0","method":"exit"}', -32600), ('[' * 100000, -32600),
                           ('{"jsonrpc":"2.0","id":{},"method":"x"}', -32600)):
            raw(lsp, body)
            assert refusal(lsp) == code, body[:60]
        lsp.settled()


def test_broken_headers_are_refused_and_the_server_goes_on_at_the_next():
    with Client() as lsp:
        for header in (b'Content-Length: many\r\n\r\n', b'Content-Length: -5\r\n\r\n', b'hello\r\n\r\n', b'\0\1\2\n',
                       b'x' * 100000 + b'\n', b'Content-Length: 99999999999999999999999\r\n\r\n{}'):
            lsp.send_bytes(header)
            assert refusal(lsp) == -32700, header[:40]
            lsp.settled()


def test_a_message_that_is_too_large_is_skipped():
    with Client() as lsp:
        size = (64 << 20) + 1
        lsp.send_bytes(b'Content-Length: %d\r\n\r\n' % size)
        for _ in range(64):
            lsp.send_bytes(b'x' * (1 << 20))
        lsp.send_bytes(b'x')
        assert refusal(lsp) == -32700
        lsp.settled()


def test_a_request_that_is_cancelled_before_its_turn_is_not_begun():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '{}\n')
        # In one write, so that the server has read the cancellation before it comes to the request; the first one keeps it at work.
        text = '{"hosts": {' + ','.join(f'"h{i}": "10.0.0.1"' for i in range(100000)) + '}}'
        messages = [{'method': 'textDocument/didChange', 'params': {
            'textDocument': {'uri': uri, 'version': 2}, 'contentChanges': [{'text': text}]}},
            {'id': 'first', 'method': 'textDocument/formatting', 'params': {'textDocument': {'uri': uri}}},
            {'id': 'second', 'method': 'textDocument/formatting', 'params': {'textDocument': {'uri': uri}}},
            {'method': '$/cancelRequest', 'params': {'id': 'second'}}]
        data = b''
        for message in messages:
            body = json.dumps({'jsonrpc': '2.0', **message}).encode()
            data += b'Content-Length: %d\r\n\r\n%s' % (len(body), body)
        lsp.send_bytes(data)
        lsp.result('first')
        try:
            lsp.result('second')
            raise AssertionError('it was answered')
        except Exception as error:
            assert getattr(error, 'code', None) == -32800, error


def test_a_cancellation_is_for_requests_before_it_alone():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '{}\n')
        text = '{"hosts": {' + ','.join(f'"h{i}": "10.0.0.1"' for i in range(100000)) + '}}'
        formatting = {'method': 'textDocument/formatting', 'params': {'textDocument': {'uri': uri}}}
        cancel = {'method': '$/cancelRequest', 'params': {'id': 'again'}}
        change = {'method': 'textDocument/didChange', 'params': {
            'textDocument': {'uri': uri, 'version': 2}, 'contentChanges': [{'text': text}]}}
        data = b''
        for message in (cancel, change, {'id': 'first', **formatting}, {'id': 'again', **formatting}, cancel, cancel,
                        {'id': 'again', **formatting}):
            body = json.dumps({'jsonrpc': '2.0', **message}).encode()
            data += b'Content-Length: %d\r\n\r\n%s' % (len(body), body)
        lsp.send_bytes(data)
        lsp.result('first')
        try:
            lsp.result('again')
            raise AssertionError('it was answered')
        except Exception as error:
            assert getattr(error, 'code', None) == -32800, error
        assert lsp.result('again')


def test_cancelling_what_is_not_there_does_nothing():
    with Client() as lsp:
        for id in (99, 'x', None, [], {}):
            lsp.notify('$/cancelRequest', {'id': id})
        lsp.notify('$/cancelRequest')
        lsp.settled()


def test_answers_that_nobody_asked_for_are_passed_over():
    with Client() as lsp:
        lsp.send({'id': 'acl-99', 'result': 3})
        lsp.send({'id': 4, 'error': {'code': 1, 'message': 'x'}})
        lsp.settled()


def test_the_version_and_the_usage_are_told():
    program = os.environ['ACL_LSP']
    assert subprocess.run([program, '--version'], capture_output=True).stdout.startswith(b'acl-lsp ')
    assert b'usage' in subprocess.run([program, '--help'], capture_output=True).stdout
    assert subprocess.run([program, '--fly'], capture_output=True).returncode == 2


def test_capabilities_name_what_is_answered():
    with Folder() as folder, Client(folder, everything()) as lsp:
        assert lsp.capabilities['textDocumentSync']['change'] == 2
        assert lsp.capabilities['documentFormattingProvider'] is True
        assert lsp.initialized['serverInfo']['name'] == 'acl-lsp'


if __name__ == '__main__':
    main()
