import type { DatasetInput } from '@millrace/core/domain/dataset.ts';
import type { Acceptance } from '@millrace/core/domain/losses.ts';
import type { LandingReport, SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import type { AuditRow } from '../api/losses.ts';
import type { Intent } from '../view/decide.ts';
import type { Facts } from '../view/facts.ts';
import type { Accepted } from '../view/losses.ts';

/** Where a request of a person came from, for the audit. */
export type Who = { remote: string };

/** A POST that may be sent twice: the same key with the same request makes one dataset. Both are hashes. */
export type Idempotency = { keyHash: string; requestHash: string };

/** Decisions about landing. */
export type AcceptAction = 'accept_gap' | 'accept_cluster';

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
  /**
   * Stores a person's acceptance and raises the version, unless it stands there already. The same key with the same request decides once.
   * @throws kind `invalid`, code `not_found` or `idempotency_key_reused`; whatever `decide` throws
   */
  accept<A extends Acceptance>(
    name: string,
    action: AcceptAction,
    who: Who,
    idempotency: Idempotency | undefined,
    decide: (facts: Facts) => Accepted<A>,
  ): Promise<{ acceptance: A; made: boolean; replayed: boolean }>;
  /** Rows with an id above `after`, rising, at most `limit`; of all datasets when none is named. */
  audit(query: { dataset: string | undefined; after: string; limit: number }): Promise<AuditRow[]>;
  /**
   * Replaces what is known of the topic and these partitions; a partition reported under a newer epoch stays.
   * A loss that was not known before is told to the audit of every dataset of the topic.
   */
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
