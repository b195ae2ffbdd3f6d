import { setTimeout as sleep } from 'node:timers/promises';
import {
  Admin,
  alterPartitionReassignmentsV0,
  Connection,
  createAPI,
  listOffsetsV9,
  metadataV12,
  type Reader,
  Writer,
} from '@platformatic/kafka';

/*
 * What a chaos run asks of a cluster whose brokers come and go: topics, ends, and leaders moved at will. Each call has its own connections, because
 * the one of a moment ago may lead to a broker that is stopped.
 */

const CALL_TIMEOUT_MS = 3_000;
const CREATE_WITHIN_MS = 60_000;
const RETRY_INTERVAL_MS = 500;
const REPLICAS = 3;
const CLIENT_ID = 'chaos';
const LATEST = -1n;

export interface TopicInfo {
  readonly topicId: string;
  readonly partitions: readonly { partition: number; leader: number; replicas: readonly number[]; inSync: readonly number[] }[];
}

/** What a request sees: only transactions that ended, or all that is written. */
export type Isolation = 'committed' | 'all';

/** Creates a topic of three replicas, and waits until it can be described. */
export async function createTopic(brokers: string, topic: string, partitions: number): Promise<TopicInfo> {
  const admin = new Admin({ clientId: CLIENT_ID, bootstrapBrokers: brokers.split(',') });
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: REPLICAS });
  } finally {
    await admin.close();
  }
  for (const deadline = Date.now() + CREATE_WITHIN_MS; ; await sleep(RETRY_INTERVAL_MS)) {
    const info = await describeTopic(brokers, topic).catch(() => undefined);
    if (info?.partitions.length === partitions && info.partitions.every(({ leader }) => leader >= 0)) return info;
    if (Date.now() > deadline) throw new Error(`topic ${topic} has no leaders after ${CREATE_WITHIN_MS} ms`);
  }
}

export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  const admin = new Admin({ clientId: CLIENT_ID, bootstrapBrokers: brokers.split(',') });
  try {
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.close();
  }
}

/** @throws when no broker answers or the topic is not there */
export async function describeTopic(brokers: string, topic: string): Promise<TopicInfo> {
  return (await metadata(brokers, topic)).info;
}

/**
 * The end of each partition, asked of its leader, in order of partitions.
 * @throws when one of them does not answer
 */
export async function topicEnds(brokers: string, topic: string, isolation: Isolation): Promise<bigint[]> {
  const { info, addresses } = await metadata(brokers, topic);
  const ends: bigint[] = [];
  for (const leader of new Set(info.partitions.map(({ leader }) => leader))) {
    const address = addresses.get(leader);
    if (address === undefined) throw new Error(`broker ${leader} is not there`);
    const partitions = info.partitions
      .filter((each) => each.leader === leader)
      .map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: LATEST }));
    const answer = await connected(address, (connection) =>
      listOffsetsV9.api.async(connection, -1, isolation === 'committed' ? 1 : 0, [{ name: topic, partitions }]),
    );
    for (const { partitionIndex, offset } of answer.topics[0]?.partitions ?? []) ends[partitionIndex] = offset;
  }
  return ends;
}

/**
 * Gives every partition another leader, as an operator's balancing does: the order of replicas turns by one, then the preferred ones are elected.
 * @returns how many leaders moved
 */
export async function moveLeaders(brokers: string, topic: string): Promise<number> {
  const before = await describeTopic(brokers, topic);
  const turned = before.partitions.map(({ partition, leader, replicas }) => {
    const at = replicas.indexOf(leader);
    return { partitionIndex: partition, replicas: [...replicas.slice(at + 1), ...replicas.slice(0, at + 1)] };
  });
  await anywhere(brokers, async (connection) => {
    await alterPartitionReassignmentsV0.api.async(connection, CALL_TIMEOUT_MS, false, [{ name: topic, partitions: turned }]);
    await electLeaders.async(
      connection,
      topic,
      before.partitions.map(({ partition }) => partition),
    );
  });
  const after = await describeTopic(brokers, topic);
  return after.partitions.filter(({ partition, leader }) => before.partitions[partition]?.leader !== leader).length;
}

async function metadata(brokers: string, topic: string): Promise<{ info: TopicInfo; addresses: Map<number, string> }> {
  return anywhere(brokers, async (connection) => {
    const answer = await metadataV12.api.async(connection, [{ name: topic }], false, false);
    const found = answer.topics[0];
    if (found === undefined || found.errorCode !== 0) throw new Error(`topic ${topic}: error ${found?.errorCode}`);
    const partitions = found.partitions
      .map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
        partition: partitionIndex,
        leader: leaderId,
        replicas: replicaNodes,
        inSync: isrNodes,
      }))
      .sort((one, other) => one.partition - other.partition);
    const topicId = Buffer.from(found.topicId.replaceAll('-', ''), 'hex').toString('base64url');
    return {
      info: { topicId, partitions },
      addresses: new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`])),
    };
  });
}

/** The first broker that answers. */
async function anywhere<T>(brokers: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const address of brokers.split(',')) {
    try {
      return await connected(address, ask);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function connected<T>(address: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
  const [host, port] = address.split(':') as [string, string];
  const connection = new Connection(CLIENT_ID, { connectTimeout: CALL_TIMEOUT_MS, requestTimeout: CALL_TIMEOUT_MS });
  connection.on('error', () => undefined);
  try {
    await connection.connect(host, Number(port));
    return await ask(connection);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** ElectLeaders v2 (KIP-460), preferred replicas; partitions whose leader is preferred already, or not in sync, stay as they are. */
const electLeaders = createAPI<[topic: string, partitions: number[]], undefined>(
  43,
  2,
  (topic: string, partitions: number[]) =>
    Writer.create()
      .appendInt8(0)
      .appendArray([topic], (writer, name) => {
        writer.appendString(name).appendArray(partitions, (inner, partition) => inner.appendInt32(partition), true, false);
      })
      .appendInt32(CALL_TIMEOUT_MS)
      .appendTaggedFields(),
  (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader) => {
    reader.readInt32();
    const errorCode = reader.readInt16();
    if (errorCode !== 0) throw new Error(`leaders were not elected: error ${errorCode}`);
    return undefined;
  },
);
