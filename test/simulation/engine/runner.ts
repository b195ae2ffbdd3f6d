import { enumeratedEffects, type FaultPlan } from './io.ts';
import type { RunOptions, RunResult, World } from './world.ts';

/** Last lines of a trace that a message holds. */
const traceLinesInMessage = 300;

/** What is thrown when a law did not hold: the words, and the end of the trace of that very run. `trace` is all that was kept of it. */
export class BrokenLaw extends Error {
  override readonly name = 'BrokenLaw';
  readonly trace: readonly string[];

  constructor(words: string, trace: readonly string[]) {
    const left = trace.length > traceLinesInMessage ? ` (its last ${traceLinesInMessage} of ${trace.length} lines)` : '';
    super(`${words}\n\ntrace${left}:\n${trace.slice(-traceLinesInMessage).join('\n')}`);
    this.trace = trace;
  }
}

/** Sums over runs. */
export type Tally = { runs: number; compared: number; faults: Map<string, number> };

export const emptyTally = (): Tally => ({ runs: 0, compared: 0, faults: new Map() });

export function addToTally(tally: Tally, { faults, compared }: Pick<RunResult, 'faults' | 'compared'>): void {
  tally.runs++;
  tally.compared += compared;
  for (const [kind, count] of faults) tally.faults.set(kind, (tally.faults.get(kind) ?? 0) + count);
}

/**
 * Runs a seed and counts it. A rejection that nobody handles breaks a law too.
 * @throws BrokenLaw with the trace: the run is repeated with tracing on
 */
export async function runSeed(world: World, seed: number, tally: Tally, options: RunOptions = {}): Promise<RunResult> {
  const result = await guarded(world, seed, options);
  addToTally(tally, result);
  if (result.broken.length > 0) throw await explain(world, seed, options, result);
  return result;
}

/** Every effect at every I/O point of the calm run of a seed. @returns points and runs  @throws BrokenLaw */
export async function runEnumerated(world: World, seed: number, tally: Tally): Promise<{ points: number; runs: number }> {
  const base = await runSeed(world, seed, tally, { calm: true });
  let runs = 0;
  for (const { index } of base.points)
    for (const effect of enumeratedEffects) {
      await runSeed(world, seed, tally, { calm: true, plan: { point: index, effect } });
      runs++;
    }
  return { points: base.points.length, runs };
}

async function guarded(world: World, seed: number, options: RunOptions): Promise<RunResult> {
  const unhandled: string[] = [];
  const others = process.listeners('unhandledRejection');
  const listen = (reason: unknown) =>
    void unhandled.push(`nobody handled: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', listen);
  try {
    const result = await world.run(seed, options);
    return unhandled.length === 0 ? result : { ...result, broken: [...result.broken, ...unhandled] };
  } finally {
    process.removeListener('unhandledRejection', listen);
    for (const other of others) process.on('unhandledRejection', other);
  }
}

async function explain(world: World, seed: number, options: RunOptions, first: RunResult): Promise<BrokenLaw> {
  const again = await guarded(world, seed, { ...options, tracing: true });
  const same = again.digest === first.digest ? '' : '\n(the run went another way when it was repeated: something in it is not seeded)';
  const how = `world ${world.name}, seed ${seed}${options.plan === undefined ? '' : `, ${planWords(options.plan)}`}`;
  return new BrokenLaw(`${how}:\n${first.broken.map((words) => `  * ${words}`).join('\n')}${same}`, again.trace);
}

const planWords = ({ point, effect }: FaultPlan) => `${effect} at point ${point} of the calm run`;
