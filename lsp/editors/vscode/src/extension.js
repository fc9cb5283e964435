// The extension: starts the language server for HuJSON files, shows what it says of itself in the status bar, and gives its
// commands a face. All that is known of policies is in the server; nothing is parsed or judged here.
'use strict';

const path = require('node:path');
const vscode = require('vscode');
const {LanguageClient, State} = require('vscode-languageclient/node');

const LANGUAGE = 'hujson';

let client;
let status;
const statuses = new Map();  // by URI

function activate(context) {
  status = vscode.languages.createLanguageStatusItem('aclLsp.status', {language: LANGUAGE});
  status.name = 'Tailnet policies';
  status.command = {command: 'aclLsp.showOutput', title: 'Output'};
  context.subscriptions.push(
      status,
      vscode.commands.registerCommand('aclLsp.askCan', askCan),
      vscode.commands.registerCommand('aclLsp.askExplain', askExplain),
      vscode.commands.registerCommand('aclLsp.runAllTests', runAllTests),
      vscode.commands.registerCommand('aclLsp.restart', restart),
      vscode.commands.registerCommand('aclLsp.showOutput', () => client && client.outputChannel.show(true)),
      vscode.window.onDidChangeActiveTextEditor(showStatus),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('aclLsp.path')) {
          return restart();
        }
      }));
  return start();
}

async function deactivate() {
  const ending = client;
  client = undefined;
  if (ending && ending.needsStop()) {
    await ending.stop();
  }
}

async function start() {
  const command = vscode.workspace.getConfiguration('aclLsp').get('path') || 'acl-lsp';
  const server = {command, args: []};
  client = new LanguageClient('aclLsp', 'Tailnet policies', server, {
    documentSelector: [{language: LANGUAGE}],
    synchronize: {configurationSection: 'aclLsp'},
    initializationOptions: () => ({aclLsp: vscode.workspace.getConfiguration('aclLsp')}),
    middleware: {executeCommand: showResult},
  });
  client.onNotification('aclLsp/status', takeStatus);
  client.onDidChangeState(({newState}) => {
    if (newState === State.Stopped && status) {
      tell('The language server is not running', vscode.LanguageStatusSeverity.Error);
    }
  });
  tell('Starting', vscode.LanguageStatusSeverity.Information, true);
  try {
    await client.start();
    if (!statuses.size) {
      tell('acl-lsp', vscode.LanguageStatusSeverity.Information);
    }
  } catch (error) {
    tell('The language server could not be started', vscode.LanguageStatusSeverity.Error);
    const open = 'Open Settings';
    // Not awaited: an extension that waits for a person to answer counts as one that hangs.
    vscode.window
        .showErrorMessage(`"${command}" could not be started: ${error.message || error}. Install acl-lsp, or say where it is in "aclLsp.path".`, open)
        .then((answer) => answer === open && vscode.commands.executeCommand('workbench.action.openSettings', 'aclLsp.path'));
  }
}

async function restart() {
  await deactivate();
  statuses.clear();
  await start();
}

function tell(text, severity, busy = false) {
  status.text = text;
  status.detail = undefined;
  status.severity = severity;
  status.busy = busy;
}

// aclLsp/status: {"uri", "inventory": path or null, "state": "none|loading|ready|broken", "message", "tests": {"passed", "failed"}}, of
// one file. The status bar is about the file in front.
function takeStatus(said) {
  statuses.set(String(said.uri), said);
  showStatus();
}

function showStatus() {
  const said = statuses.get(policyUri());
  if (!said) {
    return;
  }
  const tests = said.tests ? `; ${said.tests.passed} tests pass${said.tests.failed ? `, ${said.tests.failed} fail` : ''}` : '';
  const broken = said.state === 'broken' || Boolean(said.tests && said.tests.failed);
  tell(said.message + tests, broken ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information,
       said.state === 'loading');
  status.detail = said.inventory ? vscode.workspace.asRelativePath(said.inventory) : undefined;
}

// The answer of a command that has something to read comes as {"answer": …, "text": …}: a document of its own beside the policy.
async function showResult(command, args, next) {
  const result = await next(command, args);
  if (result && typeof result.text === 'string') {
    // Paths as they are from the file that was asked about.
    const editor = vscode.window.activeTextEditor;
    const folder = editor && editor.document.uri.scheme === 'file' ? path.dirname(editor.document.uri.fsPath) + path.sep : undefined;
    const content = folder ? result.text.replaceAll(folder, '') : result.text;
    const document = await vscode.workspace.openTextDocument({content});
    await vscode.window.showTextDocument(document, {viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true});
  }
  return result;
}

function policyUri() {
  const editor = vscode.window.activeTextEditor;
  return editor && editor.document.languageId === LANGUAGE ? editor.document.uri.toString() : undefined;
}

async function askCan() {
  const uri = policyUri();
  if (!uri) {
    return vscode.window.showInformationMessage('Open a policy first.');
  }
  const source = await vscode.window.showInputBox({title: 'Who?', prompt: 'A node, user, group, tag or address', placeHolder: 'ana@example.com'});
  if (!source) {
    return undefined;
  }
  const target = await vscode.window.showInputBox({title: 'May reach what?', prompt: 'DST[:PORT[/PROTO]], or "ssh USER@NODE" for a login', placeHolder: 'tag:db:5432'});
  return target ? run('aclLsp.can', {uri, source, target}) : undefined;
}

async function askExplain() {
  const code = await vscode.window.showInputBox({title: 'Explain which code?', placeHolder: 'E0301'});
  return code ? run('aclLsp.explain', {code}) : undefined;
}

async function runAllTests() {
  const uri = policyUri();
  return uri ? run('aclLsp.runTests', {uri}) : vscode.window.showInformationMessage('Open a policy or a fixture first.');
}

// The client registers the server's commands with the editor under their own names.
async function run(command, ...args) {
  try {
    return await vscode.commands.executeCommand(command, ...args);
  } catch (error) {
    return vscode.window.showErrorMessage(String(error.message || error));
  }
}

module.exports = {activate, deactivate};
