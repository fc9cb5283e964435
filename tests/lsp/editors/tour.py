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
look('Title', { fg = '#88c0d0', bold = true })
'''


class Tour:
    def __init__(self, folder):
        self.folder = folder
        self.made = {}

    def nvim(self, **more):
        return Neovim(self.folder, os.environ['ACL_LSP'], init=LOOK, columns=96, lines=more.pop('lines', 22), **more)

    def take(self, nvim, name, title, *shown):
        cells, cursor = nvim.screen(lambda text: all(words in text for words in shown), f'{name}: {" / ".join(shown)}')
        self.made[name] = picture(cells, cursor, title)

    def walk(self):
        raise NotImplementedError


def unreferenced(made):
    """Pictures that the page does not show, and pictures it shows that are not made."""
    with open(PAGE, encoding='utf-8') as file:
        shown = set(re.findall(r'\(pictures/([\w-]+)\.svg\)', file.read()))
    return sorted(shown.symmetric_difference(made))
