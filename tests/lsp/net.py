"""A little tailnet that several suites speak of, and edits applied as an editor would."""

POLICY = '''{
\t"groups": {"group:eng": ["ana@example.com", "bo@example.com"]},
\t"hosts": {"vault": "10.20.0.9"},
\t"tagOwners": {"tag:db": ["group:eng"]},
\t"acls": [
\t\t// Database
\t\t{"action": "accept", "src": ["group:eng"], "dst": ["tag:db:5432", "vault:443"]},
\t],
\t"ssh": [
\t\t{"action": "accept", "src": ["group:eng"], "dst": ["tag:db"], "users": ["root"]},
\t],
\t"tests": [
\t\t{"src": "group:eng", "accept": ["tag:db:5432"], "deny": ["tag:db:22"]},
\t\t{"src": "group:eng", "accept": ["tag:db:80"]},
\t],
}
'''
FIXTURE = '''{
\t"policy": "policy.hujson",
\t"tests": [{"src": "group:eng", "accept": ["tag:db:5432"]}],
\t"expect": [{"from": "laptop", "to": "db-1:5432", "verdict": "accept", "rule": "acls[0]"}],
}
'''
INVENTORY = '''{
\t"users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}],
\t"nodes": [
\t\t{"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
\t\t{"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.2"]},
\t\t{"name": "db-1", "tags": ["tag:db"], "addresses": ["100.64.0.3"]},
\t],
}
'''
FILES = {'policy.hujson': POLICY, 'access.test.hujson': FIXTURE, 'inventory.hujson': INVENTORY}


def offset(text, position, encoding):
    lines = text.split('\n')
    line = lines[position['line']]
    head = line.encode()[:position['character']].decode() if encoding == 'utf-8' else \
        line.encode('utf-16-le')[:2 * position['character']].decode('utf-16-le')
    return sum(len(one) + 1 for one in lines[:position['line']]) + len(head)


def apply(text, edits, encoding='utf-8'):
    places = [(offset(text, e['range']['start'], encoding), offset(text, e['range']['end'], encoding), e['newText'])
              for e in edits]
    for begin, end, new in sorted(places, key=lambda one: one[0], reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def apply_all(lsp, edit):
    """The texts of a WorkspaceEdit's files afterwards, by the names of the files; open or on the disk."""
    changes = {one['textDocument']['uri']: one['edits'] for one in edit.get('documentChanges', [])}
    changes.update(edit.get('changes', {}))
    out = {}
    for uri, edits in changes.items():
        name = uri.rsplit('/', 1)[1]
        text = lsp.texts.get(uri) or (lsp.folder.path / name).read_text()
        out[name] = apply(text, edits, lsp.capabilities['positionEncoding'])
    return out


def text_at(text, range, encoding='utf-8'):
    return text[offset(text, range['start'], encoding):offset(text, range['end'], encoding)]
