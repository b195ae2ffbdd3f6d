import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { type KafkaConnectionSecurity, metadataSecurity } from '@millrace/core/adapters/kafka/security.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { Admin, ListOffsetTimestamps, Producer } from '@platformatic/kafka';
import { orderRecord } from './orders.ts';

/** Records handed to Kafka at a time; the next so many wait until these are acknowledged. */
const BATCH_RECORDS_MAX = 1_000;
/** How often a slow, steady stream sends. */
const TICK_MS = 100;
const PARTITIONS = 4;
const TOPIC_READY_WITHIN_MS = 30_000;

/**
 * How the demo's own client secures its connections: as the services do by the same file.
 * @param path KAFKA_PROPERTIES, undefined for plain connections
 * @throws kind `invalid` for a file that cannot be read or followed
 */
export function kafkaSecurity(path: string | undefined): KafkaConnectionSecurity {
  if (path === undefined || path === '') return {};
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError('invalid', 'bad_kafka_properties', `KAFKA_PROPERTIES: ${path} cannot be read`, { path }, cause);
  }
  const security = metadataSecurity(parseKafkaProperties(text, path));
  if ('options' in security) return security.options;
  throw new MillraceError('invalid', 'bad_kafka_security', `KAFKA_PROPERTIES (${path}): the demo cannot follow ${security.unsupported}`, {
    path,
  });
}

/** The demo's topic: creates it, produces to it, knows its ends. */
export class DemoTopic {
  readonly topic: string;
  /** records and bytes of values acknowledged in this run */
  produced = 0;
  producedBytes = 0;
  readonly #admin: Admin;
  readonly #brokers: string[];
  readonly #security: KafkaConnectionSecurity;

  constructor(topic: string, brokers: string, security: KafkaConnectionSecurity = {}) {
    this.topic = topic;
    this.#security = security;
    this.#brokers = brokers.split(',').map((broker) => broker.trim());
    this.#admin = new Admin({
      ...security,
      clientId: 'millrace-demo',
      bootstrapBrokers: this.#brokers,
      connectTimeout: 5_000,
      timeout: 10_000,
      retries: 10,
      retryDelay: 500,
    });
  }

  /** Creates the topic unless it is there, and waits until it can be used. */
  async create(): Promise<void> {
    if (!(await this.#admin.listTopics()).includes(this.topic)) {
      await this.#admin.createTopics({ topics: [this.topic], partitions: PARTITIONS, replicas: 1 });
    }
    const deadline = Date.now() + TOPIC_READY_WITHIN_MS;
    for (;;) {
      try {
        await this.ends();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(200);
      }
    }
  }

  /** Next offset of every partition. */
  async ends(): Promise<bigint[]> {
    const metadata = await this.#admin.metadata({ topics: [this.topic], forceUpdate: true });
    const count = metadata.topics.get(this.topic)?.partitions.length ?? 0;
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: ListOffsetTimestamps.LATEST }));
    const [listed] = await this.#admin.listOffsets({ topics: [{ name: this.topic, partitions }] });
    return (listed?.partitions ?? []).sort((a, b) => a.partitionIndex - b.partitionIndex).map(({ offset }) => offset);
  }

  /**
   * Produces orders, going on where the topic ends. Returns when `records` are acknowledged or `stop` aborts; then nothing is in flight.
   * @param rate records/s, undefined for as fast as it goes
   */
  async produce({ records, rate, stop }: { records: number; rate: number | undefined; stop: AbortSignal }): Promise<void> {
    const first = Number((await this.ends()).reduce((sum, end) => sum + end, 0n));
    const producer = new Producer({
      ...this.#security,
      clientId: 'millrace-demo',
      bootstrapBrokers: this.#brokers,
      serializers: { key: text, value: text },
      acks: -1,
      compression: 'zstd',
      retries: 20,
      retryDelay: 500,
    });
    try {
      const begun = performance.now();
      for (let sent = 0; sent < records && !stop.aborted; ) {
        const due = rate === undefined ? records : Math.floor(((performance.now() - begun) / 1000) * rate) + 1;
        const count = Math.min(BATCH_RECORDS_MAX, records - sent, due - sent);
        if (count > 0) await this.#send(producer, first + sent, count);
        sent += Math.max(count, 0);
        if (rate !== undefined && sent >= due) await sleep(TICK_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    } finally {
      await producer.close();
    }
  }

  async #send(producer: Producer<string | null, string | null, Buffer, Buffer>, first: number, count: number): Promise<void> {
    const messages: { topic: string; key: string; value: string }[] = [];
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const { key, value } = orderRecord(first + i, Date.now());
      bytes += Buffer.byteLength(value ?? '');
      // null is a tombstone; the client's types know no null value
      messages.push({ topic: this.topic, key, value: value as string });
    }
    await producer.send({ messages });
    this.produced += count;
    this.producedBytes += bytes;
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }
}

const text = (data: string | null | undefined): Buffer | undefined =>
  data === null || data === undefined ? (data as undefined) : Buffer.from(data);
