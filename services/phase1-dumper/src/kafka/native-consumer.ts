import kafka, { type ConsumerGlobalConfig, type KafkaConsumer, type LibrdKafkaError } from '@confluentinc/kafka-javascript';
import type { TopicPartition } from '@millrace/core/domain/source.ts';

type Position = TopicPartition & { offset: number; leaderEpoch?: number };

/** The native consumer with the documented methods that its type declarations leave out. */
export type NativeConsumer = KafkaConsumer & {
  setDefaultIsTimeoutOnlyForFirstMessage(yes: boolean): void;
  incrementalAssign(partitions: Position[]): NativeConsumer;
  incrementalUnassign(partitions: TopicPartition[]): NativeConsumer;
  assignmentLost(): boolean;
  commitCb(positions: (Position & { metadata: string })[], callback: (error: LibrdKafkaError | null) => void): NativeConsumer;
};

/** A consumer from librdkafka's own settings. Settings it does not know throw kind-less errors here: see `KafkaSource.open`. */
export function createNativeConsumer(config: Record<string, unknown>): NativeConsumer {
  return new kafka.KafkaConsumer(config as unknown as ConsumerGlobalConfig, {}) as NativeConsumer;
}
