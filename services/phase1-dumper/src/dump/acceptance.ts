import { chainFormat, type GapEntry } from '@millrace/core/domain/chain.ts';
import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import {
  type Acceptance,
  type ClusterChange,
  type GapAcceptance,
  type LossKind,
  lossIsBehind,
  type SuspectedLoss,
} from '@millrace/core/domain/losses.ts';
import type { SourceIdentity, SourcePartition } from '@millrace/core/domain/source.ts';
import type { ChainHead, WriterStamp } from './claim.ts';

/** What people accepted for a topic, by whichever of its datasets. Pure. */
export function acceptancesOf(datasets: readonly Pick<Dataset, 'kafkaTopic' | 'acceptances'>[], topic: string): Acceptance[] {
  return datasets.filter(({ kafkaTopic }) => kafkaTopic === topic).flatMap(({ acceptances }) => acceptances ?? []);
}

/**
 * The decision that covers a loss, or undefined. Pure. The newest one holds.
 * Ahead of the chain it must begin at our next offset and name nothing that Kafka still has: retention may have removed more since, which is then asked anew.
 * Behind it, it must end at our next offset and name all that is gone: a log cut once more, further back, is asked anew.
 */
export function acceptedLoss(loss: SuspectedLoss, source: SourcePartition, acceptances: readonly Acceptance[]): GapAcceptance | undefined {
  return acceptances.findLast((one): one is GapAcceptance => {
    if (one.kind !== 'gap' || one.topicId !== source.topicId || one.partition !== source.partition || one.loss !== loss.kind) return false;
    const [startOffset, endOffset] = [BigInt(one.startOffset), BigInt(one.endOffset)];
    return lossIsBehind(loss.kind)
      ? endOffset === loss.endOffset && startOffset <= loss.startOffset
      : startOffset === loss.startOffset && endOffset > startOffset && endOffset <= loss.endOffset;
  });
}

/** Cause of the gap that an accepted loss becomes (exact rule R12). Pure. */
const gapCauseOf = (kind: LossKind) => (kind === 'retention' ? 'expired' : 'accepted_by_operator');

/** The `gap` entry of an accepted loss ahead of the chain: from its next offset, under the claim just written. Pure. */
export function planGapEntry(source: SourceIdentity, head: ChainHead, accepted: GapAcceptance, stamp: WriterStamp): GapEntry {
  const endOffset = BigInt(accepted.endOffset);
  return {
    kind: 'gap',
    format: chainFormat,
    seq: head.seq + 1n,
    attemptId: stamp.attemptId,
    epoch: head.epoch,
    source,
    startOffset: head.nextOffset,
    endOffset,
    leaderEpoch: head.leaderEpoch,
    writer: stamp.writer,
    createdAt: new Date(stamp.nowMs).toISOString(),
    gaps: [{ startOffset: head.nextOffset, endOffset, cause: gapCauseOf(accepted.loss) }],
    reason: accepted.reason,
  };
}

/**
 * Are the brokers of a cluster that the topic's chains do not know? Pure. The first cluster of a topic is taken as it is; a cluster that cannot be told on
 * either side is no change.
 * @param known clusters of the topic's other incarnations
 * @param found null when it cannot be told
 */
export function changedCluster(
  known: readonly string[],
  found: string | null,
  acceptances: readonly Acceptance[],
): ClusterChange | undefined {
  const told = [...new Set(known.filter((id) => id !== unknownCluster))];
  if (found === null || told.length === 0 || told.includes(found)) return undefined;
  if (acceptances.some((one) => one.kind === 'cluster' && one.clusterId === found)) return undefined;
  return { known: told, found };
}

/** Why nothing is landed from brokers of another cluster. Pure. */
export const clusterWords = (topic: string, { known, found }: ClusterChange): string =>
  `the chains of topic ${topic} are of cluster ${known.join(' and ')}, the brokers now are of cluster ${found}: nothing is landed from them until a person accepts that cluster`;
