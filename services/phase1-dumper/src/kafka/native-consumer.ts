import kafka, {
  type ConsumerGlobalConfig,
  type ConsumerTopicConfig,
  type KafkaConsumer,
  type LibrdKafkaError,
} from '@confluentinc/kafka-javascript';
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

/** Never jump: an offset Kafka no longer has is an error, not a silent move to another place. */
const topicSettings = { 'auto.offset.reset': 'error' } as unknown as ConsumerTopicConfig;

/** A consumer from librdkafka's own settings. Settings it does not know throw kind-less errors here: see `KafkaSource.open`. */
export function createNativeConsumer(config: Record<string, unknown>): NativeConsumer {
  // The second argument replaces the client's default topic settings, and with them whatever the first one says of them.
  return new kafka.KafkaConsumer(config as unknown as ConsumerGlobalConfig, topicSettings) as NativeConsumer;
}
