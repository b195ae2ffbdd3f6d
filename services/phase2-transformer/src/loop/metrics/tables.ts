import { datasetStates } from '@millrace/core/domain/dataset.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import { changeKinds } from '@millrace/core/domain/table-schema.ts';
import { Counter, Gauge, type Registry } from 'prom-client';
import { sum } from '../../plan/ledger-sums.ts';
import type { TableLag } from '../leg-lag.ts';

const leg = 'table';

/** Metrics of what state tables are in. */
export function tableMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string, ...more: string[]) => new Gauge({ name, help, labelNames: ['dataset', ...more], registers });
  const pending = gauge('millrace_pending_offsets', 'Offsets landed and not yet in the table');
  const lagRecords = gauge(
    'millrace_lag_records',
    'Offsets that one leg of a dataset has not done yet: landing counts from Kafka, the table leg from what has landed. Sum it over workers',
    'leg',
  );
  const lagSeconds = gauge(
    'millrace_lag_seconds',
    'Seconds that the oldest record one leg of a dataset has not done yet has waited for it; 0 when none waits. Take the maximum over workers',
    'leg',
  );
  const oldest = gauge(
    'millrace_oldest_uncommitted_seconds',
    'Age, by Kafka’s timestamp, of the oldest landed record that is not in the table; 0 when there is none',
  );
  const difference = gauge(
    'millrace_reconciliation_difference',
    'Offsets covered minus committed, quarantined, dropped and gaps; must be 0',
  );
  const breaking = gauge('millrace_breaking_schema_change', '1 while a breaking schema change waits for a decision');
  const version = gauge('millrace_schema_version', 'Version of the schema the table has; 0 before its first commit');
  const changes = new Counter({
    name: 'millrace_schema_changes_total',
    help: 'Schema versions made, by kind; a breaking one waits for a decision',
    labelNames: ['dataset', 'kind'],
    registers,
  });
  const state = gauge('millrace_dataset_state', '1 for the state the table leg is in', 'state');
  /** highest schema version counted */
  const counted = new Map<string, number>();
  const kinds = changeKinds.filter((kind) => kind !== 'NONE');
  return {
    /** zeros of a dataset that is worked on from now on */
    beginTable(dataset: string): void {
      for (const one of [pending, oldest, difference, breaking, version]) one.set({ dataset }, 0);
      for (const one of [lagRecords, lagSeconds]) one.set({ dataset, leg }, 0);
      for (const kind of kinds) changes.inc({ dataset, kind }, 0);
      for (const name of datasetStates) state.set({ dataset, state: name }, 0);
    },
    reported(dataset: string, report: TableReport, lag: TableLag): void {
      let off = 0n;
      for (const partition of report.partitions)
        off +=
          partition.position -
          partition.startOffset -
          partition.committed -
          sum(partition.quarantined) -
          sum(partition.dropped) -
          sum(partition.gaps);
      difference.set({ dataset }, Number(off));
      pending.set({ dataset }, Number(lag.offsets));
      lagRecords.set({ dataset, leg }, Number(lag.offsets));
      lagSeconds.set({ dataset, leg }, lag.landedSeconds);
      oldest.set({ dataset }, lag.recordSeconds);
      breaking.set({ dataset }, report.state === 'BLOCKED' && report.block !== null ? 1 : 0);
      version.set({ dataset }, report.schemaVersion);
      for (const name of datasetStates) state.set({ dataset, state: name }, name === report.state ? 1 : 0);
    },
    /** a schema version was made, or the same one is told again: with a person's decision, or because what blocks was looked at anew */
    schemaChanged(dataset: string, { version: made, kind }: SchemaVersionRecord): void {
      if (made <= (counted.get(dataset) ?? 0)) return;
      counted.set(dataset, made);
      changes.inc({ dataset, kind });
    },
    /** the dataset is deleted, or another worker's: its counters stay, what is true of now does not */
    forget(dataset: string): void {
      counted.delete(dataset);
      for (const metric of [pending, oldest, difference, breaking, version]) metric.remove({ dataset });
      for (const metric of [lagRecords, lagSeconds]) metric.remove({ dataset, leg });
      for (const name of datasetStates) state.remove({ dataset, state: name });
    },
  };
}
