import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import { type ConnectionOptions, describeProducersV0, type metadataV12 } from '@platformatic/kafka';
import { judgeLeader } from '../dump/leader.ts';
import {
  type ClusterDescription,
  type IdentityAnswer,
  type PartitionOffsets,
  partitionKey,
  type SourceMetadata,
  type TopicDescription,
} from '../dump/source-metadata.ts';
import { answerWithin, type Broker, type BrokerAddress, BrokerConnections, parseBrokers } from './brokers.ts';

type MetadataResponse = ReturnType<typeof metadataV12.parseResponse>;
/** `asked`: node id of the broker that answered; null when any would do. `requestedAt`: monotonic ms. */
type Answered = { answer: MetadataResponse; requestedAt: number; asked: number | null };

/** Kafka's error codes that we act on. */
const noError = 0;
const leaderNotAvailable = 5;
const unknownTopicOrPartition = 3;
const topicAuthorizationFailed = 29;
/** ListOffsets: special timestamps and the two ends of a broker's protocol. */
const earliestTimestamp = -2n;
const latestTimestamp = -1n;
const readUncommitted = 0;
const readCommitted = 1;
const consumerReplicaId = -1;
/** A leader that has moved is followed so often in one call. */
const leaderHopsMax = 3;

/** Kafka's URL-safe text of a UUID as the vendor package writes it (`8-4-4-4-12` hex); undefined for the zero id of brokers without topic ids. Pure. */
export function topicIdText(uuid: string | undefined): string | undefined {
  const hex = (uuid ?? '').replaceAll('-', '');
  return /^[0-9a-f]{32}$/i.test(hex) && !/^0+$/.test(hex) ? Buffer.from(hex, 'hex').toString('base64url') : undefined;
}

/** Topic ids, cluster id and offsets over TypeScript connections, asked of the broker that leads a partition. */
export class KafkaMetadata implements SourceMetadata {
  readonly notices: readonly string[] = [];
  readonly #bootstrap: BrokerAddress[];
  readonly #connections: BrokerConnections;
  readonly #clock: Clock;
  /** node id → address, as last told */
  #addresses = new Map<number, BrokerAddress>();
  /** partition → node id that led it when last told; a hint, proven by the leader's own answer */
  readonly #leaders = new Map<string, number>();
  /** questions not sent yet, by node id */
  readonly #questions = new Map<number, { topics: Set<string>; answer: Promise<Answered> }>();
  #next = 0;

  constructor(options: { brokers: string; clientId: string; security: ConnectionOptions; clock: Clock }) {
    this.#bootstrap = parseBrokers(options.brokers);
    this.#connections = new BrokerConnections(options.clientId, options.security);
    this.#clock = options.clock;
  }

  async describe(topics: readonly string[]): Promise<ClusterDescription> {
    const { answer, requestedAt } = await this.#ask(await this.#anyBroker(), topics);
    return { ...toDescription(answer), requestedAt };
  }

  async hasConsumerProtocol(): Promise<boolean> {
    return (await this.#anyBroker()).consumerProtocol;
  }

  async confirm({ topic, partition }: TopicPartition): Promise<IdentityAnswer> {
    const key = partitionKey({ topic, partition });
    for (let hop = 0; hop < leaderHopsMax; hop++) {
      const { answer, requestedAt, asked } = await this.#askNode(this.#leaders.get(key), topic).catch((error) => {
        this.#leaders.delete(key);
        throw error;
      });
      const { clusterId, topics, problems } = toDescription(answer);
      const problem = problems.get(topic);
      if (problem !== undefined) throw new MillraceError('unavailable', 'topic_not_described', problem, { topic });
      const topicId = topics.get(topic)?.topicId ?? null;
      const led = answer.topics.find(({ name }) => name === topic)?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
      const worth = judgeLeader(asked, led?.leaderId ?? null);
      if (worth === 'absent') return { clusterId, topicId, partitionExists: false, requestedAt, leaderEpoch: null };
      if (worth === 'proven' && led !== undefined)
        return { clusterId, topicId, partitionExists: true, requestedAt, leaderEpoch: led.leaderEpoch >= 0 ? led.leaderEpoch : null };
      if (worth === 'ask_leader' && led !== undefined) this.#leaders.set(key, led.leaderId);
      else this.#leaders.delete(key);
    }
    throw new MillraceError(
      'unavailable',
      'leader_moving',
      `the leader of ${topic}/${partition} cannot be found: it keeps moving or is being elected`,
      { topic, partition },
    );
  }

  async offsets(partitions: readonly TopicPartition[]): Promise<Map<string, PartitionOffsets>> {
    const found = new Map<string, PartitionOffsets>();
    const unled = partitions.filter((p) => !this.#addresses.has(this.#leaders.get(partitionKey(p)) ?? -1));
    if (unled.length > 0) await this.describe([...new Set(unled.map(({ topic }) => topic))]);
    const byNode = Map.groupBy(partitions, (p) => this.#leaders.get(partitionKey(p)) ?? -1);
    await Promise.all(
      [...byNode].map(async ([nodeId, led]) => {
        const address = this.#addresses.get(nodeId);
        if (address === undefined) return;
        try {
          const broker = await this.#connections.to(address);
          const [earliest, latest, written] = await Promise.all([
            this.#listOffsets(broker, led, earliestTimestamp),
            this.#listOffsets(broker, led, latestTimestamp),
            this.#listOffsets(broker, led, latestTimestamp, readUncommitted),
          ]);
          for (const p of led) {
            const key = partitionKey(p);
            const first = earliest.get(key);
            const end = latest.get(key);
            const highWatermark = written.get(key);
            if (first !== undefined && end !== undefined)
              found.set(key, { earliest: first, lastStable: end, ...(highWatermark === undefined ? {} : { highWatermark }) });
            else this.#leaders.delete(key);
          }
        } catch {
          for (const p of led) this.#leaders.delete(partitionKey(p)); // left out of the answer, as promised; asked anew next time
        }
      }),
    );
    return found;
  }

  async openProducer(partition: TopicPartition, startOffset: bigint): Promise<string | null> {
    const address = this.#addresses.get(this.#leaders.get(partitionKey(partition)) ?? -1);
    if (address === undefined) return null;
    const broker = await this.#connections.to(address);
    const { topics } = await describeProducersV0.api.async(broker.connection, [
      { name: partition.topic, partitionIndexes: [partition.partition] },
    ]);
    const producers = topics.flatMap(({ partitions }) => partitions.flatMap(({ activeProducers }) => activeProducers));
    return producers.find(({ currentTxnStartOffset }) => currentTxnStartOffset === startOffset)?.producerId.toString() ?? null;
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** Joins questions of one turn to one broker into one request, so that hundreds of partitions cost a few requests. `undefined`, and a node without a known address, ask any broker. */
  #askNode(nodeId: number | undefined, topic: string): Promise<Answered> {
    const node = nodeId ?? -1;
    const waiting = this.#questions.get(node);
    if (waiting !== undefined) {
      waiting.topics.add(topic);
      return waiting.answer;
    }
    const topics = new Set([topic]);
    const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      this.#questions.delete(node);
      const address = this.#addresses.get(node);
      const broker = address === undefined ? await this.#anyBroker() : await this.#connections.to(address);
      return { ...(await this.#ask(broker, [...topics])), asked: address === undefined ? null : node };
    });
    this.#questions.set(node, { topics, answer });
    return answer;
  }

  /** A broker that answers: known ones in turn, then the bootstrap list. */
  async #anyBroker(): Promise<Broker> {
    const candidates = [...this.#addresses.values(), ...this.#bootstrap];
    let failure: unknown;
    for (let i = 0; i < candidates.length; i++) {
      const address = candidates[(this.#next + i) % candidates.length] as BrokerAddress;
      try {
        const broker = await this.#connections.to(address);
        this.#next = (this.#next + i) % candidates.length;
        return broker;
      } catch (error) {
        failure = error;
      }
    }
    throw new MillraceError(
      'unavailable',
      'kafka_away',
      `no Kafka broker answers (${this.#bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')})`,
      {},
      failure,
    );
  }

  async #ask(broker: Broker, topics: readonly string[]): Promise<{ answer: MetadataResponse; requestedAt: number }> {
    const requestedAt = this.#clock.monotonic();
    const answer = await broker.metadata
      .async(broker.connection, [...topics], false)
      .catch((error) => answerWithin<MetadataResponse>(error, broker.address));
    this.#addresses = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    for (const { name, errorCode, partitions } of answer.topics)
      if (errorCode === noError)
        for (const { partitionIndex, leaderId } of partitions) {
          const key = partitionKey({ topic: name ?? '', partition: partitionIndex });
          if (leaderId >= 0) this.#leaders.set(key, leaderId);
          else this.#leaders.delete(key);
        }
    return { answer, requestedAt };
  }

  async #listOffsets(
    broker: Broker,
    partitions: readonly TopicPartition[],
    timestamp: bigint,
    isolation = readCommitted,
  ): Promise<Map<string, bigint>> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, of]) => ({
      name,
      partitions: of.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
    }));
    type Answer = Awaited<ReturnType<typeof broker.listOffsets.async>>;
    const answer = await broker.listOffsets
      .async(broker.connection, consumerReplicaId, isolation, topics)
      .catch((error) => answerWithin<Answer>(error, broker.address));
    const offsets = new Map<string, bigint>();
    for (const { name, partitions: of } of answer.topics)
      for (const { partitionIndex, errorCode, offset } of of)
        if (errorCode === noError && offset >= 0n) offsets.set(partitionKey({ topic: name, partition: partitionIndex }), offset);
    return offsets;
  }
}

function toDescription(answer: MetadataResponse): Omit<ClusterDescription, 'requestedAt'> {
  const clusterId = answer.clusterId ?? null;
  const topics = new Map<string, TopicDescription>();
  const problems = new Map<string, string>();
  for (const { name, errorCode, topicId, partitions } of answer.topics) {
    if (name === null || name === undefined || errorCode === unknownTopicOrPartition) continue;
    if (errorCode !== noError && errorCode !== leaderNotAvailable) {
      problems.set(
        name,
        `Kafka does not describe topic ${name}: error ${errorCode}${errorCode === topicAuthorizationFailed ? ' (not authorized)' : ''}`,
      );
      continue;
    }
    const epochs = partitions.map(({ leaderEpoch }) => leaderEpoch);
    topics.set(name, {
      topic: name,
      topicId: topicIdText(topicId) ?? `name:${clusterId ?? unknownCluster}:${name}`,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b),
      leaderEpochMin: epochs.reduce((least, epoch) => Math.min(least, epoch), epochs[0] ?? -1),
      leaderEpochMax: epochs.reduce((most, epoch) => Math.max(most, epoch), -1),
    });
  }
  return { clusterId, topics, problems };
}
