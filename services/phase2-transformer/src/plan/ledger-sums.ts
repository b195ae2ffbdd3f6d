import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import type { SourceCounts } from '../workers/batch-worker-port.ts';
import type { ChainPiece } from './pieces.ts';

/** Where a table begins on a chain that no commit of it has touched yet. */
export type PartitionStart = { topic: string; source: SourcePartition; startOffset: bigint; seq: bigint };

/**
 * The ledger's partitions after a batch. Pure.
 * The law is checked on every partition: what a batch covers is what it committed, quarantined, dropped and what was a gap; nothing else moves a position.
 * @param starts of partitions that are not in `before`
 * @throws kind `corrupt`, code `records_missing`, when a raw object held fewer or more records than its chain entry says; kind `internal` when a batch does not begin at the position
 */
export function advanceLedger(
  before: readonly PartitionLedger[],
  starts: ReadonlyMap<string, PartitionStart>,
  pieces: readonly ChainPiece[],
  counts: readonly SourceCounts[],
): PartitionLedger[] {
  const partitions = new Map(before.map((partition) => [sourceKey(partition), partition]));
  const countsOf = new Map(counts.map((count) => [sourceKey(count), count]));
  for (const [key, own] of groupBySource(pieces))
    partitions.set(key, advance(partitions.get(key) ?? emptyPartition(startOf(key, starts)), own, countsOf.get(key)));
  for (const key of countsOf.keys())
    if (!partitions.has(key))
      throw new MillraceError('internal', 'counts_of_nothing', `counts for ${key}, which is not in the batch`, { key });
  return [...partitions.values()];
}

function groupBySource(pieces: readonly ChainPiece[]): Map<string, ChainPiece[]> {
  const groups = new Map<string, ChainPiece[]>();
  for (const piece of pieces) {
    const key = sourceKey(piece.source);
    groups.set(key, [...(groups.get(key) ?? []), piece]);
  }
  return groups;
}

function startOf(key: string, starts: ReadonlyMap<string, PartitionStart>): PartitionStart {
  const start = starts.get(key);
  if (start === undefined) throw new MillraceError('internal', 'no_table_start', `no table start is known for ${key}`, { key });
  return start;
}

/** A partition of a ledger before its first batch. Pure. */
export function emptyPartition(start: PartitionStart): PartitionLedger {
  return {
    topic: start.topic,
    ...start.source,
    startOffset: start.startOffset,
    position: start.startOffset,
    seq: start.seq,
    committed: 0n,
    quarantined: {},
    dropped: {},
    gaps: {},
  };
}

function advance(before: PartitionLedger, pieces: readonly ChainPiece[], counts: SourceCounts | undefined): PartitionLedger {
  const where = sourceKey(before);
  let position = before.position;
  const gaps: Record<string, bigint> = {};
  for (const piece of pieces) {
    if (piece.startOffset !== position)
      throw new MillraceError(
        'internal',
        'batch_not_at_position',
        `the batch of ${where} begins at ${piece.startOffset}, the position is ${position}`,
        { where },
      );
    for (const gap of piece.gaps) gaps[gap.cause] = (gaps[gap.cause] ?? 0n) + gap.endOffset - gap.startOffset;
    position = piece.endOffset;
  }
  const batch = {
    committed: BigInt(counts?.committed ?? 0),
    quarantined: toBig(counts?.quarantined),
    dropped: toBig(counts?.dropped),
    gaps,
  };
  const accounted = batch.committed + sum(batch.quarantined) + sum(batch.dropped) + sum(batch.gaps);
  if (accounted !== position - before.position)
    throw new MillraceError(
      'corrupt',
      'records_missing',
      `${where}: raw objects of [${before.position}, ${position}) hold records for ${accounted} of ${position - before.position} offsets, gaps included: they are not what the chain says`,
      { where, startOffset: before.position.toString(), endOffset: position.toString() },
    );
  return {
    ...before,
    position,
    seq: pieces.at(-1)?.seq ?? before.seq,
    committed: before.committed + batch.committed,
    quarantined: add(before.quarantined, batch.quarantined),
    dropped: add(before.dropped, batch.dropped),
    gaps: add(before.gaps, batch.gaps),
  };
}

type Sums = Partial<Record<string, bigint>>;

const toBig = (counts: Record<string, number> | undefined): Sums =>
  Object.fromEntries(Object.entries(counts ?? {}).map(([name, count]) => [name, BigInt(count)]));

/** Sum over all reasons, rules or causes. Pure. */
export const sum = (sums: Sums): bigint => Object.values(sums).reduce<bigint>((total, count) => total + (count ?? 0n), 0n);

function add(a: Sums, b: Sums): Record<string, bigint> {
  const total: Record<string, bigint> = {};
  for (const sums of [a, b])
    for (const [name, count] of Object.entries(sums)) if (count !== undefined && count > 0n) total[name] = (total[name] ?? 0n) + count;
  return total;
}

/** Totals of a ledger over all partitions. Pure. */
export function ledgerTotals(partitions: readonly PartitionLedger[]): {
  committed: bigint;
  quarantined: bigint;
  dropped: bigint;
  gaps: bigint;
  covered: bigint;
} {
  const total = { committed: 0n, quarantined: 0n, dropped: 0n, gaps: 0n, covered: 0n };
  for (const partition of partitions) {
    total.committed += partition.committed;
    total.quarantined += sum(partition.quarantined);
    total.dropped += sum(partition.dropped);
    total.gaps += sum(partition.gaps);
    total.covered += partition.position - partition.startOffset;
  }
  return total;
}
