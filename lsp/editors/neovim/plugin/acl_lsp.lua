-- :AclCan SRC DST, :AclExplain CODE, :AclTest; the server is started by require('acl_lsp').setup().
if vim.g.loaded_acl_lsp then
  return
end
vim.g.loaded_acl_lsp = 1

local function command(name, run, attributes)
  vim.api.nvim_create_user_command(name, run, attributes)
end

command('AclCan', function(call)
  local source, target = call.args:match('^(%S+)%s+(.+)$')
  if not source then
    vim.notify('usage: :AclCan SRC DST[:PORT[/PROTO]], or :AclCan SRC ssh USER@NODE', vim.log.levels.ERROR)
    return
  end
  require('acl_lsp').execute('aclLsp.can', { uri = vim.uri_from_bufnr(0), source = source, target = target })
end, { nargs = '+', desc = 'may SRC reach DST, and why' })

command('AclExplain', function(call)
  require('acl_lsp').execute('aclLsp.explain', { code = call.args })
end, { nargs = 1, desc = 'what a diagnostic code means' })

command('AclTest', function()
  require('acl_lsp').execute('aclLsp.runTests', { uri = vim.uri_from_bufnr(0) })
end, { nargs = 0, desc = 'run the tests of this file' })
