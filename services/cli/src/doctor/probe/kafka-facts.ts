import { setTimeout as sleep } from 'node:timers/promises';
import {
  consumerGroupDescribeV0,
  createTopicsV7,
  describeConfigsV4,
  describeGroupsV5,
  findCoordinatorV4,
  metadataV12,
} from '@platformatic/kafka';
import type { GroupFact, TopicFact } from '../judge/kafka-topics.ts';
import { answerWithin, type KafkaConnections, type OpenBroker } from './kafka-connection.ts';

/** Bits of Kafka's set of allowed operations. */
const operationBits = { Read: 3, Write: 4, Create: 5, Describe: 8, DescribeConfigs: 10 } as const;
/** The set when a broker does not tell. */
const notTold = -(2 ** 31);
const unknownTopic = 3;
const refusedCodes = new Set([29, 30, 31]);
const groupOfTheOtherProtocol = new Set([69, 0]);
const topicResource = 2;
const brokerResource = 4;
const groupKey = 0;
/** ConsumerGroupDescribe, for groups of KIP-848. */
const consumerGroupDescribe = 69;
/** The coordinator loads, is not there, or is another one now. */
const passingCodes = new Set([14, 15, 16]);
/** A group whose coordinator is not ready is asked for so often, with so much time between, ms. */
const groupAsksMax = 10;
const groupPauseMs = 500;

function operationsOf(bits: number): ReadonlySet<string> | null {
  if (bits === notTold) return null;
  return new Set(Object.entries(operationBits).flatMap(([name, bit]) => ((bits >> bit) & 1 ? [name] : [])));
}

/** Topics with the rights of this login; sizes as far as it may ask. `brokers` counts those of the cluster. */
export async function topicFacts(broker: OpenBroker, topics: readonly string[]): Promise<{ facts: TopicFact[]; brokers: number }> {
  const metadata = await metadataV12.api
    .async(broker.connection, [...topics], false, true)
    .catch(answerWithin<metadataV12.MetadataResponse>);
  const there = metadata.topics
    .filter(({ errorCode }) => errorCode !== unknownTopic && !refusedCodes.has(errorCode))
    .map(({ name }) => name ?? '');
  const configs = await configsOf(broker, topicResource, there, ['max.message.bytes', 'min.insync.replicas']);
  const facts = metadata.topics.map(({ name, errorCode, partitions, topicAuthorizedOperations }): TopicFact => {
    const topic = name ?? '';
    const config = configs.get(topic);
    return {
      topic,
      state: refusedCodes.has(errorCode) ? 'refused' : errorCode === unknownTopic ? 'missing' : 'there',
      partitions: [...partitions]
        .sort((a, b) => a.partitionIndex - b.partitionIndex)
        .map(({ leaderId, replicaNodes, isrNodes }) => ({ leader: leaderId, replicas: replicaNodes.length, inSync: isrNodes.length })),
      operations: operationsOf(topicAuthorizedOperations),
      messageBytesMax: config?.get('max.message.bytes') ?? null,
      inSyncMin: config?.get('min.insync.replicas') ?? null,
    };
  });
  return { facts, brokers: metadata.brokers.length };
}

/** `message.max.bytes` of the brokers; null when this login may not ask. */
export async function brokerMessageBytes(broker: OpenBroker): Promise<number | null> {
  const metadata = await metadataV12.api.async(broker.connection, [], false, false).catch(answerWithin<metadataV12.MetadataResponse>);
  const node = metadata.brokers.find(({ host, port }) => broker.address === `${host}:${port}`) ?? metadata.brokers[0];
  if (node === undefined) return null;
  // answered only by the broker that is asked about
  if (broker.address !== `${node.host}:${node.port}`) return null;
  return (
    (await configsOf(broker, brokerResource, [String(node.nodeId)], ['message.max.bytes']))
      .get(String(node.nodeId))
      ?.get('message.max.bytes') ?? null
  );
}

async function configsOf(
  broker: OpenBroker,
  resourceType: number,
  names: readonly string[],
  keys: string[],
): Promise<Map<string, Map<string, number>>> {
  if (names.length === 0) return new Map();
  const resources = names.map((resourceName) => ({ resourceType, resourceName, configurationKeys: keys }));
  const answer = await describeConfigsV4.api
    .async(broker.connection, resources as describeConfigsV4.DescribeConfigsRequestResource[], false, false)
    .catch(answerWithin<describeConfigsV4.DescribeConfigsResponse>);
  return new Map(
    answer.results
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ resourceName, configs }) => [resourceName, new Map(configs.map(({ name, value }) => [name, Number(value)]))]),
  );
}

/** Asks Kafka whether it would create the topic; nothing is made. */
export async function mayCreateTopic(broker: OpenBroker, topic: string): Promise<{ yes: boolean; words: string }> {
  const asked = { name: topic, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
  const answer = await createTopicsV7.api
    .async(broker.connection, [asked], 4_000, true)
    .catch(answerWithin<createTopicsV7.CreateTopicsResponse>);
  const code = answer.topics[0]?.errorCode ?? -1;
  const topicExists = 36;
  return { yes: code === 0 || code === topicExists, words: answer.topics[0]?.errorMessage ?? `Kafka's error ${code}` };
}

/** State, members and rights of a group, asked of its coordinator. The first groups of a new cluster wait for Kafka's own topic of groups. */
export async function groupFact(connections: KafkaConnections, broker: OpenBroker, group: string): Promise<GroupFact> {
  for (let attempt = 1; ; attempt++) {
    const { fact, passing } = await askGroup(connections, broker, group);
    if (!passing || attempt === groupAsksMax) return fact;
    await sleep(groupPauseMs);
  }
}

/** @returns `passing`: the coordinator is not there yet, or has only just become it */
async function askGroup(connections: KafkaConnections, broker: OpenBroker, group: string): Promise<{ fact: GroupFact; passing: boolean }> {
  const fact: GroupFact = { group, state: 'without a coordinator', members: 0, refused: false, operations: null };
  const refused = { fact: { ...fact, state: '', refused: true }, passing: false };
  const found = await findCoordinatorV4.api
    .async(broker.connection, groupKey, [group])
    .catch(answerWithin<findCoordinatorV4.FindCoordinatorResponse>);
  const coordinator = found.coordinators[0];
  if (coordinator === undefined || refusedCodes.has(coordinator.errorCode)) return refused;
  if (coordinator.errorCode !== 0) return { fact, passing: passingCodes.has(coordinator.errorCode) };
  const host = coordinator.host.includes(':') ? `[${coordinator.host}]` : coordinator.host;
  const asked = await connections.open(`${host}:${coordinator.port}`);
  const answer = await describeGroupsV5.api
    .async(asked.connection, [group], true)
    .catch(answerWithin<describeGroupsV5.DescribeGroupsResponse>);
  const classic = answer.groups[0];
  if (classic === undefined || refusedCodes.has(classic.errorCode)) return refused;
  if (passingCodes.has(classic.errorCode)) return { fact, passing: true };
  const operations = operationsOf(classic.authorizedOperations);
  const described = { ...fact, state: classic.groupState, members: classic.members.length, operations };
  if (described.members > 0 || !groupOfTheOtherProtocol.has(classic.errorCode) || !asked.apis.has(consumerGroupDescribe))
    return { fact: described, passing: false };
  const other = await consumerGroupDescribeV0.api
    .async(asked.connection, [group], true)
    .catch(answerWithin<consumerGroupDescribeV0.ConsumerGroupDescribeResponse>)
    .catch(() => undefined);
  const consumer = other?.groups[0];
  if (consumer === undefined || consumer.errorCode !== 0) return { fact: described, passing: false };
  const rights = operations ?? operationsOf(consumer.authorizedOperations);
  return { fact: { ...fact, state: consumer.groupState, members: consumer.members.length, operations: rights }, passing: false };
}
