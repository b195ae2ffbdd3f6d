import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BrokenLaw, emptyTally, runSeed, type Tally } from './engine/runner.ts';
import type { World } from './engine/world.ts';
import { worlds } from './worlds.ts';

const seedsDefault = 10_000;
const progressMs = 5_000;

const usage = `usage: npm run simulate -- [--seeds N] [--seed S] [--world ${worlds.map(({ name }) => name).join('|')}]
  --seeds N  so many seeds of each world, ${seedsDefault} when left out
  --seed S   begin with this seed; without --seeds only this one is run, with its trace when a law is broken
  --world W  one world; without it all of them side by side, each in a process of its own`;

/** `npm run simulate`. Exit code 1 when a law was broken, 2 for words it does not understand. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' }, world: { type: 'string' } } });
  const first = number(values.seed, 1);
  const count = number(values.seeds, values.seed === undefined ? seedsDefault : 1);
  const world = worlds.find(({ name }) => name === values.world);
  if (world !== undefined) return simulate(world, first, count);
  if (values.world !== undefined) throw new TypeError(`there is no world ${values.world}`);
  const codes = await Promise.all(
    worlds.map(({ name }) => inProcess(['--world', name, '--seed', String(first), '--seeds', String(count)])),
  );
  return Math.max(...codes);
}

function number(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`"${text}" is not a number of seeds`);
  return Number(text);
}

async function inProcess(args: string[]): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function simulate(world: World, first: number, count: number): Promise<number> {
  const tally = emptyTally();
  const from = performance.now();
  let saidAt = from;
  try {
    for (let seed = first; seed < first + count; seed++) {
      await runSeed(world, seed, tally);
      if (performance.now() - saidAt < progressMs) continue;
      saidAt = performance.now();
      say(`${world.name}: ${tally.runs} of ${count} seeds, ${perMinute(tally, from)} a minute`);
    }
  } catch (error) {
    if (!(error instanceof BrokenLaw)) throw error;
    say(count === 1 ? `${error.trace.join('\n')}\n${error.message.split('\n\ntrace')[0]}` : error.message);
    say(`${world.name}: a law is broken; keep the seed in test/simulation/kept-seeds.ts`);
    return 1;
  }
  const faults = [...tally.faults].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, times]) => `${kind} ${times}`);
  say(`${world.name}: faults: ${faults.join(', ')}`);
  say(
    `${world.name}: ${tally.runs} seeds from ${first}, ${tally.compared} records compared, no law broken, ${perMinute(tally, from)} seeds a minute`,
  );
  return 0;
}

const perMinute = ({ runs }: Tally, from: number) => Math.round((runs / (performance.now() - from)) * 60_000);
const say = (words: string) => void process.stdout.write(`${words}\n`);

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  say(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
