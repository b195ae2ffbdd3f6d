import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChainWatch } from './chain-watch.ts';
import { type Cluster, SESSION_TIMEOUT_MS, startCluster } from './cluster.ts';
import { FaultLog } from './fault-log.ts';
import { episodes } from './faults/all.ts';
import type { Figures } from './figures.ts';
import { Keeper } from './keeper.ts';
import type { ChaosOptions } from './options.ts';
import { Departures, timesOf, wasDisturbed } from './recovery.ts';
import { Round } from './round.ts';
import { type Lane, type Step, steps } from './schedule.ts';
import { Scraper } from './scrape.ts';
import type { Verdict } from './verdict.ts';
import { hold, type World } from './world.ts';

/** A kill is recovered within the session time-out and this, ms (p99). */
const RECOVERY_BEYOND_SESSION_MS = 10_000;
/** After TERM, ms (p99). */
const HAND_OVER_MS = 5_000;
const MINUTE_MS = 60_000;

export interface RunPlace {
  /** for all data and logs; the caller removes it */
  readonly dir: string;
  readonly python: string;
  readonly say: (line: string) => void;
  /** broken off by the user: what runs is ended in good order */
  readonly stop: AbortSignal;
}

/** One chaos run from an empty machine to its figures. Differences and broken limits are `problems`, not errors. */
export async function runChaos(options: ChaosOptions, { dir, python, say: print, stop }: RunPlace): Promise<Figures> {
  mkdirSync(dir, { recursive: true });
  const startedAt = new Date();
  const begun = performance.now();
  const now = () => Math.round(performance.now() - begun);
  const say = (line: string) => print(`${clockText(now())} ${line}`);
  const faults = new FaultLog(join(dir, 'faults.ndjson'), now, say);
  const departures = new Departures();
  const chains = new ChainWatch(now, (entry) => departures.saw(entry));
  const busy = new Set<string>();
  const problems: string[] = [];
  const verdicts: Verdict[] = [];
  const lanes = options.lanes.map((lane) => ({ lane, plan: steps(options.seed, lane, options.pace) }));
  let producers = 0;
  let rounds = 0;

  const cluster = await startCluster({ dir, seed: options.seed, store: options.store });
  say(`three brokers, PostgreSQL, store and services are up in ${dir}`);
  const { services } = cluster;
  const keeper = new Keeper([services.metastore, ...services.phase1, ...services.phase2], busy, say);
  const samples = join(dir, 'samples.ndjson');
  const scraper = new Scraper(samples, () => [services.metastore, ...cluster.phase1, ...cluster.phase2]);
  try {
    const chaosBegan = now();
    const leftMs = () => chaosBegan + options.minutes * MINUTE_MS - now();
    while (leftMs() > 0 && !stop.aborted && problems.length === 0) {
      const round = await Round.start({
        number: ++rounds,
        chaos: options,
        cluster,
        python,
        chains,
        departures,
        samples,
        faults: () => faults.all.length,
        now,
        say,
      });
      try {
        const over = AbortSignal.any([stop, AbortSignal.timeout(Math.max(1, Math.min(leftMs(), options.roundMinutes * MINUTE_MS)))]);
        const world: World = {
          cluster,
          faults,
          chains,
          departures,
          busy,
          now,
          load: () => round.load,
          topics: () => round.topics,
          ending: over,
        };
        await Promise.all(lanes.map(({ lane, plan }) => runLane(world, lane, plan, say)));
        say(`the time of faults is over; ${faults.all.length} so far`);
        heal(cluster);
        verdicts.push(...(await round.finish()));
        problems.push(...verdicts.flatMap((verdict) => verdict.problems), ...round.load.failures);
        producers += round.load.started;
        if (problems.length === 0) await round.remove();
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      } finally {
        await round.abandon();
      }
    }
    await scraper.scrape();
  } finally {
    scraper.stop();
    await keeper.stop();
    await cluster.stop();
  }

  const of = (how: 'kill' | 'term', alone: boolean) =>
    timesOf(departures.all.filter((each) => each.how === how && (!alone || !wasDisturbed(each, faults.all))));
  const recovery = { kill: of('kill', false), killAlone: of('kill', true), term: of('term', false), termAlone: of('term', true) };
  const recordsVerified = verdicts.reduce((sum, verdict) => sum + verdict.recordsCompared, 0);
  if (stop.aborted) problems.push('broken off');
  if (faults.all.length < options.faultsMin)
    problems.push(`only ${faults.all.length} faults were injected, planned were ${options.faultsMin}`);
  if (recordsVerified < options.recordsMin)
    problems.push(`only ${recordsVerified} records were compared, planned were ${options.recordsMin}`);
  for (const [how, times] of Object.entries({ KILL: recovery.kill, TERM: recovery.term }))
    if (times.unrecovered > 0)
      problems.push(`${times.unrecovered} of ${times.count} workers' partitions did not advance again after ${how}`);
  if (options.timed) problems.push(...late(recovery));

  const byKind = faults.byKind();
  return {
    startedAt: startedAt.toISOString(),
    commit: commitOf(),
    seed: options.seed,
    minutes: Math.round(now() / (MINUTE_MS / 10)) / 10,
    store: options.store,
    lanes: options.lanes,
    rounds,
    datasets: options.datasets,
    faults: { total: faults.all.length, byKind },
    zombieEpisodes: (byKind['zombie-stopped'] ?? 0) + (byKind['zombie-killed'] ?? 0),
    requestsHurt: requestsHurt(cluster),
    producers,
    recordsVerified,
    verdicts: summed(verdicts.map((verdict) => verdict.verdicts)),
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    recovery,
    selfExits: summed(keeper.exits.map(({ service }) => ({ [service]: 1 }))),
    peaks: scraper.peaks,
    problems,
  };
}

/** The faults of one lane, one after the other, until the time of faults is over. A fault that goes wrong is said, and the next one comes. */
async function runLane(world: World, lane: Lane, plan: Generator<Step, never>, say: (line: string) => void): Promise<void> {
  while (!world.ending.aborted) {
    const step = plan.next().value;
    await hold(world, step.pauseMs);
    if (world.ending.aborted) return;
    try {
      await episodes[step.kind](world, step);
    } catch (error) {
      say(`${lane}: ${step.kind} went wrong: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`);
    }
  }
}

/** Whatever a fault may have left behind. */
function heal(cluster: Cluster): void {
  for (const worker of [...cluster.phase1, ...cluster.phase2]) {
    worker.resume();
    cluster.clock(worker.name)?.shift(0);
    const proxy = cluster.proxy(worker.name);
    proxy?.down(false);
    proxy?.clear();
    void proxy?.held.releaseAll();
  }
}

function late({ killAlone, termAlone }: Figures['recovery']): string[] {
  const killLimit = SESSION_TIMEOUT_MS + RECOVERY_BEYOND_SESSION_MS;
  return [
    ...((killAlone.p99 ?? 0) > killLimit
      ? [`recovery after KILL took ${killAlone.p99} ms (p99, nothing else broken), more than ${killLimit}`]
      : []),
    ...((termAlone.p99 ?? 0) > HAND_OVER_MS
      ? [`hand-over after TERM took ${termAlone.p99} ms (p99, nothing else broken), more than ${HAND_OVER_MS}`]
      : []),
  ];
}

function requestsHurt(cluster: Cluster): Record<string, number> {
  return summed([...cluster.phase1, ...cluster.phase2].map(({ name }) => cluster.proxy(name)?.counters() ?? {}));
}

/** Pure. */
function summed(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of counts) for (const [name, count] of Object.entries(each)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

const clockText = (ms: number) =>
  `${String(Math.floor(ms / MINUTE_MS)).padStart(2, '0')}:${((ms % MINUTE_MS) / 1000).toFixed(1).padStart(4, '0')}`;

/** Of the checkout, `unknown` outside of one. */
function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
