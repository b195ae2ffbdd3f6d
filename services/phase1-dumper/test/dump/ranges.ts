import type { Gap } from '@millrace/core/domain/offsets.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';

/** A range of `[start, end)` whose offsets are all records but those in `holes`. */
export function range(
  start: number,
  end: number,
  options: { holes?: [number, number][]; arrivedAt?: number; leaderEpoch?: number | null; partition?: number } = {},
): LineRange {
  const gaps: Gap[] = (options.holes ?? []).map(([from, to]) => ({
    startOffset: BigInt(from),
    endOffset: BigInt(to),
    cause: 'not_delivered',
  }));
  const records = end - start - (options.holes ?? []).reduce((sum, [from, to]) => sum + to - from, 0);
  return {
    topic: 'orders',
    partition: options.partition ?? 0,
    startOffset: BigInt(start),
    endOffset: BigInt(end),
    recordCount: records,
    lines: new Uint8Array(records * 10),
    firstTimestamp: records > 0 ? start : null,
    lastTimestamp: records > 0 ? end - 1 : null,
    leaderEpoch: options.leaderEpoch === undefined ? (records > 0 ? 3 : null) : options.leaderEpoch,
    gaps,
    arrivedAt: options.arrivedAt ?? 0,
  };
}
