// Puts beside the extension what it takes from the rest of the repository: the schemas for files that are plain JSON, and the licence.
// Of the policy's schema, a program `aclc` is the source (`aclc schema`): $ACLC, else ../../../build/bin/aclc. ACL_SOURCE names the
// repository where this folder is a copy.
'use strict';

const {execFileSync} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const here = path.dirname(__dirname);
const root = process.env.ACL_SOURCE || path.join(here, '..', '..', '..');
const out = path.join(here, 'schemas');
fs.mkdirSync(out, {recursive: true});
fs.copyFileSync(path.join(root, 'docs', 'inventory.schema.json'), path.join(out, 'inventory.schema.json'));
fs.copyFileSync(path.join(root, 'LICENSE'), path.join(here, 'LICENSE'));
const aclc = process.env.ACLC || path.join(root, 'build', 'bin', 'aclc');
fs.writeFileSync(path.join(out, 'policy.schema.json'), execFileSync(aclc, ['schema']));
