import { z } from 'zod';
import { datasetState } from './dataset.ts';
import { partitionLedger } from './ledger.ts';
import { clusterChange, heldBack, suspectedLoss } from './losses.ts';
import { offsetText } from './offsets.ts';
import { topicId } from './source.ts';
import { changeKind } from './table-schema.ts';

/*
 * What workers tell the metastore. Reports are a mirror for people and for the REST status: losing one costs freshness of a page, never data.
 * Each replaces the one before for the same key.
 */

/** Phase 1 about one topic; key (topic, partition). `landed` and `end` are next offsets; `end` is the last stable offset. */
export const landingReport = z.strictObject({
  topic: z.string().min(1),
  worker: z.string(),
  /** null: the topic does not exist */
  topicId: topicId.nullable(),
  /** said once per topic, e.g. "topic does not exist", "identity check is off: …", "starts at 500 by startFrom latest" */
  notices: z.array(z.string()),
  partitions: z.array(
    z.strictObject({
      topicId,
      partition: z.number().int().min(0),
      landed: offsetText,
      end: offsetText.nullable(),
      epoch: offsetText,
      /** first offset of the chain */
      chainStart: offsetText,
      state: z.enum(['RUNNING', 'STOPPED', 'WAITING']),
      /** why it is not running, with the exact range where offsets are missing */
      reason: z.string().nullable(),
      /** a person has to decide about these offsets; left out when none are missing */
      loss: suspectedLoss.optional(),
      /** a transaction that has been open for long; left out when there is none */
      heldBack: heldBack.optional(),
    }),
  ),
  /** a person has to decide about the cluster; left out when it is the one the chains know */
  clusterChange: clusterChange.optional(),
});
export type LandingReport = z.infer<typeof landingReport>;

/** Why a table leg is blocked by its schema: what the metastore needs to turn a person's resume into a decision (R7). */
export const schemaBlock = z.strictObject({
  schemaVersion: z.number().int().min(1),
  changes: z.array(z.strictObject({ path: z.string(), types: z.array(z.string()) })),
  /** `<topicId>/<partition>` → first offending offset */
  firstOffsets: z.record(z.string(), offsetText),
});
export type SchemaBlock = z.infer<typeof schemaBlock>;

/** Phase 2 about one dataset; key dataset id. */
export const tableReport = z.strictObject({
  datasetId: z.string(),
  worker: z.string(),
  state: datasetState,
  /** one sentence for people, null when nothing is wrong */
  reason: z.string().nullable(),
  /** what a person can do, null when nothing */
  nextAction: z.string().nullable(),
  block: schemaBlock.nullable(),
  tableVersion: offsetText.nullable(),
  schemaVersion: z.number().int().min(0),
  lastCommit: z.strictObject({ version: offsetText, at: z.string(), records: offsetText, attemptId: z.string() }).nullable(),
  /** Kafka timestamp (ms) up to which everything landed is in the table; null when unknown */
  committedTimestamp: z.number().int().nullable(),
  partitions: z.array(partitionLedger.extend({ /** landed end as seen on the chain */ landed: offsetText })),
});
export type TableReport = z.infer<typeof tableReport>;

/** One schema version as stored and returned by GET …/schemas/{version}. */
export const schemaVersionRecord = z.strictObject({
  version: z.number().int().min(1),
  kind: changeKind,
  state: z.enum(['ACTIVE', 'BLOCKED', 'SUPERSEDED']),
  /** TableSchema of core/domain/table-schema.ts, as JSON */
  schema: z.unknown(),
  diff: z.array(
    z.strictObject({
      path: z.string(),
      from: z.string().nullable(),
      to: z.string(),
      first: z.strictObject({ topicId, partition: z.number().int(), offset: offsetText }).nullable(),
    }),
  ),
  /** offsets of the batch it was bound to: `<topicId>/<partition>` → `[startOffset, endOffset)` */
  ranges: z.record(z.string(), z.strictObject({ startOffset: offsetText, endOffset: offsetText })),
  reason: z.string().nullable(),
  createdAt: z.string(),
});
export type SchemaVersionRecord = z.infer<typeof schemaVersionRecord>;
