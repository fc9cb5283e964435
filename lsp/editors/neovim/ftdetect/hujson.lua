-- Policies, inventories and fixtures (*.test.hujson).
vim.api.nvim_create_autocmd({ 'BufRead', 'BufNewFile' }, {
  pattern = '*.hujson',
  command = 'setfiletype hujson',
})
