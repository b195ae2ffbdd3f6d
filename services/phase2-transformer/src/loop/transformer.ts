import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Announcement } from '@millrace/core/domain/announcement.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { deletedMarkerKey } from '@millrace/core/domain/keys.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { Tracer } from '@millrace/core/ports/tracer.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import type { BatchCompute } from '../workers/batch-worker-port.ts';
import type { Checkpointer } from './checkpointer.ts';
import { commitLine } from './commit-line.ts';
import { DatasetLeg } from './dataset-leg.ts';
import type { LegEvents, LegLimits } from './leg-deps.ts';
import { underTrouble } from './leg-status.ts';
import type { TransformerMetrics } from './metrics.ts';
import { OthersLog } from './others-log.ts';
import { Reporter } from './reporter.ts';
import type { BatchSlots } from './slots.ts';
import { Wake } from './wake.ts';
import type { ShareHandler, WorkShare } from './work-share.ts';

export type TransformerDeps = {
  metastore: Metastore;
  raw: ObjectStore;
  tables: ObjectStore;
  compute: BatchCompute;
  slots: BatchSlots;
  checkpointer: Checkpointer;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: TransformerMetrics;
  /** name of this process in reports */
  worker: string;
  /** is told of each batch; without one nothing is traced */
  tracer?: Tracer | undefined;
  /** why a store cannot be used now; null while both answer. Must not throw or block. */
  storeTrouble: () => string | null;
  /** which datasets are worked on here; without it all are */
  share?: WorkShare | undefined;
};

/** The metastore is asked for datasets and told of tables this often, ms. */
const roundMs = 2_000;
/** Events that come together are told together, ms. */
const gatherMs = 200;

/** Failing datasets named by the check. */
const checksShownMax = 5;

/** `ending`: why the leg was asked to end; its place is free when it has. */
type Running = { leg: DatasetLeg; done: Promise<void>; touched: boolean; ending: 'deleted' | 'not_ours' | undefined };

/** All table legs of a process side by side: starts and ends them as the metastore's datasets and our share of them come and go, and mirrors what they say. */
export class Transformer implements ShareHandler {
  readonly #deps: TransformerDeps;
  readonly #limits: LegLimits;
  readonly #legs = new Map<string, Running>();
  readonly #wake = new Wake();
  readonly #reporter: Reporter;
  /** monotonic ms of the next question for datasets */
  #syncAt = 0;
  /** deleted datasets whose marker is not written yet */
  readonly #unmarked = new Map<string, Dataset>();
  /** as last told; undefined before the first answer */
  #datasets: readonly Dataset[] | undefined;
  #stopped = false;

  constructor(deps: TransformerDeps, limits: LegLimits) {
    this.#deps = deps;
    this.#limits = limits;
    this.#reporter = new Reporter(deps.metastore, deps.clock, deps.log);
  }

  /** Works until the signal; then lets every leg finish or drop its batch and resolves. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const up = () => this.#wake.up();
    signal.addEventListener('abort', up, { once: true });
    const { clock } = this.#deps;
    while (!signal.aborted) {
      if (clock.monotonic() >= this.#syncAt) {
        this.#syncAt = clock.monotonic() + roundMs;
        await this.#sync(signal);
      }
      await clock.sleep(gatherMs, signal);
      await this.#report();
      if (!signal.aborted) await this.#wake.sleep(clock, Math.max(0, this.#syncAt - clock.monotonic()));
    }
    this.#stopped = true;
    for (const { leg } of this.#legs.values()) leg.stop();
    await Promise.all([...this.#legs.values()].map(({ done }) => done));
    await this.#report();
  }

  /** For /readyz: not met when no dataset's table leg can work; the detail names those that cannot. A blocked one is as ready as it can be. */
  check(): Check {
    const failed = [...this.#legs.values()].flatMap(({ leg }) =>
      leg.hindrance?.kind === 'failed' ? [`${leg.dataset.name}: ${leg.hindrance.reason}`] : [],
    );
    const shown = failed.slice(0, checksShownMax).join('; ');
    return {
      name: 'tables',
      ok: failed.length === 0 || failed.length < this.#legs.size,
      detail: failed.length === 0 ? null : `${failed.length} of ${this.#legs.size} datasets fail: ${shown}`,
    };
  }

  async #sync(signal: AbortSignal): Promise<void> {
    try {
      this.#datasets = await this.#deps.metastore.datasets(signal);
    } catch (error) {
      if (!isKind(error, 'unavailable')) this.#deps.log.error({ err: error }, 'the metastore cannot be asked for datasets');
      return;
    }
    this.#apply();
    await this.#mark();
  }

  /** Begins and ends legs as the datasets and our share of them say. */
  #apply(): void {
    if (this.#datasets === undefined || this.#stopped) return;
    const wanted = new Map(this.#datasets.map((dataset) => [dataset.id, dataset]));
    for (const [id, running] of this.#legs) {
      const dataset = wanted.get(id);
      if (dataset === undefined) this.#end(id, running, 'deleted');
      else if (!this.#isOurs(dataset)) this.#end(id, running, 'not_ours');
      else running.leg.update(dataset);
    }
    const names = new Set([...this.#legs.values()].map(({ leg }) => leg.dataset.name));
    // a dataset made again under the same name begins when the old one's leg has ended
    for (const dataset of this.#datasets)
      if (!this.#legs.has(dataset.id) && !names.has(dataset.name) && this.#isOurs(dataset)) this.#begin(dataset);
  }

  #isOurs(dataset: Dataset): boolean {
    return this.#deps.share?.holds(dataset.kafkaTopic) ?? true;
  }

  gained(): void {
    this.#apply();
  }

  async released(): Promise<void> {
    this.#apply();
    await Promise.all([...this.#legs.values()].filter(({ ending }) => ending !== undefined).map(({ done }) => done));
  }

  announced(news: Announcement): void {
    for (const { leg } of this.#legs.values()) if (leg.dataset.kafkaTopic === news.topic) leg.announced(news);
  }

  isDone(news: Announcement): boolean {
    const of = this.#datasets?.filter(({ kafkaTopic }) => kafkaTopic === news.topic);
    return of?.every(({ id }) => this.#legs.get(id)?.leg.isDoneWith(news) ?? false) ?? false;
  }

  #begin(dataset: Dataset): void {
    const { id, name } = dataset;
    const { raw, compute, clock, random, slots, log, worker, metrics, tables, tracer } = this.#deps;
    const table = scopedStore(tables, name);
    const touch = () => {
      const running = this.#legs.get(id);
      if (running !== undefined) running.touched = true;
      this.#wake.up();
    };
    const events: LegEvents = {
      changed: touch,
      schemaVersion: (record) => {
        this.#reporter.schemaVersion({ id, name }, record);
        metrics.schemaChanged(name, record);
        touch();
      },
      committed: (facts) => {
        metrics.committed(facts);
        log.info(commitLine(dataset, facts), 'committed');
        if (facts.head.state !== undefined) this.#deps.checkpointer.consider(name, table, facts.head.state);
        touch();
      },
      dropped: metrics.dropped,
      failed: metrics.failed,
    };
    const leg = new DatasetLeg(
      { raw, table, compute, clock, random, slots, log, worker, events, tracer, meter: metrics, others: new OthersLog() },
      dataset,
      this.#limits,
    );
    metrics.begin(name);
    log.info({ dataset: name, topic: dataset.kafkaTopic }, 'the table leg begins');
    const done = leg
      .run()
      .catch((error: unknown) => log.error({ dataset: name, err: error, cause: describeError(error) }, 'the table leg ended by itself'));
    this.#legs.set(id, { leg, done, touched: true, ending: undefined });
  }

  /** `deleted`: work stops at once; raw and table stay, with a marker (R6). `not_ours`: what has landed is still committed, when that is done in time. */
  #end(id: string, running: Running, why: 'deleted' | 'not_ours'): void {
    const { leg, done } = running;
    leg.stop(why === 'deleted' ? 'drop' : 'finish');
    const isFirst = running.ending === undefined;
    if (running.ending !== 'deleted') running.ending = why;
    if (!isFirst) return;
    void done.then(() => {
      if (!this.#legs.delete(id)) return;
      const isDeleted = running.ending === 'deleted';
      if (isDeleted) this.#unmarked.set(id, leg.dataset);
      this.#reporter.forget(id);
      this.#deps.metrics.forget(leg.dataset.name);
      this.#deps.checkpointer.forget(leg.dataset.name);
      this.#deps.log.info(
        { dataset: leg.dataset.name },
        isDeleted
          ? 'the dataset was deleted: its table leg has ended, raw and table stay'
          : 'the table leg has ended: the dataset is another worker’s',
      );
      if (isDeleted) this.#syncAt = 0;
      else this.#apply();
      this.#wake.up();
    });
  }

  async #mark(): Promise<void> {
    for (const [id, dataset] of this.#unmarked) {
      const body = JSON.stringify({
        format: 1,
        datasetId: id,
        dataset: dataset.name,
        seenAt: new Date(this.#deps.clock.now()).toISOString(),
      });
      try {
        await this.#deps.tables.put(`${dataset.name}/${deletedMarkerKey(id)}`, new TextEncoder().encode(`${body}\n`));
        this.#unmarked.delete(id);
      } catch (error) {
        this.#deps.log.warn({ dataset: dataset.name, err: error }, 'the marker of a deleted dataset is not written yet');
      }
    }
  }

  async #report(): Promise<void> {
    const reports = [...this.#legs.values()].map((running) => {
      const { touched } = running;
      running.touched = false;
      const report = underTrouble(running.leg.report(), this.#deps.storeTrouble());
      this.#deps.metrics.reported(running.leg.dataset.name, report, running.leg.lag(report.partitions));
      return { report, touched };
    });
    await this.#reporter.send(reports);
  }
}
