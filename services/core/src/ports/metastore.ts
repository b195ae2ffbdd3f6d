import type { Dataset } from '../domain/dataset.ts';
import type { LandingReport, SchemaVersionRecord, TableReport } from '../domain/reports.ts';

/**
 * The metastore as workers see it: consulted, never in the data path. Every request has its own deadline (5 s) and a call rejects with a
 * `MillraceError` of kind `unavailable` when it is away; a worker then goes on with the last good configuration.
 */
export interface Metastore {
  /** All datasets that are not deleted, by name. One request a page, so the deadline is per page; `signal` bounds the whole. */
  datasets(signal?: AbortSignal): Promise<Dataset[]>;
  /** Replaces what is known of these partitions of the topic. */
  reportLanding(report: LandingReport): Promise<void>;
  /** Replaces what is known of the dataset's table leg. */
  reportTable(report: TableReport): Promise<void>;
  /** Stores or replaces one version of a dataset's schema. Idempotent. @throws kind `invalid`, code `not_found`, also when another dataset has that name now */
  putSchemaVersion(dataset: Pick<Dataset, 'id' | 'name'>, record: SchemaVersionRecord): Promise<void>;
}
