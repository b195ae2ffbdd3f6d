import type { Gap } from '../domain/offsets.ts';
import type { TopicPartition } from '../domain/source.ts';

/**
 * A run of finished raw lines of one partition, as bytes: what a source hands over, never message objects.
 * `[startOffset, endOffset)` is covered exactly by the records and `gaps`.
 */
export type LineRange = TopicPartition & {
  startOffset: bigint;
  endOffset: bigint;
  recordCount: number;
  /** raw lines as in docs/formats/raw.md, LF after each; empty when the range holds no record. Owned by the receiver. */
  lines: Uint8Array;
  /** Kafka timestamps, ms; null for none or Kafka's -1 */
  firstTimestamp: number | null;
  lastTimestamp: number | null;
  /** leader epoch of the last record; null when unknown or no record */
  leaderEpoch: number | null;
  gaps: Gap[];
  /** monotonic ms at which the last record had arrived in this process (R1) */
  arrivedAt: number;
};

/** Where to begin reading an assigned partition. */
export type AssignedPosition = TopicPartition & { offset: bigint; leaderEpoch: number | null };

/** What the group asks of us. The source waits for the promise of `revoked` before it answers the group, however long it takes: the deadline is the handler's to keep. */
export interface AssignmentHandler {
  /** Newly given partitions: claim them, then call `start` for each. Never touches the others. */
  assigned(partitions: TopicPartition[]): void;
  /** Partitions being taken in good order: publish what is buffered, within a bounded time; reading of them has stopped. The whole group waits meanwhile. */
  revoked(partitions: TopicPartition[]): Promise<void>;
  /** Partitions already lost to somebody else: drop their buffers. */
  lost(partitions: TopicPartition[]): void;
}

/** A member of the landing group. One adapter today (librdkafka); a second, faster one follows, so nothing here speaks of its client. */
export interface RecordSource {
  /** Joins the group on these topics, or changes them. Missing topics are waited for, never created. */
  subscribe(topics: string[]): void;
  /** Begins reading a partition that is assigned to us. Throws kind `conflict` when it is not (any more). */
  start(position: AssignedPosition): void;
  /** Stops reading a partition without leaving it (fenced, wrong identity, retention overran us). */
  stop(partition: TopicPartition): void;
  /** Back-pressure: polling goes on, these partitions are not fetched. */
  pause(partitions: TopicPartition[]): void;
  resume(partitions: TopicPartition[]): void;
  /** Finished ranges, at least every `timeoutMs` an empty array; at most `maxRecords` records. One call outstanding at a time. */
  poll(maxRecords: number, timeoutMs: number): Promise<LineRange[]>;
  /** What the owner before told the group beside its offset; undefined when there is nothing, or nobody answers in time. A hint where to look, never truth. */
  toldBefore(partition: TopicPartition): Promise<string | undefined>;
  /** Tells the group where we are, as advice for lag tools: never read back as truth. Best effort. */
  commitOffsets(positions: (TopicPartition & { offset: bigint; leaderEpoch: number | null; metadata: string })[]): void;
  /** Leaves the group. Idempotent. */
  close(): Promise<void>;
}
