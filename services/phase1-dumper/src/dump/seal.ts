import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';

/** Gaps one chain entry may name; more seals the buffer, so that entries stay small. */
export const gapsPerEntryMax = 10_000;

/** What waits to be published of one partition: ranges that join without a hole. */
export type LineBuffer = { ranges: LineRange[]; bytes: number; gaps: number; oldestAt: number };

export type SealSettings = { sealBytes: number; sealIntervalMs: number };

/** A buffer with nothing in it. */
export function emptyBuffer(): LineBuffer {
  return { ranges: [], bytes: 0, gaps: 0, oldestAt: Number.POSITIVE_INFINITY };
}

/**
 * Adds a range that begins where the buffer ends.
 * @param expected next offset: end of the buffer, or of the chain when it is empty
 * @throws kind `internal`, code `range_not_dense`, when it does not begin there: publishing it would lose or double records
 */
export function appendRange(buffer: LineBuffer, range: LineRange, expected: bigint): void {
  if (range.startOffset !== expected || range.endOffset <= range.startOffset)
    throw new MillraceError(
      'internal',
      'range_not_dense',
      `${range.topic}/${range.partition}: a range [${range.startOffset}, ${range.endOffset}) arrived where ${expected} was expected`,
      { topic: range.topic, partition: range.partition },
    );
  buffer.ranges.push(range);
  buffer.bytes += range.lines.length;
  buffer.gaps += range.gaps.length;
  buffer.oldestAt = Math.min(buffer.oldestAt, range.arrivedAt);
}

/** Kafka timestamp (ms) of the first record in it; null when it has none, or the record has none. Pure. */
export function oldestTimestamp(buffer: LineBuffer): number | null {
  return buffer.ranges.find((range) => range.recordCount > 0)?.firstTimestamp ?? null;
}

/** Is it time to seal? By bytes, age or number of gaps, whichever is first; age counts from the oldest range, so no new record is needed. Pure. */
export function shouldSeal(buffer: LineBuffer, settings: SealSettings, now: number): boolean {
  if (buffer.ranges.length === 0) return false;
  return buffer.bytes >= settings.sealBytes || now - buffer.oldestAt >= settings.sealIntervalMs || buffer.gaps >= gapsPerEntryMax;
}
