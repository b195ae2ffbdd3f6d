import type { DatasetStatus, Reconciliation } from '@millrace/metastore/client/client.ts';

/** How far the demo is: offsets over all partitions of the topic. */
export type Progress = {
  produced: bigint | undefined;
  landed: bigint;
  committed: bigint;
  quarantined: bigint;
  lagRecords: bigint | undefined;
  lagSeconds: number | null;
  state: string;
  reason: string | null;
};

const counted = (n: bigint): string => n.toLocaleString('en-US');

/**
 * Sums a status and a reconciliation. Pure.
 * @param end sum of Kafka's ends when the caller knows better than the status
 */
export function progressOf(status: DatasetStatus, reconciliation: Reconciliation | undefined, end: bigint | undefined): Progress {
  const sum = (of: (partition: DatasetStatus['partitions'][number]) => bigint) =>
    status.partitions.reduce((total, partition) => total + of(partition), 0n);
  const ends = status.partitions.every((partition) => partition.end !== null) ? sum((partition) => partition.end ?? 0n) : undefined;
  const produced = end === undefined || (ends !== undefined && ends > end) ? ends : end;
  const committed = sum((partition) => partition.committed);
  return {
    produced,
    landed: sum((partition) => partition.landed),
    committed,
    quarantined: Object.values(reconciliation?.total.quarantined ?? {}).reduce((total, count) => total + count, 0n),
    lagRecords: produced === undefined ? undefined : produced > committed ? produced - committed : 0n,
    lagSeconds: status.lagSeconds,
    state: status.state,
    reason: status.reason,
  };
}

/** The live line. Pure. */
export function progressLine(progress: Progress): string {
  const lag = progress.lagRecords === undefined ? '?' : counted(progress.lagRecords);
  const seconds = progress.lagSeconds === null ? '?' : progress.lagSeconds.toFixed(1);
  const parts = [
    `produced ${progress.produced === undefined ? '?' : counted(progress.produced)}`,
    `landed ${counted(progress.landed)}`,
    `committed ${counted(progress.committed)}`,
    `quarantined ${counted(progress.quarantined)}`,
    `lag ${lag} records, ${seconds} s`,
  ];
  if (progress.state !== 'RUNNING') parts.push(`${progress.state}${progress.reason === null ? '' : `: ${progress.reason}`}`);
  return parts.join(' · ');
}
