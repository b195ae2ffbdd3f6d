import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import type { GapCause } from '@millrace/core/domain/offsets.ts';
import type { Coverage, CoverageFault } from './coverage.ts';

/** One source partition as the reconciliation shows it. Sums count offsets of `[startOffset, position)`; `pending` of what landed beyond. */
export type PartitionSums = {
  topicId: string;
  partition: number;
  startOffset: bigint;
  position: bigint;
  /** next offset after the chain's last entry */
  landedEnd: bigint;
  landed: bigint;
  committed: bigint;
  quarantined: bigint;
  dropped: bigint;
  gaps: bigint;
  /** part of `gaps` whose cause the client could not tell */
  unproven: bigint;
  pending: bigint;
};

const total = (counts: Iterable<bigint>): bigint => [...counts].reduce((a, b) => a + b, 0n);

/** The terms of the law as found by looking. Pure. */
export function sumsOf(
  found: Coverage,
  table: { topicId: string; partition: number; startOffset: bigint; position: bigint; landedEnd: bigint },
): PartitionSums {
  return {
    ...table,
    landed: table.position - table.startOffset,
    committed: found.committed,
    quarantined: total(found.quarantined.values()),
    dropped: found.dropped,
    gaps: total(found.gaps.values()),
    unproven: found.gaps.get('not_delivered') ?? 0n,
    pending: found.pending,
  };
}

/**
 * Compares what the ledger says of a partition with what was found by looking at rows, pointers and raw; and the ledger with itself. Pure.
 * @param txnPosition the position the table's log carries, undefined when it has none
 */
export function compareLedger(said: PartitionLedger, found: Coverage, txnPosition: bigint | undefined): CoverageFault[] {
  const range = { startOffset: said.startOffset, endOffset: said.position };
  const faults: CoverageFault[] = [];
  const differs = (what: string, ledger: bigint, real: bigint) => {
    if (ledger !== real) faults.push({ code: 'ledger_differs', range, detail: `${what}: the ledger says ${ledger}, found ${real}` });
  };
  differs('committed', said.committed, found.committed);
  byName('quarantined', new Map(Object.entries(said.quarantined) as [string, bigint][]), found.quarantined, differs);
  byName(
    'dropped by rule',
    new Map(Object.entries(said.dropped) as [string, bigint][]),
    new Map(found.dropped > 0n ? [['tombstone', found.dropped]] : []),
    differs,
  );
  byName('gap', new Map(Object.entries(said.gaps) as [GapCause, bigint][]), found.gaps, differs);
  const sum =
    said.committed +
    total(Object.values(said.quarantined) as bigint[]) +
    total(Object.values(said.dropped) as bigint[]) +
    total(Object.values(said.gaps) as bigint[]);
  if (said.position - said.startOffset !== sum)
    faults.push({
      code: 'ledger_unbalanced',
      range,
      detail: `the ledger covers ${said.position - said.startOffset} offsets, its terms add up to ${sum}`,
    });
  if (txnPosition === undefined)
    faults.push({ code: 'position_missing', range, detail: `the ledger has position ${said.position}, the table's log has no txn for it` });
  else if (txnPosition !== said.position)
    faults.push({ code: 'position_differs', range, detail: `the table's log has position ${txnPosition}, its ledger ${said.position}` });
  return faults;
}

function byName<K extends string>(
  what: string,
  said: ReadonlyMap<K, bigint>,
  found: ReadonlyMap<K, bigint>,
  differs: (what: string, ledger: bigint, real: bigint) => void,
): void {
  for (const name of new Set([...said.keys(), ...found.keys()])) differs(`${what} (${name})`, said.get(name) ?? 0n, found.get(name) ?? 0n);
}

/** All partitions as one line of sums. Pure. */
export function totalSums(
  partitions: readonly PartitionSums[],
): Pick<PartitionSums, 'landed' | 'committed' | 'quarantined' | 'dropped' | 'gaps' | 'unproven' | 'pending'> {
  const add = (name: 'landed' | 'committed' | 'quarantined' | 'dropped' | 'gaps' | 'unproven' | 'pending') =>
    total(partitions.map((sums) => sums[name]));
  return {
    landed: add('landed'),
    committed: add('committed'),
    quarantined: add('quarantined'),
    dropped: add('dropped'),
    gaps: add('gaps'),
    unproven: add('unproven'),
    pending: add('pending'),
  };
}
