import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../setup/paths.mjs';
import { references } from './references.ts';

/** `npm run docs:generate`: writes the reference pages from the code. */
for (const { file, write } of references) {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await write());
  process.stdout.write(`${file}\n`);
}
