import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { api, createDataset, waitFor } from '../support/services.ts';
import type { ChainWatch } from './chain-watch.ts';
import type { Cluster } from './cluster.ts';
import { createTopic, deleteTopic, topicEnds } from './kafka-admin.ts';
import { Load } from './load.ts';
import type { ChaosOptions } from './options.ts';
import { type Ended, type Program, startProgram } from './program.ts';
import { nextRate } from './rate.ts';
import type { Departures } from './recovery.ts';
import { TableWatch } from './table-watch.ts';
import { judge, PK_FIELDS, type Verdict } from './verdict.ts';

/*
 * One round: topics and datasets of their own, producers, and watchers of truth and table, from the first record to the verdict. Faults are others' work.
 */

const POLL_INTERVAL_MS = 100;
const ENDS_INTERVAL_MS = 1_000;
const RATE_INTERVAL_MS = 10_000;
const REGISTER_WITHIN_MS = 120_000;
/** An open transaction of a killed producer is aborted by Kafka after its time-out and the next round of its cleaner. */
const SETTLED_WITHIN_MS = 180_000;
const CATCH_UP_WITHIN_MS = 600_000;
const FORGOTTEN_WITHIN_MS = 60_000;

/** What `watch_truth.py` says at its end. */
interface TruthSummary {
  readonly complete: boolean;
  readonly records: number;
  readonly partitions: readonly { partition: number; topicId: string; startOffset: number; endOffset: number }[];
}

interface Subject {
  readonly topic: string;
  readonly dataset: string;
  readonly topicId: string;
  readonly truthDir: string;
  readonly snapshots: string;
  readonly truth: Program;
  readonly table: Program;
  readonly tableWatch: TableWatch;
  /** last stable offsets, by partition, as last heard */
  ends: readonly bigint[];
}

export interface RoundOptions {
  readonly number: number;
  readonly chaos: ChaosOptions;
  readonly cluster: Cluster;
  readonly python: string;
  readonly chains: ChainWatch;
  readonly departures: Departures;
  /** file of the scrapes */
  readonly samples: string;
  /** faults injected so far */
  readonly faults: () => number;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

export class Round {
  readonly load: Load;
  readonly #options: RoundOptions;
  readonly #subjects: readonly Subject[];
  readonly #dir: string;
  readonly #timers: NodeJS.Timeout[];
  #asking = false;

  private constructor(options: RoundOptions, dir: string, subjects: readonly Subject[]) {
    this.#options = options;
    this.#dir = dir;
    this.#subjects = subjects;
    const { python, cluster, chaos } = options;
    this.load = new Load({ python, brokers: cluster.kafka.brokers, topics: this.topics, dir, seed: chaos.seed }, chaos.rate);
    this.#timers = [
      setInterval(() => this.#poll(), POLL_INTERVAL_MS),
      setInterval(() => void this.#askEnds(), ENDS_INTERVAL_MS),
      setInterval(() => this.#adapt(), RATE_INTERVAL_MS),
    ];
  }

  /** Creates topics and datasets, and starts watchers and producers. */
  static async start(options: RoundOptions): Promise<Round> {
    const { number, chaos, cluster } = options;
    const dir = join(cluster.dir, `round-${number}`);
    const subjects: Subject[] = [];
    for (let index = 0; index < chaos.datasets; index++) {
      const name = `chaos-${number}-${index}`;
      subjects.push(await subject(options, dir, name, chaos.partitions));
    }
    return new Round(options, dir, subjects);
  }

  get topics(): string[] {
    return this.#subjects.map(({ topic }) => topic);
  }

  /** Offsets that Kafka has and the tables have not. */
  lag(): bigint {
    let lag = 0n;
    for (const { ends, tableWatch } of this.#subjects)
      for (const [partition, end] of ends.entries())
        lag += end > tableWatch.position(partition) ? end - tableWatch.position(partition) : 0n;
    return lag;
  }

  /**
   * Ends the producers, waits until Kafka is settled and the tables have everything, and judges every dataset.
   * @throws when it does not come to that within the bounds
   */
  async finish(): Promise<Verdict[]> {
    const { say } = this.#options;
    await this.load.stop();
    await this.#settled();
    const ends = await Promise.all(this.#subjects.map(({ truth }) => truth.stop().then(summaryOf)));
    say(`Kafka holds ${ends.reduce((sum, { records }) => sum + records, 0)} records; waiting for the tables`);
    await Promise.all(this.#subjects.map((each, index) => this.#caughtUp(each, ends[index] as TruthSummary)));
    await Promise.all(this.#subjects.map(({ table }) => table.stop()));
    this.#stopTimers();
    this.#poll();
    const verdicts: Verdict[] = [];
    for (const [index, each] of this.#subjects.entries()) {
      say(`judging ${each.dataset}`);
      verdicts.push(
        await judge(this.#options.cluster, this.#options.python, {
          ...each,
          ledgerDir: this.load.ledgerDir(each.topic),
          report: join(this.#dir, `${each.dataset}.report.json`),
          records: (ends[index] as TruthSummary).records,
          samples: this.#options.samples,
          faults: this.#options.faults(),
        }),
      );
    }
    return verdicts;
  }

  /** Ends whatever still runs. Idempotent. */
  async abandon(): Promise<void> {
    this.#stopTimers();
    await Promise.all([this.load.stop(), ...this.#subjects.flatMap(({ truth, table }) => [truth.kill(), table.kill()])]);
  }

  /** Forgets datasets, topics and all data of the round. */
  async remove(): Promise<void> {
    const { cluster, chains } = this.#options;
    for (const { topic, dataset } of this.#subjects) {
      await waitFor(
        `${dataset} deleted`,
        () => api(cluster.services.metastoreUrl, 'DELETE', `/v1/datasets/${dataset}`).then(() => true),
        (gone) => gone,
        FORGOTTEN_WITHIN_MS,
      );
      chains.unwatch(topic);
      await deleteTopic(cluster.kafka.brokers, topic);
      rmSync(join(cluster.rawDir, topic), { recursive: true, force: true });
      rmSync(join(cluster.tablesDir, dataset), { recursive: true, force: true });
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #poll(): void {
    this.#options.chains.poll();
    for (const { tableWatch } of this.#subjects) tableWatch.poll();
  }

  /** Also tells of partitions that have a new owner and nothing to land. */
  async #askEnds(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { cluster, chains, departures, now } = this.#options;
    for (const each of this.#subjects) {
      const ends = await topicEnds(cluster.kafka.brokers, each.topic, 'committed').catch(() => undefined);
      if (ends === undefined) continue;
      each.ends = ends;
      for (const place of departures.waiting()) {
        const [topic, partition] = place.split('/') as [string, string];
        const chain = topic === each.topic ? chains.at(place) : undefined;
        const end = ends[Number(partition)];
        if (chain !== undefined && end !== undefined && chain.end >= end) departures.advanced(place, chain.epoch, now());
      }
    }
    this.#asking = false;
  }

  #adapt(): void {
    const { chaos, say } = this.#options;
    const lag = Number(this.lag());
    const rate = nextRate(this.load.rate, lag, chaos.rate);
    if (rate === this.load.rate) return;
    say(`tables lag by ${lag} offsets: producers now write ${rate} records/s`);
    this.load.change(rate);
  }

  /** Waits until no transaction is open any more. */
  async #settled(): Promise<void> {
    const { brokers } = this.#options.cluster.kafka;
    for (const { topic } of this.#subjects)
      await waitFor(
        `transactions of ${topic} ended`,
        () => Promise.all([topicEnds(brokers, topic, 'committed'), topicEnds(brokers, topic, 'all')]),
        ([committed, all]) => committed.length > 0 && committed.every((end, partition) => end === all[partition]),
        SETTLED_WITHIN_MS,
      );
  }

  async #caughtUp({ dataset, tableWatch }: Subject, truth: TruthSummary): Promise<void> {
    const behind = () => truth.partitions.filter(({ partition, endOffset }) => tableWatch.position(partition) < BigInt(endOffset));
    for (const deadline = Date.now() + CATCH_UP_WITHIN_MS; behind().length > 0; await sleep(POLL_INTERVAL_MS)) {
      if (Date.now() < deadline) continue;
      const status = await api(this.#options.cluster.services.metastoreUrl, 'GET', `/v1/datasets/${dataset}/status`).catch(String);
      const where = behind().map(({ partition, endOffset }) => `${partition}: ${tableWatch.position(partition)} of ${endOffset}`);
      throw new Error(`${dataset} has not caught up after ${CATCH_UP_WITHIN_MS / 1000} s (${where.join('; ')}): ${JSON.stringify(status)}`);
    }
  }
}

async function subject(options: RoundOptions, dir: string, name: string, partitions: number): Promise<Subject> {
  const { cluster, python, chains } = options;
  const { brokers } = cluster.kafka;
  const { topicId } = await createTopic(brokers, name, partitions);
  const truthDir = join(dir, 'truth', name);
  mkdirSync(truthDir, { recursive: true });
  mkdirSync(join(dir, 'ledgers', name), { recursive: true });
  const start = (script: string, args: readonly string[]) =>
    startProgram({ python, script, args, name: `${script} ${name}`, logFile: join(dir, `${script}-${name}.log`), env: cluster.storeEnv });
  const truth = start('watch_truth.py', ['--brokers', brokers, '--topic', name, '--out', truthDir]);
  const snapshots = join(dir, `${name}.snapshots`);
  const table = start('watch_table.py', ['--tables-url', cluster.tablesUrl, '--dataset', name, '--out', snapshots]);
  // the metastore may be having a hard time from an earlier round
  await waitFor(
    `${name} registered`,
    () => createDataset(cluster.services.metastoreUrl, { name, kafkaTopic: name, pkFields: PK_FIELDS }),
    () => true,
    REGISTER_WITHIN_MS,
  );
  chains.watch(cluster.rawDir, name, topicId, partitions);
  const tableWatch = new TableWatch(cluster.tablesDir, name, topicId);
  return { topic: name, dataset: name, topicId, truthDir, snapshots, truth, table, tableWatch, ends: [] };
}

function summaryOf({ summary, code }: Ended): TruthSummary {
  const truth = summary as TruthSummary | undefined;
  if (truth === undefined || !truth.complete)
    throw new Error(`watch_truth.py ended with ${code} and could not read everything: ${JSON.stringify(summary)}`);
  return truth;
}
