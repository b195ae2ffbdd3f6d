import type { TopicPartition } from '@millrace/core/domain/source.ts';

/** One topic as a broker describes it. Leader epochs are the lowest and highest of its partitions, -1 when unknown. `topicId` is the source's id: Kafka's, or `name:<clusterId>:<topic>` (with `unknownCluster` for one that cannot be told) where brokers have none. */
export type TopicDescription = { topic: string; topicId: string; partitions: number[]; leaderEpochMin: number; leaderEpochMax: number };

/** What one broker said. `clusterId` null: it, or the client that asks, cannot tell. `requestedAt`: monotonic ms before the question was sent (exact rule R1 counts from it). A topic that is not in `topics` does not exist. */
export type ClusterDescription = {
  clusterId: string | null;
  requestedAt: number;
  topics: Map<string, TopicDescription>;
  /** topics that are there but cannot be described now, with the cause, e.g. for lack of rights */
  problems: Map<string, string>;
};

/**
 * What the broker that leads a partition said of its identity. `clusterId` null: it cannot be told. `topicId` null: it knows no such topic.
 * `partitionExists` false: there is a topic of that name without this partition (made again with fewer, or just about to get more).
 */
export type IdentityAnswer = {
  clusterId: string | null;
  topicId: string | null;
  partitionExists: boolean;
  requestedAt: number;
  leaderEpoch: number | null;
};

/** Offsets by the leader: first one kept, the last stable one (next offset a read-committed reader can be given), and the high watermark where it is told. */
export type PartitionOffsets = { earliest: bigint; lastStable: bigint; highWatermark?: bigint };

/**
 * Questions about topics that the consuming client cannot answer truly (design section 3). Every call ends within seconds;
 * it rejects with kind `unavailable` when the brokers are away.
 */
export interface SourceMetadata {
  /** Sentences for the status about checks that are off, e.g. because security settings cannot be followed. */
  readonly notices: readonly string[];
  describe(topics: readonly string[]): Promise<ClusterDescription>;
  /** Asks the leader, never a cache: an answer is of a moment after the call. */
  confirm(partition: TopicPartition): Promise<IdentityAnswer>;
  /** Asks the leaders. Partitions whose leader does not answer, or that do not exist, are left out; keys as of `partitionKey`. */
  offsets(partitions: readonly TopicPartition[]): Promise<Map<string, PartitionOffsets>>;
  /** Asks the leader which producer's open transaction began at `startOffset`, for people; null when it does not tell. */
  openProducer?(partition: TopicPartition, startOffset: bigint): Promise<string | null>;
  /** Whether a broker speaks the group protocol of KIP-848; the native client waits in silence for one that does not. */
  hasConsumerProtocol?(): Promise<boolean>;
  close(): Promise<void>;
}

/** Text key of a topic-partition for maps: `<topic>/<partition>`; topics hold no `/`. Pure. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
