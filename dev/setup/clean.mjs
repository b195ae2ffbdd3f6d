#!/usr/bin/env node
/** `npm run clean`: removes what runs from this checkout have left, unless one of them still lives. The cache stays. */
import { existsSync } from 'node:fs';
import { stateDir } from './paths.mjs';
import { pidOf } from './process-id.mjs';
import { livingRuns, removeState } from './state.mjs';

const living = livingRuns(stateDir);
if (living.length > 0) {
  for (const owner of living) {
    console.error(`process ${pidOf(owner.name)} (${owner.what}) is using ${stateDir}; end it first, for example with Ctrl-C`);
  }
  process.exit(1);
}
if (existsSync(stateDir)) {
  removeState(stateDir);
  console.log(`removed ${stateDir}`);
} else {
  console.log(`nothing to remove: there is no ${stateDir}`);
}
