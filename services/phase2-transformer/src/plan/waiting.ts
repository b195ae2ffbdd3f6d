import type { PendingPiece } from './batches.ts';

/** Since when something waits for the table, ms since 1970; undefined when it is not known or nothing waits. */
export type OldestWaiting = {
  /** when the oldest entry landed */
  landedAt: number | undefined;
  /** Kafka timestamp of the oldest record */
  timestamp: number | undefined;
};

/**
 * What has waited longest of what has landed. Pure.
 * @param chains pieces that wait, one list a chain, in chain order: the first of each is its oldest
 */
export function oldestWaiting(chains: readonly (readonly PendingPiece[])[]): OldestWaiting {
  let landedAt: number | undefined;
  let timestamp: number | undefined;
  for (const pieces of chains) {
    landedAt = earlier(landedAt, pieces[0]?.landedAt);
    timestamp = earlier(timestamp, pieces.find(({ object }) => object !== undefined)?.object?.firstTimestamp);
  }
  return { landedAt, timestamp };
}

function earlier(a: number | undefined, b: number | null | undefined): number | undefined {
  if (b === null || b === undefined || !Number.isFinite(b)) return a;
  return a === undefined || b < a ? b : a;
}
