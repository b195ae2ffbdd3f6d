import type { LibrdKafkaError, Message } from '@confluentinc/kafka-javascript';
import {
  type GroupProtocol,
  type KafkaProperties,
  memberProperties,
  promisedProperties,
  receiveBytesMax,
} from '@millrace/core/adapters/kafka/properties.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { AssignedPosition, AssignmentHandler, LineRange, RecordSource } from '@millrace/core/ports/record-source.ts';
import { partitionKey, type SourceMetadata } from '../dump/source-metadata.ts';
import { createNativeConsumer, type NativeConsumer } from './native-consumer.ts';
import { PartitionLines } from './partition-lines.ts';

/** Connecting, with the first metadata, may take so long, ms. */
const connectTimeoutMs = 10_000;
/** Leaving the group may take so long, ms; then the session times out by itself. */
const closeTimeoutMs = 2_500;
/** The coordinator may take so long to say what former owners told it, ms: looking for it in the chain costs about as much. */
const toldWithinMs = 1_000;
/** Commits under way are waited for so long at the end, ms. */
const lastCommitsMs = 1_000;
/** How often the client looks for new partitions, ms. */
const metadataRefreshMs = 2_000;
/** An error beside nothing but end-of-partition marks loses the marks: partitions are read anew from where they stand, at most so often, ms. */
const rereadMs = 5_000;
/** How the native client begins to say that the coordinator refuses the protocol for good. */
const fatalLog = /fatal error/i;
const protocolRefused = /ConsumerGroupHeartbeat.*not supported/i;
/** librdkafka's own error codes that we act on. */
const assignPartitions = -175;
const revokePartitions = -174;
const timedOut = -185;
/** The client is of no use any more; what befell it is only in its log. */
const fatalError = -150;

const protocolMissing = () =>
  new MillraceError(
    'invalid',
    'group_protocol_unsupported',
    'MILLRACE_GROUP_PROTOCOL=consumer: these brokers do not have that protocol (KIP-848), or have it switched off; set MILLRACE_GROUP_PROTOCOL=classic, or switch it on at the brokers',
    {},
  );

/** Looks once, before joining. @throws kind `invalid`, code `group_protocol_unsupported`, when the brokers do not know KIP-848 */
export async function requireConsumerProtocol(metadata: SourceMetadata): Promise<void> {
  if ((await metadata.hasConsumerProtocol?.()) === false) throw protocolMissing();
}

export type KafkaSourceOptions = {
  brokers: string;
  groupId: string;
  clientId: string;
  properties: KafkaProperties;
  groupProtocol: GroupProtocol;
  /** under the classic protocol */
  sessionTimeoutMs: number;
  /** fetched messages the client may hold, bytes; part of the process's budget */
  queueBytes: number;
  clock: Clock;
  /** events of the client worth a log line; never records */
  onEvent: (event: { level: 'warn' | 'debug'; message: string; code: number | null }) => void;
  /** all partitions are read anew after an error; under one that lasts again and again, each time with fetches thrown away */
  onReread: () => void;
};

/**
 * Landing's member of the consumer group, on librdkafka's low-level consumer.
 * The group is answered at once with an empty incremental assignment; each partition is added with its explicit offset when it has been claimed,
 * so claims of any length never hold up the group. Additions happen only while no consume call is outstanding: a batch fetched under an
 * earlier assignment can then never be taken for records behind a new start.
 */
export class KafkaSource implements RecordSource {
  readonly #consumer: NativeConsumer;
  readonly #handler: AssignmentHandler;
  readonly #clock: Clock;
  readonly #onEvent: KafkaSourceOptions['onEvent'];
  readonly #onReread: KafkaSourceOptions['onReread'];
  /** partitions the group gave us */
  readonly #owned = new Set<string>();
  /** partitions added to the client's assignment */
  readonly #reading = new Map<string, PartitionLines>();
  readonly #starting = new Map<string, AssignedPosition>();
  readonly #toCommit = new Map<string, TopicPartition & { offset: number; leaderEpoch?: number; metadata: string }>();
  #committing: Promise<void> | undefined;
  /** a revocation that is not answered yet: any other unassignment would be taken for the answer, so those wait for it */
  #revoking = false;
  readonly #stopLater = new Map<string, TopicPartition>();
  #endsReached: { topic: string; partition: number; offset: number }[] = [];
  #fatalWords = '';
  #marksMayBeLost = false;
  #rereadAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;

  private constructor(options: KafkaSourceOptions, handler: AssignmentHandler) {
    this.#handler = handler;
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
    this.#onReread = options.onReread;
    const config = {
      'fetch.queue.backoff.ms': '5',
      'fetch.wait.max.ms': '200',
      'topic.metadata.refresh.interval.ms': String(metadataRefreshMs),
      'client.id': options.clientId,
      'receive.message.max.bytes': String(receiveBytesMax),
      ...options.properties,
      ...promisedProperties(),
      ...memberProperties(options.groupProtocol, options.sessionTimeoutMs, options.properties),
      'bootstrap.servers': options.brokers,
      'group.id': options.groupId,
      'queued.max.messages.kbytes': String(Math.max(1024, Math.floor(options.queueBytes / 1024))),
      rebalance_cb: (error: LibrdKafkaError | undefined, partitions: TopicPartition[]) => this.#rebalance(error?.code, partitions),
    };
    try {
      this.#consumer = createNativeConsumer(config);
    } catch (cause) {
      throw new MillraceError(
        'invalid',
        'bad_kafka_properties',
        `the Kafka consumer refuses its settings (KAFKA_PROPERTIES): ${(cause as Error).message}`,
        {},
        cause,
      );
    }
    this.#consumer.on('partition.eof', (end) => this.#endsReached.push(end));
    this.#consumer.on('event.error', (error) => this.#onEvent({ level: 'warn', message: error.message, code: error.code }));
    this.#consumer.on('event.log', (event) => {
      const message = String((event as { message?: unknown }).message ?? '');
      if (fatalLog.test(message)) this.#fatalWords = message;
      this.#onEvent({ level: 'debug', message, code: null });
    });
  }

  /** Connects a client. @throws kind `unavailable`, code `kafka_away`, after 10 s without a broker */
  static async open(options: KafkaSourceOptions, handler: AssignmentHandler): Promise<KafkaSource> {
    const source = new KafkaSource(options, handler);
    const consumer = source.#consumer;
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
    await new Promise<void>((resolve, reject) => {
      consumer.connect({ allTopics: false, timeout: connectTimeoutMs } as never, (cause: LibrdKafkaError | null) => {
        if (cause)
          reject(new MillraceError('unavailable', 'kafka_away', `Kafka (${options.brokers}) cannot be reached by the consumer`, {}, cause));
        else resolve();
      });
    });
    return source;
  }

  subscribe(topics: string[]): void {
    if (topics.length === 0) this.#consumer.unsubscribe();
    else this.#consumer.subscribe(topics);
  }

  start(position: AssignedPosition): void {
    const key = partitionKey(position);
    if (!this.#owned.has(key))
      throw new MillraceError('conflict', 'not_assigned', `${position.topic}/${position.partition} is not assigned to us any more`, {
        topic: position.topic,
        partition: position.partition,
      });
    this.#starting.set(key, position);
  }

  stop(partition: TopicPartition): void {
    const key = partitionKey(partition);
    this.#starting.delete(key);
    if (!this.#owned.has(key)) return; // being revoked: the answer to the group takes it out
    if (this.#revoking) this.pause([partition]);
    if (!this.#reading.delete(key)) return;
    if (this.#revoking) this.#stopLater.set(key, partition);
    else this.#quietly('stop', () => this.#consumer.incrementalUnassign([partition]));
  }

  pause(partitions: TopicPartition[]): void {
    const reading = partitions.filter((p) => this.#reading.has(partitionKey(p)));
    if (reading.length > 0) this.#quietly('pause', () => this.#consumer.pause(reading));
  }

  resume(partitions: TopicPartition[]): void {
    const reading = partitions.filter((p) => this.#reading.has(partitionKey(p)));
    if (reading.length > 0) this.#quietly('resume', () => this.#consumer.resume(reading));
  }

  async poll(maxRecords: number, timeoutMs: number): Promise<LineRange[]> {
    this.#readAnew();
    this.#addStarting();
    this.#consumer.setDefaultConsumeTimeout(timeoutMs);
    const messages = await new Promise<Message[]>((resolve, reject) => {
      this.#consumer.consume(maxRecords, (error: LibrdKafkaError | null, batch: Message[]) => {
        if (!error) resolve(batch);
        else if (error.code === timedOut) resolve([]);
        else {
          this.#marksMayBeLost = true;
          reject(this.#toError(error));
        }
      });
    });
    return this.#encode(messages);
  }

  toldBefore(partition: TopicPartition): Promise<string | undefined> {
    return new Promise((resolve) => {
      const ask = () =>
        this.#consumer.committed([partition], toldWithinMs, (error, positions) =>
          resolve(error ? undefined : (positions[0]?.metadata ?? undefined)),
        );
      this.#quietly('ask what former owners told', ask, () => resolve(undefined));
    });
  }

  commitOffsets(positions: (TopicPartition & { offset: bigint; leaderEpoch: number | null; metadata: string })[]): void {
    for (const { topic, partition, offset, leaderEpoch, metadata } of positions)
      this.#toCommit.set(partitionKey({ topic, partition }), {
        topic,
        partition,
        offset: Number(offset),
        metadata,
        ...(leaderEpoch === null ? {} : { leaderEpoch }),
      });
    this.#commitNext();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** One commit request at a time; what comes meanwhile is joined into the next. A refused one is only advice lost. */
  #commitNext(): void {
    if (this.#committing !== undefined || this.#toCommit.size === 0) return;
    const batch = [...this.#toCommit.values()];
    this.#toCommit.clear();
    this.#committing = new Promise<void>((resolve) => {
      this.#quietly('commit', () => this.#consumer.commitCb(batch, () => resolve()), resolve);
    }).finally(() => {
      this.#committing = undefined;
      this.#commitNext();
    });
  }

  /** Without its mark a partition that ends in control records would stand before them until the next record comes. */
  #readAnew(): void {
    const now = this.#clock.monotonic();
    if (!this.#marksMayBeLost || this.#revoking || now - this.#rereadAt < rereadMs) return;
    this.#marksMayBeLost = false;
    this.#rereadAt = now;
    if (this.#reading.size > 0) this.#onReread();
    for (const [key, { topic, partition, next }] of [...this.#reading]) {
      this.stop({ topic, partition });
      if (!this.#starting.has(key)) this.#starting.set(key, { topic, partition, offset: next, leaderEpoch: null });
    }
  }

  #addStarting(): void {
    for (const [key, { topic, partition, offset, leaderEpoch }] of this.#starting) {
      if (this.#stopLater.has(key)) continue;
      this.#starting.delete(key);
      this.#quietly('start', () => {
        this.#consumer.incrementalAssign([{ topic, partition, offset: Number(offset), ...(leaderEpoch === null ? {} : { leaderEpoch }) }]);
        // a partition that was paused when it was revoked stays paused in the client when it comes back
        this.#consumer.resume([{ topic, partition }]);
        this.#reading.set(key, new PartitionLines(topic, partition, offset));
      });
    }
  }

  /** Messages to lines, in one pass, without an object or a promise of ours per record. */
  #encode(messages: Message[]): LineRange[] {
    const touched = new Set<PartitionLines>();
    let topic = '';
    let partition = -1;
    let lines: PartitionLines | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      if (message.partition !== partition || message.topic !== topic) {
        topic = message.topic;
        partition = message.partition;
        lines = this.#reading.get(partitionKey(message));
        if (lines !== undefined) touched.add(lines);
      }
      lines?.append(message);
    }
    for (const end of this.#endsReached) {
      const ended = this.#reading.get(partitionKey(end));
      if (ended === undefined) continue;
      ended.endReached(end.offset);
      touched.add(ended);
    }
    this.#endsReached = [];
    const arrivedAt = this.#clock.monotonic();
    const ranges: LineRange[] = [];
    for (const one of touched) {
      const range = one.take(arrivedAt);
      if (range !== undefined) ranges.push(range);
    }
    return ranges;
  }

  #rebalance(code: number | undefined, partitions: TopicPartition[]): void {
    const given = partitions.map(({ topic, partition }) => ({ topic, partition }));
    if (code === assignPartitions) {
      this.#quietly('answer an assignment', () => this.#consumer.incrementalAssign([]));
      if (this.#closing !== undefined) return;
      for (const p of given) this.#owned.add(partitionKey(p));
      this.#handler.assigned(given);
    } else if (code === revokePartitions) {
      for (const p of given) this.#owned.delete(partitionKey(p));
      if (this.#closing !== undefined) this.#release(given);
      else if (this.#consumer.assignmentLost()) {
        this.#release(given);
        this.#handler.lost(given);
      } else {
        this.#revoking = true;
        this.pause(given);
        this.#handler.revoked(given).then(
          () => this.#release(given),
          () => this.#release(given),
        );
      }
    } else this.#onEvent({ level: 'warn', message: 'unexpected rebalance event', code: code ?? null });
  }

  /** Takes partitions out of the client's assignment, which also answers a revocation; those never started are not in it. */
  #release(partitions: TopicPartition[]): void {
    const added = partitions.filter((p) => {
      this.#starting.delete(partitionKey(p));
      return this.#reading.delete(partitionKey(p)) && !this.#stopLater.has(partitionKey(p));
    });
    added.push(...this.#stopLater.values());
    this.#stopLater.clear();
    this.#revoking = false;
    this.#quietly('answer a revocation', () => this.#consumer.incrementalUnassign(added));
  }

  async #close(): Promise<void> {
    await Promise.race([this.#committing, this.#clock.sleep(lastCommitsMs)]);
    const left = new Promise<void>((resolve) => {
      this.#quietly('close', () => this.#consumer.disconnect(() => resolve()), resolve);
    });
    await Promise.race([left, this.#clock.sleep(closeTimeoutMs)]);
  }

  #quietly(doing: string, call: () => void, onError?: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onEvent({
        level: 'warn',
        message: `could not ${doing}: ${(error as Error).message}`,
        code: (error as LibrdKafkaError).code ?? null,
      });
      onError?.();
    }
  }

  #toError(error: LibrdKafkaError): MillraceError {
    const fatal = error.code === fatalError || (error as { isFatal?: boolean }).isFatal === true;
    const words = fatal ? this.#fatalWords || error.message : error.message;
    if (protocolRefused.test(words)) return protocolMissing();
    return new MillraceError(
      'unavailable',
      fatal ? 'kafka_client_fatal' : 'kafka_client_error',
      `the Kafka consumer says: ${words}`,
      { kafkaCode: error.code, fatal },
      error,
    );
  }
}
