import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { Admin, Connection, type ConnectionOptions, fetchV13, findErrorBy, listOffsetsV9, UserError } from '@platformatic/kafka';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { type AbortedTransaction, itemsOf, type RecordBatch } from './kafka-batches.ts';
import type { KafkaItem } from './kafka-compare.ts';

/** Bytes asked for at a time. */
const fetchBytesMax = 8 * 2 ** 20;
/** How long the broker may wait for data, ms, and how often an answer without data is asked again before we give up. */
const fetchWaitMs = 500;
const emptyFetchesMax = 20;
const requestTimeoutMs = 30_000;
const readCommitted = 1;
/** A leader that moved or is away is asked for anew this often, with so much time in between, ms. */
const movesMax = 8;
const moveWaitMsMin = 250;
const moveWaitMsMax = 4_000;
/** Kafka's error codes of a partition whose leader is another one now, or not ready yet. */
const movedCodes = new Set([5, 6, 7, 8, 9, 13, 56, 74, 75, 78, 100]);
/** Timestamps by which Kafka means the first and, to a read_committed reader, the last stable offset. */
const earliestOffset = -2n;
const latestOffset = -1n;

/** What Kafka says of a topic today. */
export type KafkaTopic = {
  topic: string /** Kafka's URL-safe text */;
  topicId: string;
  uuid: string;
  compacted: boolean | null;
  /** how many partitions it has, with or without a leader now */
  partitions: number;
  leaders: Map<number, { host: string; port: number }>;
};

/** What a partition still holds: `[startOffset, endOffset)`, end = last stable offset. */
export type KafkaBounds = { startOffset: bigint; endOffset: bigint };

/** What verify asks of Kafka. */
export type KafkaReader = Pick<KafkaLog, 'topic' | 'bounds' | 'items'>;

/** Reads partitions of Kafka without a group: the second client that proves what the landing client brought. */
export class KafkaLog {
  readonly #admin: Admin;
  readonly #options: ConnectionOptions;
  readonly #brokers: string;
  readonly #connections = new Map<string, Connection>();

  constructor(brokers: string, security: ConnectionOptions) {
    this.#brokers = brokers;
    this.#options = { ...security, connectTimeout: 5_000, requestTimeout: requestTimeoutMs };
    this.#admin = new Admin({
      clientId: 'millrace-verify',
      bootstrapBrokers: brokers.split(',').map((text) => text.trim()),
      ...this.#options,
      retries: 3,
      strict: false,
    });
  }

  /** Undefined when Kafka has no such topic. @throws kind `unavailable`; kind `invalid`, code `kafka_not_allowed`, when this user may not see it */
  async topic(topic: string): Promise<KafkaTopic | undefined> {
    let metadata: Awaited<ReturnType<Admin['metadata']>>;
    try {
      // a list leaves out what this user may not see, as if it were not there: only asked for by name does Kafka say that it refuses
      const listed = (await this.#admin.listTopics({ includeInternals: true })).includes(topic);
      metadata = await this.#admin.metadata({ topics: [topic], forceUpdate: true, ...(listed ? {} : { retries: 0 }) });
    } catch (cause) {
      // the client's word for a topic that is not there
      if (cause instanceof UserError) return undefined;
      if (findErrorBy(cause as Error, 'apiId', 'TOPIC_AUTHORIZATION_FAILED'))
        throw new MillraceError(
          'invalid',
          'kafka_not_allowed',
          `Kafka refuses this user the topic ${topic}; give it READ (and DESCRIBE_CONFIGS, which tells whether the topic is compacted)`,
          { topic },
          cause,
        );
      throw new MillraceError(
        'unavailable',
        'kafka_away',
        `Kafka at ${this.#brokers} does not describe topic ${topic}: ${describeError(cause)}`,
        {},
        cause,
      );
    }
    const found = metadata.topics.get(topic);
    if (found === undefined) return undefined;
    const leaders = new Map<number, { host: string; port: number }>();
    found.partitions.forEach((partition, number) => {
      const broker = metadata.brokers.get(partition.leader);
      if (broker !== undefined) leaders.set(number, { host: broker.host, port: broker.port });
    });
    return {
      topic,
      topicId: Buffer.from(found.id.replaceAll('-', ''), 'hex').toString('base64url'),
      uuid: found.id,
      compacted: await this.#isCompacted(topic),
      partitions: found.partitions.length,
      leaders,
    };
  }

  /** Null when the broker does not tell. */
  async #isCompacted(topic: string): Promise<boolean | null> {
    try {
      // 2: a topic's configuration
      const [answer] = await this.#admin.describeConfigs({
        resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['cleanup.policy'] }],
      });
      const policy = answer?.configs.find(({ name }) => name === 'cleanup.policy')?.value;
      return policy === undefined || policy === null ? null : policy.includes('compact');
    } catch {
      return null;
    }
  }

  /** What the leader keeps now. @throws kind `unavailable` when it does not tell, or refuses with an error code */
  async bounds(topic: KafkaTopic, partition: number): Promise<KafkaBounds> {
    const startOffset = await this.#listOffset(topic, partition, earliestOffset);
    return { startOffset, endOffset: await this.#listOffset(topic, partition, latestOffset) };
  }

  #listOffset(topic: KafkaTopic, partition: number, timestamp: bigint): Promise<bigint> {
    return this.#followingLeader(topic, () => this.#askOffset(topic, partition, timestamp));
  }

  /** Repeats a request while the partition's leader moves or is away, and looks each time who leads now. */
  #followingLeader<T>(topic: KafkaTopic, request: () => Promise<T>): Promise<T> {
    const moved = handleWhen((error) => isKind(error, 'unavailable') && movedCodes.has(Number(error.fields.errorCode ?? 6)));
    const backoff = new ExponentialBackoff({ initialDelay: moveWaitMsMin, maxDelay: moveWaitMsMax });
    return retry(moved, { maxAttempts: movesMax, backoff }).execute(async ({ attempt }) => {
      if (attempt > 0) {
        const now = await this.topic(topic.topic);
        if (now?.topicId === topic.topicId) for (const [partition, leader] of now.leaders) topic.leaders.set(partition, leader);
      }
      return request();
    });
  }

  async #askOffset(topic: KafkaTopic, partition: number, timestamp: bigint): Promise<bigint> {
    const connection = await this.#leader(topic, partition);
    const asked = { partitionIndex: partition, currentLeaderEpoch: -1, timestamp };
    const response = await answerOf<listOffsetsV9.ListOffsetsResponse>(topic, partition, () =>
      listOffsetsV9.api.async(connection, -1, readCommitted, [{ name: topic.topic, partitions: [asked] }]),
    );
    const answer = response.topics[0]?.partitions[0];
    if (answer === undefined || answer.errorCode !== 0 || answer.offset < 0n)
      throw new MillraceError(
        'unavailable',
        'kafka_offsets_failed',
        `the leader of ${topic.topic}/${partition} does not tell its ${timestamp === earliestOffset ? 'first' : 'last stable'} offset: error ${answer?.errorCode}`,
        { partition, errorCode: answer?.errorCode ?? null },
      );
    return answer.offset;
  }

  /** What the partition holds in `[from, to)`, ascending; `to` at most the last stable offset. */
  async *items(topic: KafkaTopic, partition: number, from: bigint, to: bigint): AsyncGenerator<KafkaItem> {
    let empty = 0;
    for (let next = from; next < to; ) {
      const answer = await this.#followingLeader(topic, () => this.#fetch(topic, partition, next, fetchBytesMax));
      const batches = (answer.records ?? []) as unknown as RecordBatch[];
      const last = batches.at(-1);
      if (last === undefined) {
        if (++empty >= emptyFetchesMax)
          throw new MillraceError(
            'unavailable',
            'kafka_fetch_empty',
            `Kafka gives nothing of ${topic.topic}/${partition} from offset ${next}, though its end is ${answer.lastStableOffset}`,
            { partition },
          );
        continue;
      }
      empty = 0;
      for (const item of itemsOf(batches, (answer.abortedTransactions ?? []) as AbortedTransaction[])) {
        if (item.offset >= to) return;
        if (item.offset >= next) yield item;
      }
      next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
    }
  }

  async #fetch(topic: KafkaTopic, partition: number, offset: bigint, bytesMax: number): Promise<fetchV13.FetchResponsePartition> {
    const connection = await this.#leader(topic, partition);
    const asked = { partition, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1, partitionMaxBytes: bytesMax };
    const response = await answerOf<fetchV13.FetchResponse>(topic, partition, () =>
      fetchV13.api.async(
        connection,
        fetchWaitMs,
        1,
        bytesMax,
        readCommitted,
        0,
        -1,
        [{ topicId: topic.uuid, partitions: [asked] }],
        [],
        '',
      ),
    );
    const answer = response.responses[0]?.partitions[0];
    if (answer === undefined)
      throw new MillraceError(
        'unavailable',
        'kafka_fetch_failed',
        `the leader of ${topic.topic}/${partition} gave no answer: error ${response.errorCode}`,
        { partition, errorCode: response.errorCode },
      );
    if (answer.errorCode !== 0)
      throw new MillraceError(
        'unavailable',
        'kafka_fetch_failed',
        `Kafka refuses to read ${topic.topic}/${partition} from offset ${offset}: error ${answer.errorCode}`,
        { partition, errorCode: answer.errorCode },
      );
    return answer;
  }

  async #leader(topic: KafkaTopic, partition: number): Promise<Connection> {
    const leader = topic.leaders.get(partition);
    if (leader === undefined)
      throw new MillraceError('unavailable', 'kafka_no_leader', `${topic.topic}/${partition} has no leader now`, { partition });
    const address = `${leader.host}:${leader.port}`;
    const known = this.#connections.get(address);
    if (known?.isConnected()) return known;
    const connection = new Connection('millrace-verify', this.#options);
    connection.on('error', () => undefined);
    try {
      await connection.connect(leader.host, leader.port);
    } catch (cause) {
      throw new MillraceError(
        'unavailable',
        'kafka_away',
        `Kafka broker ${address} cannot be reached: ${describeError(cause)}`,
        { address },
        cause,
      );
    }
    this.#connections.set(address, connection);
    return connection;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#connections.values()].map((connection) => connection.close()));
    await this.#admin.close();
  }
}

/** An answer with an error code in a part of it arrives as an error that holds the answer: either is given. @throws kind `unavailable` without one */
async function answerOf<T>(topic: KafkaTopic, partition: number, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    const held = (error as { response?: T }).response;
    if (held !== undefined) return held;
    throw new MillraceError(
      'unavailable',
      'kafka_away',
      `the leader of ${topic.topic}/${partition} does not answer: ${describeError(error)}`,
      { partition },
      error,
    );
  }
}
