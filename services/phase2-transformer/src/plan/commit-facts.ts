import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { ChainPiece } from './pieces.ts';

type Sums = Readonly<Partial<Record<string, bigint>>>;

/** What one commit did with the records of its batch. Times are Kafka timestamps, ms; null when no record has one. */
export type CommitCounts = {
  committed: bigint;
  /** reason → records */
  quarantined: Record<string, bigint>;
  /** rule → records */
  dropped: Record<string, bigint>;
  oldestTimestamp: number | null;
  newestTimestamp: number | null;
};

/**
 * The difference between the ledgers before and after a commit, with the timestamps of what it took. Pure.
 * Only partitions of its pieces count: what other workers have committed of others meanwhile is in the later ledger too, and they tell it themselves.
 */
export function commitCounts(
  ledgerBefore: readonly PartitionLedger[],
  ledgerAfter: readonly PartitionLedger[],
  pieces: readonly ChainPiece[],
): CommitCounts {
  const moved = new Set(pieces.map(({ source }) => sourceKey(source)));
  const ofPieces = (partitions: readonly PartitionLedger[]) => partitions.filter((partition) => moved.has(sourceKey(partition)));
  const before = ofPieces(ledgerBefore);
  const after = ofPieces(ledgerAfter);
  const committed = (partitions: readonly PartitionLedger[]) => partitions.reduce((sum, partition) => sum + partition.committed, 0n);
  const objects = pieces.flatMap(({ object }) => object ?? []);
  return {
    committed: committed(after) - committed(before),
    quarantined: difference(
      before.map(({ quarantined }) => quarantined),
      after.map(({ quarantined }) => quarantined),
    ),
    dropped: difference(
      before.map(({ dropped }) => dropped),
      after.map(({ dropped }) => dropped),
    ),
    oldestTimestamp: extreme(
      Math.min,
      objects.map(({ firstTimestamp }) => firstTimestamp),
    ),
    newestTimestamp: extreme(
      Math.max,
      objects.map(({ lastTimestamp }) => lastTimestamp),
    ),
  };
}

function difference(before: readonly Sums[], after: readonly Sums[]): Record<string, bigint> {
  const change: Record<string, bigint> = {};
  const add = (lists: readonly Sums[], sign: bigint) => {
    for (const sums of lists) for (const [name, count] of Object.entries(sums)) change[name] = (change[name] ?? 0n) + sign * (count ?? 0n);
  };
  add(after, 1n);
  add(before, -1n);
  for (const [name, count] of Object.entries(change)) if (count === 0n) delete change[name];
  return change;
}

function extreme(of: (...times: number[]) => number, times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : known.reduce((a, b) => of(a, b));
}
