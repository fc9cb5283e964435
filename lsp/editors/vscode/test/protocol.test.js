// acl-lsp ($ACL_LSP) as the extension's own library speaks to it. All that the server can do is tested elsewhere; this is about the two
// understanding each other.
'use strict';

const assert = require('node:assert/strict');
const {spawn} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const {pathToFileURL} = require('node:url');
const rpc = require('vscode-jsonrpc/node');

const root = process.env.ACL_SOURCE || path.join(__dirname, '..', '..', '..', '..');

test('a policy with mistakes is opened, marked, mended and closed', {skip: !process.env.ACL_LSP && 'ACL_LSP names no server', timeout: 120000}, async (t) => {
  const server = spawn(process.env.ACL_LSP, [], {stdio: ['pipe', 'pipe', 'inherit']});
  t.after(() => server.kill());
  const ended = new Promise((resolve) => server.on('exit', resolve));
  const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
  const waiting = [];
  connection.onNotification('textDocument/publishDiagnostics', (said) => {
    for (const waiter of waiting.splice(0)) {
      waiter(said) || waiting.push(waiter);
    }
  });
  const published = (holds) => new Promise((resolve) => waiting.push((said) => holds(said) && (resolve(said), true)));
  connection.listen();

  const file = path.join(root, 'examples', 'mistakes.hujson');
  const uri = pathToFileURL(file).toString();
  const text = fs.readFileSync(file, 'utf8');
  const {capabilities} = await connection.sendRequest('initialize', {
    processId: process.pid, rootUri: null, capabilities: {}, initializationOptions: {aclLsp: {dialect: 'tailscale'}},
  });
  assert.ok(capabilities.textDocumentSync);
  connection.sendNotification('initialized', {});

  const marked = published((said) => said.uri === uri && said.diagnostics.some((one) => one.code === 'E0301'));
  connection.sendNotification('textDocument/didOpen', {textDocument: {uri, languageId: 'hujson', version: 1, text}});
  const lines = text.split('\n');
  const {range} = (await marked).diagnostics.find((one) => one.code === 'E0301');
  assert.match(lines[range.start.line].slice(range.start.character, range.end.character), /tag:servr/);

  const mended = published((said) => said.uri === uri && said.diagnostics.every((one) => one.code !== 'E0301'));
  connection.sendNotification('textDocument/didChange', {
    textDocument: {uri, version: 2}, contentChanges: [{text: text.replace('tag:servr', 'tag:server')}],
  });
  await mended;

  assert.equal(await connection.sendRequest('shutdown'), null);
  connection.sendNotification('exit');
  assert.equal(await ended, 0);
});
