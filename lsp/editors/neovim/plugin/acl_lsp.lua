-- :AclCan FROM TO, :AclExplain CODE, :AclTest; the server is started by require('acl_lsp').setup().
if vim.g.loaded_acl_lsp then
  return
end
vim.g.loaded_acl_lsp = 1

local function command(name, run, attributes)
  vim.api.nvim_create_user_command(name, run, attributes)
end

command('AclCan', function(call)
  if #call.fargs ~= 2 then
    vim.notify('usage: :AclCan FROM TO, as in :AclCan ana@example.com tag:db:5432', vim.log.levels.ERROR)
    return
  end
  require('acl_lsp').execute('acl.can', { vim.uri_from_bufnr(0), call.fargs[1], call.fargs[2] })
end, { nargs = '+', desc = 'may FROM reach TO, and why' })

command('AclExplain', function(call)
  require('acl_lsp').execute('acl.explain', { call.args })
end, { nargs = 1, desc = 'what a diagnostic code means' })

command('AclTest', function()
  require('acl_lsp').execute('acl.runTests', { vim.uri_from_bufnr(0) })
end, { nargs = 0, desc = 'run the tests of this file' })
