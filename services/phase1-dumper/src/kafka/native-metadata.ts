import kafka, { type IAdminClient } from '@confluentinc/kafka-javascript';
import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import {
  type ClusterDescription,
  type IdentityAnswer,
  type PartitionOffsets,
  partitionKey,
  type SourceMetadata,
  type TopicDescription,
} from '../dump/source-metadata.ts';

const requestTimeoutMs = 5_000;
const readCommitted = 1;
const unknownTopic = 3;
const earliestOffset = -2;
const latestOffset = -1;

type Described = { name: string; error?: { code: number }; topicId?: { base64?: string }; partitions?: { partition: number }[] };
type Listed = TopicPartition & { offset: number; error?: { code: number } };

/**
 * The same questions over librdkafka's admin client, for security settings the TypeScript client cannot follow (Kerberos, OAuth).
 * It picks its broker itself and knows no cluster id, so two checks are off, and say so.
 */
export class NativeMetadata implements SourceMetadata {
  readonly notices: readonly string[];
  readonly #admin: IAdminClient;
  readonly #clock: Clock;

  constructor(options: { brokers: string; clientId: string; properties: KafkaProperties; clock: Clock; unsupported: string }) {
    this.#clock = options.clock;
    this.#admin = kafka.AdminClient.create({
      ...options.properties,
      'bootstrap.servers': options.brokers,
      'client.id': options.clientId,
    } as never);
    this.notices = [
      `identity check is weaker: ${options.unsupported} cannot be followed by the metadata client, so topic ids come from any broker instead of the partition's leader`,
      `cluster check is off: ${options.unsupported} cannot be followed by the metadata client, so a swapped cluster is noticed by topic ids only`,
    ];
  }

  async describe(topics: readonly string[]): Promise<ClusterDescription> {
    const requestedAt = this.#clock.monotonic();
    const found = new Map<string, TopicDescription>();
    const problems = new Map<string, string>();
    const described =
      topics.length === 0
        ? []
        : await this.#ask<Described[]>((callback) =>
            this.#admin.describeTopics([...topics], { timeout: requestTimeoutMs } as never, callback as never),
          );
    for (const { name, error, topicId, partitions } of described) {
      if (error?.code === unknownTopic) continue;
      if (error !== undefined && error.code !== 0) {
        problems.set(name, `Kafka does not describe topic ${name}: error ${error.code}`);
        continue;
      }
      const id = topicId?.base64?.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') ?? '';
      const hasTopicId = id !== '' && !/^A*$/.test(id);
      found.set(name, {
        topic: name,
        topicId: hasTopicId ? id : `name:${unknownCluster}:${name}`,
        partitions: (partitions ?? []).map(({ partition }) => partition).sort((a, b) => a - b),
        leaderEpochMin: -1,
        leaderEpochMax: -1,
      });
    }
    return { clusterId: null, requestedAt, topics: found, problems };
  }

  async confirm({ topic, partition }: TopicPartition): Promise<IdentityAnswer> {
    const { clusterId, requestedAt, topics, problems } = await this.describe([topic]);
    const problem = problems.get(topic);
    if (problem !== undefined) throw new MillraceError('unavailable', 'topic_not_described', problem, { topic });
    const described = topics.get(topic);
    return {
      clusterId,
      topicId: described?.topicId ?? null,
      partitionExists: described?.partitions.includes(partition) ?? false,
      requestedAt,
      leaderEpoch: null,
    };
  }

  async offsets(partitions: readonly TopicPartition[]): Promise<Map<string, PartitionOffsets>> {
    const list = (offset: number) =>
      this.#ask<Listed[]>((callback) =>
        this.#admin.listOffsets(
          partitions.map(({ topic, partition }) => ({ topic, partition, offset: { timestamp: offset } })) as never,
          { timeout: requestTimeoutMs, isolationLevel: readCommitted } as never,
          callback as never,
        ),
      );
    const [earliest, latest] = await Promise.all([list(earliestOffset), list(latestOffset)]);
    const ends = new Map(latest.map((one) => [partitionKey(one), one]));
    const found = new Map<string, PartitionOffsets>();
    for (const one of earliest) {
      const end = ends.get(partitionKey(one));
      if (!one.error?.code && end !== undefined && !end.error?.code)
        found.set(partitionKey(one), { earliest: BigInt(one.offset), lastStable: BigInt(end.offset) });
    }
    return found;
  }

  async close(): Promise<void> {
    this.#admin.disconnect();
  }

  #ask<T>(call: (callback: (error: Error | null, answer: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      call((cause, answer) => {
        if (cause)
          reject(
            new MillraceError('unavailable', 'kafka_admin_failed', `Kafka did not answer the admin client: ${cause.message}`, {}, cause),
          );
        else resolve(answer);
      });
    });
  }
}
