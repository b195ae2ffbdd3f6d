import type { Context } from './context.ts';
import { unknown } from './finding.ts';
import { type BrokerFact, cannotFollow, judgeBrokers } from './judge/brokers.ts';
import { judgeRights } from './judge/kafka-rights.ts';
import { judgeAnnouncements, judgeGroup, judgeSourceTopic } from './judge/kafka-topics.ts';
import { bootstrapAddresses, type KafkaAccess, KafkaConnections, type OpenBroker } from './probe/kafka-connection.ts';
import { brokerMessageBytes, groupFact, mayCreateTopic, topicFacts } from './probe/kafka-facts.ts';
import type { Check } from './run-checks.ts';
import { kafkaNames } from './settings.ts';

/** Each look at Kafka may take so long, ms: two rounds of connections and requests. */
const limitMs = 30_000;
const late = 'look at brokers and network: Kafka answers too slowly';

/** What is looked at in Kafka; nothing when KAFKA_BROKERS is not set. */
export function kafkaChecks(context: Context): Check[] {
  const { kafka, settings, roles } = context;
  if (kafka === undefined || !roles.some((role) => role !== 'metastore')) return [];
  const names = kafkaNames(settings);
  const groups = [
    ...(roles.includes('phase1') ? [{ group: names.landingGroup, role: 'phase-1' }] : []),
    ...(roles.includes('phase2') ? [{ group: names.tableGroup, role: 'phase-2' }] : []),
  ];

  const brokers: Check = {
    name: 'brokers',
    limitMs,
    late,
    async run(report) {
      if (kafka.unsupported !== null) return report(cannotFollow(kafka.unsupported));
      const connections = new KafkaConnections(kafka);
      try {
        for (const finding of judgeBrokers(await lookAtBrokers(connections, kafka), settings.MILLRACE_GROUP_PROTOCOL)) report(finding);
      } finally {
        await connections.close();
      }
    },
  };
  const topics: Check = {
    name: 'topics',
    limitMs,
    late,
    run: (report) =>
      withBroker(kafka, report, async (broker) => {
        const { names: sources, by } = await context.topics();
        const { facts, brokers } = await topicFacts(broker, [...sources, names.announcements]);
        if (sources.length === 0) report(unknown(`${by} named source topics: none is looked at (--topic names some)`));
        for (const fact of facts.filter(({ topic }) => topic !== names.announcements))
          for (const finding of judgeSourceTopic(fact, brokers, settings.MILLRACE_BUFFER_BYTES_MAX)) report(finding);
        const announcements = facts.find(({ topic }) => topic === names.announcements);
        if (announcements === undefined) return;
        const mayCreate = announcements.state === 'missing' ? await mayCreateTopic(broker, names.announcements) : null;
        for (const finding of judgeAnnouncements(announcements, brokers, await brokerMessageBytes(broker), mayCreate)) report(finding);
      }),
  };
  const rights: Check = {
    name: 'kafka rights',
    limitMs,
    late,
    run: (report) =>
      withBroker(kafka, report, async (broker, connections) => {
        const { names: sources } = await context.topics();
        const { facts } = await topicFacts(broker, [...sources, names.announcements]);
        const members = await Promise.all(groups.map(({ group }) => groupFact(connections, broker, group)));
        const user = kafka.properties['sasl.username'];
        for (const finding of judgeRights(roles, names, facts, members, `User:${user ?? '<principal>'}`)) report(finding);
      }),
  };
  const groupStates: Check = {
    name: 'groups',
    optional: true,
    limitMs,
    late,
    run: (report) =>
      withBroker(kafka, report, async (broker, connections) => {
        for (const { group, role } of groups) report(judgeGroup(await groupFact(connections, broker, group), role));
      }),
  };
  return [brokers, rights, topics, ...(groups.length > 0 ? [groupStates] : [])];
}

/** Bootstrap servers first, then every address they send clients on to. */
async function lookAtBrokers(connections: KafkaConnections, kafka: KafkaAccess): Promise<BrokerFact[]> {
  const first = bootstrapAddresses(kafka.brokers);
  const looked = await Promise.all(first.map((address) => connections.look(address, null)));
  const others = new Map(looked.flatMap(({ advertised }) => advertised).map(({ node, address }) => [address, node]));
  for (const address of first) others.delete(address);
  const sentOn = await Promise.all([...others].map(([address, node]) => connections.look(address, node)));
  return [...looked, ...sentOn].map(({ fact }) => fact);
}

/** Runs with the first broker that answers; "brokers" says why none does. */
async function withBroker(
  kafka: KafkaAccess,
  report: Parameters<Check['run']>[0],
  look: (broker: OpenBroker, connections: KafkaConnections) => Promise<void>,
): Promise<void> {
  if (kafka.unsupported !== null) return;
  const connections = new KafkaConnections(kafka);
  try {
    const broker = await connections.any();
    if (broker === undefined) return report(unknown('not looked at: no broker answers (see "brokers")'));
    await look(broker, connections);
  } finally {
    await connections.close();
  }
}
