// The extension in a real VS Code (code-server), in a real browser, by keyboard.
//
// usage: node e2e.mjs URL FOLDER PICTURES
//
// FOLDER is the workspace that URL serves; PICTURES gets a picture of each step. Every step waits for what it wants to see; nothing
// sleeps. Exit: 0 all hold, 1 one does not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {chromium} from 'playwright-core';

const [url, folder, pictures] = process.argv.slice(2);
const patience = {timeout: 120000};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({viewport: {width: 1280, height: 800}});
const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');

async function until(holds, what) {
  const end = Date.now() + patience.timeout;
  while (!await holds()) {
    assert.ok(Date.now() < end, what);
    await page.waitForTimeout(50);
  }
}

async function open(name) {
  await page.keyboard.press('Control+P');
  await page.locator('.quick-input-widget input').first().fill(name);
  await page.locator('.quick-input-list .monaco-list-row', {hasText: name}).first().waitFor(patience);
  await page.keyboard.press('Enter');
  await page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor(patience);
  await page.locator('.editor-group-container.active .view-line').first().waitFor(patience);
}

// Runs a command by the name it has in the palette.
async function command(title) {
  await page.keyboard.press('F1');
  await page.locator('.quick-input-widget input').first().fill(`>${title}`);
  await page.locator('.quick-input-list .monaco-list-row', {hasText: title}).first().waitFor(patience);
  await page.keyboard.press('Enter');
}

// Selects the first occurrence of a text in the editor.
async function select(text) {
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Control+F');
  const find = page.locator('.find-widget.visible textarea').first();
  await find.waitFor(patience);
  await find.fill(text);
  await page.locator('.find-widget.visible .matchesCount', {hasText: /\d+ of \d+/}).waitFor(patience);
  await page.keyboard.press('Escape');
  await page.locator('.find-widget.visible').waitFor({state: 'hidden', ...patience});
}

const steps = {
  async 'a mistake is marked'() {
    await open('mistakes.hujson');
    await page.locator('.squiggly-error').first().waitFor(patience);
  },

  async 'the quick fix mends it, and the mark goes'() {
    await select('tag:servr');
    await page.keyboard.press('Control+Period');
    const fix = page.locator('.action-widget .monaco-list-row', {hasText: 'tag:server'}).first();
    await fix.waitFor(patience);
    await fix.click();
    await page.keyboard.press('Control+S');
    await until(() => read('mistakes.hujson').includes('["tag:server"], "dst": ["tag:db:5432"]'), 'the name is mended');
  },

  async 'names complete'() {
    await open('policy.hujson');
    await select('"tag:ci"]');
    await page.keyboard.type('"tag:web');
    await page.locator('.suggest-widget.visible .monaco-list-row', {hasText: 'tag:webhooks'}).first().waitFor(patience);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Z');
    await until(async () => !await page.locator('.suggest-widget.visible').isVisible(), 'the list is closed');
    await command('File: Revert File');
    await page.locator('.tab.active:not(.dirty)').waitFor(patience);
  },

  async 'a tag is renamed in the policy and in its fixture'() {
    const [policy, fixture] = [read('policy.hujson'), read('access.test.hujson')];
    await select('tag:prod-db');
    await page.keyboard.press('F2');
    const box = page.locator('.rename-box input');
    await box.waitFor(patience);
    await box.fill('tag:database');
    await page.keyboard.press('Enter');
    await box.waitFor({state: 'hidden', ...patience});
    await command('File: Save All Files');
    // Comments stay as they are.
    const renamed = (text) => text.split('\n').map(
        (line) => /^\s*\/\//.test(line) ? line : line.replaceAll('tag:prod-db', 'tag:database')).join('\n');
    await until(() => [read('policy.hujson'), read('access.test.hujson')].every((text) => renamed(text) === text), 'renamed');
    // Saving also lays out, which may move what stands in columns.
    const words = (text) => text.replace(/\s+/g, '');
    assert.equal(words(read('policy.hujson')), words(renamed(policy)));
    assert.equal(words(read('access.test.hujson')), words(renamed(fixture)));
  },

  async 'a file is saved as aclc fmt lays it out'() {
    await open('untidy.hujson');
    await page.keyboard.press('Control+S');
    const wanted = fs.readFileSync(path.join(folder, '..', 'untidy.formatted'), 'utf8');
    await until(() => read('untidy.hujson') === wanted, 'the layout is that of aclc fmt');
  },

  async 'a code is explained in a document of its own'() {
    await command('Tailnet: Explain a Diagnostic Code');
    const box = page.locator('.quick-input-widget input').first();
    await box.waitFor(patience);
    await box.fill('E0301');
    await page.keyboard.press('Enter');
    await page.locator('.view-line', {hasText: 'E0301'}).first().waitFor(patience);
  },
};

let failed = 0;
try {
  await page.goto(url, patience);
  await page.locator('.explorer-folders-view .monaco-list-row', {hasText: 'policy.hujson'}).first().waitFor(patience);
  // The side bar for AI is of no use here and takes a third of the window.
  await page.keyboard.press('Control+Alt+B');
  for (const [what, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok - ${what}`);
    } catch (error) {
      console.log(`not ok - ${what}\n${error.stack || error}`);
      failed += 1;
    }
    await page.screenshot({path: path.join(pictures, `${what.replace(/\W+/g, '-')}.png`)});
    if (failed) break;
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
