import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { type FaultRates, Io } from '../engine/io.ts';
import { ModelStore } from '../engine/model-store.ts';
import type { Prng } from '../engine/prng.ts';
import { SimProcess } from '../engine/process.ts';
import { Scheduler } from '../engine/scheduler.ts';
import type { RunOptions, RunResult, World } from '../engine/world.ts';
import { SimTopic } from './chains.ts';
import { ForeignEngine, foreignDeeds } from './foreign-engine.ts';
import { ModelMetastore } from './metastore.ts';
import { TableWatch } from './table-watch.ts';
import { Workers } from './workers.ts';

const name = 'orders';
const topicName = 'orders';
/** Wall time at which every run begins. */
const beginsAtMs = Date.UTC(2026, 0, 1);
/** Faults come within this, ms of virtual time; then everything is healed. */
const activeMs = 12_000;
/** Once all is healed the table must have caught up within this, ms: the longest pause between two attempts is 30 s. */
const drainMsMax = 120_000;
/** Longer than any look at the table takes: nothing may happen to it any more. */
const restMs = 2_100;
const stepsMax = 60_000;

/** Two phase-2 workers, one dataset, a chain that grows while they work; everything they run is the real code. */
export const phase2World: World = { name: 'phase2', run: (seed, options) => new Phase2Run(seed, options ?? {}).run() };

class Phase2Run {
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #io: Io;
  readonly #raw: ModelStore;
  readonly #tables: ModelStore;
  readonly #metastore: ModelMetastore;
  readonly #topic: SimTopic;
  readonly #watch: TableWatch;
  readonly #foreign: ForeignEngine;
  readonly #workers: Workers;
  readonly #calm: boolean;
  readonly #startFrom: 'earliest' | 'latest';
  /** raw objects that could not be read for a while */
  readonly #hidden = new Map<string, Uint8Array>();
  #points = Number.POSITIVE_INFINITY;
  #healed = false;
  /** things a person did that end a batch */
  #interventions = 0;

  constructor(seed: number, { plan, calm, tracing }: RunOptions) {
    this.#calm = calm ?? false;
    this.#scheduler = new Scheduler(seed, tracing ?? false);
    this.#prng = this.#scheduler.prng.fork();
    const prng = this.#prng;
    this.#io = new Io(this.#scheduler, {
      rates: this.#calm ? {} : ratesOf(prng),
      plan,
      latencyMs: { min: 1, max: 20 },
      delayMs: { min: 50, max: 4_000 },
      timeoutMs: { min: 500, max: 5_000 },
      onCrash: (process) => this.#workers.died(process, this.#calm ? 500 : prng.int(0, 4_000)),
      onHeld: (_process, _point, release) => void this.#scheduler.after(prng.int(100, 15_000), release),
    });
    this.#raw = new ModelStore(this.#io);
    this.#tables = new ModelStore(this.#io, (key, body, before) => this.#watch.onWrite(key, body, before));
    this.#metastore = new ModelMetastore(this.#io, () => this.#now());
    this.#startFrom = !this.#calm && prng.chance(0.1) ? 'latest' : 'earliest';
    const partitions = this.#calm ? 2 : prng.int(1, 4);
    this.#topic = new SimTopic(
      this.#raw.objects,
      {
        topic: topicName,
        partitions,
        misfits: !this.#calm && this.#startFrom === 'earliest' && prng.chance(0.2),
        startOffsets: Array.from({ length: partitions }, () => prng.pick([0n, 0n, 7n, 2n ** 53n - 3n, 2n ** 62n])),
      },
      this.#now(),
    );
    this.#watch = new TableWatch(name, this.#tables.objects, (key) => this.#raw.objects.get(key) ?? this.#hidden.get(key), this.#topic);
    const put = (key: string, body: Uint8Array) => {
      this.#scheduler.note(() => `another engine: ${key}`);
      const before = this.#tables.objects.get(key);
      this.#tables.objects.set(key, body);
      this.#watch.onWrite(key, body, before);
    };
    this.#foreign = new ForeignEngine(name, this.#tables.objects, put, this.#watch, prng.fork());
    this.#workers = new Workers(
      { scheduler: this.#scheduler, io: this.#io, raw: this.#raw, tables: this.#tables, metastore: this.#metastore, watch: this.#watch },
      this.#calm
        ? { lost: 0, lateMs: 0, buildMs: 30, piecewise: 0 }
        : {
            lost: prng.pick([0, 0, 0.05]),
            lateMs: prng.pick([0, 5, 200]),
            buildMs: prng.pick([30, 30, 1_000]),
            piecewise: prng.pick([0, 0.3, 0.7]),
          },
    );
  }

  async run(): Promise<RunResult> {
    this.#metastore.register({ name, kafkaTopic: topicName, startFrom: this.#startFrom });
    if (this.#calm) this.#calmStory();
    else this.#story();
    const caughtUp = () => this.#healed && this.#watch.isCaughtUp && this.#isQuiet();
    const ended = await this.#scheduler.run(caughtUp, activeMs + drainMsMax, stepsMax);
    const broken = [...this.#watch.broken];
    if (ended !== 'done') broken.push(`the table has not caught up (${ended}): ${this.#leftOver()}`);
    else await this.#rest(broken);
    broken.push(...this.#workers.broken, ...this.#watch.broken.filter((words) => !broken.includes(words)));
    const { steps, trace } = this.#scheduler;
    return {
      broken,
      faults: this.#io.faults,
      compared: this.#watch.compared,
      points: this.#io.points.slice(0, this.#points),
      trace,
      digest: `${steps} steps, ${this.#io.points.length} requests, version ${this.#watch.version}, ledger ${this.#watch.ledger?.id}, ${this.#tables.objects.size} objects`,
    };
  }

  /** Nothing more may happen to a table that has caught up; then everybody stops, and the log is read once more from nothing. */
  async #rest(broken: string[]): Promise<void> {
    const { version } = this.#watch;
    this.#io.releaseHeld();
    await this.#scheduler.run(() => false, this.#scheduler.nowMs + restMs, stepsMax);
    if (this.#watch.version !== version) broken.push(`the table had caught up at version ${version} and is at ${this.#watch.version} now`);
    this.#workers.stop();
    await this.#scheduler.run(() => this.#workers.stopped, this.#scheduler.nowMs + 20_000, stepsMax);
    this.#watch.checkFiles();
    if (!this.#workers.stopped) broken.push('a worker that was told to stop has not ended after 20 s');
    // what is read now is no part of the story: nothing is planned for it
    this.#io.options.plan = undefined;
    this.#points = this.#io.points.length;
    const reader = new SimProcess('reader', this.#scheduler);
    let version2: bigint | undefined;
    void readTableState(scopedStore(this.#tables.view(reader), name)).then((state) => {
      version2 = state?.version;
    });
    await this.#scheduler.run(() => version2 !== undefined, this.#scheduler.nowMs + 20_000, stepsMax);
    if ((version2 ?? -1n) !== this.#watch.version)
      broken.push(`a new reader finds version ${version2}, written were ${this.#watch.version}`);
    const causes = this.#workers.causes + this.#workers.living + this.#interventions;
    this.#workers.kill();
    const batches = this.#workers.batches - this.#watch.commits;
    if (batches > causes) broken.push(`${batches} batches were built and not committed, ${causes} times was there a cause`);
  }

  #isQuiet(): boolean {
    const report = this.#metastore.reportOf(name);
    return this.#watch.removed === 0 && report?.state !== 'BLOCKED' && report?.state !== 'FAILED';
  }

  #leftOver(): string {
    const chains = this.#topic.chains.map((chain) => `${chain.key} at ${this.#watch.positionOf(chain)} of ${chain.endOffset}`);
    const report = this.#metastore.reportOf(name);
    return `${chains.join(', ')}; ${report?.state ?? 'no report'}: ${report?.reason ?? ''}`;
  }

  #now(): number {
    return beginsAtMs + Math.floor(this.#scheduler.nowMs);
  }

  #at(ms: number, deed: () => void): void {
    this.#scheduler.after(ms, deed);
  }

  /** The base run whose points are enumerated: some entries, two workers, another engine's commit. */
  #calmStory(): void {
    this.#workers.start(2);
    const prng = this.#prng.fork();
    for (const at of [0, 0, 0, 700, 1_500, 2_500]) this.#at(at, () => this.#topic.grow(prng, this.#now()));
    this.#at(2_000, () => void this.#foreign.do('append', this.#now()));
    this.#at(2_600, () => this.#heal());
  }

  #story(): void {
    const prng = this.#prng.fork();
    const often = (min: number, max: number, deed: () => void) => {
      for (let left = prng.int(min, max + 1); left > 0; left--) this.#at(prng.next() * activeMs, deed);
    };
    for (let entries = prng.int(0, 5); entries > 0; entries--) this.#topic.grow(prng, this.#now());
    this.#workers.start(prng.chance(0.85) ? 2 : 3);
    often(2, 9, () => this.#topic.grow(prng, this.#now()));
    if (prng.chance(0.2)) often(1, 1, () => this.#topic.recreate(this.#now()));
    often(0, 3, () => this.#workers.killOne(prng, prng.int(0, 5_000)));
    if (prng.chance(0.2)) often(1, 1, () => this.#workers.stopOne(prng, prng.int(0, 5_000)));
    if (prng.chance(0.5)) often(1, 2, () => this.#workers.stallOne(prng, prng.int(500, 12_000)));
    if (prng.chance(0.4)) often(1, 3, () => this.#foreignDeed(prng));
    if (prng.chance(0.2)) often(1, 1, () => this.#metastoreAway(prng.int(500, 15_000)));
    if (prng.chance(0.15)) often(1, 1, () => this.#makeAgain(prng.int(0, 6_000)));
    if (prng.chance(0.15)) often(1, 2, () => this.#pause(prng.int(100, 6_000)));
    if (prng.chance(0.1)) often(1, 1, () => this.#hideRawObject(prng));
    this.#at(activeMs, () => this.#heal());
    this.#at(500, () => this.#lookAfter());
  }

  /** Everything that hurts ends: what was held arrives, what was stopped goes on, people answer. */
  #heal(): void {
    this.#scheduler.note(() => 'all is healed');
    this.#healed = true;
    this.#io.options.rates = {};
    this.#io.releaseHeld();
    this.#metastore.away = false;
    this.#workers.healAll();
    this.#foreign.repair(this.#now());
    if (this.#calm) this.#lookAfter();
  }

  /** A person who looks at the status now and then, and answers a block. */
  #lookAfter(): void {
    const report = this.#metastore.reportOf(name);
    if (report?.state === 'BLOCKED') {
      this.#interventions += 2;
      this.#io.count('resume after a block');
      this.#foreign.repair(this.#now());
      this.#metastore.resume(name, this.#topic);
    }
    this.#at(1_500, () => this.#lookAfter());
  }

  #foreignDeed(prng: Prng): void {
    const deed = prng.pick(foreignDeeds);
    if (this.#healed || !this.#foreign.do(deed, this.#now())) return;
    this.#interventions += 2;
    this.#io.count(`foreign ${deed}`);
  }

  #metastoreAway(ms: number): void {
    this.#io.count('metastore away');
    this.#metastore.away = true;
    this.#at(ms, () => {
      this.#metastore.away = false;
    });
  }

  /** DELETE, and the same dataset again: it goes on from the table. */
  #makeAgain(afterMs: number): void {
    if (!this.#metastore.datasets.has(name)) return;
    this.#io.count('dataset made again');
    this.#interventions += 2;
    this.#metastore.remove(name);
    this.#at(afterMs, () => this.#metastore.register({ name, kafkaTopic: topicName, startFrom: this.#startFrom }));
  }

  #pause(ms: number): void {
    this.#io.count('dataset paused');
    this.#interventions += 2;
    this.#metastore.change(name, { paused: true });
    this.#at(ms, () =>
      this.#metastore.change(name, { paused: false, resumeCount: (this.#metastore.datasets.get(name)?.resumeCount ?? 0) + 1 }),
    );
  }

  /** A raw object cannot be read for a while. */
  #hideRawObject(prng: Prng): void {
    const keys = this.#raw.keys().filter((key) => key.endsWith('.zst'));
    if (keys.length === 0) return;
    const key = prng.pick(keys);
    const body = this.#raw.objects.get(key);
    if (body === undefined) return;
    this.#io.count('raw object hidden');
    this.#raw.objects.delete(key);
    this.#hidden.set(key, body);
    this.#at(prng.int(500, 10_000), () => this.#raw.objects.set(key, body));
  }
}

/** How hard the store is to work with in this run. */
function ratesOf(prng: Prng): FaultRates {
  const level = prng.pick([0, 0.002, 0.01, 0.03]);
  return {
    error: level * prng.next(),
    lost: (level * prng.next()) / 2,
    answerLost: level * prng.next(),
    doubled: level * prng.next(),
    held: level * prng.next() * 2,
    delayed: level * prng.next() * 2,
    crashBefore: (level * prng.next()) / 4,
    crashAfter: (level * prng.next()) / 4,
  };
}
