import { describeError } from '@millrace/core/domain/errors.ts';
import { fetchV13, listOffsetsV9, metadataV12 } from '@platformatic/kafka';
import { answerWithin, type KafkaConnections, type OpenBroker } from '../probe/kafka-connection.ts';
import type { DatasetLag, PartitionLag } from './legs.ts';

const readCommitted = 1;
const earliest = -2n;
const latest = -1n;
/** One record and the batch it lies in, as far as Kafka cuts it, bytes. */
const fetchBytes = 65_536;
const waitMs = 500;
/** Kafka's error code UNKNOWN_TOPIC_OR_PARTITION. */
const unknownTopic = 3;
const isLogAppendTime = 1 << 3;

type Leader = { host: string; port: number };
type Batch = { attributes: number; firstTimestamp: bigint; maxTimestamp: bigint };

/**
 * Asks Kafka itself where its ends are, and when the oldest record that did not land was produced. Partitions whose leader does not answer keep what is known.
 * @param broker undefined when none answers
 * @returns the dataset with its newest incarnation's ends, as it was when Kafka has no such topic; and what Kafka did not answer, null when it answered all:
 *   then the ends do not count as known, since one old end among fresh ones would let a leg look in time that is not
 */
export async function withKafkaEnds(
  connections: KafkaConnections,
  broker: OpenBroker | undefined,
  lag: DatasetLag,
): Promise<{ lag: DatasetLag; unanswered: string | null }> {
  const untold = (unanswered: string) => ({ lag: { ...lag, endsKnown: false }, unanswered });
  if (broker === undefined) return untold('no broker of KAFKA_BROKERS answers');
  try {
    return await askEnds(connections, broker, lag);
  } catch (error) {
    return untold(describeError(error));
  }
}

async function askEnds(
  connections: KafkaConnections,
  broker: OpenBroker,
  lag: DatasetLag,
): Promise<{ lag: DatasetLag; unanswered: string | null }> {
  const metadata = await metadataV12.api
    .async(broker.connection, [lag.topic], false, false)
    .catch(answerWithin<metadataV12.MetadataResponse>);
  const topic = metadata.topics[0];
  if (topic?.errorCode === unknownTopic) return { lag, unanswered: null };
  if (topic === undefined || topic.errorCode !== 0)
    return { lag: { ...lag, endsKnown: false }, unanswered: `topic ${lag.topic}: error code ${topic?.errorCode ?? 'none'}` };
  const topicId = Buffer.from(topic.topicId.replaceAll('-', ''), 'hex').toString('base64url');
  const nodes = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  const silent: number[] = [];
  const looked = await Promise.all(
    topic.partitions.map(async ({ partitionIndex, leaderId }) => {
      const known = lag.partitions.find((one) => one.topicId === topicId && one.partition === partitionIndex);
      const leader = nodes.get(leaderId);
      const partition = { topic: lag.topic, uuid: topic.topicId, topicId, number: partitionIndex };
      const answer = leader === undefined ? undefined : await look(connections, leader, partition, known).catch(() => undefined);
      if (answer === undefined) silent.push(partitionIndex);
      return answer ?? known;
    }),
  );
  const found = looked.flatMap((partition) => (partition === undefined ? [] : [partition]));
  // an incarnation that is gone gets nothing more
  const gone = lag.partitions.filter((one) => one.topicId !== topicId).map((one) => ({ ...one, end: one.landed }));
  const partitions = [...found, ...gone];
  if (silent.length === 0) return { lag: { ...lag, partitions, endsAgeSeconds: 0, endsKnown: true }, unanswered: null };
  const unanswered = `topic ${lag.topic}: no leader tells where partition ${silent.sort((a, b) => a - b).join(', ')} ends`;
  return { lag: { ...lag, partitions, endsKnown: false }, unanswered };
}

async function look(
  connections: KafkaConnections,
  { host, port }: Leader,
  { topic, uuid, topicId, number }: { topic: string; uuid: string; topicId: string; number: number },
  known: PartitionLag | undefined,
): Promise<PartitionLag | undefined> {
  const { connection } = await connections.open(`${host.includes(':') ? `[${host}]` : host}:${port}`);
  const offsetAt = async (timestamp: bigint): Promise<bigint> => {
    const asked = { partitionIndex: number, currentLeaderEpoch: -1, timestamp };
    const answer = await listOffsetsV9.api.async(connection, -1, readCommitted, [{ name: topic, partitions: [asked] }]);
    return answer.topics[0]?.partitions[0]?.offset ?? -1n;
  };
  const end = await offsetAt(latest);
  if (end < 0n) return undefined;
  const landed = known?.landed ?? (await offsetAt(earliest));
  const partition = known ?? {
    topicId,
    partition: number,
    end,
    landed,
    committed: landed,
    oldestUnlandedMs: null,
    oldestUncommittedMs: null,
  };
  if (end <= landed) return { ...partition, end };
  const first = { partition: number, currentLeaderEpoch: -1, fetchOffset: landed, lastFetchedEpoch: -1, partitionMaxBytes: fetchBytes };
  const answer = await fetchV13.api
    .async(connection, waitMs, 1, fetchBytes, readCommitted, 0, -1, [{ topicId: uuid, partitions: [first] }], [], '')
    .catch(answerWithin<fetchV13.FetchResponse>);
  const batch = (answer.responses[0]?.partitions[0]?.records as unknown as Batch[] | undefined)?.[0];
  const time = batch === undefined ? null : (batch.attributes & isLogAppendTime) !== 0 ? batch.maxTimestamp : batch.firstTimestamp;
  return { ...partition, end, oldestUnlandedMs: time === null || time < 0n ? null : Number(time) };
}
