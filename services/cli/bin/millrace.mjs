#!/usr/bin/env node
/** `npx millrace …`: runs the command line under the project's Node, from any Node and any directory. */
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
process.argv.splice(2, 0, '--for', 'cli', at('../src/main.ts'));
await import(at('../../../dev/setup/run.mjs'));
