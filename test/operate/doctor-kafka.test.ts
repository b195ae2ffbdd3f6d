import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kafka, startKafka } from '../../dev/stack/kafka.ts';
import { authorised, clientProperties, superUser } from '../../dev/stack/kafka-users.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { freshDirectory, freshTopic, kafkaBrokers, s3Env, uniqueName } from '../support/stack.ts';
import { type Diagnosis, diagnose, expectFailure, failed, folders } from './doctor-world.ts';

/*
 * Planted faults of Kafka, on real brokers: one that is away, a port of something else, missing rights, a message size too small.
 */

/** A broker that asks for a login, and lets the user `doctor` describe one topic and nothing else. */
let guarded: Kafka;
const passwords = { doctor: 'canary-doctor', landing: 'canary-landing', admin: 'canary-admin' };
const forbiddenTopic = 'forbidden';
const prefix = 'guarded';
const announcements = `_${prefix}_announcements`;

beforeAll(async () => {
  guarded = await startKafka({
    dir: freshDirectory('guarded-kafka'),
    brokers: 1,
    properties: authorised({ doctor: passwords.doctor, landing: passwords.landing }, passwords.admin),
  });
  const sasl = { mechanism: 'PLAIN', username: superUser, password: passwords.admin } as const;
  const admin = new Admin({ clientId: 'tests', bootstrapBrokers: guarded.brokers.split(','), sasl, retries: 5 });
  await admin.createTopics({ topics: [forbiddenTopic, announcements], partitions: 1, replicas: 1 });
  const [topicType, groupType, literal, allow] = [2, 3, 3, 3];
  const [read, write, describe] = [3, 4, 8];
  const rule = (user: string, resourceType: number, resourceName: string, operation: number) =>
    ({
      resourceType,
      resourceName,
      resourcePatternType: literal,
      operation,
      principal: `User:${user}`,
      host: '*',
      permissionType: allow,
    }) as never;
  const creations = [
    rule('doctor', topicType, announcements, describe),
    rule('landing', topicType, forbiddenTopic, read),
    rule('landing', groupType, `${prefix}-landing`, read),
    rule('landing', topicType, announcements, write),
  ];
  await admin.createAcls({ creations });
  await admin.close();
});
afterAll(() => guarded?.kill());

/** Settings of a deployment on the guarded broker, logged in with this password. */
function loggedIn(password: string, user = 'doctor'): Record<string, string> {
  const path = join(freshDirectory('login'), 'kafka.properties');
  writeFileSync(path, clientProperties(user, password));
  return { KAFKA_BROKERS: guarded.brokers, KAFKA_PROPERTIES: path, MILLRACE_GROUP_PREFIX: prefix };
}

const look = (env: Record<string, string>, args: readonly string[] = []): Promise<Diagnosis> =>
  diagnose({ ...folders(), ...env }, ['--role', 'phase1', ...args]);

const said = ({ checks }: Diagnosis, name: string) => checks.find((check) => check.name === name)?.findings ?? [];

test('a broker that is away; the one that is there is told too', async () => {
  const port = await freePort();
  const found = await look({ KAFKA_BROKERS: `${kafkaBrokers()},127.0.0.1:${port}` });
  expectFailure(
    found,
    'brokers',
    new RegExp(`broker 127.0.0.1:${port} refuses connections`),
    /start the broker, or correct the port in KAFKA_BROKERS/,
  );
  expect(said(found, 'brokers')[0]).toMatchObject({ level: 'ok', says: expect.stringContaining(kafkaBrokers()) });
});

test('a port at which something else listens, and a name that does not exist', async () => {
  const other = new URL(s3Env().AWS_ENDPOINT_URL_S3 ?? '').host;
  const found = await look({ KAFKA_BROKERS: `${other},no-such-host.invalid:9092` });
  expectFailure(found, 'brokers', /takes connections but does not answer as a Kafka broker/, /another service may listen there/);
  expectFailure(found, 'brokers', /no-such-host\.invalid:9092 has a name that cannot be resolved/, /correct the host in KAFKA_BROKERS/);
  expect(said(found, 'topics')).toEqual([{ level: 'unknown', says: 'not looked at: no broker answers (see "brokers")' }]);
});

test('rights that are missing, each with the command that gives it', async () => {
  const found = await look(loggedIn(passwords.doctor), ['--topic', forbiddenTopic]);
  const command = (rest: string) => new RegExp(`^kafka-acls.sh --add --allow-principal User:doctor ${rest}$`);
  const rights = 'kafka rights';
  expectFailure(found, rights, /phase1 lacks Read on topic forbidden \(landing it\)/, command('--operation Read --topic forbidden'));
  expectFailure(found, rights, /lacks Read on group guarded-landing/, command('--operation Read --group guarded-landing'));
  expectFailure(found, rights, /lacks Write on topic _guarded_announcements/, command('--operation Write --topic _guarded_announcements'));
  expect(said(found, 'brokers')).toEqual([{ level: 'ok', says: expect.stringContaining('reachable') }]);
});

test('exactly the rights of phase 1 are enough: what doctor itself may not ask is no failure', async () => {
  const found = await look(loggedIn(passwords.landing, 'landing'), ['--topic', forbiddenTopic]);
  expect(said(found, 'kafka rights')).toEqual([{ level: 'ok', says: '3 of 3 rights on topics and groups are there' }]);
  expect(said(found, 'topics').map(({ level }) => level)).toEqual(['ok', 'ok']);
  expect(failed(found)).toEqual(['metastore']);
});

test('a login that is refused, and no login where one is asked for', async () => {
  const wrong = await look(loggedIn('canary-not-it'));
  expectFailure(wrong, 'brokers', /refuses the login/, /correct sasl.username and sasl.password in KAFKA_PROPERTIES/);
  expect(wrong.text).not.toContain('canary');
  const none = await look({ KAFKA_BROKERS: guarded.brokers });
  expectFailure(none, 'brokers', /closes the connection|does not answer as a Kafka broker/, /security.protocol/);
});

test('without missing rights every right is counted', async () => {
  const topic = await freshTopic();
  const found = await look({ KAFKA_BROKERS: kafkaBrokers(), MILLRACE_GROUP_PREFIX: uniqueName('doctor') }, ['--topic', topic]);
  expect(said(found, 'kafka rights')).toEqual([{ level: 'ok', says: '2 of 2 rights on topics and groups are there' }]);
  expect(said(found, 'topics')).toContainEqual({
    level: 'ok',
    says: expect.stringMatching(`topic ${topic}: 1 partitions, records up to 1 MiB`),
  });
});

test('a message size too small for announcements, and one too large for landing', async () => {
  const [small, huge] = await Promise.all([
    freshTopic({ config: { 'max.message.bytes': '200' } }),
    freshTopic({ config: { 'max.message.bytes': '2000000000' } }),
  ]);
  const found = await look({ KAFKA_BROKERS: kafkaBrokers(), MILLRACE_ANNOUNCEMENTS_TOPIC: small }, ['--topic', huge]);
  expectFailure(
    found,
    'topics',
    new RegExp(`max.message.bytes of topic ${small} is 200 bytes`),
    new RegExp(`--entity-name ${small} --add-config max.message.bytes=1048588`),
  );
  expectFailure(found, 'topics', /allows batches of 1\.9 GiB/, /--add-config max\.message\.bytes=999999488/);
});

test('a topic of a dataset that does not exist is told, and fails nothing', async () => {
  const missing = uniqueName('missing');
  const found = await look({ KAFKA_BROKERS: kafkaBrokers() }, ['--topic', missing]);
  expect(said(found, 'topics')).toContainEqual(expect.objectContaining({ level: 'warning', says: `topic ${missing} does not exist` }));
});

test('a properties file that breaks a promise', async () => {
  const found = await look({ KAFKA_BROKERS: kafkaBrokers(), KAFKA_PROPERTIES: '/nowhere/client.properties' });
  expectFailure(found, 'settings', /\/nowhere\/client\.properties cannot be read/, /point KAFKA_PROPERTIES at another one/);
});
