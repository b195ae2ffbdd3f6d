import { z } from 'zod';
import { MillraceError } from './errors.ts';
import { gap, offsetText } from './offsets.ts';
import { sourceIdentity, topicId } from './source.ts';

/** Format number of chain entries and start objects written by this version. A reader that meets a newer one stops; it never skips. */
export const chainFormat = 1;

const timestampMs = z.number().int().nullable();

/** A raw object as a chain entry names it. `bytes` and `sha256` (lower-case hex) are of the stored, compressed bytes. */
export const rawObject = z.strictObject({
  /** key below MILLRACE_RAW_URL */
  key: z.string().min(1),
  bytes: z.number().int().min(1),
  /** size of the lines before compression, LF included */
  linesBytes: z.number().int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  recordCount: z.number().int().min(1),
  startOffset: offsetText,
  endOffset: offsetText,
  /** Kafka timestamps of the first and last record, ms since 1970; null for Kafka's -1 */
  firstTimestamp: timestampMs,
  lastTimestamp: timestampMs,
});
export type RawObject = z.infer<typeof rawObject>;

const common = {
  format: z.literal(chainFormat),
  seq: offsetText,
  /** ULID of the attempt that wrote this entry: how a writer knows its own after an unknown outcome */
  attemptId: z.string().min(1),
  /** writer epoch; raised by each claim, never falls along a chain */
  epoch: offsetText,
  source: sourceIdentity,
  /** `[startOffset, endOffset)` is dense along the chain: an entry starts where the one before ended */
  startOffset: offsetText,
  endOffset: offsetText,
  /** Kafka leader epoch of the last record up to endOffset; null when unknown */
  leaderEpoch: z.number().int().min(0).nullable(),
  /** which process wrote it, for people */
  writer: z.string(),
  /** ISO 8601 UTC, by the writer's clock, for people */
  createdAt: z.string(),
};

/** A new owner raises the epoch before it reads Kafka. Covers no offsets: endOffset = startOffset. */
export const claimEntry = z.strictObject({ kind: z.literal('claim'), ...common });
/** Checkpoint and publication in one: records of `objects` and the holes `gaps` cover `[startOffset, endOffset)` exactly. No objects = control records at the end (R12). */
export const dataEntry = z.strictObject({ kind: z.literal('data'), ...common, objects: z.array(rawObject), gaps: z.array(gap) });
/** An acknowledged loss with its cause (R12): one gap over the whole range. */
export const gapEntry = z.strictObject({ kind: z.literal('gap'), ...common, gaps: z.array(gap).length(1), reason: z.string() });
/** The incarnation is gone: another topic id was confirmed for the name (R1). Only a claim with the same id may follow. */
export const closeEntry = z.strictObject({ kind: z.literal('close'), ...common, reason: z.string() });

export const chainEntry = z.discriminatedUnion('kind', [claimEntry, dataEntry, gapEntry, closeEntry]);
export type ChainEntry = z.infer<typeof chainEntry>;
export type ClaimEntry = z.infer<typeof claimEntry>;
export type DataEntry = z.infer<typeof dataEntry>;
export type GapEntry = z.infer<typeof gapEntry>;
export type CloseEntry = z.infer<typeof closeEntry>;

const offsetsByPartition = z.record(z.string().regex(/^(0|[1-9][0-9]{0,4})$/), offsetText);

/** `_chain/<topicId>/start.json`: first offsets of an incarnation's chains; partitions not in it start at 0. */
export const chainStart = z.strictObject({
  format: z.literal(chainFormat),
  topicId,
  topic: z.string().min(1),
  clusterId: z.string().min(1),
  startFrom: z.enum(['earliest', 'latest']),
  /** decimal partition number → first offset */
  partitions: offsetsByPartition,
  /** last stable offsets at that time, where landing begins before them: a table that wishes for `latest` begins no earlier. Absent when all that was there came since the wishes. */
  latest: offsetsByPartition.optional(),
  attemptId: z.string().min(1),
  createdAt: z.string(),
});
export type ChainStart = z.infer<typeof chainStart>;

/**
 * Reads stored JSON by a zod schema of this file or its neighbours. Pure.
 * @param what words for the error: what was read, with its key
 * @throws kind `invalid`, code `newer_format`, when `format` or `kind` is not known to this version (stop, upgrade; never skip);
 *         kind `corrupt`, code `unreadable_object`, when it is not what the schema says
 */
export function parseStored<S extends z.ZodType>(schema: S, bytes: Uint8Array, what: string, format = chainFormat): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MillraceError('corrupt', 'unreadable_object', `${what} is not JSON`, { what }, cause);
  }
  const head = json as { format?: unknown; kind?: unknown } | null;
  if (typeof head === 'object' && head !== null) {
    if (typeof head.format === 'number' && head.format > format)
      throw new MillraceError(
        'invalid',
        'newer_format',
        `${what} has format ${head.format}; this version reads up to ${format}. Upgrade Millrace.`,
        { what, format: head.format },
      );
    if (typeof head.kind === 'string' && (schema as unknown) === chainEntry && !['claim', 'data', 'gap', 'close'].includes(head.kind))
      throw new MillraceError('invalid', 'newer_format', `${what} is of the unknown kind "${head.kind}". Upgrade Millrace.`, {
        what,
        kind: head.kind,
      });
  }
  const parsed = schema.safeDecode(json as never);
  if (!parsed.success) throw new MillraceError('corrupt', 'unreadable_object', `${what}: ${z.prettifyError(parsed.error)}`, { what });
  return parsed.data;
}

/** UTF-8 bytes of a stored object, members in the order of `value`'s schema. Pure. */
export function encodeStored<S extends z.ZodType>(schema: S, value: z.output<S>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(schema.encode(value as never))}\n`);
}
