import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { extract } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { doctorLagCommand } from '../../services/cli/src/doctor/lag/command.ts';
import type { JudgedLeg } from '../../services/cli/src/doctor/lag/legs.ts';
import type { Restarted } from '../../services/cli/src/doctor/lag/restart.ts';
import type { Environment } from '../../services/cli/src/output/cli.ts';
import { produce } from '../integration/phase1-harness.ts';
import { api, createDataset, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, uniqueName } from '../support/stack.ts';
import { diagnose, failed, runHere } from './doctor-world.ts';

/*
 * `millrace doctor lag` and the bundle, on the real services: what is in time, what is late, what is stuck, with the metastore and without.
 */

const withinMs = 90_000;
const records = 20;
let services: Services;
let topic: string;
let env: Environment;

/** The legs of our dataset. Late is what waits at all: the limit is 0 s unless said otherwise. */
async function lag(args: readonly string[] = [], of: Environment = env) {
  const all = ['--max-seconds', '0', '--settle-seconds', '1', '-o', 'json', ...args];
  const { code, text, said } = await runHere(of, all, (cli) => doctorLagCommand(cli));
  const { legs = [], restarted = [] } = (text === '' ? {} : JSON.parse(text)) as { legs?: JudgedLeg[]; restarted?: Restarted[] };
  const ours = legs.filter(({ dataset }) => dataset === topic);
  const verdicts = Object.fromEntries(ours.map(({ leg, records: waiting, verdict }) => [leg, `${waiting} ${verdict}`]));
  return { code, legs, restarted, verdicts, said };
}

beforeAll(async () => {
  const dir = pathToFileURL(freshDirectory('lake')).href;
  topic = await freshTopic();
  services = await startServices({ rawUrl: `${dir}/raw`, tablesUrl: `${dir}/tables` });
  env = { ...services.env };
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 1, 0, records);
  await waitFor(
    'in time',
    () => lag(),
    ({ verdicts }) => verdicts.landing === '0 ok' && verdicts.table === '0 ok',
    withinMs,
  );
});
afterAll(async () => {
  for (const each of [services.metastore, ...services.phase1, ...services.phase2]) each.resume();
  await services.stop();
});

test('in time ends with 0; the doctor finds nothing either', async () => {
  expect((await lag()).code).toBe(0);
  const found = await diagnose(env, ['--role', 'phase1,phase2']);
  expect(failed(found), found.text).toEqual([]);
  expect(found.checks.find(({ name }) => name === 'groups')?.findings.map(({ says }) => says)).toEqual([
    expect.stringMatching(/-landing is stable, 1 worker/),
    expect.stringMatching(/-table is stable, 1 worker/),
  ]);
  expect(found.code).toBe(0);
});

test('while Kafka cannot be reached, what phase 1 said before is not taken for its end', async () => {
  const away = await lag([], { ...env, KAFKA_BROKERS: '127.0.0.1:4' });
  expect([away.code, away.verdicts]).toEqual([2, { landing: 'null unknown', table: '0 ok' }]);
  expect(away.said).toMatch(/^Kafka did not answer where its topics end/);
});

test('a bundle holds what the services say, and no secret and no record', async () => {
  await produceCanary();
  const dir = freshDirectory('bundle');
  const secrets = {
    DATABASE_URL: 'postgres://millrace:canary-database@127.0.0.1:1/x',
    AWS_SECRET_ACCESS_KEY: 'canary-aws',
    MY_TOKEN: 'canary-token',
  };
  const properties = join(dir, 'kafka.properties');
  writeFileSync(properties, 'sasl.password=canary-sasl\n');
  const asked = [services.metastore, ...services.phase1, ...services.phase2].flatMap(({ adminUrl }) => ['--service', adminUrl]);
  const file = join(dir, 'out.tgz');
  const found = await diagnose({ ...env, ...secrets, KAFKA_PROPERTIES: properties }, ['--role', 'metastore', '--bundle', file, ...asked]);
  expect(found.said).toMatch(/out\.tgz: \d+ files/);
  expect(statSync(file).mode & 0o077).toBe(0);
  await extract({ file, cwd: dir });
  const root = join(dir, 'millrace-doctor');
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = new Map(
    files.map((entry) => [
      join(entry.parentPath, entry.name).slice(root.length + 1),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  );
  for (const [name, text] of texts) expect(text, name).not.toContain('canary');
  expect([...texts.keys()]).toEqual(
    expect.arrayContaining([
      'doctor.json',
      'doctor.txt',
      'settings.json',
      'versions.json',
      'datasets.json',
      'audit.json',
      `datasets/${topic}/status.json`,
    ]),
  );
  expect([...texts].filter(([name, text]) => name.endsWith('metrics.txt') && text.includes('millrace_'))).toHaveLength(asked.length / 2);
  expect(texts.get('settings.json')).toContain('"DATABASE_URL": "(hidden)"');
  expect(texts.get('audit.json')).toContain(topic);
});

test('a table worker that stands still is stuck; once it goes on it is in time', async () => {
  services.phase2[0]?.pause();
  await produce(topic, 1, records + 1, records);
  const stuck = await waitFor(
    'stuck',
    () => lag(),
    ({ verdicts }) => verdicts.table === `${records} stuck`,
    withinMs,
  );
  expect(stuck.code).toBe(1);
  const leg = stuck.legs.find((one) => one.dataset === topic && one.leg === 'table');
  expect(leg?.seconds).toBeGreaterThan(0);
  expect((await lag(['--max-seconds', '3600'])).code).toBe(0);
  expect(stuck.restarted).toEqual([]);
  // where only the metastore can be asked, ages are estimates
  const alone = { MILLRACE_METASTORE_URL: services.metastoreUrl };
  const estimated = await waitFor(
    'told',
    () => lag([], alone),
    ({ verdicts }) => verdicts.table === `${records} stuck`,
    withinMs,
  );
  expect(estimated.legs.find(({ leg }) => leg === 'table')).toMatchObject({ estimated: true });
  const wished = await lag(['--restart']);
  expect(wished.restarted).toEqual([
    expect.objectContaining({ leg: 'table', done: false, says: expect.stringMatching(/^restart the phase2 workers yourself/) }),
  ]);

  await api(services.metastoreUrl, 'PUT', `/v1/datasets/${topic}/pause`);
  expect((await lag()).verdicts.table).toBe(`${records} paused`);
  await api(services.metastoreUrl, 'PUT', `/v1/datasets/${topic}/resume`);
  services.phase2[0]?.resume();
  await waitFor(
    'in time',
    () => lag(),
    ({ verdicts }) => verdicts.table === '0 ok',
    withinMs,
  );
});

test('a landing worker that stands still is seen by Kafka’s own ends, also while the metastore is away', async () => {
  services.phase1[0]?.pause();
  await produce(topic, 1, 2 * records + 1, records);
  const withMetastore = await waitFor(
    'stuck',
    () => lag(),
    ({ verdicts }) => verdicts.landing === `${records} stuck`,
    withinMs,
  );
  expect([withMetastore.code, withMetastore.verdicts.table]).toEqual([1, '0 ok']);
  await services.metastore.kill();
  const without = await lag();
  expect(without.said).toMatch(/reading tables and chains instead/);
  expect(without.verdicts).toEqual({ landing: `${records} stuck`, table: '0 ok' });
  expect(without.code).toBe(1);
  await services.metastore.start();
  services.phase1[0]?.resume();
});

test('nobody to ask, and wrong usage, end with 2', async () => {
  const alone = { MILLRACE_METASTORE_URL: 'http://127.0.0.1:4' };
  expect((await runHere(alone, ['--max-seconds', '5'], (cli) => doctorLagCommand(cli))).code).toBe(2);
  const wrong = await lag(['--max-seconds', 'soon']);
  expect([wrong.code, wrong.said]).toEqual([2, expect.stringMatching(/--max-seconds soon is not a whole number/)]);
  expect((await lag(['--restart', 'phase1=x'])).code).toBe(2);
  await expect(runHere(env, [], (cli) => doctorLagCommand(cli))).rejects.toThrow(/--max-seconds/);
});

/** One record whose value must be in no bundle. */
async function produceCanary(): Promise<void> {
  const { Producer, stringSerializers } = await import('@platformatic/kafka');
  const producer = new Producer({
    clientId: uniqueName('canary'),
    bootstrapBrokers: (env.KAFKA_BROKERS ?? '').split(','),
    serializers: stringSerializers,
  });
  await producer.send({ messages: [{ topic, key: 'canary-key', value: '{"id":1,"secret":"canary-record"}' }], acks: -1 });
  await producer.close();
  await waitFor(
    'in time',
    () => lag(),
    ({ verdicts }) => verdicts.table === '0 ok' && verdicts.landing === '0 ok',
    withinMs,
  );
}
