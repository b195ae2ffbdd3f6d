import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const simulate = fileURLToPath(new URL('../simulation/main.ts', import.meta.url));
const hook = new URL('./hook.mjs', import.meta.url).href;
/** Of what the simulation prints: a trace is a few hundred lines. */
const outputCharsMax = 1_000_000;

/** What became of one run. `law`: the first law that did not hold, in words, and the seed; null when all held. `trouble`: it ended in another way. */
export type Catch = { law: string | null; seed: number | null; seconds: number; trouble: string | null };

/**
 * Runs seeds 1 … `seeds` of a world in a process of its own.
 * @param bug planted there; null for the code as it is
 * @param withinMs then it is ended, and has not caught anything
 */
export async function simulateWith(bug: string | null, world: string, seeds: number, withinMs: number): Promise<Catch> {
  const from = performance.now();
  const child = spawn(process.execPath, ['--import', hook, simulate, '--world', world, '--seed', '1', '--seeds', String(seeds)], {
    env: { ...process.env, TEST_PLANTED_BUG: bug ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), withinMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (output.length < outputCharsMax) output += chunk.toString();
    });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(deadline);
  const seconds = (performance.now() - from) / 1000;
  const broken = /^world \w+, seed (\d+)[^\n]*:\n {2}\* ([^\n]*)/m.exec(output);
  if (code === 1 && broken !== null) return { law: broken[2] ?? '', seed: Number(broken[1]), seconds, trouble: null };
  if (code === 0) return { law: null, seed: null, seconds, trouble: null };
  const how = signal === null ? `exit code ${code}` : `ended after ${Math.round(seconds)} s`;
  return { law: null, seed: null, seconds, trouble: `${how}: ${output.slice(-1_000)}` };
}
