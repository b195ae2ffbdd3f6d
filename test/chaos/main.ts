import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../../dev/setup/lock.mjs';
import { pythonOf, RUN_LOCK, stateDir, testPythonDir } from '../../dev/setup/paths.mjs';
import { removeState } from '../../dev/setup/state.mjs';
import { lines } from './figures.ts';
import { type CommandLine, readCommandLine } from './options.ts';
import { record } from './reliability.ts';
import { runChaos } from './run.ts';

/** `npm run chaos`: one run; its figures are the last lines. Exit code 0 when nothing was lost, doubled, altered or late, 1 when something was. */

let given: CommandLine;
try {
  given = readCommandLine(process.argv.slice(2), Date.now());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
const runs = join(stateDir, 'chaos');
mkdirSync(runs, { recursive: true });
const dir = mkdtempSync(join(runs, 'run-'));
// PostgreSQL runs as another user when this runs as root
chmodSync(dir, 0o755);
tryLock(join(dir, RUN_LOCK), 'npm run chaos');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

const say = (line: string) => void process.stderr.write(`${line}\n`);
const figures = await runChaos(given, { dir, python: pythonOf(testPythonDir()), say, stop: stop.signal });
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(figures, null, 2)}\n`);
if (given.record) record(figures);
const passed = figures.problems.length === 0;
if (passed && !given.keep) removeState(dir);
else say(`logs and data of this run stay in ${dir}`);
process.stdout.write(`${lines(figures).join('\n')}\n`);
process.exit(passed ? 0 : 1);
