"""A client of acl-lsp: speaks JSON-RPC to the real program. Each test file of this folder is a program of its own.

    from client import Client, Folder, check

    with Folder({'policy.hujson': '{}'}) as folder, Client(folder) as lsp:
        uri = lsp.open('policy.hujson')
        assert lsp.diagnostics(uri) == []

ACL_LSP names the program. Nothing here waits for a time: it waits for what the server is to say, and gives up after a minute.
"""
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import traceback
import urllib.parse

TIMEOUT = 60


class Folder:
    """A temporary folder with files in it, real path."""

    def __init__(self, files=None):
        self.temporary = tempfile.TemporaryDirectory(prefix='acl-lsp-')
        self.path = pathlib.Path(os.path.realpath(self.temporary.name))
        for name, text in (files or {}).items():
            self.write(name, text)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def uri(self, name=''):
        return 'file://' + urllib.parse.quote(str(self.path / name) if name else str(self.path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()


def everything():
    """What a client that can do all says of itself."""
    return {
        'general': {'positionEncodings': ['utf-8', 'utf-16']},
        'window': {'workDoneProgress': True},
        'workspace': {
            'workspaceFolders': True,
            'workspaceEdit': {'documentChanges': True},
        },
        'textDocument': {
            'publishDiagnostics': {'relatedInformation': True, 'versionSupport': True,
                                   'tagSupport': {'valueSet': [1, 2]}, 'codeDescriptionSupport': True},
            'completion': {'completionItem': {'snippetSupport': True, 'documentationFormat': ['markdown']}},
            'hover': {'contentFormat': ['markdown', 'plaintext']},
            'documentSymbol': {'hierarchicalDocumentSymbolSupport': True},
            'codeAction': {'codeActionLiteralSupport': {'codeActionKind': {'valueSet': ['quickfix', 'refactor']}}},
        },
    }


class Error(Exception):
    """An answer that is an error."""

    def __init__(self, error):
        super().__init__(f'{error.get("code")}: {error.get("message")}')
        self.code = error.get('code')
        self.message = error.get('message')


class Client:
    def __init__(self, folder=None, capabilities=None, options=None, initialize=True, answers=None, folders=None):
        self.folder = folder
        self.process = subprocess.Popen([os.environ.get('ACL_LSP', 'build/bin/acl-lsp')], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.next_id = 0
        self.responses = {}
        self.notifications = []  # of the server, in order
        self.requests = []       # of the server, in order
        self.answers = answers or {}  # method -> function of the parameters
        self.versions = {}
        self.texts = {}
        self.incoming = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        if initialize:
            self.initialize(capabilities, options, folders)

    # --- bytes ---

    def _read(self):
        stream = self.process.stdout
        while True:
            length = None
            while True:
                line = stream.readline()
                if not line:
                    self.incoming.put(None)
                    return
                line = line.strip()
                if not line:
                    break
                name, _, value = line.partition(b':')
                if name.lower() == b'content-length':
                    length = int(value)
            self.incoming.put(json.loads(stream.read(length)))

    def send_bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        if isinstance(message, dict):
            message = {'jsonrpc': '2.0', **message}
        body = json.dumps(message, ensure_ascii=False).encode('utf-8', 'surrogatepass')
        self.send_bytes(b'Content-Length: %d\r\n\r\n%s' % (len(body), body))

    def receive(self, timeout=TIMEOUT):
        """The next message; requests of the server are answered."""
        message = self.incoming.get(timeout=timeout)
        if message is None:
            raise EOFError('the server has ended')
        if 'method' in message and 'id' in message:
            self.requests.append(message)
            answer = self.answers.get(message['method'], lambda params: None)(message.get('params'))
            self.send({'id': message['id'], 'result': answer})
        elif 'method' in message:
            self.notifications.append(message)
        else:
            self.responses[json.dumps(message['id'])] = message
        return message

    def wait(self, what):
        """The first notification from now on of which what(it) is true."""
        while True:
            message = self.receive()
            if 'method' in message and what(message):
                return message

    # --- requests ---

    def notify(self, method, params=None):
        self.send({'method': method, 'params': params if params is not None else {}})

    def start(self, method, params=None, id=None):
        if id is None:
            self.next_id += 1
            id = self.next_id
        self.send({'id': id, 'method': method, 'params': params if params is not None else {}})
        return id

    def result(self, id):
        key = json.dumps(id)
        while key not in self.responses:
            self.receive()
        response = self.responses.pop(key)
        if 'error' in response:
            raise Error(response['error'])
        return response['result']

    def request(self, method, params=None):
        return self.result(self.start(method, params))

    def error(self, method, params=None):
        """The error a request is answered with."""
        try:
            result = self.request(method, params)
        except Error as error:
            return error
        raise AssertionError(f'{method} was answered with {result}')

    # --- a life ---

    def initialize(self, capabilities=None, options=None, folders=None):
        params = {'processId': os.getpid(), 'capabilities': everything() if capabilities is None else capabilities,
                  'rootUri': None}
        if folders is None and self.folder is not None:
            folders = [self.folder.uri()]
        if folders is not None:
            params['workspaceFolders'] = [{'uri': uri, 'name': 'folder'} for uri in folders]
        if options is not None:
            params['initializationOptions'] = options
        self.initialized = self.request('initialize', params)
        self.capabilities = self.initialized['capabilities']
        self.notify('initialized')
        return self.initialized

    def stop(self):
        """shutdown and exit; the exit code."""
        self.request('shutdown')
        self.notify('exit')
        return self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None and kind is None:
                code = self.stop()
                assert code == 0, f'exit code {code}'
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdin.close()

    # --- documents ---

    def uri(self, name):
        return name if ':' in name else self.folder.uri(name)

    def open(self, name, text=None, version=1):
        """Opens a file of the folder, with its text on the disk or another; gives its URI."""
        uri = self.uri(name)
        if text is None:
            text = (self.folder.path / name).read_bytes().decode()
        self.texts[uri], self.versions[uri] = text, version
        self.notify('textDocument/didOpen', {'textDocument': {
            'uri': uri, 'languageId': 'hujson', 'version': version, 'text': text}})
        return uri

    def change(self, uri, *changes):
        """Changes: texts, or (start line, start character, end line, end character, text)."""
        self.versions[uri] += 1
        wire = []
        for change in changes:
            if isinstance(change, str):
                wire.append({'text': change})
                self.texts[uri] = change
            else:
                a, b, c, d, text = change
                wire.append({'range': {'start': {'line': a, 'character': b}, 'end': {'line': c, 'character': d}},
                             'text': text})
        self.notify('textDocument/didChange', {
            'textDocument': {'uri': uri, 'version': self.versions[uri]}, 'contentChanges': wire})

    def close(self, uri):
        self.notify('textDocument/didClose', {'textDocument': {'uri': uri}})

    def settled(self):
        """Waits until the server has nothing left to do; asks it so (`aclLsp/settled`)."""
        return self.request('aclLsp/settled')

    def diagnostics(self, uri):
        """The diagnostics last published, once nothing more comes."""
        self.settled()
        for message in reversed(self.notifications):
            if message['method'] == 'textDocument/publishDiagnostics' and message['params']['uri'] == uri:
                return message['params']['diagnostics']
        return None

    def status(self, uri):
        """The last `aclLsp/status`, once nothing more comes."""
        self.settled()
        for message in reversed(self.notifications):
            if message['method'] == 'aclLsp/status' and message['params']['uri'] == uri:
                return message['params']
        return None

    def place(self, uri, text, offset=0):
        """The position of the first place where the text stands (in the encoding agreed on)."""
        whole = self.texts[uri]
        at = whole.index(text) + offset
        line = whole.count('\n', 0, at)
        before = whole[whole.rfind('\n', 0, at) + 1:at]
        units = before.encode() if self.capabilities['positionEncoding'] == 'utf-8' else before.encode('utf-16-le')
        return {'line': line, 'character': len(units) // (1 if self.capabilities['positionEncoding'] == 'utf-8' else 2)}

    def at(self, uri, text, offset=0):
        return {'textDocument': {'uri': uri}, 'position': self.place(uri, text, offset)}


def codes(diagnostics):
    return [one['code'] for one in diagnostics]


def main():
    """Runs all functions named test_* of the program, or those whose names the arguments give."""
    module = sys.modules['__main__']
    names = [name for name in vars(module) if name.startswith('test_')]
    wanted = sys.argv[1:] or names
    failed = 0
    for name in names:
        if name not in wanted:
            continue
        try:
            getattr(module, name)()
            print(f'ok      {name}')
        except Exception:
            failed += 1
            print(f'FAILED  {name}')
            traceback.print_exc()
        sys.stdout.flush()
    sys.exit(1 if failed or not names else 0)
