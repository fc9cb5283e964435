-- Neovim 0.11 and newer: vim.lsp.enable('acl_lsp') starts the server; vim.lsp.config('acl_lsp', {…}) changes what is here.
return require('acl_lsp').config()
