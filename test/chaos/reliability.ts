import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { failures, notPromised } from './failures.ts';
import type { Figures } from './figures.ts';

/*
 * docs/reliability.json holds what every recorded run found; docs/reliability.md is written from it. `node test/chaos/reliability.ts` writes the page.
 */

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
export const recordsFile = `${docs}reliability.json`;
export const pageFile = `${docs}reliability.md`;

/** A run as it is kept: its figures, with all recovery times in place of their percentiles. */
export interface RecordedRun {
  readonly date: string;
  readonly commit: string;
  readonly seed: number;
  readonly minutes: number;
  readonly store: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly zombieEpisodes: number;
  readonly recordsVerified: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly sessionTimeoutMs: number;
  /** ms, each departure of a worker whose partitions all came back */
  readonly recoveryMs: {
    readonly kill: readonly number[];
    readonly killAlone: readonly number[];
    readonly term: readonly number[];
    readonly termAlone: readonly number[];
  };
  readonly problems: readonly string[];
}

export const readRecords = (): RecordedRun[] => (JSON.parse(readFileSync(recordsFile, 'utf8')) as { runs: RecordedRun[] }).runs;

/** Adds a run, and writes the page anew. */
export function record(figures: Figures): void {
  const { startedAt, commit, seed, minutes, store, zombieEpisodes, recordsVerified, verdicts, sessionTimeoutMs, recovery, problems } =
    figures;
  const run: RecordedRun = {
    date: startedAt.slice(0, 10),
    commit,
    seed,
    minutes,
    store,
    faults: figures.faults.byKind,
    zombieEpisodes,
    recordsVerified,
    verdicts,
    sessionTimeoutMs,
    recoveryMs: { kill: recovery.kill.ms, killAlone: recovery.killAlone.ms, term: recovery.term.ms, termAlone: recovery.termAlone.ms },
    problems: problems.map((problem) => problem.split('\n')[0] ?? ''),
  };
  const runs = [...readRecords(), run];
  writeFileSync(recordsFile, `${JSON.stringify({ runs }, null, 1)}\n`);
  writeFileSync(pageFile, page(runs));
}

/** The whole page. Pure. */
export function page(runs: readonly RecordedRun[]): string {
  return `${[...opening(runs), ...recoveryPart(runs), ...kindsPart(runs), ...runsPart(runs), ...failuresPart(), ...closing()].join('\n')}\n`;
}

const count = (number: number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const total = (counts: Readonly<Record<string, number>>) => sum(Object.values(counts));

function added(counts: readonly Readonly<Record<string, number>>[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const each of counts) for (const [name, number] of Object.entries(each)) sums.set(name, (sums.get(name) ?? 0) + number);
  return [...sums].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Verdicts that speak of records, in the words of the law. */
const LAW = ['lost', 'duplicate', 'aborted_read', 'phantom', 'altered', 'out_of_order'];

function opening(runs: readonly RecordedRun[]): string[] {
  const verdicts = new Map(added(runs.map((run) => run.verdicts)));
  const other = [...verdicts].filter(([kind, number]) => number > 0 && !LAW.includes(kind));
  return [
    '# Reliability: what was broken, and what came of it',
    '',
    'Written from [reliability.json](reliability.json) by `test/chaos/reliability.ts`; `npm test` compares.',
    '',
    'Each run (`npm run chaos -- --minutes M --seed S`) has three real Kafka brokers (three replicas, two in sync), PostgreSQL, an S3 server behind fault proxies, a metastore, three workers of phase 1 and two of phase 2, and idempotent and transactional producers. While records flow, faults are injected from a seeded schedule in several lanes at a time; each is counted only when it really struck.',
    'Afterwards everything heals, and an independent checker in Python, written from [formats](formats) alone, compares what producers were told, what Kafka holds (read by a client that is not librdkafka) and what landed and stands in the table, record by record and hash by hash; `millrace verify --against-kafka` must agree.',
    '',
    '| All runs together | |',
    '|---|---|',
    `| runs | ${runs.length}, ${count(Math.round(sum(runs.map(({ minutes }) => minutes))))} minutes |`,
    `| runs that failed | ${runs.filter(({ problems }) => problems.length > 0).length} |`,
    `| faults injected | ${count(sum(runs.map(({ faults }) => total(faults))))} of ${added(runs.map(({ faults }) => faults)).length} kinds |`,
    `| zombie episodes with a held PUT | ${count(sum(runs.map(({ zombieEpisodes }) => zombieEpisodes)))} |`,
    `| records verified end to end by hash | ${count(sum(runs.map(({ recordsVerified }) => recordsVerified)))} |`,
    ...LAW.map((kind) => `| ${kind.replace(/_/g, ' ')} | ${count(verdicts.get(kind) ?? 0)} |`),
    `| other findings | ${other.map(([kind, number]) => `${kind} ${count(number)}`).join(', ') || 'none'} |`,
    '',
  ];
}

const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`);

function recoveryPart(runs: readonly RecordedRun[]): string[] {
  const row = (name: string, pick: (run: RecordedRun) => readonly number[]) => {
    const times = runs.flatMap(pick).sort((one, other) => one - other);
    const at = (share: number) => seconds(times[Math.ceil(share * times.length) - 1]);
    return `| ${name} | ${times.length} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |`;
  };
  const sessions = [...new Set(runs.map(({ sessionTimeoutMs }) => seconds(sessionTimeoutMs)))].join(', ');
  return [
    '## Recovery',
    '',
    `Time from the death or the TERM of a worker of phase 1 until **all** of its partitions advance again on their chains. Session time-out: ${sessions || '-'}; promised: p99 after a kill within the session time-out and 10 s, hand-over after TERM within 5 s.`,
    'With other faults in force at the same time (a broker down, a store that answers nothing, the next owner killed too) the time is that of all of them together.',
    '',
    '| | Times | p50 | p99 | Max |',
    '|---|---|---|---|---|',
    row('after KILL, nothing else broken', (run) => run.recoveryMs.killAlone),
    row('after KILL, whatever else was broken', (run) => run.recoveryMs.kill),
    row('after TERM, nothing else broken', (run) => run.recoveryMs.termAlone),
    row('after TERM, whatever else was broken', (run) => run.recoveryMs.term),
    '',
  ];
}

function kindsPart(runs: readonly RecordedRun[]): string[] {
  return [
    '## Faults by kind',
    '',
    '| Kind | Injected |',
    '|---|---|',
    ...added(runs.map(({ faults }) => faults)).map(([kind, number]) => `| \`${kind}\` | ${count(number)} |`),
    '',
  ];
}

function runsPart(runs: readonly RecordedRun[]): string[] {
  return [
    '## Runs',
    '',
    '| Date | Commit | Seed | Store | Minutes | Faults | Zombies | Records verified | Outcome |',
    '|---|---|---|---|---|---|---|---|---|',
    ...runs.map(
      ({ date, commit, seed, store, minutes, faults, zombieEpisodes, recordsVerified, problems }) =>
        `| ${date} | ${commit} | ${seed} | ${store} | ${minutes} | ${count(total(faults))} | ${zombieEpisodes} | ${count(recordsVerified)} | ${problems.length === 0 ? 'clean' : problems.join('; ').replace(/\|/g, '/')} |`,
    ),
    '',
  ];
}

function failuresPart(): string[] {
  return [
    '## What breaks, and what Millrace does',
    '',
    'Each test fails when the behaviour is switched off.',
    '',
    '| Failure | What Millrace does | Tests |',
    '|---|---|---|',
    ...failures.map(({ failure, does, tests }) => `| ${failure} | ${does} | ${tests.map((file) => `[${file}](../${file})`).join(', ')} |`),
    '',
  ];
}

function closing(): string[] {
  return ['## What is not promised', '', ...notPromised.map((line) => `* ${line}`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(pageFile, page(readRecords()));
