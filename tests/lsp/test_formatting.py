#!/usr/bin/env python3
"""Formatting gives what `aclc fmt` prints, by edits that fit."""
import os
import pathlib
import subprocess

from client import Client, Folder, main
from test_sync import apply_edits, formatted

ROOT = pathlib.Path(__file__).resolve().parents[2]


def edits_of(lsp, uri, method='textDocument/formatting', **more):
    return lsp.request(method, {'textDocument': {'uri': uri}, 'options': {'tabSize': 2, 'insertSpaces': True}, **more})


def test_documents_are_formatted_as_aclc_fmt_does():
    files = [*ROOT.glob('examples/*.hujson'), *ROOT.glob('examples/policies/*/*.hujson')]
    assert len(files) > 4
    for capabilities in ({}, {'general': {'positionEncodings': ['utf-8']}}):
        with Client(capabilities=capabilities) as lsp:
            for path in files:
                text = path.read_text().replace('\t', ' ').replace(', ', ',')
                for variant in (text, text.replace('\n', '\r\n'), text.replace('a', 'é😀')):
                    uri = lsp.open(f'untitled:{path}{len(variant)}', variant)
                    edits = edits_of(lsp, uri)
                    if edits is None:
                        assert formatted(variant) == '', path
                    else:
                        assert apply_edits(variant, edits, lsp.capabilities['positionEncoding']) == formatted(variant)
                    lsp.close(uri)


def test_what_is_laid_out_gets_no_edit():
    with Client() as lsp:
        assert edits_of(lsp, lsp.open('untitled:a', '{\n\t"acls": [],\n}\n')) == []


def test_a_text_with_syntax_errors_is_left_as_it_is():
    with Client() as lsp:
        assert edits_of(lsp, lsp.open('untitled:a', '{"a": [}')) is None
        assert edits_of(lsp, 'untitled:a', 'textDocument/rangeFormatting', range={
            'start': {'line': 0, 'character': 0}, 'end': {'line': 0, 'character': 1}}) is None


def test_a_range_is_formatted_by_whole_members():
    text = '{\n"a":   [1,2],\n"b":   [3,4],\n"c":   5\n}\n'
    with Client() as lsp:
        uri = lsp.open('untitled:a', text)
        edits = edits_of(lsp, uri, 'textDocument/rangeFormatting', range={
            'start': {'line': 1, 'character': 0}, 'end': {'line': 1, 'character': 4}})
        assert apply_edits(text, edits, 'utf-8') == '{\n\t"a": [1, 2],\n"b":   [3,4],\n"c":   5\n}\n'
        edits = edits_of(lsp, uri, 'textDocument/rangeFormatting', range={
            'start': {'line': 0, 'character': 0}, 'end': {'line': 5, 'character': 0}})
        assert apply_edits(text, edits, 'utf-8') == formatted(text)
        assert lsp.error('textDocument/rangeFormatting', {'textDocument': {'uri': uri}}).code == -32602


if __name__ == '__main__':
    main()
