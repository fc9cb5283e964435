#!/usr/bin/env python3
"""Texts of open files are those of the editor, whatever it sends; seen by formatting, which gives the text back."""
import random
import subprocess
import os

from client import Client, Folder, codes, main


def apply_edits(text, edits, encoding):
    """The text with the edits of an answer."""
    starts = [0]
    data = text.encode()
    for i, byte in enumerate(data):
        if byte == 10 or (byte == 13 and data[i + 1:i + 2] != b'\n'):
            starts.append(i + 1)

    def offset(position):
        begin = starts[position['line']]
        end = starts[position['line'] + 1] if position['line'] + 1 < len(starts) else len(data)
        line = data[begin:end].decode()
        if encoding == 'utf-8':
            return begin + position['character']
        units = line.encode('utf-16-le')[:2 * position['character']]
        return begin + len(units.decode('utf-16-le').encode())

    pieces, at = [], 0
    for edit in edits:
        begin, end = offset(edit['range']['start']), offset(edit['range']['end'])
        assert at <= begin <= end, 'edits are in order and do not overlap'
        pieces += [data[at:begin], edit['newText'].encode()]
        at = end
    return b''.join([*pieces, data[at:]]).decode()


def formatted(text):
    return subprocess.run([os.environ['ACLC'], 'fmt', '-'], input=text.encode(), capture_output=True).stdout.decode()


def check_text(lsp, uri, text):
    edits = lsp.request('textDocument/formatting', {'textDocument': {'uri': uri}, 'options': {}})
    assert apply_edits(text, edits, lsp.capabilities['positionEncoding']) == formatted(text)


CAPABILITIES = [{}, {'general': {'positionEncodings': ['utf-8']}}]


def test_incremental_and_whole_changes_several_in_one_message():
    for capabilities in CAPABILITIES:
        with Client(capabilities=capabilities) as lsp:
            uri = lsp.open('untitled:a', '{\n"a":1\n}\n')
            lsp.change(uri, (1, 4, 1, 5, '[1,2]'), (1, 0, 1, 0, '"b":2,\n'), (0, 0, 0, 0, '// x\n'))
            check_text(lsp, uri, '// x\n{\n"b":2,\n"a":[1,2]\n}\n')
            lsp.change(uri, '{"c":3}\n', (0, 1, 0, 1, '"d":4,'))
            check_text(lsp, uri, '{"d":4,"c":3}\n')


def test_ranges_beyond_the_text_are_cut():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '{"a":1}\n')
        lsp.change(uri, (0, 6, 99, 99, ',"b":2}\n'))
        check_text(lsp, uri, '{"a":1,"b":2}\n')
        lsp.change(uri, (4294967295, 4294967295, 4294967296, 1e300, '// end\n'))
        check_text(lsp, uri, '{"a":1,"b":2}\n// end\n')


def test_astral_characters_count_two_units_or_four_bytes():
    for capabilities, width in zip(CAPABILITIES, (2, 4)):
        with Client(capabilities=capabilities) as lsp:
            uri = lsp.open('untitled:a', '{"😀":"😀😀"}\n')
            at = 2 + width + 3 + width
            lsp.change(uri, (0, at, 0, at, 'x'))
            check_text(lsp, uri, '{"😀":"😀x😀"}\n')


def test_line_ends_are_lf_crlf_and_cr():
    for capabilities in CAPABILITIES:
        with Client(capabilities=capabilities) as lsp:
            uri = lsp.open('untitled:a', '{\r\n"a":1,\r"b":2,\n"c":3\r\n}\r\n')
            lsp.change(uri, (1, 4, 1, 5, '10'), (2, 4, 2, 5, '20'), (3, 4, 3, 5, '30'))
            check_text(lsp, uri, '{\r\n"a":10,\r"b":20,\n"c":30\r\n}\r\n')


def test_random_edits():
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    pieces = ['"é":1,', '\n', '// 😀\n', ' ', '"b":[1,2],', '\r\n', '"€":{"x":"😀"},']
    for capabilities in CAPABILITIES:
        with Client(capabilities=capabilities) as lsp:
            width = (lambda text: len(text.encode())) if capabilities else (lambda text: len(text.encode('utf-16-le')) // 2)
            body = ''
            uri = lsp.open('untitled:a', '{\n}\n')
            for _ in range(200):
                # Members come and go in front of all others.
                piece = rng.choice(pieces)
                if rng.random() < 0.3 and body:
                    first = body.split('\n')[0]
                    lsp.change(uri, (1, 0, 1, width(first.removesuffix('\r')), ''))
                    body = ('\r' if first.endswith('\r') and '\n' in body else '') + body[len(first):]
                else:
                    lsp.change(uri, (1, 0, 1, 0, piece))
                    body = piece + body
            names = [line for line in body.replace('\r', '').split('\n') if line]
            assert isinstance(names, list), seed
            check_text(lsp, uri, '{\n' + body + '}\n')


def test_a_byte_order_mark_is_an_error_and_all_else_goes_on():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '\ufeff{"groups": {"group:a": []}}\n')
        assert 'E0101' in codes(lsp.diagnostics(uri))
        lsp.change(uri, (0, 0, 0, 3, ''))
        assert 'E0101' not in codes(lsp.diagnostics(uri))


def test_a_file_of_ten_megabytes():
    text = '{\n"hosts": {\n' + ''.join(f'"host-{i}":   "10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}",\n'
                                        for i in range(330000)) + '},\n}\n'
    assert len(text) > 10_000_000
    with Client(capabilities={}) as lsp:
        uri = lsp.open('untitled:a', text)
        for _ in range(20):
            lsp.change(uri, (330001, 0, 330001, 0, '"x": "10.0.0.1",\n'))
        lsp.change(uri, (330001, 0, 330021, 0, ''))
        edits = lsp.request('textDocument/formatting', {'textDocument': {'uri': uri}})
        assert len(edits) > 300000


def test_many_changes_in_one_message_to_a_large_file():
    lines = 100000
    text = '{\n"hosts": {\n' + ''.join(f'"host-{i:06}": "10.0.0.1",\n' for i in range(lines)) + '},\n}\n'
    with Client(capabilities={}) as lsp:
        uri = lsp.open('untitled:a', text)
        lsp.change(uri, *[(i + 2, 1, i + 2, 5, 'HOST') for i in range(lines)])
        lsp.change(uri, *[(i + 2, 1, i + 2, 5, 'node') for i in reversed(range(lines))])
        check_text(lsp, uri, text.replace('host-', 'node-'))


def test_many_files_are_opened_and_closed_in_one_go():
    count = 3000
    with Client(capabilities={}) as lsp:
        for i in range(count):
            lsp.open(f'untitled:{i}', '{' if i % 2 else '{}\n')
        for i in range(0, count, 3):
            lsp.close(f'untitled:{i}')
        lsp.settled()
        last = {m['params']['uri']: codes(m['params']['diagnostics']) for m in lsp.notifications
                if m['method'] == 'textDocument/publishDiagnostics'}
        for i in range(count):
            assert ('E0103' in last.get(f'untitled:{i}', [])) == (i % 2 == 1 and i % 3 != 0), i


def test_changes_that_cannot_be_read_change_nothing():
    with Client() as lsp:
        uri = lsp.open('untitled:a', '{"a":1}\n')
        for change in ({}, {'text': 3}, {'range': 3, 'text': ''}, {'range': {'start': {}, 'end': {}}, 'text': ''}, 4):
            lsp.notify('textDocument/didChange',
                       {'textDocument': {'uri': uri, 'version': 2}, 'contentChanges': [change]})
        lsp.notify('textDocument/didChange', {'textDocument': {'uri': uri, 'version': 2}, 'contentChanges': {}})
        lsp.notify('textDocument/didChange', {'contentChanges': [{'text': 'x'}]})
        lsp.notify('textDocument/didChange')
        check_text(lsp, uri, '{"a":1}\n')


def test_files_that_are_not_open_are_read_from_the_disk():
    with Folder({'policy.hujson': '{"a":1}\n'}) as folder, Client(folder) as lsp:
        uri = folder.uri('policy.hujson')
        check_text(lsp, uri, '{"a":1}\n')
        opened = lsp.open('policy.hujson', '{"a":2}\n')
        check_text(lsp, uri, '{"a":2}\n')
        lsp.close(opened)
        check_text(lsp, uri, '{"a":1}\n')
        assert lsp.error('textDocument/formatting', {'textDocument': {'uri': folder.uri('none')}}).code == -32803
        os.mkfifo(folder.path / 'pipe')
        for name in ('', 'pipe'):
            assert lsp.error('textDocument/formatting', {'textDocument': {'uri': folder.uri(name)}}).code == -32803
        for uri in ('file:///dev/zero', 'http://example.com/policy.hujson', 'file://host/policy', '', 'x', 'file:%00'):
            assert lsp.error('textDocument/formatting', {'textDocument': {'uri': uri}}).code == -32803, uri


def test_lone_surrogates_are_taken_as_replacement_characters():
    with Client(capabilities={}) as lsp:
        body = b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"untitled:a","version":1,' \
               b'"languageId":"hujson","text":"{\\"a\\":\\"\\ud83d\\"}\\n"}}}'
        lsp.send_bytes(b'Content-Length: %d\r\n\r\n%s' % (len(body), body))
        lsp.texts['untitled:a'] = '{"a":"\ufffd"}\n'
        check_text(lsp, 'untitled:a', '{"a":"\ufffd"}\n')


if __name__ == '__main__':
    main()
