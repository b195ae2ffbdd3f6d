import { fetchV13, listOffsetsV9, metadataV12 } from '@platformatic/kafka';
import { answerWithin, type KafkaConnections } from '../probe/kafka-connection.ts';
import type { DatasetLag, PartitionLag } from './legs.ts';

const readCommitted = 1;
const earliest = -2n;
const latest = -1n;
/** One record and the batch it lies in, as far as Kafka cuts it, bytes. */
const fetchBytes = 65_536;
const waitMs = 500;
const isLogAppendTime = 1 << 3;

type Leader = { host: string; port: number };
type Batch = { attributes: number; firstTimestamp: bigint; maxTimestamp: bigint };

/**
 * Asks Kafka itself where its ends are, and when the oldest record that did not land was produced. Partitions whose leader does not answer keep what is known.
 * @returns the dataset with its newest incarnation's ends; as it was when Kafka has no such topic
 */
export async function withKafkaEnds(connections: KafkaConnections, lag: DatasetLag): Promise<DatasetLag> {
  const broker = await connections.any();
  if (broker === undefined) return lag;
  const metadata = await metadataV12.api
    .async(broker.connection, [lag.topic], false, false)
    .catch(answerWithin<metadataV12.MetadataResponse>);
  const topic = metadata.topics[0];
  if (topic === undefined || topic.errorCode !== 0) return lag;
  const topicId = Buffer.from(topic.topicId.replaceAll('-', ''), 'hex').toString('base64url');
  const nodes = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  let unanswered = 0;
  const looked = await Promise.all(
    topic.partitions.map(async ({ partitionIndex, leaderId }) => {
      const known = lag.partitions.find((one) => one.topicId === topicId && one.partition === partitionIndex);
      const leader = nodes.get(leaderId);
      const partition = { topic: lag.topic, uuid: topic.topicId, topicId, number: partitionIndex };
      const answer = leader === undefined ? undefined : await look(connections, leader, partition, known).catch(() => undefined);
      if (answer === undefined) unanswered++;
      return answer ?? known;
    }),
  );
  const found = looked.flatMap((partition) => (partition === undefined ? [] : [partition]));
  // an incarnation that is gone gets nothing more
  const gone = lag.partitions.filter((one) => one.topicId !== topicId).map((one) => ({ ...one, end: one.landed }));
  // one old end among fresh ones would let a leg look in time that is not
  const fresh = found.length > 0 && unanswered === 0;
  return { ...lag, partitions: [...found, ...gone], endsAgeSeconds: fresh ? 0 : lag.endsAgeSeconds };
}

async function look(
  connections: KafkaConnections,
  { host, port }: Leader,
  { topic, uuid, topicId, number }: { topic: string; uuid: string; topicId: string; number: number },
  known: PartitionLag | undefined,
): Promise<PartitionLag> {
  const { connection } = await connections.open(`${host.includes(':') ? `[${host}]` : host}:${port}`);
  const offsetAt = async (timestamp: bigint): Promise<bigint> => {
    const asked = { partitionIndex: number, currentLeaderEpoch: -1, timestamp };
    const answer = await listOffsetsV9.api.async(connection, -1, readCommitted, [{ name: topic, partitions: [asked] }]);
    return answer.topics[0]?.partitions[0]?.offset ?? -1n;
  };
  const end = await offsetAt(latest);
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
