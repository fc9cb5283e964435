#!/usr/bin/env python3
"""acl-lsp in a real Neovim, as a person uses it.

usage: ACL_LSP=build/bin/acl-lsp neovim.py [TEST...]

Exit: 0 all hold; 1 some do not; 77 (skipped) there is no Neovim.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from neovim_terminal import SOURCE, Neovim

STARTUP = os.path.join(SOURCE, 'examples', 'policies', 'startup')


class InNeovim(unittest.TestCase):
    setup = ''
    init = ''

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix='acl-policies-')
        self.addCleanup(scratch.cleanup)
        self.folder = os.path.join(scratch.name, 'tailnet')
        shutil.copytree(STARTUP, self.folder)
        shutil.copy(os.path.join(SOURCE, 'examples', 'mistakes.hujson'), self.folder)
        shutil.copy(os.path.join(SOURCE, 'examples', 'untidy.hujson'), self.folder)
        self.nvim = Neovim(self.folder, os.environ['ACL_LSP'], init=self.init, setup=self.setup)
        self.addCleanup(self.nvim.__exit__)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding='utf-8') as file:
            return file.read()


# The diagnostics that speak of the tag that is not there.
UNKNOWN = 'vim.tbl_filter(function(d) return d.message:find("tag:servr", 1, true) ~= nil end, vim.diagnostic.get(0))'


class Diagnostics(InNeovim):
    def test_a_mistake_is_marked_and_the_mark_goes_when_it_is_mended(self):
        self.nvim.open('mistakes.hujson')
        self.nvim.wait(f'#{UNKNOWN} == 1', 'the unknown tag is marked')
        found = self.nvim.lua(f'{UNKNOWN}[1]')
        self.assertEqual(self.nvim.line(found['lnum'] + 1)[found['col']:found['end_col']].strip('"'), 'tag:servr')
        self.nvim.find('tag:servr')
        self.nvim.keys('cwtag:server\x1b')
        self.nvim.wait(f'#{UNKNOWN} == 0', 'the mark is gone')

    def test_a_policy_without_mistakes_has_none(self):
        self.nvim.open('policy.hujson')
        self.nvim.open('mistakes.hujson')
        self.nvim.wait('#vim.diagnostic.get(0) > 0', 'the other file is marked')
        self.assertEqual(self.nvim.lua('#vim.diagnostic.get(vim.fn.bufnr("policy.hujson"))'), 0)

    def test_the_failure_of_a_test_is_marked_at_its_line(self):
        self.nvim.open('policy.hujson')
        self.nvim.find('"accept": ["tag:staging:22"]')
        self.nvim.keys(':s/staging:22/prod:22/\r')
        self.nvim.wait('#vim.diagnostic.get(0) == 1', 'the failing test is marked')
        found = self.nvim.lua('vim.diagnostic.get(0)[1]')
        self.assertIn('tag:prod:22', self.nvim.line(found['lnum'] + 1))


class Completion(InNeovim):
    def test_names_of_the_policy_complete(self):
        self.nvim.open('policy.hujson')
        self.nvim.find('"tag:ci"]')
        self.nvim.keys('ci"tag:web\x18\x0f')
        self.nvim.wait('vim.fn.getline("."):find(\'"tag:webhooks"\', 1, true) ~= nil', 'the only name is there')

    def test_a_list_shows_what_may_stand_here(self):
        self.nvim.open('policy.hujson')
        self.nvim.find('"tag:ci"]')
        self.nvim.keys('ci"tag:\x18\x0f')
        self.nvim.wait('vim.fn.pumvisible() == 1', 'something is offered')
        words = self.nvim.lua('vim.tbl_map(function(item) return item.word end, vim.fn.complete_info({ "items" }).items)')
        self.assertIn('tag:webhooks', words)
        self.assertEqual([word for word in words if not word.startswith('tag:')], [])


class Rename(InNeovim):
    def test_a_tag_is_renamed_in_the_policy_and_in_its_fixture(self):
        self.nvim.open('access.test.hujson')
        self.nvim.open('policy.hujson')
        self.nvim.find('tag:prod-db"')
        self.nvim.run('vim.lsp.buf.rename("tag:database")')
        self.nvim.wait('vim.bo.modified', 'the policy is changed')
        self.assertEqual(self.nvim.text(), self.renamed('policy.hujson'))
        fixture = self.nvim.lua(
            'table.concat(vim.api.nvim_buf_get_lines(vim.fn.bufnr("access.test.hujson"), 0, -1, true), "\\n")')
        self.assertEqual(fixture, self.renamed('access.test.hujson'))

    def renamed(self, name):
        """Comments stay as they are."""
        return '\n'.join(line if line.lstrip().startswith('//') else line.replace('tag:prod-db', 'tag:database')
                         for line in self.read(name).rstrip('\n').split('\n'))


class Format(InNeovim):
    setup = 'format_on_save = true'

    def test_a_file_is_saved_as_aclc_fmt_lays_it_out(self):
        self.nvim.open('untidy.hujson')
        untidy = self.read('untidy.hujson')
        self.nvim.keys(':w\r')
        self.nvim.until(lambda: self.read('untidy.hujson') == self.formatted(untidy), 'the file has the layout of aclc fmt')

    @staticmethod
    def formatted(text):
        return subprocess.run([os.environ['ACLC'], 'fmt', '-'], input=text, capture_output=True, text=True, check=True).stdout


class Actions(InNeovim):
    # Chooses the action whose title has the words of vim.g.wanted, as a person does in the list.
    init = '''vim.ui.select = function(items, options, chosen)
      for i, item in ipairs(items) do
        local title = options.format_item and options.format_item(item) or tostring(item)
        if title:find(vim.g.wanted, 1, true) then return chosen(item, i) end
      end
      vim.g.refused = true
      chosen(nil, nil)
    end'''

    def test_did_you_mean_mends_a_name(self):
        self.nvim.open('mistakes.hujson')
        self.nvim.wait(f'#{UNKNOWN} == 1', 'the unknown tag is marked')
        self.nvim.find('tag:servr')
        self.nvim.run('vim.g.wanted = "tag:server"; vim.lsp.buf.code_action()')
        self.nvim.wait('vim.fn.getline("."):find(\'"tag:server"\', 1, true) ~= nil', 'the name is mended')


class Commands(InNeovim):
    def test_status_says_what_the_inventory_holds(self):
        self.nvim.open('policy.hujson')
        self.nvim.wait('require("acl_lsp").status() ~= ""', 'the server has said what it is at')

    def test_can_says_why(self):
        self.nvim.open('policy.hujson')
        self.nvim.wait('require("acl_lsp").status() ~= ""', 'the inventory is loaded')
        self.nvim.keys(':AclCan tag:ci tag:staging:22\r')
        self.nvim.wait('#vim.api.nvim_list_wins() == 2', 'a window shows the answer')
        shown = self.nvim.lua('table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf('
                              'vim.api.nvim_list_wins()[2]), 0, -1, true), "\\n")')
        self.assertIn('grants[2]', shown)


if __name__ == '__main__':
    if not shutil.which('nvim'):
        print('neovim.py: Neovim is not installed', file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
