import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AclOperations, AclPermissionTypes, Admin, Producer, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka';
import { expect, it, onTestFinished } from 'vitest';
import { javaBinary, kafkaLibs } from '../../../dev/setup/paths.mjs';
import { type Kafka, startKafka } from '../../../dev/stack/kafka.ts';
import { authorised, clientProperties, superUser } from '../../../dev/stack/kafka-users.ts';
import { LoneProcess } from '../../../services/phase1-dumper/src/kafka/lone-process.ts';
import { runCli } from '../../support/run-cli.ts';
import { createDataset, startServices, waitFor } from '../../support/services.ts';
import { freshDirectory, uniqueName } from '../../support/stack.ts';
import { aclsScript, printedRights, type Right } from '../kafka-acls.ts';
import { waitCommitted } from '../wait-committed.ts';

/*
 * The services on a broker that allows nothing but what deploy/kafka/acls.sh gives: they land, commit and verify. Then each right is taken away alone, and
 * the broker's own log must say that it refused something for want of it.
 */

const execute = promisify(execFile);
const deniedWithinMs = 90_000;
const password = 'only-for-this-test';
const users = { phase1: 'millrace-phase1', phase2: 'millrace-phase2', verify: 'millrace-verify', scaler: 'millrace-scaler' };

type World = {
  kafka: Kafka;
  /** the file with which a user logs in */
  login: (user: string) => string;
  admin: Admin;
  denials: (user: string, since: number) => string[];
  logBytes: () => number;
};

async function startWorld(): Promise<World> {
  const dir = freshDirectory('acls');
  const passwords = Object.fromEntries(Object.values(users).map((user) => [user, password]));
  const kafka = await startKafka({ dir: join(dir, 'kafka'), brokers: 1, properties: authorised(passwords, password) });
  onTestFinished(() => kafka.stop());
  const login = (user: string) => {
    const file = join(dir, `${user}.properties`);
    writeFileSync(file, clientProperties(user, password));
    return file;
  };
  const admin = new Admin({
    clientId: 'acls',
    bootstrapBrokers: [kafka.brokers],
    sasl: { mechanism: 'PLAIN', username: superUser, password },
  });
  onTestFinished(() => admin.close());
  const log = kafka.nodes[0]?.logFile ?? '';
  const denials = (user: string, since: number) =>
    readFileSync(log)
      .subarray(since)
      .toString()
      .split('\n')
      .filter((line) => line.includes(`User:${user} is Denied`));
  return { kafka, login, admin, denials, logBytes: () => statSync(log).size };
}

/** Kafka's own tool, as an operator would run it. */
async function runScript({ kafka, login }: World, env: Readonly<Record<string, string>>): Promise<void> {
  const file = login(superUser);
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${superUser}" password="${password}";`;
  writeFileSync(file, `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${jaas}\n`);
  const tool = [javaBinary(), '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', join(kafkaLibs, '*'), 'org.apache.kafka.tools.AclCommand'];
  const KAFKA_ACLS = [...tool, '--bootstrap-server', kafka.brokers, '--command-config', file].join(' ');
  await execute('sh', [aclsScript], { env: { PATH: process.env.PATH, ...env, KAFKA_ACLS } });
}

const codes = {
  operation: {
    Read: AclOperations.READ,
    Write: AclOperations.WRITE,
    Create: AclOperations.CREATE,
    Describe: AclOperations.DESCRIBE,
    DescribeConfigs: AclOperations.DESCRIBE_CONFIGS,
  },
  kind: { topic: ResourceTypes.TOPIC, group: ResourceTypes.GROUP },
  pattern: { literal: ResourcePatternTypes.LITERAL, prefixed: ResourcePatternTypes.PREFIXED },
};

const toAcl = ({ user, operation, kind, pattern, name }: Right) => ({
  resourceType: codes.kind[kind],
  resourceName: name,
  resourcePatternType: codes.pattern[pattern],
  principal: `User:${user}`,
  host: '*',
  operation: codes.operation[operation as keyof typeof codes.operation],
  permissionType: AclPermissionTypes.ALLOW,
});

it('services work with these rights on a broker that allows no others, and each right is needed', async () => {
  const world = await startWorld();
  const { kafka, login, admin, denials, logBytes } = world;
  const [topic, group] = [uniqueName('topic'), uniqueName('group')];
  const given = { SOURCE_TOPICS: topic, PREFIX: group };
  const rights = printedRights(given);
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  await runScript(world, given);

  const take = async (right: Right) => void expect(await admin.deleteAcls({ filters: [toAcl(right)] })).toHaveLength(1);
  const give = (right: Right) => admin.createAcls({ creations: [toAcl(right)] });
  const isDenied = (right: Right, since: number, stir: () => Promise<unknown>) =>
    waitFor(
      `${right.user} is refused ${right.operation} of the ${right.kind} ${right.name}`,
      async () => {
        await stir();
        return denials(right.user, since);
      },
      (lines) => lines.some((line) => line.toLowerCase().includes(`${right.kind}:literal:${right.name}`.toLowerCase())),
      deniedWithinMs,
    );

  // phase 1 finds no topic for announcements and may not make it: taken away before anybody could
  const create = rights.find(({ operation }) => operation === 'Create') as Right;
  await take(create);
  const lake = `file://${freshDirectory('lake')}`;
  const asUser: Record<string, string> = { 'phase1-1': users.phase1, 'phase2-1': users.phase2 };
  const services = await startServices({
    rawUrl: `${lake}/raw`,
    tablesUrl: `${lake}/tables`,
    phase2: 0,
    brokers: kafka.brokers,
    env: { MILLRACE_GROUP_PREFIX: group },
    envOf: (name): Record<string, string> => (asUser[name] === undefined ? {} : { KAFKA_PROPERTIES: login(asUser[name]) }),
  });
  onTestFinished(() => services.stop());
  await isDenied(create, 0, async () => undefined);
  await give(create);
  await waitFor(
    'the topic of announcements',
    () => admin.listTopics({ includeInternals: true }),
    (names) => names.includes(create.name),
    120_000,
  );

  // with all rights nothing is refused, and everything works
  const since = logBytes();
  const phase2 = await services.add('phase2');
  await phase2.start();
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  const producer = new Producer({
    clientId: 'acls',
    bootstrapBrokers: [kafka.brokers],
    sasl: { mechanism: 'PLAIN', username: superUser, password },
  });
  onTestFinished(() => producer.close());
  let end = 0;
  const produce = async () => {
    await producer.send({ messages: [{ topic, partition: 0, value: Buffer.from(JSON.stringify({ id: end })) }] });
    end++;
  };
  await produce();
  await waitCommitted(services.metastoreUrl, topic, end);
  const readiness = async () => (await fetch(`${phase2.adminUrl}/readyz?verbose`)).text();
  await waitFor('phase 2 shares the work out', readiness, (text) => /^\[\+\]announcements ok$/m.test(text), 60_000);
  const metrics = async () => (await fetch(`${services.phase1[0]?.adminUrl}/metrics`)).text();
  await produce();
  await waitFor('an announcement was sent', metrics, (text) => /millrace_announcements_total\{result="sent"\} [1-9]/.test(text), 60_000);
  await waitCommitted(services.metastoreUrl, topic, end);

  const verify = () =>
    runCli(['verify', topic, '--against-kafka'], { ...services.env, KAFKA_BROKERS: kafka.brokers, KAFKA_PROPERTIES: login(users.verify) });
  const verified = await verify();
  expect(verified.code, verified.output).toBe(0);

  const scaler = new Admin({
    clientId: 'scaler',
    bootstrapBrokers: [kafka.brokers],
    retries: 0,
    sasl: { mechanism: 'PLAIN', username: users.scaler, password },
  });
  onTestFinished(() => scaler.close());
  const askLag = async (name: string, consumerGroup: string) => {
    const ends = await scaler.listOffsets({ topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }] });
    const positions = await scaler.listConsumerGroupOffsets({ groups: [consumerGroup] });
    return { ends, positions };
  };
  await askLag(topic, `${group}-landing`);
  await askLag(create.name, `${group}-table`);

  const properties = {
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanism': 'PLAIN',
    'sasl.username': users.phase1,
    'sasl.password': password,
  };
  const order = {
    brokers: kafka.brokers,
    groupId: `${group}-landing`,
    clientId: 'lone',
    properties,
    rawUrl: `${lake}/raw`,
    forcePathStyle: true,
  };
  const lone = new LoneProcess({ ...order, topic, partition: 0, offset: 0n, leaderEpoch: null, epoch: 1n });
  onTestFinished(() => lone.close());
  expect(await lone.read({ recordsMax: 1, readBytes: 1_000_000 }, AbortSignal.timeout(60_000))).toMatchObject({ status: 'read' });

  expect(Object.values(users).flatMap((user) => denials(user, since))).toEqual([]);

  // and without any one of them, something is refused; groups last, since a worker that lost its group may have to join again
  const quietly = (action: () => Promise<unknown>) => () => action().catch(() => undefined);
  const stirs: Record<string, () => Promise<unknown>> = {
    [users.phase1]: produce,
    [users.phase2]: produce,
    [users.verify]: verify,
    [users.scaler]: async () => {
      await quietly(() => askLag(topic, `${group}-landing`))();
      await quietly(() => askLag(create.name, `${group}-table`))();
    },
  };
  const others = rights.filter((right) => right !== create).sort((a, b) => Number(a.kind === 'group') - Number(b.kind === 'group'));
  for (const right of others) {
    const from = logBytes();
    await take(right);
    await isDenied(right, from, stirs[right.user] as () => Promise<unknown>);
    // what cannot be seen must not pass for a topic that is gone
    if (right.user === users.verify && right.operation === 'Read') expect(await verify()).toMatchObject({ code: 2 });
    await give(right);
  }
});
