import { type ChainStart, chainFormat } from '@millrace/core/domain/chain.ts';
import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { PartitionOffsets } from './source-metadata.ts';

export type StartFrom = Dataset['startFrom'];

/** The earliest wish of all datasets of a topic; null when it has none (any more): nobody wishes, so nothing may be begun. Pure. */
export function earliestWish(datasets: readonly Pick<Dataset, 'kafkaTopic' | 'startFrom'>[], topic: string): StartFrom | null {
  const wishes = datasets.filter(({ kafkaTopic }) => kafkaTopic === topic).map(({ startFrom }) => startFrom);
  if (wishes.length === 0) return null;
  return wishes.includes('earliest') ? 'earliest' : 'latest';
}

/**
 * What a wish means for this incarnation. Pure. `latest` speaks of records that were there when the wish was made: an incarnation that came later
 * (after another one, or after the topic was seen missing) is read from its beginning, so that nothing produced since the wish is lost.
 */
export function wishFor(wish: StartFrom, seen: SeenBefore): StartFrom {
  return cameSince(seen) ? 'earliest' : wish;
}

/** What was seen of a topic before this incarnation of it. */
export type SeenBefore = { otherIncarnations: boolean; topicWasMissing: boolean };

const cameSince = (seen: SeenBefore) => seen.otherIncarnations || seen.topicWasMissing;

/**
 * The start object of an incarnation: every existing partition's resolved offset; partitions that come later start at 0. Pure.
 * Where landing begins earlier than some dataset may wish, the last stable offsets are noted too: nobody could tell them later.
 * @param offsets of *every* existing partition; one that is missing here would start at 0
 */
export function planStart(args: {
  topic: string;
  topicId: string;
  clusterId: string | null;
  wish: StartFrom;
  seen: SeenBefore;
  offsets: ReadonlyMap<number, PartitionOffsets>;
  attemptId: string;
  nowMs: number;
}): ChainStart {
  const startFrom = wishFor(args.wish, args.seen);
  const byPartition = (which: 'earliest' | 'lastStable') =>
    Object.fromEntries([...args.offsets].map(([partition, offsets]) => [String(partition), offsets[which]]));
  return {
    format: chainFormat,
    topicId: args.topicId,
    topic: args.topic,
    clusterId: args.clusterId ?? unknownCluster,
    startFrom,
    partitions: byPartition(startFrom === 'earliest' ? 'earliest' : 'lastStable'),
    ...(startFrom === 'earliest' && !cameSince(args.seen) ? { latest: byPartition('lastStable') } : {}),
    attemptId: args.attemptId,
    createdAt: new Date(args.nowMs).toISOString(),
  };
}

/** May this incarnation have come after another one? Pure. What `planStart` saw: one that landing began with is noted by its wish, or by `latest`. */
export const mayHaveForerunners = (start: ChainStart) => start.startFrom === 'earliest' && start.latest === undefined;

/**
 * What people are told about where landing began: nothing when it began at the first record Kafka has; otherwise the offsets, and for datasets
 * that wish for earlier records the range that is missing. Pure.
 * @param earliest first offset Kafka keeps of the partition now; null when not known
 */
export function startNotice(
  partition: number,
  start: ChainStart,
  chainStart: bigint,
  wish: StartFrom | null,
  earliest: bigint | null,
): string | null {
  if (start.startFrom !== 'latest') return null;
  const says = `partition ${partition} starts at ${chainStart} by startFrom latest`;
  return wish === 'earliest' && earliest !== null && earliest < chainStart
    ? `${says}; a dataset wishes for earliest: records [${earliest}, ${chainStart}) were not landed`
    : says;
}
