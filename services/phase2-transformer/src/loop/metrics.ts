import { datasetStates } from '@millrace/core/domain/dataset.ts';
import type { TableReport } from '@millrace/core/domain/reports.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { sum } from '../plan/ledger-sums.ts';
import type { LegEvents } from './dataset-leg.ts';

const labelNames = ['dataset'] as const;

/** What phase 2 shows of itself. Few: one line each a person would look at. */
export type TransformerMetrics = {
  committed: LegEvents['committed'];
  dropped(dataset: string): void;
  failed(dataset: string): void;
  /** gauges from what a leg reports */
  reported(dataset: string, report: TableReport): void;
  /** a deleted dataset is not shown any more */
  forget(dataset: string): void;
};

/** Registers the metrics. @see README, metrics */
export function createMetrics(registry: Registry): TransformerMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const records = counter('millrace_committed_records_total', 'Records committed to the table');
  const quarantined = counter('millrace_quarantined_records_total', 'Records set aside with a pointer into raw');
  const droppedRecords = counter('millrace_dropped_records_total', 'Records discarded by a named rule');
  const bytes = counter('millrace_committed_json_bytes_total', 'Bytes of raw lines committed, before compression');
  const commits = counter('millrace_table_commits_total', 'Table commits');
  const droppedBatches = counter(
    'millrace_dropped_batches_total',
    'Batches dropped because another worker was faster or the table changed',
  );
  const failures = counter('millrace_table_failures_total', 'Attempts of the table leg that failed and were repeated');
  const seconds = new Histogram({
    name: 'millrace_batch_seconds',
    help: 'Time from reading raw to the commit',
    labelNames,
    registers,
    buckets: [0.1, 0.3, 1, 3, 10, 30, 100],
  });
  const pending = gauge('millrace_pending_offsets', 'Offsets landed and not yet in the table');
  const lawDifference = gauge('millrace_law_difference', 'Offsets covered minus committed, quarantined, dropped and gaps; must be 0');
  const breaking = gauge('millrace_breaking_schema_change', '1 while a breaking schema change waits for a decision');
  const state = new Gauge({
    name: 'millrace_dataset_state',
    help: '1 for the state the table leg is in',
    labelNames: ['dataset', 'state'],
    registers,
  });

  return {
    committed(facts) {
      const labels = { dataset: facts.dataset };
      records.inc(labels, Number(facts.records));
      quarantined.inc(labels, Number(facts.quarantined));
      droppedRecords.inc(labels, Number(facts.dropped));
      bytes.inc(labels, facts.bytes);
      commits.inc(labels);
      seconds.observe(labels, facts.ms / 1000);
    },
    dropped: (dataset) => droppedBatches.inc({ dataset }),
    failed: (dataset) => failures.inc({ dataset }),
    reported(dataset, report) {
      let waiting = 0n;
      let difference = 0n;
      for (const partition of report.partitions) {
        waiting += partition.landed - partition.position;
        difference +=
          partition.position -
          partition.startOffset -
          partition.committed -
          sum(partition.quarantined) -
          sum(partition.dropped) -
          sum(partition.gaps);
      }
      pending.set({ dataset }, Number(waiting));
      lawDifference.set({ dataset }, Number(difference));
      breaking.set({ dataset }, report.state === 'BLOCKED' && report.block !== null ? 1 : 0);
      for (const name of datasetStates) state.set({ dataset, state: name }, name === report.state ? 1 : 0);
    },
    forget(dataset) {
      for (const metric of [pending, lawDifference, breaking]) metric.remove({ dataset });
      for (const name of datasetStates) state.remove({ dataset, state: name });
    },
  };
}
