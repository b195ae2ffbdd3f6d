import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import { Admin } from '@platformatic/kafka';
import { type Kafka, startKafka } from '../../dev/stack/kafka.ts';
import { type Postgres, startPostgres } from '../../dev/stack/postgres.ts';
import { warmUp } from '../../dev/test/warm-up.ts';
import { describeTopic, topicEnds } from '../chaos/kafka-admin.ts';
import { type Program, startProgram } from '../chaos/program.ts';
import { TableWatch } from '../chaos/table-watch.ts';
import { createDataset, type Services, startServices, waitFor } from '../support/services.ts';
import type { Catch } from './simulation-catcher.ts';

/*
 * A short run on real parts: some thousand nasty records, workers killed and ended under way, and the verdict of `test/checker`.
 */

const hook = new URL('./hook.mjs', import.meta.url).href;

const partitions = 4;
const recordsOfProducer = 6_000;
const rateOfProducer = 500;
const mix = [
  '--tombstones',
  '0.02',
  '--odd',
  '0.01',
  '--lists',
  '0.1',
  '--twice',
  '0.05',
  '--abort',
  '0.3',
  '--transaction-linger-ms',
  '100',
];
/** A worker that is killed should hold some records that it has not landed yet. */
const sealIntervalMs = '1500';
const pkFields = ['id'];
/** Faults come in the midst of the load: so long after the table's first commit, ms. */
const faultAfterMs = 1_000;
const firstCommitWithinMs = 30_000;
const settledWithinMs = 60_000;
/** A table that gets no further than this is judged as it is, ms. */
const caughtUpWithinMs = 45_000;
const lookMs = 200;

/** What all runs share. */
export type Parts = { kafka: Kafka; postgres: Postgres; dir: string; python: string };

export async function startParts(dir: string, python: string): Promise<Parts> {
  const [kafka, postgres] = await Promise.all([
    startKafka({ dir: join(dir, 'kafka'), brokers: 1 }),
    startPostgres({ dir: join(dir, 'postgres') }),
  ]);
  await warmUp(kafka.brokers);
  return { kafka, postgres, dir, python };
}

export const stopParts = async ({ kafka, postgres }: Parts) => void (await Promise.all([kafka.stop(), postgres.stop()]));

/** One run with a bug planted in the workers (null: none), on a topic, a dataset and a lake of its own. */
export async function runWith(bug: string | null, parts: Parts, name: string): Promise<Catch> {
  const from = performance.now();
  const dir = join(parts.dir, name);
  mkdirSync(dir, { recursive: true });
  const plantedEnv: Record<string, string> = bug === null ? {} : { NODE_OPTIONS: `--import ${hook}`, TEST_PLANTED_BUG: bug };
  const rawUrl = pathToFileURL(join(dir, 'lake', 'raw')).href;
  const tablesUrl = pathToFileURL(join(dir, 'lake', 'tables')).href;
  const services = await startServices({
    dir: join(dir, 'services'),
    brokers: parts.kafka.brokers,
    databaseUrl: await parts.postgres.createDatabase(name.replaceAll('-', '_')),
    rawUrl,
    tablesUrl,
    phase1: 2,
    env: { MILLRACE_SEAL_INTERVAL_MS: sealIntervalMs },
    envOf: (service) => (service === 'metastore' ? {} : plantedEnv),
  });
  const programs: Program[] = [];
  try {
    const run = new Run(parts, name, dir, services, { rawUrl, tablesUrl }, programs);
    const law = await run.verdict();
    return { law, seed: null, seconds: (performance.now() - from) / 1000, trouble: null };
  } catch (error) {
    return { law: null, seed: null, seconds: (performance.now() - from) / 1000, trouble: (error as Error).message };
  } finally {
    await Promise.all(programs.map((program) => program.kill()));
    await services.stop();
  }
}

class Run {
  readonly #parts: Parts;
  readonly #name: string;
  readonly #dir: string;
  readonly #services: Services;
  readonly #lake: { rawUrl: string; tablesUrl: string };
  readonly #programs: Program[];

  constructor(
    parts: Parts,
    name: string,
    dir: string,
    services: Services,
    lake: { rawUrl: string; tablesUrl: string },
    programs: Program[],
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#dir = dir;
    this.#services = services;
    this.#lake = lake;
    this.#programs = programs;
  }

  /** @returns what the checker found, in words; null when the run was clean */
  async verdict(): Promise<string | null> {
    const { brokers } = this.#parts.kafka;
    const name = this.#name;
    await this.#createTopic();
    const truthDir = this.#folder('truth');
    const ledgers = this.#folder('ledgers');
    const snapshots = join(this.#dir, 'snapshots');
    const topic = ['--brokers', brokers, '--topic', name];
    const truth = this.#start('watch_truth.py', [...topic, '--out', truthDir]);
    const table = this.#start('watch_table.py', ['--tables-url', this.#lake.tablesUrl, '--dataset', name, '--out', snapshots]);
    await createDataset(this.#services.metastoreUrl, { name, kafkaTopic: name, pkFields });
    const producers = (['idempotent', 'transactional'] as const).map((mode) =>
      this.#start('produce.py', [
        ...[...topic, '--ledger', ledgers, '--producer', mode, '--mode', mode, '--seed', name],
        ...['--rate', String(rateOfProducer), '--records', String(recordsOfProducer), ...mix],
      ]),
    );
    await this.#faults();
    for (const { code } of await Promise.all(producers.map(({ ended }) => ended)))
      if (code !== 0) throw new Error(`a producer ended with ${code}; see ${this.#dir}`);
    await waitFor(
      `transactions of ${name} ended`,
      () => Promise.all([topicEnds(brokers, name, 'committed'), topicEnds(brokers, name, 'all')]),
      ([committed, all]) => committed.every((end, partition) => end === all[partition]),
      settledWithinMs,
    );
    const { records } = (await truth.stop()).summary as { records: number };
    await this.#caughtUp(await topicEnds(brokers, name, 'committed'));
    await table.stop();
    return this.#check(truthDir, ledgers, snapshots, records);
  }

  /** A worker of each phase is killed, one is told to end; all come back. */
  async #faults(): Promise<void> {
    const [killed, ended] = this.#services.phase1;
    const [table] = this.#services.phase2;
    const firstCommit = join(this.#dir, 'lake', 'tables', this.#name, deltaCommitKey(0n));
    for (const deadline = Date.now() + firstCommitWithinMs; Date.now() < deadline && !existsSync(firstCommit); ) await sleep(lookMs);
    await sleep(faultAfterMs);
    await killed?.kill();
    await table?.kill();
    await Promise.all([killed?.start(), table?.start()]);
    await ended?.stop();
    await ended?.start();
  }

  async #caughtUp(ends: readonly bigint[]): Promise<void> {
    const { topicId } = await describeTopic(this.#parts.kafka.brokers, this.#name);
    const watch = new TableWatch(join(this.#dir, 'lake', 'tables'), this.#name, topicId);
    for (const deadline = Date.now() + caughtUpWithinMs; Date.now() < deadline; await sleep(lookMs)) {
      watch.poll();
      if (ends.every((end, partition) => watch.position(partition) >= end)) return;
    }
  }

  async #check(truthDir: string, ledgers: string, snapshots: string, records: number): Promise<string | null> {
    const report = join(this.#dir, 'report.json');
    const { rawUrl, tablesUrl } = this.#lake;
    const checked = this.#start('check.py', [
      ...['--raw-url', rawUrl, '--tables-url', tablesUrl, '--dataset', this.#name, '--topic', this.#name, '--truth', truthDir],
      ...['--ledgers', ledgers, '--snapshots', snapshots, '--out', report, '--expect-records', String(records)],
      ...['--expect-drained', '--pk', pkFields.join(','), '--work', this.#folder('work')],
    ]);
    const { code } = await checked.ended;
    if (code === 0) return null;
    const { verdicts } = JSON.parse(readFileSync(report, 'utf8')) as { verdicts: Record<string, { count: number }> };
    const found = Object.entries(verdicts).filter(([, { count }]) => count > 0);
    if (found.length === 0) throw new Error(`check.py ended with ${code} and found nothing; see ${checked.logFile}`);
    return found.map(([kind, { count }]) => `${kind} ${count}`).join(', ');
  }

  async #createTopic(): Promise<void> {
    const admin = new Admin({ clientId: 'planted', bootstrapBrokers: this.#parts.kafka.brokers.split(',') });
    try {
      await admin.createTopics({ topics: [this.#name], partitions, replicas: 1 });
    } finally {
      await admin.close();
    }
  }

  #folder(name: string): string {
    const folder = join(this.#dir, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  #start(script: string, args: readonly string[]): Program {
    const logFile = join(this.#dir, `${script}.log`);
    const program = startProgram({ python: this.#parts.python, script, args, name: `${script} of ${this.#name}`, logFile });
    this.#programs.push(program);
    return program;
  }
}
