import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { deletedMarkerKey } from '@millrace/core/domain/keys.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import type { BatchCompute } from '../workers/batch-worker-port.ts';
import type { Checkpointer } from './checkpointer.ts';
import { DatasetLeg, type LegEvents, type LegLimits } from './dataset-leg.ts';
import { underTrouble } from './leg-status.ts';
import type { TransformerMetrics } from './metrics.ts';
import { Reporter } from './reporter.ts';
import type { BatchSlots } from './slots.ts';
import { Wake } from './wake.ts';

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
  /** why a store cannot be used now; null while both answer. Must not throw or block. */
  storeTrouble: () => string | null;
};

/** The metastore is asked for datasets and told of tables this often, ms. */
const roundMs = 2_000;
/** Events that come together are told together, ms. */
const gatherMs = 200;

/** Failing datasets named by the check. */
const checksShownMax = 5;

type Running = { leg: DatasetLeg; done: Promise<void>; touched: boolean };

/** All table legs of a process side by side: starts and ends them as the metastore's datasets come and go, and mirrors what they say. */
export class Transformer {
  readonly #deps: TransformerDeps;
  readonly #limits: LegLimits;
  readonly #legs = new Map<string, Running>();
  readonly #wake = new Wake();
  readonly #reporter: Reporter;
  /** monotonic ms of the next question for datasets */
  #syncAt = 0;
  /** deleted datasets whose marker is not written yet */
  readonly #unmarked = new Map<string, Dataset>();

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
    let datasets: Dataset[];
    try {
      datasets = await this.#deps.metastore.datasets(signal);
    } catch (error) {
      if (!isKind(error, 'unavailable')) this.#deps.log.error({ err: error }, 'the metastore cannot be asked for datasets');
      return;
    }
    const wanted = new Map(datasets.map((dataset) => [dataset.id, dataset]));
    for (const [id, running] of this.#legs) {
      const dataset = wanted.get(id);
      if (dataset === undefined) this.#end(id, running);
      else running.leg.update(dataset);
    }
    const names = new Set([...this.#legs.values()].map(({ leg }) => leg.dataset.name));
    // a dataset made again under the same name begins when the old one's leg has ended
    for (const dataset of datasets) if (!this.#legs.has(dataset.id) && !names.has(dataset.name)) this.#begin(dataset);
    await this.#mark();
  }

  #begin(dataset: Dataset): void {
    const { id, name } = dataset;
    const { raw, compute, clock, random, slots, log, worker, metrics, tables } = this.#deps;
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
        touch();
      },
      committed: (facts) => {
        metrics.committed(facts);
        log.info(
          {
            dataset: name,
            version: facts.version.toString(),
            records: facts.records.toString(),
            quarantined: facts.quarantined.toString(),
            ms: Math.round(facts.ms),
          },
          'committed',
        );
        if (facts.head.state !== undefined) this.#deps.checkpointer.consider(name, table, facts.head.state);
        touch();
      },
      dropped: metrics.dropped,
      failed: metrics.failed,
    };
    const leg = new DatasetLeg({ raw, table, compute, clock, random, slots, log, worker, events }, dataset, this.#limits);
    log.info({ dataset: name, topic: dataset.kafkaTopic }, 'the table leg begins');
    const done = leg
      .run()
      .catch((error: unknown) => log.error({ dataset: name, err: error, cause: describeError(error) }, 'the table leg ended by itself'));
    this.#legs.set(id, { leg, done, touched: true });
  }

  /** DELETE: work stops; raw and table stay, with a marker (R6). */
  #end(id: string, { leg, done }: Running): void {
    leg.stop('drop');
    void done.then(() => {
      if (!this.#legs.delete(id)) return;
      this.#unmarked.set(id, leg.dataset);
      this.#reporter.forget(id);
      this.#deps.metrics.forget(leg.dataset.name);
      this.#deps.checkpointer.forget(leg.dataset.name);
      this.#deps.log.info({ dataset: leg.dataset.name }, 'the dataset was deleted: its table leg has ended, raw and table stay');
      this.#syncAt = 0;
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
      this.#deps.metrics.reported(running.leg.dataset.name, report);
      return { report, touched };
    });
    await this.#reporter.send(reports);
  }
}
