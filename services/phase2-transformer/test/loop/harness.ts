import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { Registry } from 'prom-client';
import type { TableFacts } from '../../src/formats/delta/metadata.ts';
import { Checkpointer } from '../../src/loop/checkpointer.ts';
import type { LegLimits } from '../../src/loop/leg-deps.ts';
import { createMetrics } from '../../src/loop/metrics.ts';
import { BatchSlots } from '../../src/loop/slots.ts';
import { Transformer } from '../../src/loop/transformer.ts';
import type { BatchCompute } from '../../src/workers/batch-worker-port.ts';
import { WorkerPool, workerPoolDefaults } from '../../src/workers/worker-pool.ts';

/** Of a table of the topic `orders` that has no columns yet. */
export const emptyTable: TableFacts = {
  schema: { columns: [], partitionColumns: [], undecided: [], maxFieldId: 0 },
  schemaVersion: 1,
  highestSchemaVersion: 1,
  topic: 'orders',
  mode: 'append',
  partitionKeys: [],
};

/** A metastore in memory: what is registered, and what was reported. */
export class HandMetastore implements Metastore {
  readonly registered = new Map<string, Dataset>();
  readonly reports = new Map<string, TableReport>();
  readonly schemas = new Map<string, SchemaVersionRecord>();
  away = false;

  register(input: Partial<Dataset> & { name: string; kafkaTopic: string }): Dataset {
    const dataset: Dataset = {
      mode: 'append',
      format: 'delta',
      pkFields: [],
      partitionKeys: [],
      startFrom: 'earliest',
      transforms: [],
      transformJars: [],
      id: crypto.randomUUID(),
      createdAt: new Date().toISOString(),
      version: 1,
      state: 'RUNNING',
      paused: false,
      resumeCount: 0,
      decisions: [],
      ...input,
    };
    this.registered.set(dataset.name, dataset);
    return dataset;
  }

  change(name: string, change: Partial<Dataset>): void {
    const dataset = this.registered.get(name);
    if (dataset === undefined) throw new Error(`no dataset ${name}`);
    this.registered.set(name, { ...dataset, ...change, version: dataset.version + 1 });
  }

  async datasets(): Promise<Dataset[]> {
    return [...this.registered.values()];
  }
  async reportLanding(): Promise<void> {}
  async reportTable(report: TableReport): Promise<void> {
    this.reports.set(report.datasetId, report);
  }
  async putSchemaVersion({ name }: Pick<Dataset, 'id' | 'name'>, record: SchemaVersionRecord): Promise<void> {
    this.schemas.set(`${name}/${record.version}`, record);
  }
}

export const handLimits: LegLimits = {
  bytesMax: 2 ** 20,
  recordsMax: 100_000,
  ageMs: 50,
  targetFileBytes: 2 ** 24,
  tablePartitionsPerCommitMax: 100,
};

/** One phase-2 process's inside, in this process. */
export function startTransformer(options: {
  raw: ObjectStore;
  tables: ObjectStore;
  metastore: HandMetastore;
  compute?: BatchCompute;
  limits?: Partial<LegLimits>;
  worker?: string;
  storeTrouble?: () => string | null;
}) {
  const compute = options.compute ?? new WorkerPool({ ...workerPoolDefaults, workers: 1 });
  const log = createLogger('test', process.env.TEST_LOG ?? 'silent');
  const stop = new AbortController();
  const registry = new Registry();
  const transformer = new Transformer(
    {
      metastore: options.metastore,
      raw: options.raw,
      tables: options.tables,
      compute,
      slots: new BatchSlots(2, 2 ** 26),
      checkpointer: new Checkpointer(async () => {}, systemClock, log),
      clock: systemClock,
      random: systemRandom,
      log,
      metrics: createMetrics(registry),
      worker: options.worker ?? 'test',
      storeTrouble: options.storeTrouble ?? (() => null),
    },
    { ...handLimits, ...options.limits },
  );
  const done = transformer.run(stop.signal);
  return {
    transformer,
    registry,
    async stop() {
      stop.abort();
      await done;
      if (options.compute === undefined) await compute.close();
    },
  };
}

/** Resolves when `condition` holds; fails with `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > until) throw new Error(`did not happen in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
