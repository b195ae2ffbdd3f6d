import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  api,
  createDataset,
  type DatasetStatus,
  datasetStatus,
  type Service,
  type Services,
  startServices,
  waitFor,
} from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';
import { produce, readLanded, withAdmin } from './phase1-harness.ts';

/*
 * What a worker reads when a partition comes back to it: after a silence in which retention went on, from another worker, with a dataset made again.
 */

const WITHIN_MS = 40_000;
const SOON_MS = 10_000;
let rawUrl: string;
let services: Services;

beforeEach(async () => {
  const lake = freshDirectory('lake');
  rawUrl = pathToFileURL(join(lake, 'raw')).href;
  const tablesUrl = pathToFileURL(join(lake, 'tables')).href;
  services = await startServices({ rawUrl, tablesUrl, phase2: 0, phase1: 2, env: { MILLRACE_SESSION_TIMEOUT_MS: '20000' } });
});
afterEach(() => services.stop());

const worker = (index: number) => services.phase1[index] as Service;
const status = (topic: string) => datasetStatus(services.metastoreUrl, topic);
const register = (topic: string) => createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
const landedOf = ({ partitions }: DatasetStatus) => partitions.reduce((sum, { landed }) => sum + BigInt(landed), 0n);
const waitLanded = (topic: string, sum: bigint, withinMs = WITHIN_MS) =>
  waitFor(
    `${topic} landed ${sum}`,
    () => status(topic),
    (found) => landedOf(found) === sum,
    withinMs,
  );

test('retention overran a reader that stood still: the partition stops with the exact range, nothing is landed over it', async () => {
  await worker(1).stop();
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 20);
  await register(topic);
  await waitLanded(topic, 20n);
  worker(0).pause();
  await sleep(1_000); // a request it had sent is answered, with nothing, before there is something
  try {
    await produce(topic, 2, 20, 80);
    await withAdmin((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 25n }] }] }));
  } finally {
    worker(0).resume();
  }
  const told = await waitFor(
    'the range',
    () => status(topic),
    ({ state, reason }) => state === 'BLOCKED' && (reason ?? '').includes('[10, 25)'),
    WITHIN_MS,
  );
  expect(told.reason).toContain('retention');
  const readAll = () => readLanded(rawUrl, topic);
  const chains = await waitFor('the other partition', readAll, (found) => found[1]?.end === 50n, SOON_MS);
  await sleep(1_500);
  expect((await readAll())[0]).toMatchObject({ end: 10n, gaps: 0n });
  expect(chains[1]).toMatchObject({ end: 50n, gaps: 0n });
  // it reads on where it can, though Kafka refuses one of its positions
  await produce(topic, 2, 100, 20);
  await waitFor('the other partition goes on', readAll, (found) => found[1]?.end === 60n, SOON_MS);
});

test('partitions that another worker gives back on SIGTERM are read again within 10 s', async () => {
  await worker(1).stop();
  const topic = await freshTopic({ partitions: 4 });
  await produce(topic, 4, 0, 40);
  await register(topic);
  await waitLanded(topic, 40n);
  await worker(1).start();
  const readers = async () => new Set((await readLanded(rawUrl, topic)).map(({ entries }) => entries.at(-1)?.writer));
  await waitFor('shared', readers, (writers) => writers.size === 2, WITHIN_MS);
  await produce(topic, 4, 40, 40);
  await waitLanded(topic, 80n);
  await worker(1).stop();
  await produce(topic, 4, 80, 40);
  await waitLanded(topic, 120n, SOON_MS);
});

test('a dataset that is deleted and made again lands within 10 s', async () => {
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 20);
  await register(topic);
  await waitLanded(topic, 20n);
  await api(services.metastoreUrl, 'DELETE', `/v1/datasets/${topic}`);
  await sleep(5_000);
  await produce(topic, 2, 20, 20);
  await register(topic);
  await waitLanded(topic, 40n, SOON_MS);
});
