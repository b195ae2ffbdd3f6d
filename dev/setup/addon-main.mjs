#!/usr/bin/env node
/** `node dev/setup/addon-main.mjs`: the Kafka client's addon for this Node into a `node_modules` that is there already, as an image's build does it. */
import { ensureAddon } from './addon.mjs';
import { SetupError } from './say.mjs';

try {
  await ensureAddon({ binary: process.execPath, abi: process.versions.modules, version: process.versions.node });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.detail ?? ''}\nsetup: ${error.message}\n${error.advice}\n`);
  process.exit(1);
}
