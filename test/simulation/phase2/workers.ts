import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { Checkpointer } from '@millrace/phase2-transformer/loop/checkpointer.ts';
import type { LegLimits } from '@millrace/phase2-transformer/loop/leg-deps.ts';
import { createMetrics } from '@millrace/phase2-transformer/loop/metrics.ts';
import { BatchSlots } from '@millrace/phase2-transformer/loop/slots.ts';
import { Transformer } from '@millrace/phase2-transformer/loop/transformer.ts';
import { Registry } from 'prom-client';
import type { Io } from '../engine/io.ts';
import type { ModelStore } from '../engine/model-store.ts';
import type { Prng } from '../engine/prng.ts';
import { SimProcess } from '../engine/process.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { inlineCompute } from './compute.ts';
import type { ModelMetastore } from './metastore.ts';
import type { TableWatch } from './table-watch.ts';

/** Batches of a few entries. */
const limits: LegLimits = { bytesMax: 700, recordsMax: 40, ageMs: 800, targetFileBytes: 30, tablePartitionsPerCommitMax: 100 };
/** One raw object a batch, at once: two workers then come to commit offsets of different partitions over one head. */
const piecewise: LegLimits = { ...limits, bytesMax: 1, recordsMax: 1, ageMs: 0 };

type Outside = { scheduler: Scheduler; io: Io; raw: ModelStore; tables: ModelStore; metastore: ModelMetastore; watch: TableWatch };
/** `lost`: share of batches whose decode thread dies; timers fire up to `lateMs` late; a batch takes up to `buildMs`; share of workers that work piece by piece. */
type Hardship = { lost: number; lateMs: number; buildMs: number; piecewise: number };
type Running = { process: SimProcess; stop: AbortController; done: boolean; place: number };

/** The phase-2 processes of a run: real transformers, each in a process that can die, be stopped and come back. */
export class Workers {
  readonly broken: string[] = [];
  /** batches that were built to their end */
  batches = 0;
  /** endings of a batch that leave files behind: dropped, failed, died, stopped */
  causes = 0;
  readonly #outside: Outside;
  readonly #hardship: Hardship;
  readonly #running: Running[] = [];
  #begun = 0;
  #healed = false;
  #ending = false;

  constructor(outside: Outside, hardship: Hardship) {
    this.#outside = outside;
    this.#hardship = hardship;
  }

  start(count: number): void {
    for (let place = 0; place < count; place++) this.#begin(place);
  }

  get stopped(): boolean {
    return this.#running.every(({ done, process }) => done || !process.alive);
  }

  /** Processes that live, each of which may have a batch under way. */
  get living(): number {
    return this.#running.filter(({ process }) => process.alive).length;
  }

  /** A process died by its own request; another takes its place. */
  died(process: SimProcess, afterMs: number): void {
    const worker = this.#running.find((one) => one.process === process);
    if (worker === undefined) return;
    this.causes++;
    this.#replace(worker, afterMs);
  }

  killOne(prng: Prng, afterMs: number): void {
    const worker = this.#pick(prng);
    if (worker === undefined) return;
    this.#outside.io.count('kill');
    this.causes++;
    worker.process.kill();
    this.#replace(worker, afterMs);
  }

  /** SIGTERM, and another in its place. */
  stopOne(prng: Prng, afterMs: number): void {
    const worker = this.#pick(prng);
    if (worker === undefined) return;
    this.#outside.io.count('stop');
    this.causes++;
    worker.stop.abort();
    this.#replace(worker, afterMs);
  }

  /** SIGSTOP; meanwhile, mostly, another takes its place, and the zombie wakes beside it. */
  stallOne(prng: Prng, forMs: number): void {
    const worker = this.#pick(prng);
    if (worker === undefined) return;
    this.#outside.io.count('stall');
    worker.process.pause();
    this.#outside.scheduler.after(forMs, () => worker.process.resume());
    if (prng.chance(0.5)) this.#replace(worker, prng.int(0, forMs));
  }

  /** Everybody who lives goes on, and each place has somebody who lives. */
  healAll(): void {
    this.#healed = true;
    for (const { process } of this.#running) process.resume();
  }

  stop(): void {
    this.#ending = true;
    for (const { stop } of this.#running) stop.abort();
  }

  kill(): void {
    for (const { process } of this.#running) process.kill();
  }

  #pick(prng: Prng): Running | undefined {
    if (this.#healed) return undefined;
    const living = this.#running.filter(({ process, done }) => process.alive && !process.paused && !done);
    return living.length === 0 ? undefined : prng.pick(living);
  }

  #replace(worker: Running, afterMs: number): void {
    this.#outside.scheduler.after(afterMs, () => this.#begin(worker.place));
  }

  #begin(place: number): void {
    if (this.#ending) return;
    const { scheduler, raw, tables, metastore } = this.#outside;
    const { lost, lateMs, buildMs } = this.#hardship;
    const process = new SimProcess(`worker-${place}.${this.#begun++}`, scheduler, { lateness: { minMs: 0, maxMs: lateMs } });
    const running: Running = { process, stop: new AbortController(), done: false, place };
    this.#running.push(running);
    const log = this.#log(process);
    const compute = inlineCompute(process, scheduler.prng.fork(), { ms: { min: 0, max: buildMs }, lost }, () => {
      this.batches++;
    });
    const transformer = new Transformer(
      {
        metastore: metastore.view(process),
        raw: raw.view(process),
        tables: tables.view(process),
        compute,
        slots: new BatchSlots(2, 2 ** 20),
        checkpointer: new Checkpointer(async () => {}, process.clock, log),
        clock: process.clock,
        random: process.random,
        log,
        metrics: {
          ...createMetrics(new Registry()),
          committed: ({ version, attemptId }) => this.#outside.watch.acknowledged(version, attemptId),
          dropped: () => void this.causes++,
          failed: () => void this.causes++,
        },
        worker: process.name,
        storeTrouble: () => null,
      },
      scheduler.prng.chance(this.#hardship.piecewise) ? piecewise : limits,
    );
    transformer.run(running.stop.signal).then(
      () => {
        running.done = true;
      },
      (error: unknown) => this.broken.push(`${process.name}: the transformer rejected: ${describeError(error)}`),
    );
  }

  /** Lines of the trace; an error that is logged as such breaks a law. */
  #log(process: SimProcess): Logger {
    const note = (fields: unknown, words?: string) => {
      const { err, ...more } = fields as { err?: unknown };
      this.#outside.scheduler.note(
        () => `${process.name}: "${words}" ${err === undefined ? '' : describeError(err)} ${JSON.stringify(more, plain)}`,
      );
    };
    const error = (fields: unknown, words?: string) => {
      note(fields, words);
      // a source that stops until its object is back is said as an error too; that one is meant
      if (words === undefined || !/^source partition .* stops/.test(words))
        this.broken.push(`${process.name} logged an error: ${words} ${describeError((fields as { err?: unknown }).err)}`);
    };
    return { debug: note, info: note, warn: note, error, fatal: error, trace: note } as unknown as Logger;
  }
}

const plain = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
