#!/usr/bin/env python3
"""The pictures of docs/editors.md: what a real Neovim shows while the tour is walked, key by key.

usage: ACL_LSP=build/bin/acl-lsp tour.py --check|--write

--check compares them with those in docs/pictures, --write replaces those. Each step waits for what its picture must show, so that a
picture that can be made is a true one. Exit: 0 the same, or written; 1 not; 77 (skipped) this is not Neovim 0.7, whose screen the
pictures show, or python3-pyte is not installed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import neovim_terminal
from neovim_terminal import SOURCE, Neovim
from svg import picture

PICTURES = os.path.join(SOURCE, 'docs', 'pictures')
PAGE = os.path.join(SOURCE, 'docs', 'editors.md')

# A quiet look of our own, so that the pictures do not change with Neovim's.
LOOK = '''
vim.o.termguicolors = true
vim.o.showmode = false
vim.o.ruler = false
vim.o.laststatus = 2
vim.o.showcmd = false
vim.o.signcolumn = 'no'
vim.o.shortmess = 'aoOstTIcF'
vim.o.completeopt = 'menuone,noinsert'
vim.o.updatetime = 100
vim.o.statusline = ' %f  %=%{v:lua.require("acl_lsp").status()} '
vim.o.scrolloff = 3
vim.o.wrap = false
vim.diagnostic.config({ virtual_text = false, float = { border = 'single', header = '' } })
local function look(group, colours) vim.api.nvim_set_hl(0, group, colours) end
look('Normal', { fg = '#d8dee9', bg = '#20242c' })
look('NonText', { fg = '#20242c' })
look('EndOfBuffer', { fg = '#20242c' })
look('String', { fg = '#a3be8c' })
look('Identifier', { fg = '#81a1c1' })
look('Type', { fg = '#ebcb8b' })
look('Constant', { fg = '#d08770' })
look('Boolean', { fg = '#d08770' })
look('Number', { fg = '#b48ead' })
look('Comment', { fg = '#7b88a1' })
look('Delimiter', { fg = '#9aa5b8' })
look('StatusLine', { fg = '#d8dee9', bg = '#3b4252' })
look('StatusLineNC', { fg = '#9aa5b8', bg = '#2e3440' })
look('VertSplit', { fg = '#3b4252' })
look('NormalFloat', { fg = '#d8dee9', bg = '#2e3440' })
look('FloatBorder', { fg = '#5e81ac', bg = '#2e3440' })
look('Pmenu', { fg = '#d8dee9', bg = '#2e3440' })
look('PmenuSel', { fg = '#20242c', bg = '#88c0d0' })
look('PmenuSbar', { bg = '#2e3440' })
look('PmenuThumb', { bg = '#4c566a' })
look('MatchParen', {})
look('DiagnosticError', { fg = '#e06c75' })
look('DiagnosticWarn', { fg = '#ebcb8b' })
look('DiagnosticInfo', { fg = '#88c0d0' })
look('DiagnosticHint', { fg = '#8fbcbb' })
look('DiagnosticUnderlineError', { underline = true, fg = '#e06c75' })
look('DiagnosticUnderlineWarn', { underline = true, fg = '#ebcb8b' })
look('LspCodeLens', { fg = '#7b88a1', italic = true })
look('LspCodeLensSeparator', { fg = '#4c566a' })
look('Title', { fg = '#88c0d0', bold = true })
vim.lsp.handlers['textDocument/hover'] = vim.lsp.with(vim.lsp.handlers.hover, { border = 'single', max_width = 84 })
vim.keymap.set('n', 'K', vim.lsp.buf.hover)
vim.keymap.set('n', '<leader>d', vim.diagnostic.open_float)
vim.keymap.set('n', '<leader>a', vim.lsp.buf.code_action)
'''


class Tour:
    def __init__(self, folder):
        self.folder = folder
        self.made = {}

    def nvim(self, **more):
        return Neovim(self.folder, os.environ['ACL_LSP'], init=LOOK, columns=96, lines=more.pop('lines', 22), **more)

    # `waiting`: Neovim waits for a key, and can be asked nothing; what is shown last must be among `shown`.
    def take(self, nvim, name, title, *shown, waiting=False):
        cells, cursor = nvim.screen(lambda text: all(words in text for words in shown), f'{name}: {" / ".join(shown)}', waiting)
        self.made[name] = picture(cells, cursor, title)

    def walk(self):
        self.mistakes()
        self.completion()
        self.meaning()
        self.rename()
        self.tests()

    def mistakes(self):
        with self.nvim(lines=32) as nvim:
            nvim.open('../mistakes.hujson')
            nvim.wait('#vim.diagnostic.get(0) == 3', 'all three mistakes are marked')
            nvim.find('tag:servr')
            nvim.keys('\\d')
            self.take(nvim, 'mistakes', 'Three mistakes, and what to do about one', 'tag not found', 'did you mean "tag:server"')
            nvim.keys('\\a')
            self.take(nvim, 'fixes', 'What mends the mistake under the cursor', 'tag:server', 'Type number and', waiting=True)

    def completion(self):
        with self.nvim(setup='code_lens = false') as nvim:
            nvim.open('policy.hujson')
            self.understood(nvim)
            nvim.find('// CI: deploys')
            nvim.run('vim.cmd("normal! zt")')
            nvim.find('"src": ["tag:ci"]')
            nvim.keys('f[ci[""\x1b')
            nvim.keys('itag:\x18\x0f')
            self.take(nvim, 'completion', 'Names that may stand here, with what they are', 'tag:webhooks', 'tag:grafana')

    def meaning(self):
        with self.nvim() as nvim:
            nvim.open('policy.hujson')
            self.understood(nvim)
            nvim.find('// Production, from healthy')
            nvim.run('vim.cmd("normal! zt")')
            nvim.find('"src":        ["group:oncall"]')
            nvim.keys('fgK')
            self.take(nvim, 'hover', 'Whom a rule really reaches', 'ana@paperkite.example', 'chidi', '1 node → 3 nodes', '3 nodes → 2 nodes')
            nvim.keys('\x1b:AclCan bo-thinkpad api-1:22\r')
            self.take(nvim, 'can', 'May they, and why not', 'api-1', '1 node → 3 nodes', '2 nodes → 3 nodes')

    def rename(self):
        # Without what depends on tests: they run again while the picture is taken.
        with self.nvim(lines=26, setup='code_lens = false') as nvim:
            nvim.run('vim.o.statusline = " %f"; vim.diagnostic.disable()')
            nvim.open('access.test.hujson')
            nvim.open('policy.hujson')
            self.understood(nvim)
            nvim.run('vim.cmd("vertical botright split access.test.hujson | wincmd p")')
            nvim.find('tag:prod-db"')
            nvim.keys('zt:lua vim.lsp.buf.rename("tag:database")\r')
            nvim.wait('vim.bo.modified', 'renamed')
            self.take(nvim, 'rename', 'A tag renamed in the policy and in its fixture', '"tag:database":', '"tag:database:5432"')

    def tests(self):
        with self.nvim(lines=24) as nvim:
            nvim.open('policy.hujson')
            self.understood(nvim)
            nvim.find('{"src": ["tag:webhooks"], "dst": ["tag:prod"]')
            nvim.keys(':s/8080/9090/\r')
            nvim.wait('#vim.diagnostic.get(0) > 0', 'tests fail')
            nvim.find('"tag:prod:8080"')
            nvim.keys('zz\\d')
            self.take(nvim, 'tests', 'A test that fails, at its line', '✗ tag:webhooks', '1. tests[4]', '1 fail ')

    def understood(self, nvim):
        nvim.wait('require("acl_lsp").status():find("pass", 1, true) ~= nil', 'the tests have run')


def unreferenced(made):
    """Pictures that the page does not show, and pictures it shows that are not made."""
    with open(PAGE, encoding='utf-8') as file:
        shown = set(re.findall(r'\(pictures/([\w-]+)\.svg\)', file.read()))
    return sorted(shown.symmetric_difference(made))


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ('--check', '--write'):
        print(__doc__, file=sys.stderr)
        return 2
    version = subprocess.run(['nvim', '--version'], capture_output=True, text=True, check=False).stdout if shutil.which('nvim') else ''
    if not version.startswith('NVIM v0.7.') or not neovim_terminal.pyte:
        print('tour.py: the pictures show Neovim 0.7 and are drawn with python3-pyte; one of them is not here', file=sys.stderr)
        return 77
    if sys.argv[1] == '--write':
        return write(walked())
    # An editor draws late what comes late (a lens, the status): a walk that caught it in between is walked again.
    for _ in range(3):
        problems = check(walked())
        if not problems:
            return 0
    print('\n'.join(problems), file=sys.stderr)
    return 1


def walked():
    with tempfile.TemporaryDirectory(prefix='acl-tour-') as scratch:
        folder = os.path.join(scratch, 'startup')
        shutil.copytree(os.path.join(SOURCE, 'examples', 'policies', 'startup'), folder)
        shutil.copy(os.path.join(SOURCE, 'examples', 'mistakes.hujson'), scratch)  # without an inventory beside it
        tour = Tour(folder)
        tour.walk()
        return tour.made


def write(made):
    os.makedirs(PICTURES, exist_ok=True)
    for name in os.listdir(PICTURES):
        if name.endswith('.svg') and name[:-4] not in made:
            os.remove(os.path.join(PICTURES, name))
    for name, svg in made.items():
        with open(os.path.join(PICTURES, name + '.svg'), 'w', encoding='utf-8') as file:
            file.write(svg)
    return 0


def check(made):
    problems = [f'docs/editors.md and the tour do not have the same pictures: {name}' for name in unreferenced(made)]
    for name, svg in made.items():
        path = os.path.join(PICTURES, name + '.svg')
        try:
            with open(path, encoding='utf-8') as file:
                same = file.read() == svg
        except FileNotFoundError:
            same = False
        if not same:
            problems.append(f'{path} is not what Neovim shows now; make pictures')
    return problems


if __name__ == '__main__':
    sys.exit(main())
