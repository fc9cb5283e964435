#!/usr/bin/env python3
"""Fails where a file includes what its folder may not (layers.txt), or a header pulls in a heavy library.

usage: check_layers.py SOURCE_DIR
"""
import pathlib
import re
import sys

# What unit tests, which stand beside the code, and what several of a folder share (testing.h), may include besides.
FOR_TESTS = ['tests/generate', 'tests/oracle']
# Headers that cost seconds in every file that sees them: only .cc files may include them.
HEAVY = re.compile(r'<(tao/|nlohmann/(?!json_fwd)|CLI/|simdjson)')
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def read_layers(path):
    layers = {}
    for line in path.read_text().splitlines():
        line = line.split('#')[0].strip()
        if line:
            folder, _, allowed = line.partition(':')
            layers[folder.strip()] = allowed.split()
    return layers


def within(path, folder):
    return path == folder or path.startswith(folder + '/')


def main():
    root = pathlib.Path(sys.argv[1])
    layers = read_layers(root / 'tools/layers.txt')
    problems = []
    for top in ('engine', 'compiler', 'node', 'lsp', 'tests'):
        for file in sorted((root / top).rglob('*')):
            if file.suffix not in ('.cc', '.c', '.h', '.def') or 'node_modules' in file.parts:
                continue
            name = file.relative_to(root).as_posix()
            folder = max((f for f in layers if within(name, f)), key=len, default=None)
            if folder is None:
                problems.append(f'{name}:1: its folder is not in tools/layers.txt')
                continue
            allowed = [folder, *layers[folder], *(FOR_TESTS if name.endswith(('_test.cc', '/testing.h')) else [])]
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                kind, target = match.groups()
                if kind == '<':
                    if file.suffix == '.h' and top != 'tests' and HEAVY.match('<' + target):
                        problems.append(f'{name}:{number}: <{target}> is too heavy for a header; include it in the .cc')
                elif not any(within(target, other) for other in allowed):
                    problems.append(f'{name}:{number}: {folder} may not include "{target}" (tools/layers.txt)')
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
