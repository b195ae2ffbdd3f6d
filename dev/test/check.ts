import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../setup/paths.mjs';

/** `npm run check`: everything that needs no running part. All checks run, so that one run shows all that is wrong. */
const CHECKS: readonly (readonly [title: string, tool: string, ...args: string[]])[] = [
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint and format', 'biome', 'check', '.', '--max-diagnostics=50'],
  ['dead code', 'knip', '--no-config-hints'],
  ['import rules', 'depcruise', 'services', 'dev', 'test', '--output-type', 'err'],
];

const failed = CHECKS.filter(([title, tool, ...args]) => {
  const started = Date.now();
  const { status } = spawnSync(join(root, 'node_modules', '.bin', tool), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${title} (${tool}), ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  return status !== 0;
});
process.exit(failed.length > 0 ? 1 : 0);
