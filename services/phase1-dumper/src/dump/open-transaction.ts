import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { PartitionOffsets } from './source-metadata.ts';

/** A transaction that holds the last stable offset back for so long is said, ms: longer than transactions that are simply being written. */
export const openTransactionMs = 10_000;

/** The last stable offset that lies below the high watermark, and since when it has stood there, monotonic ms. */
export type OpenTransaction = { lastStable: bigint; sinceMs: number } | null;

/**
 * Does an undecided transaction hold records back? Pure. A stable offset that moves is work in progress and begins the time anew.
 * @returns `heldBack`: offsets that wait behind it, once it has stood for `openTransactionMs`
 */
export function watchTransaction(
  before: OpenTransaction,
  { lastStable, highWatermark }: PartitionOffsets,
  nowMs: number,
): { open: OpenTransaction; heldBack: OffsetRange | null } {
  if (highWatermark === undefined || highWatermark <= lastStable) return { open: null, heldBack: null };
  const open = before?.lastStable === lastStable ? before : { lastStable, sinceMs: nowMs };
  const stands = nowMs - open.sinceMs >= openTransactionMs;
  return { open, heldBack: stands ? { startOffset: lastStable, endOffset: highWatermark } : null };
}
