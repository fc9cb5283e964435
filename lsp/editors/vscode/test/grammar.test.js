// The grammar, as VS Code reads it: vscode-textmate with vscode-oniguruma.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const oniguruma = require('vscode-oniguruma');
const textmate = require('vscode-textmate');

const here = path.dirname(__dirname);

async function load() {
  const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => scope === 'source.hujson' ?
        textmate.parseRawGrammar(fs.readFileSync(path.join(here, 'hujson.tmLanguage.json'), 'utf8'), 'hujson.tmLanguage.json') :
        null,
  });
  return registry.loadGrammar('source.hujson');
}

const grammar = load();

// [[text, scopes]…] of all lines.
async function tokens(text) {
  const all = [];
  let state = textmate.INITIAL;
  for (const line of text.split('\n')) {
    const result = (await grammar).tokenizeLine(line, state);
    state = result.ruleStack;
    for (const token of result.tokens) {
      all.push([line.slice(token.startIndex, token.endIndex), token.scopes.join(' ')]);
    }
  }
  return {all, state};
}

async function scopes(text, part) {
  const found = (await tokens(text)).all.find(([token]) => token === part);
  assert.ok(found, `no token ${JSON.stringify(part)}`);
  return found[1];
}

test('comments of both kinds are comments, also behind a value', async () => {
  assert.match(await scopes('{"a": 1} // end', ' end'), /comment\.line/);
  assert.match(await scopes('{/* of\ntwo lines */ "a": 1}', 'two lines '), /comment\.block/);
});

test('a comment inside a string is text', async () => {
  assert.match(await scopes('["http://x"]', 'http://x'), /string\.quoted/);
});

test('keys are property names, and names that the policy defines are types', async () => {
  assert.match(await scopes('{"acls": []}', 'acls'), /support\.type\.property-name/);
  assert.match(await scopes('{"groups": {"group:eng": []}}', 'group:eng'), /entity\.name\.type/);
});

test('tags and autogroups stand out among strings', async () => {
  assert.match(await scopes('["tag:db:5432"]', 'tag:db'), /entity\.name\.type/);
  assert.match(await scopes('["autogroup:member"]', 'autogroup:member'), /support\.constant\.autogroup/);
});

test('a trailing comma is fine, a missing one is not', async () => {
  assert.ok((await tokens('{"a": [1, 2,],}')).all.every(([, scope]) => !scope.includes('invalid')));
  assert.ok((await tokens('{"a": 1 "b": 2}')).all.some(([, scope]) => scope.includes('invalid')));
});

test('a string that is not closed ends with its line', async () => {
  assert.match(await scopes('{"a": "open\n, "b": 1}', 'b'), /support\.type\.property-name/);
});

test('the examples have nothing illegal, and every bracket of theirs is closed', async () => {
  const folder = path.join(process.env.ACL_SOURCE || path.join(here, '..', '..', '..'), 'examples', 'policies');
  let seen = 0;
  for (const name of fs.readdirSync(folder)) {
    for (const file of ['policy.hujson', 'inventory.hujson', 'access.test.hujson']) {
      const {all, state} = await tokens(fs.readFileSync(path.join(folder, name, file), 'utf8'));
      assert.deepEqual(all.filter(([, scope]) => scope.includes('invalid')), [], `${name}/${file}`);
      assert.equal(state.depth, 1, `${name}/${file}`);
      seen += 1;
    }
  }
  assert.ok(seen >= 12);
});
