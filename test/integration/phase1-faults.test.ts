import { readFileSync } from 'node:fs';
import { createServer, connect as netConnect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { chainEntry, encodeStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { type Kafka, startKafka } from '../../dev/stack/kafka.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { startS3 } from '../../dev/stack/s3.ts';
import { startLoad } from '../support/load.ts';
import { api, createDataset, type Service, type Services, startServices, waitFor } from '../support/services.ts';
import { freshBucket, freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';
import { epochsOf, type LandedChain, numbersOf, produce, readLanded, recordsOf, recreateTopic, withAdmin } from './phase1-harness.ts';

const WITHIN_MS = 60_000;
let services: Services | undefined;

afterEach(async () => {
  await services?.stop();
  services = undefined;
});

const filePlaces = () => {
  const lake = freshDirectory('lake');
  return { rawUrl: pathToFileURL(join(lake, 'raw')).href, tablesUrl: pathToFileURL(join(lake, 'tables')).href, env: {} };
};
const bucketPlaces = () => {
  const { url, env } = freshBucket();
  Object.assign(process.env, env);
  return { rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env };
};
const metrics = async (worker: Service | undefined) => (await fetch(`${worker?.adminUrl}/metrics`)).text();

describe.each([
  ['files', filePlaces],
  ['S3', bucketPlaces],
] as const)('two workers under load on %s', (_name, places) => {
  test('kill -9 and a pause past the session: every record lands once, the woken zombie is fenced or empty-handed', async () => {
    const { rawUrl, tablesUrl, env } = places();
    const topic = await freshTopic({ partitions: 4 });
    services = await startServices({
      rawUrl,
      tablesUrl,
      phase1: 2,
      phase2: 0,
      env: { ...env, MILLRACE_SEAL_INTERVAL_MS: '700', MILLRACE_SESSION_TIMEOUT_MS: '3000' },
    });
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    const [first, second] = services.phase1 as [Service, Service];
    const load = startLoad(topic, 500);
    await sleep(3_000);
    await first.kill();
    await sleep(1_000);
    await first.start();
    await sleep(4_000);
    second.pause();
    await sleep(5_000);
    second.resume();
    await sleep(2_000);
    await second.kill();
    await second.start();
    await sleep(2_000);
    await load.stop();
    const chains = await waitFor(
      'all landed',
      () => readLanded(rawUrl, topic),
      (found) => recordsOf(found) >= load.produced(),
      WITHIN_MS,
    );
    expect(recordsOf(chains)).toBe(load.produced());
    for (const chain of chains) expect(epochsOf(chain)).toEqual(epochsOf(chain).map((_, index) => BigInt(index + 1)));
  });
});

test('a worker that lost its chain to a newer claim, but not its partition, claims again and goes on', async () => {
  const { rawUrl, tablesUrl } = filePlaces();
  const topic = await freshTopic({ partitions: 1 });
  services = await startServices({ rawUrl, tablesUrl, phase2: 0, env: { MILLRACE_SESSION_TIMEOUT_MS: '2000' } });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 1, 0, 10);
  const [chain] = await waitFor(
    'landed',
    () => readLanded(rawUrl, topic),
    (found) => recordsOf(found) === 10,
    WITHIN_MS,
  );
  const store = openObjectStore(rawUrl);
  const source = { topicId: chain?.topicId ?? '', partition: 0 };
  const tail = await findTail(store, topic, source);
  if (tail === undefined) throw new Error('no chain');
  const { seq, epoch, endOffset } = tail;
  const foreign = {
    ...tail,
    kind: 'claim' as const,
    seq: seq + 1n,
    epoch: epoch + 1n,
    startOffset: endOffset,
    attemptId: 'foreign',
    writer: 'somebody else',
  };
  const { objects: _objects, gaps: _gaps, ...claim } = foreign as typeof foreign & { objects?: unknown; gaps?: unknown };
  await store.putIfAbsent(chainEntryKey(topic, source, seq + 1n), encodeStored(chainEntry, claim));
  await produce(topic, 1, 10, 10);
  const found = await waitFor(
    'landed again',
    () => readLanded(rawUrl, topic),
    (all) => recordsOf(all) === 20,
    WITHIN_MS,
  );
  expect(found.flatMap(epochsOf)).toEqual([1n, 2n, 3n]);
  expect(await metrics(services.phase1[0])).toMatch(/millrace_publications_total\{result="fenced"\} 1/);
});

test('the store goes away: fetching pauses within the budget, readiness says which, landing goes on when it is back', async () => {
  const s3 = await startS3({ dir: freshDirectory('s3') });
  s3.createBucket('outage');
  const env = {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
    MILLRACE_S3_FORCE_PATH_STYLE: 'true',
  };
  Object.assign(process.env, env);
  const topic = await freshTopic({ partitions: 2 });
  try {
    services = await startServices({
      rawUrl: 's3://outage/raw',
      tablesUrl: 's3://outage/tables',
      phase2: 0,
      env: { ...env, MILLRACE_BUFFER_BYTES_MAX: String(2 ** 20), MILLRACE_SEAL_BYTES: '100000' },
    });
    const worker = services.phase1[0];
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    await produce(topic, 2, 0, 100);
    await waitFor(
      'landed',
      () => readLanded('s3://outage/raw', topic),
      (found) => recordsOf(found) === 100,
      WITHIN_MS,
    );
    await s3.stop();
    await produce(topic, 2, 100, 60_000);
    await waitFor(
      'paused',
      () => metrics(worker),
      (text) => /millrace_fetch_paused 1/.test(text),
      WITHIN_MS,
    );
    const readiness = async () => (await fetch(`${worker?.adminUrl}/readyz?verbose`)).text();
    await waitFor('not ready', readiness, (text) => /\[-\]store failed: .+/.test(text), WITHIN_MS);
    const buffered = Number(/millrace_buffered_bytes (\d+)/.exec(await metrics(worker))?.[1]);
    expect(buffered).toBeLessThan(2 * 2 ** 20);
    await sleep(3_000);
    await s3.start();
    const chains = await waitFor(
      'landed',
      () => readLanded('s3://outage/raw', topic),
      (found) => recordsOf(found) === 60_100,
      WITHIN_MS,
    );
    expect(recordsOf(chains)).toBe(60_100);
    await waitFor(
      'ready',
      () => fetch(`${worker?.adminUrl}/readyz`),
      ({ ok }) => ok,
      WITHIN_MS,
    );
  } finally {
    await services?.stop();
    services = undefined;
    await s3.stop();
  }
});

test('brokers away at start are waited for with a clear line; landing begins when they are there', async () => {
  const { rawUrl, tablesUrl } = filePlaces();
  const topic = await freshTopic({ partitions: 1 });
  await produce(topic, 1, 0, 10);
  const port = await freePort();
  services = await startServices({ rawUrl, tablesUrl, phase2: 0, brokers: `127.0.0.1:${port}` });
  const worker = services.phase1[0];
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await waitFor(
    'not ready',
    async () => (await fetch(`${worker?.adminUrl}/readyz?verbose`)).text(),
    (text) => text.includes('[-]kafka failed') && text.includes(String(port)),
    WITHIN_MS,
  );
  const [host, kafkaPort] = kafkaBrokers().split(',')[0]?.split(':') ?? [];
  const proxy = createServer((socket) => {
    const upstream = netConnect(Number(kafkaPort), host);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  try {
    await waitFor(
      'landed',
      () => readLanded(rawUrl, topic),
      (found) => recordsOf(found) === 10,
      WITHIN_MS,
    );
  } finally {
    await services.stop();
    services = undefined;
    proxy.close();
  }
});

test('brokers go away and come back; another cluster at the same address, once accepted, is another source, never mixed', async () => {
  const { rawUrl, tablesUrl } = filePlaces();
  const topic = uniqueName('swapped');
  const first = await startKafka({ dir: freshDirectory('kafka'), brokers: 1 });
  const { brokers } = first;
  const create = () => withAdmin((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }), brokers);
  const add = (from: number, count: number) => produce(topic, 1, from, count, { 'bootstrap.servers': brokers });
  let second: Kafka | undefined;
  try {
    await create();
    await add(0, 50);
    services = await startServices({ rawUrl, tablesUrl, phase2: 0, brokers });
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    const landed = async (records: number) => {
      await waitFor(
        `${records} landed`,
        async () => recordsOf(await readLanded(rawUrl, topic)),
        (found) => found === records,
        WITHIN_MS,
      );
      return readLanded(rawUrl, topic);
    };
    await landed(50);
    await first.kill();
    const readiness = async () => (await fetch(`${services?.phase1[0]?.adminUrl}/readyz?verbose`)).text();
    await waitFor('not ready', readiness, (text) => text.includes('[-]kafka failed'), WITHIN_MS);
    await first.start();
    await add(50, 50);
    expect(await landed(100)).toHaveLength(1);

    await first.stop();
    second = await startKafka({ dir: freshDirectory('kafka'), brokers: 1, ports: [Number(brokers.split(':')[1])] });
    expect(second.clusterId).not.toBe(first.clusterId);
    await create();
    await add(10_000, 150);
    const { clusterId } = second;
    const path = `/v1/datasets/${topic}/clusters`;
    const { metastoreUrl } = services as Services;
    await waitFor(
      'accepted',
      () => api(metastoreUrl, 'POST', path, { clusterId, reason: 'a test' }),
      () => true,
      WITHIN_MS,
    );
    const chains = await landed(250);
    expect(chains.map((chain) => [chain.offsets.length, new Set(chain.entries.map(({ source }) => source.clusterId)).size]).sort()).toEqual(
      [
        [100, 1],
        [150, 1],
      ],
    );
    expect(new Set(chains.map(({ entries }) => entries[0]?.source.clusterId))).toEqual(new Set([first.clusterId, second.clusterId]));
  } finally {
    await services?.stop();
    services = undefined;
    await first.stop();
    await second?.stop();
  }
});

test('records that arrive while their topic is made again are never mixed', async () => {
  const { rawUrl, tablesUrl } = filePlaces();
  const topic = await freshTopic({ partitions: 2 });
  services = await startServices({ rawUrl, tablesUrl, phase2: 0, env: { MILLRACE_SEAL_INTERVAL_MS: '2000' } });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 2, 0, 100);
  await waitFor(
    'landed',
    () => readLanded(rawUrl, topic),
    (found) => recordsOf(found) === 100,
    WITHIN_MS,
  );
  // the tail of the old incarnation is in flight or buffered when the new one begins
  await produce(topic, 2, 100, 100);
  await recreateTopic(topic, 2);
  await produce(topic, 2, 10_000, 500);
  const isNew = (chain: LandedChain) => numbersOf(chain).some((n) => n >= 10_000);
  const chains = await waitFor(
    'new one landed',
    () => readLanded(rawUrl, topic),
    (found) => recordsOf(found.filter(isNew)) === 500,
    WITHIN_MS,
  );
  expect(
    chains
      .filter(isNew)
      .flatMap(numbersOf)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 500 }, (_, n) => 10_000 + n));
  const old = chains
    .filter((chain) => !isNew(chain))
    .flatMap(numbersOf)
    .sort((a, b) => a - b);
  expect(new Set(old).size).toBe(old.length);
  expect(old.every((n) => n < 200)).toBe(true);
  expect(old.length).toBeGreaterThanOrEqual(100);
});

test('a bucket that does not exist is refused at start, with what to do', async () => {
  const { env } = freshBucket();
  const missing = uniqueName('missing');
  const places = { rawUrl: `s3://${missing}/raw`, tablesUrl: `s3://${missing}/tables` };
  // the process may end before or after it was seen alive
  const said = await startServices({ ...places, phase2: 0, env }).then(
    (started) => {
      services = started;
      const log = started.phase1[0]?.logFile ?? '';
      return waitFor(
        'refusal',
        async () => readFileSync(log, 'utf8'),
        (text) => text.includes('"level":"fatal"'),
        WITHIN_MS,
      );
    },
    (error: Error) => error.message,
  );
  expect(said).toMatch(new RegExp(`"level":"fatal".*${missing}`));
});
