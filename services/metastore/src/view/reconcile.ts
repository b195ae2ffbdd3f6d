import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Reconciliation } from '../api/reconciliation.ts';
import type { Facts } from './facts.ts';

type Terms = Pick<PartitionLedger, 'committed' | 'quarantined' | 'dropped' | 'gaps'>;
type Counts = Record<string, bigint | undefined>;

/**
 * The law (design section 1), from the newest table report: position − start = committed + quarantined + dropped + gaps. Pure.
 * `difference` is what is missing (positive) or counted twice (negative) and must be 0.
 */
export function reconcile(facts: Facts): Reconciliation {
  const { dataset, landing, table } = facts;
  const landings = new Map(landing?.partitions.map((partition) => [sourceKey(partition), partition.landed]));
  const partitions = (table?.report.partitions ?? []).map((partition) => {
    const landed = [partition.landed, landings.get(sourceKey(partition)) ?? 0n, partition.position].reduce((a, b) => (a > b ? a : b));
    return {
      topic: partition.topic,
      topicId: partition.topicId,
      partition: partition.partition,
      start: partition.startOffset,
      position: partition.position,
      landed,
      ...equation(partition, partition.position - partition.startOffset),
      pending: landed - partition.position,
    };
  });
  const covered = partitions.reduce((sum, partition) => sum + partition.position - partition.start, 0n);
  const total: Terms = {
    committed: partitions.reduce((sum, partition) => sum + partition.committed, 0n),
    quarantined: merged('quarantined'),
    dropped: merged('dropped'),
    gaps: merged('gaps'),
  };
  return {
    name: dataset.name,
    tableVersion: table?.report.tableVersion ?? null,
    schemaVersion: table?.report.schemaVersion ?? 0,
    reportedAt: table === undefined ? null : new Date(table.reportedAt).toISOString(),
    partitions,
    total: { covered, ...equation(total, covered), pending: partitions.reduce((sum, partition) => sum + partition.pending, 0n) },
  };

  function merged(term: 'quarantined' | 'dropped' | 'gaps'): Record<string, bigint> {
    const sums: Record<string, bigint> = {};
    for (const partition of partitions)
      for (const [name, count] of Object.entries(partition[term])) sums[name] = (sums[name] ?? 0n) + count;
    return sums;
  }
}

function equation(terms: Terms, covered: bigint) {
  const difference = covered - terms.committed - sum(terms.quarantined) - sum(terms.dropped) - sum(terms.gaps);
  return {
    committed: terms.committed,
    quarantined: present(terms.quarantined),
    dropped: present(terms.dropped),
    gaps: present(terms.gaps),
    unproven: (terms.gaps as Counts).not_delivered ?? 0n,
    difference: difference < 0n ? difference.toString() : difference,
  };
}

function sum(counts: Counts): bigint {
  return Object.values(counts).reduce<bigint>((total, count) => total + (count ?? 0n), 0n);
}

function present(counts: Counts): Record<string, bigint> {
  return Object.fromEntries(Object.entries(counts).filter((entry): entry is [string, bigint] => entry[1] !== undefined));
}
