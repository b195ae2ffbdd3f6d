import { z } from 'zod';

/** A Kafka offset or seq in JSON: a decimal string, so that no reader rounds it; `bigint` inside. */
export const offsetText = z.codec(z.string().regex(/^(0|[1-9][0-9]{0,18})$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (offset) => offset.toString(),
});

/** Half-open `[startOffset, endOffset)`: `endOffset` is the next to read. */
export type OffsetRange = { startOffset: bigint; endOffset: bigint };

/**
 * Why offsets never held a record for us. `not_delivered` is the unproven one: the client skipped them and cannot tell why
 * (compaction, an aborted transaction or a control record); `verify --against-kafka` proves such ranges empty.
 */
export const gapCauses = ['compacted', 'aborted', 'control', 'expired', 'accepted_by_operator', 'not_delivered'] as const;
export const gapCause = z.enum(gapCauses);
export type GapCause = z.infer<typeof gapCause>;

export const gap = z.strictObject({ startOffset: offsetText, endOffset: offsetText, cause: gapCause });
export type Gap = z.infer<typeof gap>;

/** The part of `range` at or above `from`, or undefined when nothing is left. Pure. Exact rule R3: a position may lie inside an entry. */
export function clipFrom<R extends OffsetRange>(range: R, from: bigint): R | undefined {
  if (range.endOffset <= from) return undefined;
  return range.startOffset >= from ? range : { ...range, startOffset: from };
}

/** Offsets covered by ranges. Pure; the ranges must not overlap. */
export function coveredOffsets(ranges: readonly OffsetRange[]): bigint {
  return ranges.reduce((sum, range) => sum + (range.endOffset - range.startOffset), 0n);
}
