import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDataset, type DatasetStatus, datasetStatus, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, uniqueName } from '../support/stack.ts';
import {
  epochsOf,
  type LandedChain,
  numbersOf,
  produce,
  readLanded,
  recordsOf,
  recreateTopic,
  withAdmin,
  withProducer,
} from './phase1-harness.ts';

const WITHIN_MS = 40_000;
const lake = freshDirectory('lake');
const rawUrl = pathToFileURL(join(lake, 'raw')).href;
const tablesUrl = pathToFileURL(join(lake, 'tables')).href;
let services: Services;

beforeAll(async () => {
  services = await startServices({
    rawUrl,
    tablesUrl,
    phase2: 0,
    phase1: 2,
    env: { LOG_LEVEL: 'info', MILLRACE_SESSION_TIMEOUT_MS: '6000' },
  });
});
afterAll(() => services.stop());

const register = (kafkaTopic: string, more: object = {}) => createDataset(services.metastoreUrl, { name: kafkaTopic, kafkaTopic, ...more });
const status = (topic: string) => datasetStatus(services.metastoreUrl, topic);
const landedIs = (sum: bigint) => (found: DatasetStatus) =>
  found.partitions.reduce((total, { landed }) => total + BigInt(landed), 0n) === sum;
const waitLanded = (topic: string, sum: bigint) => waitFor(`${topic} landed ${sum}`, () => status(topic), landedIs(sum), WITHIN_MS);
/** A fresh topic whose records, numbered from 0 on, have landed. */
async function landedTopic(partitions: number, records: number): Promise<string> {
  const topic = await freshTopic({ partitions });
  await produce(topic, partitions, 0, records);
  await register(topic);
  await waitLanded(topic, BigInt(records));
  return topic;
}
const restart = async (index: number) => {
  await services.phase1[index]?.stop();
  await services.phase1[index]?.start();
};

test('records land in order, once; a restart claims with a higher epoch and goes on', async () => {
  const topic = await landedTopic(3, 900);
  await Promise.all([restart(0), restart(1)]);
  await produce(topic, 3, 900, 300);
  await waitLanded(topic, 1200n);
  const chains = await readLanded(rawUrl, topic);
  expect(chains.flatMap(numbersOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 1200 }, (_, n) => n));
  for (const chain of chains) {
    const epochs = epochsOf(chain);
    expect(epochs.length).toBeGreaterThan(1);
    expect(epochs).toEqual(epochs.map((_, index) => BigInt(index + 1)));
  }
});

test('a topic that does not exist is waited for, never created; landing begins when it does', async () => {
  const topic = uniqueName('later');
  await register(topic, { startFrom: 'latest' });
  await waitFor(
    'waiting',
    () => status(topic),
    ({ state, reason }) => state === 'WAITING_FOR_TOPIC' && /does not exist/.test(reason ?? ''),
    WITHIN_MS,
  );
  await sleep(2_500);
  expect(await withAdmin((admin) => admin.listTopics())).not.toContain(topic);
  await withAdmin((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }));
  await produce(topic, 1, 0, 10);
  await waitLanded(topic, 10n);
  expect((await readLanded(rawUrl, topic)).map(numbersOf)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
});

test('startFrom latest begins at the end of an existing topic, and says so', async () => {
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 100);
  await register(topic, { startFrom: 'latest' });
  await waitLanded(topic, 100n);
  await produce(topic, 2, 100, 50);
  await waitLanded(topic, 150n);
  const chains = await readLanded(rawUrl, topic);
  expect(chains.map(({ start, end }) => [start, end])).toEqual([
    [50n, 75n],
    [50n, 75n],
  ]);
});

test('all codecs, committed and aborted transactions: trailing control records move the position to the end (R12)', async () => {
  const topic = await freshTopic({ partitions: 1 });
  for (const [index, codec] of ['none', 'gzip', 'snappy', 'lz4', 'zstd'].entries())
    await produce(topic, 1, index * 20, 20, { 'compression.codec': codec });
  await withProducer({ 'transactional.id': uniqueName('txn') }, async (producer, step) => {
    await step((callback) => producer.initTransactions(20_000, callback as never));
    for (const [round, commit] of [true, false, true, false].entries()) {
      await step((callback) => producer.beginTransaction(callback as never));
      for (let n = 0; n < 5; n++) producer.produce(topic, 0, Buffer.from(`{"n":${1000 + round * 10 + n}}`), null, Date.now());
      await step((callback) => producer.flush(20_000, callback as never));
      await step((callback) =>
        commit ? producer.commitTransaction(20_000, callback as never) : producer.abortTransaction(20_000, callback as never),
      );
    }
  });
  await register(topic);
  // 100 plain, 20 in transactions, 4 control records
  const done = await waitLanded(topic, 124n);
  expect(done.partitions[0]?.end).toBe('124');
  const [chain] = await readLanded(rawUrl, topic);
  expect(chain && numbersOf(chain).slice(100)).toEqual([1000, 1001, 1002, 1003, 1004, 1020, 1021, 1022, 1023, 1024]);
  expect(chain?.gaps).toBe(14n);
});

describe.each([
  ['more', 50, 400],
  ['fewer', 400, 50],
  ['as many', 100, 100],
] as const)('a topic made again with %s records', (_, before, after) => {
  test('R1 recreation: both incarnations land whole, each in a chain of its own', async () => {
    const topic = await landedTopic(2, before);
    await recreateTopic(topic, 2);
    await produce(topic, 2, 10_000, after);
    const whole = (chains: LandedChain[]) => recordsOf(chains) >= before + after;
    const chains = await waitFor('both incarnations', () => readLanded(rawUrl, topic), whole, WITHIN_MS);
    expect(new Set(chains.map(({ topicId }) => topicId)).size).toBe(2);
    const old = chains.filter((chain) => numbersOf(chain).some((n) => n < 10_000));
    const fresh = chains.filter((chain) => !old.includes(chain));
    expect(old.flatMap(numbersOf).sort((a, b) => a - b)).toEqual(Array.from({ length: before }, (_unused, n) => n));
    expect(fresh.flatMap(numbersOf).sort((a, b) => a - b)).toEqual(Array.from({ length: after }, (_unused, n) => 10_000 + n));
  });
});

test('R1 recreation: partitions that are gone stay closed or as they were; the new incarnation has its own', async () => {
  const topic = await landedTopic(3, 90);
  await recreateTopic(topic, 1);
  await produce(topic, 1, 10_000, 60);
  await waitFor(
    'new one',
    () => readLanded(rawUrl, topic),
    (chains) =>
      chains.some(({ end, partition, values }) => partition === 0 && end === 60n && (values.get(0n) as { n: number })?.n === 10_000),
    WITHIN_MS,
  );
  const chains = await readLanded(rawUrl, topic);
  expect(chains).toHaveLength(4);
  expect(chains.flatMap(numbersOf)).toHaveLength(150);
});

test('R1 recreation while nobody reads: the old chains are closed before the new ones begin', async () => {
  const topic = await landedTopic(2, 20);
  await Promise.all(services.phase1.map((worker) => worker.stop()));
  await recreateTopic(topic, 2);
  await produce(topic, 2, 20, 10);
  await Promise.all(services.phase1.map((worker) => worker.start()));
  const whole = (all: LandedChain[]) => recordsOf(all) === 30;
  const chains = await waitFor('both incarnations', () => readLanded(rawUrl, topic), whole, WITHIN_MS);
  const old = chains.filter((chain) => numbersOf(chain).some((n) => n < 20));
  expect(old.map(({ entries }) => entries.at(-1)?.kind)).toEqual(['close', 'close']);
  expect(chains.filter((chain) => !old.includes(chain)).map(({ end }) => end)).toEqual([5n, 5n]);
});

test('partitions added later are read from 0 within seconds', async () => {
  const topic = await freshTopic({ partitions: 1 });
  await produce(topic, 1, 0, 10);
  await register(topic, { startFrom: 'latest' });
  await waitLanded(topic, 10n);
  await withAdmin((admin) => admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null as never }] }));
  await produce(topic, 3, 30, 30);
  const from = Date.now();
  await waitLanded(topic, 40n);
  expect(Date.now() - from).toBeLessThan(15_000);
  const chains = await readLanded(rawUrl, topic);
  expect(chains.map(({ start, end }) => [start, end])).toEqual([
    [10n, 20n],
    [0n, 10n],
    [0n, 10n],
  ]);
});

test('retention overran us: the partition stops with the exact range, other partitions and topics go on', async () => {
  const topic = await landedTopic(2, 20);
  await Promise.all(services.phase1.map((worker) => worker.stop()));
  await produce(topic, 2, 20, 80);
  await withAdmin((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 25n }] }] }));
  await Promise.all(services.phase1.map((worker) => worker.start()));
  const found = await waitFor(
    'stop',
    () => readLanded(rawUrl, topic),
    (chains) => chains[1]?.end === 50n,
    WITHIN_MS,
  );
  expect(found[0]?.end).toBe(10n);
  const told = await waitFor(
    'reason',
    () => status(topic),
    (answer) => JSON.stringify(answer).includes('[10, 25)'),
    WITHIN_MS,
  );
  expect(JSON.stringify(told)).toContain('retention');
});

test('the metastore is away at start: the last good configuration from disk is worked under', async () => {
  const topic = await freshTopic({ partitions: 1 });
  await register(topic);
  await produce(topic, 1, 0, 5);
  await waitLanded(topic, 5n);
  await services.metastore.stop();
  try {
    await Promise.all([restart(0), restart(1)]);
    await produce(topic, 1, 5, 5);
    await waitFor(
      'landing',
      () => readLanded(rawUrl, topic),
      (chains) => chains[0]?.end === 10n,
      WITHIN_MS,
    );
  } finally {
    await services.metastore.start();
  }
});

test('SIGTERM publishes what is buffered and ends with 0 within 10 s', async () => {
  const alone = await startServices({
    rawUrl: pathToFileURL(join(lake, 'alone')).href,
    tablesUrl,
    phase2: 0,
    env: { MILLRACE_SEAL_INTERVAL_MS: '600000' },
  });
  const topic = await freshTopic({ partitions: 1 });
  try {
    await createDataset(alone.metastoreUrl, { name: topic, kafkaTopic: topic });
    await produce(topic, 1, 0, 40);
    await waitFor(
      'buffered',
      async () => (await fetch(`${alone.phase1[0]?.adminUrl}/metrics`)).text(),
      (text) => /millrace_buffered_bytes [1-9]/.test(text),
      WITHIN_MS,
    );
    const from = Date.now();
    await alone.phase1[0]?.stop();
    expect(Date.now() - from).toBeLessThan(10_000);
    expect((await readLanded(pathToFileURL(join(lake, 'alone')).href, topic)).map(({ end }) => end)).toEqual([40n]);
    expect(readFileSync(alone.phase1[0]?.logFile ?? '', 'utf8')).toContain('phase 1 ended');
  } finally {
    await alone.stop();
  }
});

test('settings that break a promise are refused by name', async () => {
  const file = join(lake, 'kafka.properties');
  writeFileSync(file, 'enable.auto.commit=true\nauto.offset.reset=latest\n');
  await expect(startServices({ rawUrl, tablesUrl, phase2: 0, env: { KAFKA_PROPERTIES: file } })).rejects.toThrow(
    /enable\.auto\.commit.*auto\.offset\.reset/s,
  );
});
