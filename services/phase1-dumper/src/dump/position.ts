import { dataLossSuspected, type LossKind, type SuspectedLoss } from '@millrace/core/domain/losses.ts';
import type { PartitionOffsets } from './source-metadata.ts';

/** Broker end below our next offset must stay so for so long, asked of the leader, before it counts as truncation, ms. */
export const endBelowGraceMs = 30_000;
/** Retention beyond our position must stay so for so long without a record arriving, ms: the client may still hold fetched records. */
export const overrunGraceMs = 5_000;

/** What was seen of a partition's position so far; kept by the loop between checks. */
export type PositionSuspicion = { kind: 'end_below' | 'overrun'; next: bigint; sinceMs: number } | null;

export type PositionVerdict =
  | { verdict: 'read'; suspicion: PositionSuspicion }
  | { verdict: 'wait'; suspicion: PositionSuspicion; reason: string }
  | { verdict: 'stop'; reason: string; loss: SuspectedLoss };

/** What a person is asked to decide about, half-open. Pure. */
export function suspect(kind: LossKind, startOffset: bigint, endOffset: bigint): SuspectedLoss {
  return { code: dataLossSuspected, kind, startOffset, endOffset };
}

/** What offsets alone say is missing, before it is known whether it stays so; null when nothing is. Pure. */
export function lossSeen(next: bigint, { earliest, lastStable }: PartitionOffsets): SuspectedLoss | null {
  if (next < earliest) return suspect('retention', next, earliest);
  return next > lastStable ? suspect('truncated', lastStable, next) : null;
}

/** The loss as it stands now: retention goes on removing while a partition waits. A loss behind our next offset stays what it was. Pure. */
export function stillSuspected(loss: SuspectedLoss, { earliest }: PartitionOffsets): SuspectedLoss {
  return loss.kind === 'retention' && earliest > loss.endOffset ? { ...loss, endOffset: earliest } : loss;
}

/** Another log may stand under everything Kafka keeps below our next offset, when the leader epoch fell. Pure. */
export const lossByEpoch = (next: bigint, earliest: bigint): SuspectedLoss =>
  suspect('epoch_fell', earliest < next ? earliest : next, next);

/**
 * May we read on from `next`? Pure. Compared with what the leader keeps, before reading and again and again while reading, because the client may lose its own error.
 * @param reading true while the partition is being read: records already fetched may still come, so an overrun must stay for `overrunGraceMs`; before reading it stops at once
 */
export function checkPosition(
  next: bigint,
  offsets: PartitionOffsets,
  reading: boolean,
  suspicion: PositionSuspicion,
  nowMs: number,
): PositionVerdict {
  const same = (kind: 'end_below' | 'overrun') =>
    suspicion?.kind === kind && suspicion.next === next ? suspicion : { kind, next, sinceMs: nowMs };
  if (next < offsets.earliest) {
    const seen = same('overrun');
    if (reading && nowMs - seen.sinceMs < overrunGraceMs) return { verdict: 'read', suspicion: seen };
    return {
      verdict: 'stop',
      reason: `records [${next}, ${offsets.earliest}) are no longer in Kafka: retention overran us`,
      loss: suspect('retention', next, offsets.earliest),
    };
  }
  if (next > offsets.lastStable) {
    const seen = same('end_below');
    const words = `Kafka ends at ${offsets.lastStable}, before our next offset ${next}: records [${offsets.lastStable}, ${next}) that we landed are gone from Kafka`;
    if (nowMs - seen.sinceMs < endBelowGraceMs)
      return reading
        ? { verdict: 'read', suspicion: seen }
        : { verdict: 'wait', suspicion: seen, reason: `${words}; waiting whether it stays so` };
    return {
      verdict: 'stop',
      reason: `${words}, and it stays so: the log was truncated`,
      loss: suspect('truncated', offsets.lastStable, next),
    };
  }
  return { verdict: 'read', suspicion: null };
}

/** Why a leader epoch stops a partition, or null. Pure. An epoch that falls means that another log is being read. */
export function leaderEpochFell(known: number | null, arrived: number | null, next: bigint): string | null {
  if (known === null || arrived === null || arrived >= known) return null;
  return `the leader epoch fell from ${known} to ${arrived} at offset ${next}: the log was replaced or an unclean leader was elected`;
}
