import { z } from 'zod';
import { gapCause, offsetText } from './offsets.ts';
import { topicId } from './source.ts';

/** Format number of ledger and quarantine objects written by this version. */
export const ledgerFormat = 1;

const counts = (key: z.ZodString | z.ZodEnum) => z.partialRecord(key as z.ZodString, offsetText);

/**
 * Sums of one source partition over `[startOffset, position)`, in source offsets. The law:
 * position − startOffset = committed + Σ quarantined + Σ dropped + Σ gaps.
 */
export const partitionLedger = z.strictObject({
  topic: z.string().min(1),
  topicId,
  partition: z.number().int().min(0),
  /** where the table begins on this chain */
  startOffset: offsetText,
  /** next offset */
  position: offsetText,
  /** seq of the chain entry the position lies in or ends */
  seq: offsetText,
  committed: offsetText,
  /** reason → offsets */
  quarantined: counts(z.string()),
  /** rule → offsets; `tombstone` is the one built-in rule */
  dropped: counts(z.string()),
  gaps: counts(gapCause as unknown as z.ZodString),
});
export type PartitionLedger = z.infer<typeof partitionLedger>;

/** A quarantine segment as the ledger names it. `key` is below the table root. */
export const quarantineSegmentRef = z.strictObject({
  key: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().min(1),
  records: offsetText,
});
export type QuarantineSegmentRef = z.infer<typeof quarantineSegmentRef>;

/** `<table>/_millrace/ledger/<id>.json`: immutable, written before the table commit that names it by the txn `millrace/ledger`. */
export const ledger = z.strictObject({
  format: z.literal(ledgerFormat),
  /** random, 1 … 2^53 − 1 */
  id: offsetText,
  previousId: offsetText.nullable(),
  attemptId: z.string().min(1),
  datasetId: z.string(),
  dataset: z.string(),
  datasetVersion: z.number().int().min(1),
  schemaVersion: z.number().int().min(0),
  createdAt: z.string(),
  /** R8: the half-of-10,000 check happens once; `waived` by a resume */
  floodCheck: z.enum(['pending', 'passed', 'waived']),
  partitions: z.array(partitionLedger),
  /** the whole open set, at most 1,000 */
  quarantineSegments: z.array(quarantineSegmentRef).max(1000),
});
export type Ledger = z.infer<typeof ledger>;

/** A run of neighbouring records set aside for one reason. Lines are zero-based within the raw object, half-open; so are offsets. */
export const quarantinePointer = z.strictObject({
  rawObject: z.string().min(1),
  topicId,
  partition: z.number().int().min(0),
  startLine: z.number().int().min(0),
  endLine: z.number().int().min(1),
  startOffset: offsetText,
  endOffset: offsetText,
  records: z.number().int().min(1),
  /** where it was found: `decode`, `infer` or `encode` */
  stage: z.string(),
  /** stable word, e.g. `not_json`, `integer_out_of_range` */
  reason: z.string(),
  /** first record's own words, at most 500 characters, with the path; never the data itself beyond that path */
  detail: z.string().max(500),
  datasetVersion: z.number().int().min(1),
  schemaVersion: z.number().int().min(0),
});
export type QuarantinePointer = z.infer<typeof quarantinePointer>;

export const quarantineSegment = z.strictObject({ format: z.literal(ledgerFormat), pointers: z.array(quarantinePointer) });

/** `<table>/_millrace/start/<topicId>-<partition>.json`: where a table begins on an existing chain, resolved once by put-if-absent. */
export const tableStart = z.strictObject({
  format: z.literal(ledgerFormat),
  topic: z.string().min(1),
  topicId,
  partition: z.number().int().min(0),
  startOffset: offsetText,
  /** seq of the chain entry to begin reading at */
  seq: offsetText,
  attemptId: z.string().min(1),
  createdAt: z.string(),
});
export type TableStart = z.infer<typeof tableStart>;
