import kafka, { type KafkaConsumer } from '@confluentinc/kafka-javascript';

type Position = { topic: string; partition: number; offset?: number };

/** The native consumer with the documented methods that its type declarations leave out. */
export type NativeConsumer = KafkaConsumer & {
  setDefaultIsTimeoutOnlyForFirstMessage(yes: boolean): void;
  incrementalAssign(partitions: Position[]): NativeConsumer;
  incrementalUnassign(partitions: Position[]): NativeConsumer;
  assignmentLost(): boolean;
};

/** Announcements carry no truth: where committed ones are gone, the oldest kept is as good a start as any. */
const topicSettings = { 'auto.offset.reset': 'earliest' } as const;

/** A consumer from librdkafka's own settings; one it does not know throws. */
export function createNativeConsumer(config: Record<string, unknown>): NativeConsumer {
  return new kafka.KafkaConsumer(config as never, topicSettings) as NativeConsumer;
}
