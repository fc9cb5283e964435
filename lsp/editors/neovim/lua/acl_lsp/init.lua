-- acl-lsp in Neovim 0.7 and newer.
--
--     require('acl_lsp').setup({ cmd = { 'acl-lsp' }, settings = { inventory = '' }, on_attach = function(client, buffer) end })
--
-- starts one server for each workspace: the folder with .git, else the file's own. Before 0.11 by vim.lsp.start_client, from then on by
-- vim.lsp.config and vim.lsp.enable.
local M = {}

local options = { cmd = { 'acl-lsp' }, settings = {}, format_on_save = false, code_lens = true }
local clients = {} -- by workspace; before 0.11
local status = {} -- what the server says of each file, by URI: { message, state, inventory, tests = { passed, failed } }

function M.root(path)
  local folder = vim.fn.fnamemodify(path, ':p:h')
  local git = vim.fn.finddir('.git', vim.fn.escape(folder, ' ,;') .. ';')
  if git == '' then
    git = vim.fn.findfile('.git', vim.fn.escape(folder, ' ,;') .. ';') -- of a work tree
  end
  return git == '' and folder or vim.fn.fnamemodify(git, ':p:h' .. (vim.fn.isdirectory(git) == 1 and ':h' or ''))
end

-- A few words for the status line: "" before the server has said anything of the buffer's file.
function M.status(buffer)
  local said = status[vim.uri_from_bufnr(buffer or 0)]
  if not said then
    return ''
  end
  local tests = said.tests
  if not tests then
    return said.message
  end
  local failed = tests.failed > 0 and (', ' .. tests.failed .. ' fail') or ''
  return said.message .. '; ' .. tests.passed .. ' tests pass' .. failed
end

function M.clients(buffer)
  buffer = (buffer == nil or buffer == 0) and vim.api.nvim_get_current_buf() or buffer
  if vim.lsp.get_clients then
    return vim.lsp.get_clients({ bufnr = buffer, name = 'acl_lsp' })
  end
  return vim.tbl_filter(function(client)
    return client.name == 'acl_lsp'
  end, vim.tbl_values(vim.lsp.buf_get_clients(buffer)))
end

-- Lenses are asked for: when the buffer is opened, after typing, and when its tests have run (the status tells). Not by
-- vim.lsp.codelens.refresh, which does nothing while an answer is on its way, though that is one about older tests.
local function show_lenses(buffer)
  if not options.code_lens or not vim.api.nvim_buf_is_loaded(buffer) or #M.clients(buffer) == 0 then
    return
  end
  if vim.lsp.codelens.on_codelens then
    local parameters = { textDocument = { uri = vim.uri_from_bufnr(buffer) } }
    vim.lsp.buf_request(buffer, 'textDocument/codeLens', parameters, vim.lsp.codelens.on_codelens)
  else
    vim.lsp.codelens.refresh({ bufnr = buffer })
  end
end

local function attached(client, buffer)
  if options.code_lens then
    local group = vim.api.nvim_create_augroup('acl_lsp_lenses', { clear = false })
    vim.api.nvim_clear_autocmds({ group = group, buffer = buffer })
    vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged' }, {
      group = group,
      buffer = buffer,
      callback = function()
        show_lenses(buffer)
      end,
    })
  end
  vim.bo[buffer].omnifunc = 'v:lua.vim.lsp.omnifunc'
  if options.format_on_save then
    M.format_on_save(buffer)
  end
  if options.on_attach then
    options.on_attach(client, buffer)
  end
end

-- Of a server, as vim.lsp.config and vim.lsp.start_client take it.
function M.config()
  -- An empty table would be sent as an array.
  local settings = { aclLsp = next(options.settings) and options.settings or vim.empty_dict() }
  return {
    name = 'acl_lsp',
    cmd = options.cmd,
    filetypes = { 'hujson' },
    root_markers = { '.git' },
    capabilities = options.capabilities or vim.lsp.protocol.make_client_capabilities(),
    settings = settings,
    init_options = settings,
    on_attach = attached,
    handlers = {
      ['aclLsp/status'] = function(_, said)
        status[said.uri] = said
        vim.cmd('redrawstatus!')
        vim.cmd('silent doautocmd <nomodeline> User AclLspStatus')
        local buffer = vim.fn.bufnr(vim.uri_to_fname(said.uri))
        if buffer >= 0 then
          show_lenses(buffer)
        end
      end,
    },
  }
end

local function start(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  if path == '' or vim.bo[buffer].buftype ~= '' then
    return
  end
  local root = M.root(path)
  local id = clients[root]
  if not id or not vim.lsp.get_client_by_id(id) then
    local config = M.config()
    config.root_dir = root
    config.workspace_folders = { { uri = vim.uri_from_fname(root), name = root } }
    config.on_exit = function(_, _, ended)
      if clients[root] == ended then
        clients[root] = nil
      end
    end
    id = vim.lsp.start_client(config)
    if not id then
      return -- start_client has told why
    end
    clients[root] = id
  end
  vim.lsp.buf_attach_client(buffer, id)
end

function M.setup(given)
  options = vim.tbl_extend('force', options, given or {})
  -- Of code lenses.
  for _, name in ipairs({ 'aclLsp.runTests', 'aclLsp.showReached' }) do
    vim.lsp.commands[name] = function(command)
      M.execute(name, command.arguments[1])
    end
  end
  if vim.lsp.config and vim.lsp.enable then
    vim.lsp.config('acl_lsp', M.config())
    vim.lsp.enable('acl_lsp')
    return
  end
  local group = vim.api.nvim_create_augroup('acl_lsp', {})
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    pattern = 'hujson',
    callback = function(event)
      start(event.buf)
    end,
  })
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].filetype == 'hujson' then
      start(buffer)
    end
  end
end

-- Formats the buffer each time before it is written; a file with a syntax error is written as it is.
function M.format_on_save(buffer)
  local group = vim.api.nvim_create_augroup('acl_lsp_format', { clear = false })
  vim.api.nvim_clear_autocmds({ group = group, buffer = buffer })
  vim.api.nvim_create_autocmd('BufWritePre', {
    group = group,
    buffer = buffer,
    callback = function()
      if vim.lsp.buf.format then
        vim.lsp.buf.format({ name = 'acl_lsp', timeout_ms = 5000 })
      else
        vim.lsp.buf.formatting_sync(nil, 5000)
      end
    end,
  })
end

-- Asks the server to run one of its commands, {"aclLsp.can", {…}}, and shows what it answers in a window that q closes.
function M.execute(command, argument)
  local client = M.clients(0)[1]
  if not client then
    vim.notify('acl-lsp does not serve this buffer', vim.log.levels.WARN)
    return
  end
  local path = vim.api.nvim_buf_get_name(0)
  local parameters = { command = command, arguments = { argument } }
  local function answered(problem, result)
    if problem then
      vim.notify(problem.message, vim.log.levels.ERROR)
    elseif type(result) == 'table' and type(result.text) == 'string' then
      -- Paths as they are from the file that was asked about.
      local folder = vim.fn.fnamemodify(path, ':h') .. '/'
      local lines = vim.split(vim.trim(result.text:gsub(vim.pesc(folder), '')), '\n')
      local buffer = vim.lsp.util.open_floating_preview(lines, '', { border = 'single', focus_id = 'acl_lsp' })
      vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer })
    end
  end
  if vim.fn.has('nvim-0.11') == 1 then
    client:request('workspace/executeCommand', parameters, answered, 0)
  else
    client.request('workspace/executeCommand', parameters, answered, 0)
  end
end

return M
