import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../setup/paths.mjs';
import { heaviest, IMAGE_BYTES_MAX, sizeOf } from './image-size.ts';
import { buildNatively } from './native-build.ts';

/** `npm run image:size`: builds the image's folders without an engine, weighs them, exit 1 when they are too heavy. `--keep` leaves them. */
const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const HEAVIEST_SHOWN = 12;
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const into = mkdtempSync(join(tmpdir(), 'millrace-image-'));
chmodSync(into, 0o755);
try {
  const { workdir, left } = await buildNatively({ root, into, say: (line) => void process.stderr.write(`${line}\n`) });
  for (const line of left) process.stderr.write(`left out: ${line}\n`);
  for (const { name, bytes } of heaviest(workdir, HEAVIEST_SHOWN)) process.stdout.write(`${mb(bytes).padStart(10)}  ${name}\n`);
  const { bytes, blockBytes } = sizeOf(workdir);
  process.stdout.write(`node_modules and code: ${mb(bytes)} of at most ${mb(IMAGE_BYTES_MAX)} (${mb(blockBytes)} on this disk)\n`);
  if (values.keep) process.stdout.write(`${into}\n`);
  process.exitCode = bytes < IMAGE_BYTES_MAX ? 0 : 1;
} finally {
  if (!values.keep) rmSync(into, { recursive: true, force: true });
}
