import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tryLock } from '../../dev/setup/lock.mjs';
import { pythonOf, RUN_LOCK, stateDir, testPythonDir } from '../../dev/setup/paths.mjs';
import { removeState } from '../../dev/setup/state.mjs';
import type { Bug, Catcher } from '../planted/bug.ts';
import { bugs } from '../planted/bugs.ts';
import { runWith, startParts, stopParts } from '../planted/run-catcher.ts';
import { type Catch, simulateWith } from '../planted/simulation-catcher.ts';

/*
 * `npm run chaos:sensitivity`: is what watches over Millrace blind? Each catcher runs once as the code is and must find nothing, then with each planted bug
 * and must find something in time. Exit code 0 only then.
 */

const usage = `usage: npm run chaos:sensitivity -- [--only NAME]…\nplanted bugs:\n${bugs.map(({ name, story }) => `  ${name}: ${story}`).join('\n')}`;
/** Seeds in which the simulation must find nothing where nothing is planted. */
const seedsClean = 1_000;
const cleanWithinMs = 300_000;
/** Seeds at most until a bug is found; its time is the narrower bound. */
const seedsMax = 10_000;
/** Processes of the simulation at a time. */
const sideBySide = 2;

type Line = { bug: string; by: Catcher; verdict: string; seconds: number; bound: number | null; good: boolean };

const say = (words: string) => void process.stdout.write(`${words}\n`);

function chosen(): readonly Bug[] {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
  const only = values.only ?? [];
  const unknown = only.filter((name) => !bugs.some((bug) => bug.name === name));
  if (unknown.length > 0) throw new TypeError(`there is no planted bug ${unknown.join(', ')}`);
  return only.length === 0 ? bugs : bugs.filter(({ name }) => only.includes(name));
}

/** @param bug null where nothing was planted and nothing may be found */
function judge(bug: Bug | null, by: Catcher, { law, seed, seconds, trouble }: Catch): Line {
  const found = law === null ? 'nothing found' : `${seed === null ? '' : `seed ${seed}: `}${law}`;
  const isLate = bug !== null && seconds > bug.withinSeconds;
  const line: Line = {
    bug: bug?.name ?? '(none)',
    by,
    verdict: `${trouble === null ? found : `neither found nor clean: ${trouble}`}${isLate ? ' (late)' : ''}`,
    seconds,
    bound: bug?.withinSeconds ?? null,
    good: trouble === null && (bug === null ? law === null : law !== null && !isLate),
  };
  say(text(line));
  return line;
}

function text({ bug, by, verdict, seconds, bound, good }: Line): string {
  const time = `${seconds.toFixed(1)} s${bound === null ? '' : ` of ${bound}`}`;
  return `${good ? 'good' : 'BAD '}  ${bug.padEnd(44)}${by.padEnd(20)}${time.padEnd(16)}${verdict.replaceAll('\n', ' ').slice(0, 200)}`;
}

async function simulations(among: readonly Bug[]): Promise<Line[]> {
  const catchers = [...new Set(among.map(({ caughtBy }) => caughtBy))];
  const jobs: (() => Promise<Line>)[] = catchers.map(
    (by) => async () => judge(null, by, await simulateWith(null, worldOf(by), seedsClean, cleanWithinMs)),
  );
  for (const bug of among)
    jobs.push(async () =>
      judge(bug, bug.caughtBy, await simulateWith(bug.name, worldOf(bug.caughtBy), seedsMax, bug.withinSeconds * 1_000)),
    );
  const lines: Line[] = [];
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) lines.push(await job());
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
  return lines;
}

const worldOf = (by: Catcher) => by.replace('simulation:', '');

async function runs(among: readonly Bug[], dir: string): Promise<Line[]> {
  if (among.length === 0) return [];
  const parts = await startParts(dir, pythonOf(testPythonDir()));
  try {
    const lines = [judge(null, 'run', await runWith(null, parts, 'planted-none'))];
    for (const [index, bug] of among.entries()) lines.push(judge(bug, 'run', await runWith(bug.name, parts, `planted-${index}`)));
    return lines;
  } finally {
    await stopParts(parts);
  }
}

async function main(): Promise<number> {
  const among = chosen();
  const from = performance.now();
  const root = join(stateDir, 'chaos');
  mkdirSync(root, { recursive: true });
  const dir = mkdtempSync(join(root, 'sensitivity-'));
  // PostgreSQL runs as another user when this runs as root
  chmodSync(dir, 0o755);
  tryLock(join(dir, RUN_LOCK), 'npm run chaos:sensitivity');
  const lines = [
    ...(await simulations(among.filter(({ caughtBy }) => caughtBy !== 'run'))),
    ...(await runs(
      among.filter(({ caughtBy }) => caughtBy === 'run'),
      dir,
    )),
  ];
  const good = lines.every((line) => line.good);
  if (good) removeState(dir);
  else say(`logs and data of this run stay in ${dir}`);
  say(`\n${lines.map(text).join('\n')}\n`);
  const planted = lines.filter(({ bound }) => bound !== null);
  const seconds = Math.round((performance.now() - from) / 1000);
  say(
    `${planted.filter((line) => line.good).length} of ${planted.length} planted bugs caught in time, ${lines.length - planted.length} clean runs of which ${lines.filter(({ bound, good: clean }) => bound === null && clean).length} were found clean, ${seconds} s`,
  );
  return good ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exit(2);
}
