"""A real Neovim on a terminal of its own: keys go in as a person types them, the screen comes out as a person sees it.

    with Neovim(folder, ACL_LSP) as nvim:
        nvim.open('policy.hujson')
        nvim.keys('cwtag:db\\x1b')
        nvim.wait('#vim.diagnostic.get(0) == 1', 'the mistake is marked')
        nvim.screen()                        # lines of cells, with python3-pyte

Conditions are Lua expressions, asked over Neovim's socket until they hold: nothing sleeps for a while and hopes. The clean Neovim
reads no one's settings: only lsp/editors/neovim, and the `init` given.
"""
import json
import os
import pty
import select
import signal
import struct
import subprocess
import fcntl
import termios
import tempfile
import threading
import time

try:
    import pyte
except ImportError:  # only pictures need it
    pyte = None

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..', '..'))
PLUGIN = os.path.join(SOURCE, 'lsp', 'editors', 'neovim')
DEADLINE = 60.0  # for what comes at once, on a machine that is busy


class Neovim:
    def __init__(self, folder, server, init='', setup='', columns=100, lines=30):
        self.folder = folder
        self.columns, self.lines = columns, lines
        self.scratch = tempfile.TemporaryDirectory(prefix='acl-nvim-')
        self.socket = os.path.join(self.scratch.name, 'socket')
        self.view = pyte.Screen(columns, lines) if pyte else None
        self.feed = pyte.ByteStream(self.view) if pyte else None
        self.lock = threading.Lock()
        self.environment = {
            'PATH': os.environ['PATH'], 'HOME': self.scratch.name, 'TERM': 'xterm-256color', 'COLORTERM': 'truecolor',
            'LANG': 'C.UTF-8', 'XDG_CONFIG_HOME': self.scratch.name, 'XDG_DATA_HOME': self.scratch.name,
            'XDG_STATE_HOME': self.scratch.name, 'XDG_CACHE_HOME': self.scratch.name, 'NVIM_LOG_FILE': self.path('log'),
        }
        script = self.path('init.lua')
        with open(script, 'w', encoding='utf-8') as file:
            file.write(f'vim.opt.runtimepath:prepend({json.dumps(PLUGIN)})\n'
                       f'vim.opt.swapfile = false\nvim.opt.shadafile = "NONE"\n{init}\n'
                       f'require("acl_lsp").setup({{ cmd = {{ {json.dumps(server)} }}, {setup} }})\n')
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe('nvim', ['nvim', '-u', script, '-i', 'NONE', '--listen', self.socket], self.environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.until(lambda: os.path.exists(self.socket), 'Neovim listens')

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        end = time.monotonic() + 10
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.01)
        self.reader.join(5)
        os.close(self.terminal)
        self.scratch.cleanup()

    def _read(self):
        while True:
            try:
                select.select([self.terminal], [], [])
                data = os.read(self.terminal, 65536)
            except OSError:  # EIO: Neovim is gone
                return
            if not data:
                return
            if self.feed:
                with self.lock:
                    self.feed.feed(data)

    def keys(self, text):
        """Types; what is asked of Neovim right behind may come before. Wait for what the keys are to do."""
        os.write(self.terminal, text.encode())

    def lua(self, expression):
        """The value of a Lua expression, by way of JSON in a file: what --remote-expr prints is cut."""
        path = self.path('answer')
        code = f'vim.fn.writefile({{ vim.json.encode({{ {expression} }}) }}, {json.dumps(path)})'
        answer = subprocess.run(
            ['nvim', '--clean', '--headless', '--server', self.socket, '--remote-expr', 'luaeval(' + vim_string(code) + ')'],
            env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False)
        if (answer.stdout + answer.stderr).strip() != '0':
            raise AssertionError(f'Neovim cannot say {expression}: {answer.stdout}{answer.stderr}')
        with open(path, encoding='utf-8') as file:
            values = json.load(file)
        return values[0] if isinstance(values, list) and values else None

    def run(self, statement):
        """Runs a Lua statement, at once and in whatever mode Neovim is."""
        return self.lua(f'(function() {statement}; return true end)()')

    def open(self, name):
        self.run(f'vim.cmd("edit " .. {json.dumps(name)})')
        self.wait('#require("acl_lsp").clients(0) > 0 and require("acl_lsp").clients(0)[1].server_capabilities ~= nil',
                  f'acl-lsp serves {name}')

    def text(self):
        return self.lua('table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\\n")')

    def line(self, number):
        return self.lua(f'vim.fn.getline({number})')

    def find(self, pattern):
        """Puts the cursor on the first match of a (very nomagic) pattern."""
        self.run(f'vim.fn.cursor(1, 1); assert(vim.fn.search({json.dumps(chr(92) + "V" + pattern)}, "cW") > 0, "not in the text")')

    def wait(self, condition, what):
        self.until(lambda: self.lua(condition) is True, what)

    def until(self, holds, what):
        end = time.monotonic() + DEADLINE
        while not holds():
            if time.monotonic() > end:
                shown = '\n'.join(self.view.display) if self.view else '(install python3-pyte to see the screen)'
                raise AssertionError(f'not within {DEADLINE:.0f} s: {what}\n{shown}')
            time.sleep(0.02)

    def screen(self, holds, what, waiting=False):
        """The cells once the screen shows what it should, and the cursor. `waiting`: Neovim waits for a key and answers nothing."""
        self.until(lambda: self._shows(holds), what)
        if not waiting:
            # All that was drawn before the title has arrived when the title has.
            title = f'drawn {time.monotonic_ns()}'
            self.run(f'vim.o.title = true; vim.o.titlestring = {json.dumps(title)}; vim.cmd("redraw!")')
            self.until(lambda: self.view.title == title, 'the screen is drawn')
        with self.lock:
            return [[self.view.buffer[y][x] for x in range(self.columns)] for y in range(self.lines)], \
                (self.view.cursor.x, self.view.cursor.y)

    def _shows(self, holds):
        with self.lock:
            return holds('\n'.join(self.view.display))


def vim_string(text):
    return "'" + text.replace("'", "''") + "'"
