import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Producer } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { millrace as run } from '../../services/cli/test/terminal.ts';
import { datasetStatus, type Services, startServices, waitFor, waitUntilCommitted, waitUntilLanded } from '../support/services.ts';
import { freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';

/*
 * The command line as a person uses it, on the three services at work: a dataset is made, records land, are committed, quarantined, dropped or skipped,
 * and each is found again by its offset or its data.
 */

const WITHIN_MS = 90_000;
const main = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const work = freshDirectory('cli');
const name = uniqueName('orders');
let services: Services;
let topic: string;
let topicId: string;

/** Values of partition 0 in order; null is a tombstone. Then an aborted transaction of one record and its marker, and what is sent while the dataset is paused. */
const sent = ['{"id":9007199254740993,"customer":{"country":"NO"}}', 'not json', null, '{"id":2,"customer":{"country":"SE"}}', '{"id":3}'];
const later = ['{"id":4,"customer":{"country":"NO"},"text":"späte Zeile"}'];
/** offsets: 0-4 sent, 5 aborted, 6 its marker, 7 later, 8 its marker */
const abortedAt = 5;
const laterAt = 7;

/** In this process, through the program that `main.ts` runs: each start of a process would cost a second. */
const millrace = (...args: string[]) => run(services.env, args);

/** Runs a command that must answer. */
async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await millrace(...args, '-o', 'json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as T;
}

type Traced = Record<string, unknown> & {
  outcome: string;
  why: string;
  raw: { object: string; line: number };
  chain: { attemptId: string };
};
const trace = (offset: number) => json<Traced>('trace', name, '--offset', `0:${offset}`);

async function send(values: readonly (string | null)[], ending?: 'abort' | 'commit'): Promise<void> {
  const options = ending === undefined ? {} : { transactionalId: uniqueName('tx') };
  const producer = new Producer({ clientId: 'cli-test', bootstrapBrokers: kafkaBrokers().split(','), idempotent: true, ...options });
  const messages = values.map((value, i) => ({
    topic,
    partition: 0,
    key: Buffer.from(`key-${i}`),
    ...(value === null ? {} : { value: Buffer.from(value) }),
  }));
  try {
    if (ending === undefined) return void (await producer.send({ messages }));
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages } as never);
    await transaction[ending]();
  } finally {
    await producer.close();
  }
}

beforeAll(async () => {
  topic = await freshTopic({ prefix: 'cli', partitions: 1 });
  const lake = freshDirectory('lake');
  services = await startServices({ rawUrl: pathToFileURL(join(lake, 'raw')).href, tablesUrl: pathToFileURL(join(lake, 'tables')).href });
  const file = join(work, 'orders.yaml');
  writeFileSync(file, `name: ${name}\nkafkaTopic: ${topic}\npkFields:\n  - id\nstartFrom: earliest\n`);
  await send(sent);
  await send(['{"id":99}'], 'abort');
  expect(await json('datasets', 'create', '-f', file)).toMatchObject({ name, kafkaTopic: topic, pkFields: ['id'], version: 1 });
  const status = await waitFor(
    'landing of the topic',
    () => datasetStatus(services.metastoreUrl, name),
    ({ partitions }) => partitions.length > 0,
    WITHIN_MS,
  );
  topicId = status.partitions[0]?.topicId ?? '';
  await waitUntilCommitted(services, name, { topicId, ends: [7n] }, WITHIN_MS);
  const paused = await json<{ version: number }>('datasets', 'pause', name, '--if-version', '1');
  expect(paused).toMatchObject({ paused: true, version: 2 });
  // a worker that has not heard of the pause yet would go on
  await services.phase2[0]?.stop();
  await send(later, 'commit');
  await waitUntilLanded(services.metastoreUrl, name, { topicId, ends: [8n] }, WITHIN_MS);
}, 2 * WITHIN_MS);

afterAll(async () => {
  await services?.stop();
});

test('as a process of its own it answers the same', async () => {
  const env = { PATH: process.env.PATH ?? '', ...services.env };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, 'datasets', 'get', name, '-o', 'json'], { env });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(await json('datasets', 'get', name));
});

test('each record is traced to where it is', async () => {
  const row = await trace(0);
  expect(row).toMatchObject({
    outcome: 'row',
    topic,
    topicId,
    raw: { line: 0 },
    table: {
      commit: { attemptId: expect.stringMatching(/^[0-9A-Z]{26}$/), exact: true },
      rows: [{ file: expect.stringMatching(/\.parquet$/) }],
    },
  });
  expect(await trace(1)).toMatchObject({ outcome: 'quarantined', quarantine: { stage: 'decode', reason: 'not_json', startLine: 1 } });
  expect(await trace(2)).toMatchObject({ outcome: 'dropped', droppedBy: 'tombstone' });
  expect(await trace(abortedAt)).toMatchObject({ outcome: 'gap', gap: { cause: expect.stringMatching(/aborted|not_delivered/) } });
  const pending = await trace(laterAt);
  expect(pending).toMatchObject({ outcome: 'pending', state: { state: 'PAUSED' } });
  expect(pending.why).toContain('the dataset is PAUSED: paused by a person');
  const beyond = await millrace('trace', name, '--offset', '0:1000', '-o', 'json');
  expect(beyond.code).toBe(1);
  expect(JSON.parse(beyond.out)).toMatchObject({ outcome: 'no_such_record', why: expect.stringContaining('no such record yet') });
  const text = await millrace('trace', name, '--offset', '0:0', '--show-record');
  expect(text.out).toContain(sent[0]);
});

test('rows are found by their data, and lead back to Kafka', async () => {
  const { rows } = await json<{ rows: Record<string, unknown>[] }>(
    'trace',
    name,
    '--where',
    "customer.country = 'NO' AND id > 9007199254740992",
  );
  const { raw, chain } = await trace(0);
  expect(rows).toMatchObject([
    {
      topic,
      topicId,
      partition: 0,
      offset: '0',
      key: 'key-0',
      timestamp: expect.any(Number),
      object: raw.object,
      line: 0,
      attemptId: chain.attemptId,
    },
  ]);
  expect(await millrace('trace', name, '--where', 'nix = 1')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('nix') });
});

test('what landed comes out byte for byte', async () => {
  const values = [...sent, ...later].filter((value) => value !== null);
  expect((await millrace('raw', 'cat', name, '--partition', '0', '--values')).out).toBe(values.map((value) => `${value}\n`).join(''));
  const entries = await json<{ kind: string; startOffset: string; endOffset: string }[]>('raw', 'ls', topic, '--partition', '0');
  expect(entries[0]?.kind).toBe('claim');
  expect(entries.at(-1)).toMatchObject({ kind: 'data' });
  const { out } = await millrace('raw', 'cat', topic, '--partition', '0', '--from', '1', '--to', '2');
  expect(out).toMatch(/^\{"offset":1,"timestamp":\d+,"key":"key-1","valueBase64":"bm90IGpzb24="\}\n$/);
});

test('both legs are told apart by their lag; a resume at an older version is refused, at this one it lets the table go on', async () => {
  const lag = await json<Record<string, unknown>[]>('lag', name);
  expect(lag).toMatchObject([
    { leg: 'landing', topic, partition: 0, lag: expect.stringMatching(/^[01]$/) },
    { leg: 'table', currentOffset: '7', lag: expect.stringMatching(/^[12]$/), state: 'PAUSED' },
  ]);
  expect((await millrace('lag')).out).toMatch(/^GROUP +TOPIC +PARTITION +CURRENT-OFFSET +LOG-END-OFFSET +LAG /);
  expect(await millrace('datasets', 'resume', name, '--if-version', '1')).toMatchObject({ code: 2, err: expect.stringContaining('not 1') });
  expect(await json('datasets', 'resume', name, '--if-version', '2')).toMatchObject({ paused: false });
  await services.phase2[0]?.start();
  await waitUntilCommitted(services, name, { topicId, ends: [8n] }, WITHIN_MS);
  expect(await trace(laterAt)).toMatchObject({ outcome: 'row' });
  // a column that only the newer file has
  const offsets = async (where: string) =>
    (await json<{ rows: { offset: string }[] }>('trace', name, '--where', where)).rows.map(({ offset }) => offset);
  expect(await offsets("text = 'späte Zeile'")).toEqual(['7']);
  expect(await offsets('text IS NULL')).toEqual(['0', '3', '4']);
  const proof = await json<{ differences: { count: number }; total: Record<string, string> }>('verify', name);
  expect(proof).toMatchObject({ differences: { count: 0 }, total: { committed: '4', quarantined: '1', dropped: '1' } });
});

test('the same answers in yaml; deleting asks first', async () => {
  const { out } = await millrace('datasets', 'get', name, '-o', 'yaml');
  expect(parse(out)).toMatchObject({ name, kafkaTopic: topic });
  expect(parse((await millrace('datasets', 'list', '-o', 'yaml')).out)).toMatchObject([{ name }]);
  expect(parse((await millrace('audit', '--dataset', name, '-o', 'yaml')).out)).toEqual(await json('audit', '--dataset', name));
  expect(await millrace('datasets', 'delete', name)).toMatchObject({ code: 2, err: expect.stringContaining('nothing was deleted') });
  expect(await millrace('datasets', 'delete', name, '--yes')).toMatchObject({ code: 0 });
  expect(await millrace('datasets', 'get', name)).toMatchObject({ code: 2, out: '' });
  // the metastore forgot it, the files have not
  expect(await json('trace', name, '--offset', '0:0')).toMatchObject({ outcome: 'row', state: null });
});
