-- HuJSON is laid out with tabs, as `aclc fmt` prints it. A name ("tag:web", a login) is one word.
vim.bo.commentstring = '// %s'
vim.bo.comments = 's1:/*,mb:*,ex:*/,://'
vim.bo.expandtab = false
vim.bo.tabstop = 4
vim.bo.shiftwidth = 0
vim.opt_local.iskeyword:append({ ':', '-', '@-@', '.' })
vim.opt_local.formatoptions:remove('t')
vim.opt_local.formatoptions:append('croql')
vim.b.undo_ftplugin = 'setlocal commentstring< comments< expandtab< tabstop< shiftwidth< iskeyword< formatoptions<'
