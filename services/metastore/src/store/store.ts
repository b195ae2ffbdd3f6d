import type { DatasetInput } from '@millrace/core/domain/dataset.ts';
import type { LandingReport, SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import type { Intent } from '../view/decide.ts';
import type { Facts } from '../view/facts.ts';

/** Where a request of a person came from, for the audit. */
export type Who = { remote: string };

/** A POST that may be sent twice: the same key with the same request makes one dataset. Both are hashes. */
export type Idempotency = { keyHash: string; requestHash: string };

/**
 * What the API needs of the database. Every call is one transaction or one statement. Rejections: kind `unavailable` while the database is away;
 * others as said. Checks given as functions run inside the transaction, on facts nobody changes meanwhile, and veto by throwing.
 */
export interface MetadataStore {
  /** Live datasets by name, strictly after `after`, at most `limit`. */
  list(after: string, limit: number): Promise<Facts[]>;
  get(name: string): Promise<Facts | undefined>;
  /**
   * Registers a dataset with version 1.
   * @throws kind `conflict`, code `dataset_exists`; kind `invalid`, code `idempotency_key_reused`, for another request under a used key
   */
  create(input: DatasetInput, who: Who, idempotency: Idempotency | undefined): Promise<{ facts: Facts; replayed: boolean }>;
  /** Marks a live dataset deleted; its name is free. @throws kind `invalid`, code `not_found` */
  remove(name: string, who: Who, check: (facts: Facts) => void): Promise<void>;
  /**
   * Changes people's intents and raises the version; nothing changes when `decide` returns undefined.
   * @throws kind `invalid`, code `not_found`
   */
  change(name: string, action: 'pause' | 'resume', who: Who, decide: (facts: Facts) => Intent | undefined): Promise<Facts>;
  /** Replaces what is known of the topic and these partitions; a partition reported under a newer epoch stays. */
  saveLanding(report: LandingReport): Promise<void>;
  /** Replaces the table report. @throws kind `invalid`, code `not_found`, when the dataset does not live */
  saveTable(report: TableReport): Promise<void>;
  /**
   * Stores or replaces one schema version of a live dataset.
   * @param datasetId the dataset it was made for; undefined when the caller did not say
   * @throws kind `invalid`, code `not_found`, also when the dataset of that name is another one
   */
  saveSchemaVersion(name: string, datasetId: string | undefined, record: SchemaVersionRecord): Promise<void>;
  /** All schema versions of a live dataset, rising. @throws kind `invalid`, code `not_found` */
  schemaVersions(name: string): Promise<SchemaVersionRecord[]>;
  schemaVersion(name: string, version: number): Promise<SchemaVersionRecord | undefined>;
}
