#!/usr/bin/env python3
"""The life of a server: what may come when, what is answered to what is no message, how it ends."""
from client import Client, Folder, main


def test_requests_before_initialize_are_refused_and_the_server_goes_on():
    with Client(initialize=False) as lsp:
        assert lsp.error('textDocument/hover').code == -32002
        lsp.notify('textDocument/didOpen', {'textDocument': {'uri': 'untitled:a', 'text': '{', 'version': 1}})
        lsp.initialize()
        assert lsp.diagnostics('untitled:a') is None


if __name__ == '__main__':
    main()
