import { createWorkerMetrics } from '@millrace/core/adapters/admin/worker-metrics.ts';
import type { Registry } from 'prom-client';
import { batchMetrics } from './metrics/batches.ts';
import { tableMetrics } from './metrics/tables.ts';

/** What phase 2 shows of itself. */
export type TransformerMetrics = ReturnType<typeof createMetrics>;

/** Registers phase 2's metrics, with zeros for all that is known from the start. Counters count what this process did since it started. */
export function createMetrics(registry: Registry) {
  const batches = batchMetrics(registry);
  const tables = tableMetrics(registry);
  return {
    ...createWorkerMetrics(registry),
    ...batches,
    ...tables,
    /** a dataset is worked on from now on */
    begin(dataset: string): void {
      batches.beginBatches(dataset);
      tables.beginTable(dataset);
    },
  };
}
