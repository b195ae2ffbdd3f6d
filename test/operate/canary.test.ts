import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { readSettings } from '@millrace/core/domain/settings.ts';
import { config as metastoreSettings } from '@millrace/metastore/config.ts';
import { readPhase1Settings } from '@millrace/phase1-dumper/config.ts';
import { Producer } from '@platformatic/kafka';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { startStoreWorld, withinMs } from '../faults/store-world.ts';
import { api, createDataset, datasetStatus, type Service, waitFor } from '../support/services.ts';
import { freshBucket, freshDatabase, freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';

/*
 * A whole run with canaries where data and secrets are: in values, keys and headers of records of every fate, in the columns tables are split by, and in
 * every password. Nothing that a service says of itself may hold one, whatever goes wrong.
 */

/** Long on a busy machine: seven processes start here. */
const testMs = 400_000;
const canary = uniqueName('canary');
/** One for each place, so that a finding says where it came from. */
const at = (place: string) => `${canary}-${place}`;
const root = fileURLToPath(new URL('../../', import.meta.url));
const bytes = (text: string) => Buffer.from(text);

/** Everything that was said, by who said it. */
const said: { by: string; text: string }[] = [];
const say = (by: string, text: string) => said.push({ by, text });

/** What a service answers to those who look after it. */
const pages = ['/metrics', '/health', '/readyz?verbose', '/livez', '/version'];
async function listen(services: readonly Service[]): Promise<void> {
  for (const { name, adminUrl } of services) for (const page of pages) say(`${name} ${page}`, await (await fetch(adminUrl + page)).text());
}

async function produce(topic: string): Promise<void> {
  const producer = new Producer({ clientId: 'canary', bootstrapBrokers: kafkaBrokers().split(',') });
  const values = [
    `{"n":1,"day":"${at('partition-column')}","text":"${at('value')}","deep":{"list":["${at('deep')}"]}}`,
    `no json ${at('no-json')}`,
    `"${at('no-object')}"`,
    `{"n":2,"text":"\\ud800${at('surrogate')}"}`,
    `{"n":123456789012345678901234567890,"text":"${at('out-of-range')}"}`,
    `{"n":3,"text":{"${at('value')}":`,
    null,
  ];
  const messages = values.map((value) => ({
    topic,
    key: bytes(at('key')),
    headers: new Map([[bytes(at('header-name')), bytes(at('header'))]]),
    ...(value === null ? {} : { value: bytes(value) }),
  }));
  // not UTF-8
  messages.push({
    ...messages[0],
    topic,
    key: Buffer.concat([Buffer.from([0xff]), bytes(at('key'))]),
    headers: new Map(),
  } as (typeof messages)[number]);
  await producer.send({ messages, acks: -1 });
  await producer.close();
}

async function produceBreaking(topic: string): Promise<void> {
  const producer = new Producer({ clientId: 'canary', bootstrapBrokers: kafkaBrokers().split(',') });
  await producer.send({ messages: [{ topic, value: bytes(`{"n":"${at('breaking')}","day":"x","text":"y"}`) }], acks: -1 });
  await producer.close();
}

/** Lets a service run under wrong settings until it says what it should, or ends; keeps what it said. */
async function attempt(what: string, workspace: string, env: Readonly<Record<string, string>>, until: RegExp): Promise<void> {
  const state = freshDirectory('watched-state');
  const child: ChildProcess = spawn(process.execPath, [join(root, 'services', workspace, 'src/main.ts')], {
    cwd: root,
    env: {
      ...{ PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', LOG_LEVEL: 'trace', PORT: '0', MILLRACE_ADMIN_PORT: '0' },
      ...{ MILLRACE_STATE_DIR: state, MILLRACE_METASTORE_URL: 'http://127.0.0.1:9' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await waitFor(
      what,
      async () => ({ text: text.slice(-2_000), code: child.exitCode }),
      () => until.test(text),
      2 * withinMs,
    );
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  say(what, text);
}

/** What a service would say, in its last line, of settings it cannot begin with. */
function refused(what: string, begin: () => unknown, why: RegExp): void {
  let words = '';
  try {
    begin();
  } catch (error) {
    words = describeError(error);
  }
  expect(words).toMatch(why);
  say(what, words);
}

test(
  'no record and no secret is in a log, a status, a metric or a health answer, whatever goes wrong',
  async () => {
    const kafkaProperties = join(freshDirectory('watched'), 'kafka.properties');
    writeFileSync(kafkaProperties, `sasl.username=someone\nsasl.password=${at('kafka')}\nssl.key.password=${at('kafka-key')}\n`);
    const databaseUrl = new URL(await freshDatabase());
    const admin = new Client({ connectionString: databaseUrl.href });
    await admin.connect();
    const role = uniqueName('role').replace('-', '_');
    await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${at('database')}'`);
    await admin.end();
    databaseUrl.username = role;
    databaseUrl.password = at('database');

    const topic = await freshTopic({ prefix: 'watched' });
    const { services, proxy } = await startStoreWorld({
      databaseUrl: databaseUrl.href,
      env: { KAFKA_PROPERTIES: kafkaProperties },
      envOf: () => ({ LOG_LEVEL: 'trace' }),
    });
    const workers = [services.metastore, ...services.phase1, ...services.phase2];
    // a data file is refused, and an answer is lost: what fails is told with its key
    const refusal = { do: 'answer', status: 403, code: 'AccessDenied' } as const;
    proxy.add({ method: 'PUT', keyPrefix: 'tables/', keyPattern: 'parquet$', times: 1, fault: refusal });
    proxy.add({ method: 'PUT', keyPrefix: 'raw/', times: 1, fault: { do: 'swallow' } });
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic, partitionKeys: ['day'] });
    await produce(topic);
    await waitFor(
      'every record in its place',
      () => datasetStatus(services.metastoreUrl, topic),
      ({ partitions }) => partitions.reduce((sum, { committed }) => sum + Number(committed), 0) === 8,
      withinMs,
    );
    await listen(workers);
    await produceBreaking(topic);
    const blocked = await waitFor(
      'the block',
      () => datasetStatus(services.metastoreUrl, topic),
      ({ state }) => state === 'BLOCKED',
      withinMs,
    );
    expect(blocked.reason).toMatch(/breaking schema change/);
    await listen(workers);
    for (const path of ['', `/${topic}`, `/${topic}/status`, `/${topic}/reconciliation`, `/${topic}/gaps`])
      say(`GET ${path}`, JSON.stringify(await api(services.metastoreUrl, 'GET', `/v1/datasets${path}`)));
    say('audit', JSON.stringify(await api(services.metastoreUrl, 'GET', '/v1/audit')));
    await services.stop();
    for (const { name, logFile } of workers) say(`log of ${name}`, readFileSync(logFile, 'utf8'));

    const { env: s3 } = freshBucket();
    const lake = { MILLRACE_RAW_URL: 's3://nobody/raw', MILLRACE_TABLES_URL: 's3://nobody/tables', KAFKA_BROKERS: kafkaBrokers() };
    const wrongKey = { ...s3, ...lake, AWS_SECRET_ACCESS_KEY: at('s3') };
    const sasl = join(freshDirectory('watched'), 'sasl.properties');
    writeFileSync(
      sasl,
      `security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=${at('sasl')}\ndebug=all\n`,
    );
    const files = { MILLRACE_RAW_URL: `file://${freshDirectory('watched')}/raw`, KAFKA_BROKERS: kafkaBrokers() };
    const away = `postgres://someone:${at('database')}@127.0.0.1:9/lake`;
    const nobody = Object.assign(new URL(databaseUrl), { username: 'nobody' }).href;
    await Promise.all([
      attempt('phase 1 with a wrong S3 secret', 'phase1-dumper', wrongKey, /AWS_SECRET_ACCESS_KEY|refused/),
      attempt('phase 2 with a wrong S3 secret', 'phase2-transformer', wrongKey, /AWS_SECRET_ACCESS_KEY|refused/),
      attempt('a metastore whose database is away', 'metastore', { DATABASE_URL: away }, /the database is away/),
    ]);
    await Promise.all([
      attempt('a metastore that the database does not know', 'metastore', { DATABASE_URL: nobody }, /the database is away/),
      attempt(
        'phase 1 with a password brokers refuse',
        'phase1-dumper',
        { ...files, KAFKA_PROPERTIES: sasl },
        /waiting for the other side/,
      ),
    ]);
    refused(
      'another kind of database',
      () => readSettings(metastoreSettings, { DATABASE_URL: `mysql://u:${at('database')}@h/d` }),
      /DATABASE_URL/,
    );
    refused(
      'a password in a URL',
      () => readPhase1Settings({ ...files, MILLRACE_METASTORE_URL: `http://u:${at('url')}@h` }),
      /METASTORE_URL/,
    );
    const unreadable = `sasl.password ${at('broken')}\nsession.timeout.ms=${at('broken')}\n`;
    refused('unreadable properties', () => parseKafkaProperties(unreadable, 'kafka.properties'), /line 1 is not name=value/);

    const secrets = [
      canary,
      encodeURIComponent(canary),
      Buffer.from(canary).toString('base64').slice(0, 12),
      s3.AWS_SECRET_ACCESS_KEY ?? '',
    ];
    expect(secrets.every((secret) => secret.length > 8)).toBe(true);
    const found = said.flatMap(({ by, text }) =>
      text.split('\n').flatMap((line) => {
        const secret = secrets.find((each) => line.includes(each));
        const where = secret === undefined ? 0 : line.indexOf(secret);
        return secret === undefined ? [] : [`${by}: …${line.slice(Math.max(0, where - 200), where + 60)}`];
      }),
    );
    expect(found.map((line) => line.slice(0, 400)).slice(0, 20)).toEqual([]);
    expect(said.some(({ by, text }) => by === 'log of phase2-1' && text.includes('day=…'))).toBe(true);
  },
  testMs,
);
