import type { LibrdKafkaError, Message } from '@confluentinc/kafka-javascript';
import { type KafkaProperties, promisedProperties, receiveBytesMax } from '@millrace/core/adapters/kafka/properties.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import { createNativeConsumer, type NativeConsumer } from './native-consumer.ts';
import { PartitionLines } from './partition-lines.ts';

/** Connecting, with the first metadata, may take so long, ms. */
const connectTimeoutMs = 10_000;
/** No record for so long ends a reading, ms. */
const silenceMs = 10_000;
const pollMs = 100;
/** What one fetch asks of a partition, bytes; Kafka gives one batch at least, however large. */
const fetchBytes = 64 * 1024;
const timedOut = -185;

export type LoneConsumerOptions = {
  brokers: string;
  /** a group the user may read: the client asks who coordinates it, and is refused all records where it may not know; it never joins */
  groupId: string;
  clientId: string;
  properties: KafkaProperties;
  topic: string;
  partition: number;
  offset: bigint;
  leaderEpoch: number | null;
};

/** Reads one partition outside every group, with as little in memory as the client can be told: one message queued, one batch fetched. */
export class LoneConsumer {
  readonly #consumer: NativeConsumer;
  readonly #lines: PartitionLines;
  #atEnd = false;

  private constructor(consumer: NativeConsumer, options: LoneConsumerOptions) {
    this.#consumer = consumer;
    this.#lines = new PartitionLines(options.topic, options.partition, options.offset);
    consumer.on('partition.eof', (end) => {
      this.#lines.endReached(end.offset);
      this.#atEnd = true;
    });
    consumer.on('event.error', () => undefined); // what matters is that no record comes
  }

  /** @throws kind `unavailable`, code `kafka_away`; kind `invalid` for settings the client refuses */
  static async open(options: LoneConsumerOptions): Promise<LoneConsumer> {
    let consumer: NativeConsumer;
    try {
      consumer = createNativeConsumer({
        ...options.properties,
        ...promisedProperties(),
        'bootstrap.servers': options.brokers,
        'client.id': options.clientId,
        'group.id': options.groupId,
        'fetch.wait.max.ms': '200',
        'receive.message.max.bytes': String(receiveBytesMax),
        'queued.min.messages': '1',
        'queued.max.messages.kbytes': '1',
        'fetch.message.max.bytes': String(fetchBytes),
      });
    } catch (cause) {
      throw new MillraceError(
        'invalid',
        'bad_kafka_properties',
        `the Kafka consumer refuses its settings: ${(cause as Error).message}`,
        {},
        cause,
      );
    }
    const lone = new LoneConsumer(consumer, options);
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
    consumer.setDefaultConsumeTimeout(pollMs);
    await new Promise<void>((resolve, reject) => {
      consumer.connect({ allTopics: false, timeout: connectTimeoutMs } as never, (cause: LibrdKafkaError | null) => {
        if (cause) reject(new MillraceError('unavailable', 'kafka_away', `Kafka (${options.brokers}) cannot be reached`, {}, cause));
        else resolve();
      });
    });
    const { topic, partition, offset, leaderEpoch } = options;
    consumer.assign([{ topic, partition, offset: Number(offset), ...(leaderEpoch === null ? {} : { leaderEpoch }) } as never]);
    return lone;
  }

  /**
   * The next records, one native message in JavaScript's hands at a time.
   * @returns undefined when none came for 10 s; `atEnd` when Kafka had no more
   */
  async read(recordsMax: number, readBytes: number): Promise<{ range: LineRange; atEnd: boolean } | undefined> {
    let records = 0;
    let lastAt = performance.now();
    this.#atEnd = false;
    while (records < recordsMax && this.#lines.bytes < readBytes && !this.#atEnd && performance.now() - lastAt < silenceMs) {
      for (const message of await this.#consume()) {
        if (!this.#lines.append(message)) continue;
        records++;
        lastAt = performance.now();
      }
    }
    const range = this.#lines.take(performance.now());
    return range === undefined ? undefined : { range, atEnd: this.#atEnd };
  }

  #consume(): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      this.#consumer.consume(1, (error: LibrdKafkaError | null, batch: Message[]) => {
        if (!error) resolve(batch);
        else if (error.code === timedOut) resolve([]);
        else reject(new MillraceError('unavailable', 'kafka_client_error', `the Kafka consumer says: ${error.message}`, {}, error));
      });
    });
  }
}
