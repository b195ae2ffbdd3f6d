import type { Times } from './recovery.ts';
import type { Lane } from './schedule.ts';
import type { Peak } from './scrape.ts';

/** All that a run has to say for itself, as `--json` writes it. */
export interface Figures {
  readonly startedAt: string;
  readonly commit: string;
  readonly seed: number;
  readonly minutes: number;
  readonly store: 's3' | 'files';
  readonly lanes: readonly Lane[];
  readonly rounds: number;
  readonly datasets: number;
  readonly faults: { readonly total: number; readonly byKind: Readonly<Record<string, number>> };
  /** a held chain entry released after another worker had claimed the chain */
  readonly zombieEpisodes: number;
  /** requests that met a store fault, by what befell them */
  readonly requestsHurt: Readonly<Record<string, number>>;
  readonly producers: number;
  /** compared by the independent checker, hash by hash, from Kafka through raw to the table */
  readonly recordsVerified: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly sessionTimeoutMs: number;
  /** from the death or the TERM of a worker of phase 1 until all of its partitions advance again, ms; `alone`: with nothing else broken meanwhile */
  readonly recovery: { readonly kill: Times; readonly killAlone: Times; readonly term: Times; readonly termAlone: Times };
  /** services that ended although no fault had hold of them */
  readonly selfExits: Readonly<Record<string, number>>;
  readonly peaks: Readonly<Record<string, Peak>>;
  /** why the run failed; empty when it passed */
  readonly problems: readonly string[];
}

const seconds = (ms: number | null) => (ms === null ? '-' : (ms / 1000).toFixed(1));
const MIB = 2 ** 20;

/** The last lines of a run. Pure. */
export function lines(figures: Figures): string[] {
  const { faults, recovery, verdicts, problems } = figures;
  const times = (name: string, { count, unrecovered, p50, p99, max }: Times) =>
    `  ${name.padEnd(34)}${String(count).padStart(5)}  p50 ${seconds(p50)} s  p99 ${seconds(p99)} s  max ${seconds(max)} s${unrecovered > 0 ? `  ${unrecovered} NOT RECOVERED` : ''}`;
  return [
    `chaos: seed ${figures.seed}, ${figures.minutes.toFixed(1)} minutes on ${figures.store}, ${figures.rounds} rounds of ${figures.datasets} datasets, commit ${figures.commit}`,
    `faults injected: ${faults.total} of ${Object.keys(faults.byKind).length} kinds, ${figures.zombieEpisodes} zombie episodes`,
    ...Object.entries(faults.byKind).map(([kind, count]) => `  ${kind.padEnd(34)}${String(count).padStart(5)}`),
    `recovery of all partitions of a phase-1 worker (session timeout ${figures.sessionTimeoutMs / 1000} s)`,
    times('after KILL', recovery.kill),
    times('after KILL, nothing else broken', recovery.killAlone),
    times('after TERM', recovery.term),
    times('after TERM, nothing else broken', recovery.termAlone),
    `services that ended by themselves: ${
      Object.entries(figures.selfExits)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ') || 'none'
    }`,
    `highest memory: ${Object.entries(figures.peaks)
      .map(([name, { rssBytes, openFiles }]) => `${name} ${Math.round(rssBytes / MIB)} MiB, ${openFiles} files`)
      .join('; ')}`,
    `records verified: ${figures.recordsVerified}`,
    `verdicts: ${
      Object.entries(verdicts)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ') || 'none'
    }`,
    ...problems.map((problem) => `PROBLEM: ${problem}`),
    problems.length === 0 ? 'passed' : `FAILED: ${problems.length} problems`,
    ...problems.map((problem) => `  ${problem.split('\n')[0]}`),
  ];
}
