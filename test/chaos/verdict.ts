import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '../support/run-cli.ts';
import type { Cluster } from './cluster.ts';
import { evidence, placesOf } from './evidence.ts';
import { startProgram } from './program.ts';

/** Key fields of every dataset of a run. */
export const PK_FIELDS = ['id'];
/** Of any service: its buffers' budget (256 MiB), once more for what is being compressed or encoded, and the runtime. */
const RSS_BYTES_MAX = 1_536 * 2 ** 20;
/** Of any service. */
const OPEN_FILES_MAX = 512;
const ORPHANS_MAX = 50;
/** A worker that goes leaves at most a raw object a partition, and a batch's data files and ledger. */
const ORPHANS_A_FAULT_MAX = 30;
/** What `verify` ends with when something it needs is away: no verdict, so it is asked again. */
const COULD_NOT_CHECK = 2;
const VERIFY_AGAIN_MAX = 3;
const VERIFY_AGAIN_AFTER_MS = 5_000;
const VERIFY_OUTPUT_SHOWN_CHARS = 3_000;

/** What there is to judge: one dataset, its topic, and what was seen of both. */
export interface Judged {
  readonly topic: string;
  readonly dataset: string;
  readonly truthDir: string;
  readonly ledgerDir: string;
  readonly snapshots: string;
  /** the checker's report goes there */
  readonly report: string;
  /** that Kafka holds */
  readonly records: number;
  /** what the services said of themselves and used, as `scrape.ts` writes it */
  readonly samples: string;
  /** faults so far: each may leave some objects that nobody names */
  readonly faults: number;
}

export interface Verdict {
  readonly dataset: string;
  /** compared by the independent checker, from Kafka to the table */
  readonly recordsCompared: number;
  /** findings by kind; all zero in a good run */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly checkerClean: boolean;
  readonly verifyExitCode: number | null;
  /** what to read when something is wrong; empty in a good run */
  readonly problems: readonly string[];
}

/** Runs the independent checker and our own `verify --against-kafka`, one after the other. */
export async function judge(cluster: Cluster, python: string, judged: Judged): Promise<Verdict> {
  const { topic, dataset, truthDir, ledgerDir, snapshots, report, records, samples } = judged;
  const logFile = `${report}.log`;
  const checked = await startProgram({
    python,
    script: 'check.py',
    args: [
      ...['--raw-url', cluster.rawUrl, '--tables-url', cluster.tablesUrl, '--dataset', dataset, '--topic', topic],
      ...['--truth', truthDir, '--ledgers', ledgerDir, '--snapshots', snapshots, '--out', report, '--expect-records', String(records)],
      ...['--expect-drained', '--pk', PK_FIELDS.join(','), '--work', dirname(report), '--metrics', samples, '--resources', samples],
      ...['--rss-max', String(RSS_BYTES_MAX), '--files-max', String(OPEN_FILES_MAX)],
      ...['--orphans-max', String(ORPHANS_MAX + judged.faults * ORPHANS_A_FAULT_MAX)],
    ],
    name: `check.py ${dataset}`,
    logFile,
    env: cluster.storeEnv,
  }).ended;
  const found = reportIn(report);
  const verify = () => runCli(['verify', dataset, '--against-kafka'], cluster.services.env);
  let verified = await verify();
  for (let again = 0; again < VERIFY_AGAIN_MAX && verified.code === COULD_NOT_CHECK; again++) {
    await sleep(VERIFY_AGAIN_AFTER_MS);
    verified = await verify();
  }
  const looked = verified.code === 0 ? '' : await evidence(cluster, topic, dataset, placesOf(verified.output));
  const problems = [
    ...(checked.code === 0
      ? []
      : [
          `check.py found differences in ${dataset} (exit ${checked.code}): ${bad(found.verdicts)}\n${readFileSync(logFile, 'utf8').slice(-2_000)}`,
        ]),
    ...(verified.code === 0
      ? []
      : [`millrace verify ${dataset} ended with ${verified.code}\n${looked}\n${verified.output.slice(-VERIFY_OUTPUT_SHOWN_CHARS)}`]),
  ];
  return { dataset, ...found, checkerClean: checked.code === 0, verifyExitCode: verified.code, problems };
}

const bad = (verdicts: Readonly<Record<string, number>>) =>
  Object.entries(verdicts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');

function reportIn(file: string): { recordsCompared: number; verdicts: Record<string, number> } {
  try {
    const { recordsCompared, verdicts } = JSON.parse(readFileSync(file, 'utf8')) as {
      recordsCompared: number;
      verdicts: Record<string, { count: number }>;
    };
    return { recordsCompared, verdicts: Object.fromEntries(Object.entries(verdicts).map(([kind, { count }]) => [kind, count])) };
  } catch {
    return { recordsCompared: 0, verdicts: {} };
  }
}
