import kafka, { type LibrdKafkaError, type Producer } from '@confluentinc/kafka-javascript';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { createAnnouncementTopic } from '@millrace/core/adapters/kafka/announcement-topic.ts';
import { type KafkaProperties, promisedProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { type Announcement, announcementPartition, encodeAnnouncement } from '@millrace/core/domain/announcement.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { SourceMetadata } from '../dump/source-metadata.ts';
import type { Announcer } from '../run/announcer.ts';

/** The topic's partitions are counted this often, ms; while it cannot be used, it is tried so often. */
const refreshMs = 20_000;
const retryMsMin = 1_000;
const retryMsMax = 30_000;
const connectTimeoutMs = 5_000;
/** Announcements waiting for Kafka at most; one that waits longer than this, ms, is given up: by then it was found by looking. */
const queuedMax = 10_000;
const deliverWithinMs = 15_000;
/** Delivery reports are fetched this often, ms. */
const reportsMs = 200;
/** At the end: what is queued may take so long, ms. */
const flushMs = 500;

export type AnnouncerOptions = {
  brokers: string;
  clientId: string;
  properties: KafkaProperties;
  topic: string;
  /** partitions when the topic has to be created */
  partitions: number;
  metadata: SourceMetadata;
  clock: Clock;
  log: Logger;
  /** how an announcement ended: `sent` Kafka has it, `failed` it did not take it in time, `dropped` it was never queued */
  count: (result: 'sent' | 'failed' | 'dropped') => void;
};

/** Announces on the internal topic of Kafka, through librdkafka's queue, to the partition that the source topic belongs to. */
export class KafkaAnnouncer implements Announcer {
  readonly #options: AnnouncerOptions;
  #producer: Producer | undefined;
  /** of the topic as last counted; 0: it is not there */
  #partitions = 0;
  #notice: string | null = null;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  announce(news: Announcement): void {
    const { topic, clock, count } = this.#options;
    try {
      if (this.#producer === undefined || this.#partitions === 0) count('dropped');
      else {
        const partition = announcementPartition(news.topic, this.#partitions);
        this.#producer.produce(topic, partition, Buffer.from(encodeAnnouncement(news)), news.topic, clock.now());
      }
    } catch {
      count('dropped'); // the queue is full: Kafka is away or slow
    }
  }

  notice(): string | null {
    return this.#notice;
  }

  /** Keeps topic and producer usable until the signal, then sends what is queued within a moment. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let retryMs = retryMsMin; !signal.aborted; ) {
      try {
        await this.#prepare();
        this.#say(null);
        retryMs = retryMsMin;
        await clock.sleep(refreshMs, signal);
      } catch (error) {
        this.#say(error);
        await clock.sleep(retryMs, signal);
        retryMs = Math.min(retryMsMax, retryMs * 2);
      }
    }
    await this.#close();
  }

  async #prepare(): Promise<void> {
    this.#partitions = await this.#countPartitions();
    if (this.#partitions === 0) {
      await createAnnouncementTopic(this.#options);
      this.#partitions = await this.#countPartitions();
      if (this.#partitions === 0)
        throw new MillraceError('unavailable', 'topic_not_there_yet', `the topic ${this.#options.topic} was created and is not there yet`);
    }
    this.#producer ??= await this.#connect();
  }

  async #countPartitions(): Promise<number> {
    const { metadata, topic } = this.#options;
    const { topics, problems } = await metadata.describe([topic]);
    const problem = problems.get(topic);
    if (problem !== undefined) throw new MillraceError('invalid', 'topic_not_described', problem, { topic });
    return topics.get(topic)?.partitions.length ?? 0;
  }

  async #connect(): Promise<Producer> {
    const { brokers, clientId, properties, log, count } = this.#options;
    const promised = new Set(Object.keys(promisedProperties()));
    const shared = Object.fromEntries(Object.entries(properties).filter(([name]) => !promised.has(name)));
    const producer = new kafka.Producer(
      {
        ...shared,
        'bootstrap.servers': brokers,
        'client.id': clientId,
        'allow.auto.create.topics': 'false',
        'linger.ms': '2',
        'queue.buffering.max.messages': String(queuedMax),
        'message.timeout.ms': String(deliverWithinMs),
        dr_cb: true,
      } as never,
      { 'request.required.acks': '1' } as never,
    );
    producer.on('delivery-report', (error: LibrdKafkaError | null) => count(error ? 'failed' : 'sent'));
    producer.on('event.error', (error) => log.debug({ err: error }, 'the client of announcements has trouble'));
    await new Promise<void>((resolve, reject) => {
      producer.connect({ allTopics: false, timeout: connectTimeoutMs } as never, (cause: LibrdKafkaError | null) => {
        if (!cause) return resolve();
        producer.disconnect(() => {});
        reject(new MillraceError('unavailable', 'kafka_away', `Kafka (${brokers}) cannot be reached by the announcer`, {}, cause));
      });
    });
    producer.setPollInterval(reportsMs);
    return producer;
  }

  /** Said once each time it is another cause. Kafka being away is told by landing itself. */
  #say(error: unknown): void {
    const { log, topic } = this.#options;
    const words =
      error === null || isKind(error, 'unavailable')
        ? null
        : `chain entries are not announced on ${topic}, so phase 2 finds them by looking now and then: ${describeError(error)}`;
    if (words !== null && words !== this.#notice) log.warn({ topic, err: error }, words);
    if (words === null && this.#notice !== null && error === null) log.info({ topic }, 'chain entries are announced');
    this.#notice = words;
  }

  async #close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer === undefined) return;
    const { clock } = this.#options;
    const ended = new Promise<void>((resolve) => producer.flush(flushMs, () => producer.disconnect(() => resolve())));
    await Promise.race([ended, clock.sleep(2 * flushMs)]);
  }
}
