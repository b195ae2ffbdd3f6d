import { type ChainEntry, type ChainStart, type ClaimEntry, chainFormat } from '@millrace/core/domain/chain.ts';
import { startOffsetOf, unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import type { SourceIdentity } from '@millrace/core/domain/source.ts';
import { maySameCluster } from './identity.ts';

/** Who writes an entry, and when: arguments of every planner that makes one. */
export type WriterStamp = { attemptId: string; writer: string; nowMs: number };

/** Where a claimed chain stands: what the next entry follows. */
export type ChainHead = { seq: bigint; epoch: bigint; nextOffset: bigint; leaderEpoch: number | null; chainStart: bigint };

/** A source as the brokers name it now. */
export type AskedSource = Omit<SourceIdentity, 'clusterId'> & { clusterId: string | null };

export type ClaimPlan = { do: 'claim'; entry: ClaimEntry; chainStart: bigint } | { do: 'stop'; reason: string };

/**
 * The claim that makes us the owner of a chain: epoch + 1 behind the tail, covering nothing. Pure.
 * A chain that was closed may be claimed again by the same id (R1). A chain of another cluster is another source and is never gone on with.
 * The cluster may be unknown on either side; the chain's entries then keep what the chain began with, also when more is known later.
 * @param asked who is read; `clusterId` null when it cannot be told
 * @param tail the newest entry; undefined when the chain has none, then it starts where `start` says
 */
export function planClaim(asked: AskedSource, tail: ChainEntry | undefined, start: ChainStart, stamp: WriterStamp): ClaimPlan {
  const stored = tail?.source.clusterId ?? start.clusterId;
  const source: SourceIdentity = { ...asked, clusterId: stored };
  if (!maySameCluster(stored === unknownCluster ? null : stored, asked.clusterId))
    return {
      do: 'stop',
      reason: `the chain of ${source.topic} ${source.topicId}/${source.partition} is of cluster ${stored}, the brokers are of cluster ${asked.clusterId}: it is another source and is not mixed. Point KAFKA_BROKERS at the right cluster, or MILLRACE_RAW_URL at another place.`,
    };
  const chainStart = startOffsetOf(start, source.partition);
  const nextOffset = tail?.endOffset ?? chainStart;
  const entry: ClaimEntry = {
    kind: 'claim',
    format: chainFormat,
    seq: tail === undefined ? 0n : tail.seq + 1n,
    attemptId: stamp.attemptId,
    epoch: (tail?.epoch ?? 0n) + 1n,
    source,
    startOffset: nextOffset,
    endOffset: nextOffset,
    leaderEpoch: tail?.leaderEpoch ?? null,
    writer: stamp.writer,
    createdAt: new Date(stamp.nowMs).toISOString(),
  };
  return { do: 'claim', entry, chainStart };
}

/** Where the chain stands after `entry`. Pure. */
export function headAfter(entry: ChainEntry, chainStart: bigint): ChainHead {
  return { seq: entry.seq, epoch: entry.epoch, nextOffset: entry.endOffset, leaderEpoch: entry.leaderEpoch, chainStart };
}

/**
 * What a lost race for a claim means. Pure. `fenced`: another claim won, so somebody newer owns the chain.
 * `again`: the former owner's last publication came first, as in every handover in good order; plan again over the new tail at once.
 */
export function afterLostClaim(winner: ChainEntry): 'fenced' | 'again' {
  return winner.kind === 'claim' ? 'fenced' : 'again';
}

/** Claims lost in a row, to others who write to the chain, before it is left to them. */
export const handoversMax = 20;

/**
 * How long a fenced worker that Kafka still assigns the partition to waits before it claims again: one session timeout, doubled with every fencing in a row. Pure.
 * @param fencings in a row, 1 for the first
 * @returns ms, at most 16 session timeouts, with up to a quarter of jitter
 */
export function reclaimDelayMs(sessionTimeoutMs: number, fencings: number, fraction: number): number {
  return Math.round(sessionTimeoutMs * 2 ** Math.min(Math.max(fencings - 1, 0), 4) * (1 + fraction / 4));
}

/** Fencings in a row at which two workers are said to throw a partition to and fro. */
export const pingPongFencings = 3;
