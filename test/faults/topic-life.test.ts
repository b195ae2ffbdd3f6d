import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import kafka from '@confluentinc/kafka-javascript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { numbersOf, produce, readLanded, recordsOf, withAdmin, withProducer } from '../integration/phase1-harness.ts';
import { api, createDataset, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';

/* What a topic does in its life: transactions that abort, hang or leave marks only, compaction, more partitions. The position moves, or says why not. */

const WITHIN_MS = 100_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

let services: Services;
let rawUrl: string;

beforeAll(async () => {
  const lake = freshDirectory('lake');
  rawUrl = pathToFileURL(join(lake, 'raw')).href;
  services = await startServices({ rawUrl, tablesUrl: pathToFileURL(join(lake, 'tables')).href });
});
afterAll(async () => {
  await services?.stop();
});

type Status = {
  state: string;
  reason: string | null;
  partitions: {
    partition: number;
    landed: string;
    committed: string;
    end: string | null;
    lagRecords: number | null;
    heldBack?: { startOffset: string; endOffset: string; producerId: string | null };
  }[];
};
const status = (name: string) => api<Status>(services.metastoreUrl, 'GET', `/v1/datasets/${name}/status`);
const metrics = async () => (await fetch(`${services.phase1[0]?.adminUrl}/metrics`)).text();
const register = (topic: string) => createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
const committedUpTo = (topic: string, offset: string) =>
  waitFor(
    `${topic} committed up to ${offset}`,
    () => status(topic),
    ({ partitions }) => partitions[0]?.committed === offset && partitions[0].landed === offset,
    WITHIN_MS,
  );

/** A producer in a process of its own that writes three records in a transaction and then only waits. */
function hangingProducer(topic: string, transactionalId: string): ChildProcess {
  const script = `
    import kafka from '@confluentinc/kafka-javascript';
    const call = (run) => new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));
    const producer = new kafka.Producer({ 'bootstrap.servers': '${kafkaBrokers()}', 'transactional.id': '${transactionalId}', 'transaction.timeout.ms': 600000 });
    await call((done) => producer.connect({}, done));
    producer.setPollInterval(10);
    await call((done) => producer.initTransactions(20000, done));
    await call((done) => producer.beginTransaction(done));
    for (let n = 0; n < 3; n++) producer.produce('${topic}', 0, Buffer.from('{"n":' + (1000 + n) + '}'), 'open');
    await call((done) => producer.flush(20000, done));
    console.log('written');
    setInterval(() => {}, 1000);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
}

test.concurrent('a hanging transaction is a reason with its offsets and its producer, never silent lag; decided, the position moves on', async ({
  onTestFinished,
}) => {
  const topic = await freshTopic({ prefix: 'hanging' });
  await produce(topic, 1, 0, 10);
  await register(topic);
  await committedUpTo(topic, '10');
  const transactionalId = uniqueName('txn');
  const producer = hangingProducer(topic, transactionalId);
  onTestFinished(() => void producer.kill('SIGKILL'));
  await new Promise((resolve) => producer.stdout?.once('data', resolve));
  producer.kill('SIGKILL');
  await produce(topic, 1, 10, 5);

  const held = await waitFor(
    'a reason',
    () => status(topic),
    ({ partitions }) => partitions[0]?.heldBack?.producerId != null && partitions[0].heldBack.endOffset === '18',
    WITHIN_MS,
  );
  expect(held.state).toBe('RUNNING');
  expect(held.reason).toMatch(/partition 0: a transaction open since offset 10 \(producer id \d+\) holds back \[10, 18\)/);
  expect(held.partitions[0]).toMatchObject({ landed: '10', committed: '10', end: '10', lagRecords: 0, heldBack: { startOffset: '10' } });
  expect(await metrics()).toMatch(new RegExp(`millrace_open_transaction_held_offsets\\{topic="${topic}",partition="0"\\} 8`));

  // the producer's successor decides what it left open: aborted
  await withProducer({ 'transactional.id': transactionalId }, async (next, step) => {
    await step((callback) => next.initTransactions(20_000, callback as never));
  });
  await committedUpTo(topic, '19');
  const [chain] = await readLanded(rawUrl, topic);
  expect(numbersOf(chain as NonNullable<typeof chain>)).toEqual(Array.from({ length: 15 }, (_, n) => n));
  const gaps = chain?.entries.flatMap((entry) => (entry.kind === 'data' ? entry.gaps : []));
  expect(gaps?.map(({ startOffset, endOffset, cause }) => [startOffset, endOffset, cause])).toEqual([
    [10n, 13n, 'not_delivered'],
    [18n, 19n, 'not_delivered'],
  ]);
  expect((await status(topic)).partitions[0]).not.toHaveProperty('heldBack');
  expect((await status(topic)).reason).toBeNull();
});

test.concurrent('a transaction that only aborts, and a topic that holds control records only: the position reaches the end', async () => {
  const topic = await freshTopic({ prefix: 'aborted' });
  await register(topic);
  await withProducer({ 'transactional.id': uniqueName('txn') }, async (producer, step) => {
    await step((callback) => producer.initTransactions(20_000, callback as never));
    for (let round = 0; round < 2; round++) {
      await step((callback) => producer.beginTransaction(callback as never));
      for (let n = 0; n < 4; n++) producer.produce(topic, 0, Buffer.from(`{"n":${n}}`), 'never');
      await step((callback) => producer.flush(20_000, callback as never));
      await step((callback) => producer.abortTransaction(20_000, callback as never));
    }
  });
  const { partitions } = await committedUpTo(topic, '10');
  expect(partitions[0]).toMatchObject({ end: '10', lagRecords: 0 });
  const [chain] = await readLanded(rawUrl, topic);
  expect(chain).toMatchObject({ offsets: [], gaps: 10n, end: 10n });
});

test.concurrent('a compacted topic: what was removed before it was read is a gap with a cause, what is left lands once', async () => {
  const config = {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
    'min.compaction.lag.ms': '0',
    'max.compaction.lag.ms': '200',
  };
  const topic = await freshTopic({ prefix: 'compacted', config });
  const again = async (from: number) => {
    await withProducer({}, async (producer) => {
      for (let n = from; n < from + 20; n++) producer.produce(topic, 0, Buffer.from(`{"n":${n}}`), `key-${n % 5}`);
    });
    await sleep(300);
  };
  for (let round = 0; round < 3; round++) await again(round * 20);
  await waitFor(
    'compaction',
    () => recordsLeft(topic),
    (left) => left < 45,
    WITHIN_MS,
  );
  await register(topic);
  await committedUpTo(topic, '60');
  const [chain] = await readLanded(rawUrl, topic);
  const last = new Map(Array.from({ length: 60 }, (_, n) => [n % 5, n] as const));
  expect(numbersOf(chain as NonNullable<typeof chain>)).toEqual(expect.arrayContaining([...last.values()]));
  expect(chain?.gaps).toBeGreaterThan(15n);
  expect(chain?.end).toBe(60n);
});

test.concurrent('partitions added while landing runs are landed from their first record', async () => {
  const topic = await freshTopic({ prefix: 'grown' });
  await produce(topic, 1, 0, 10);
  await register(topic);
  await committedUpTo(topic, '10');
  await withAdmin((admin) => admin.createPartitions({ topics: [{ name: topic, count: 3 }] }));
  await produce(topic, 3, 10, 90);
  const chains = await waitFor(
    'all landed',
    () => readLanded(rawUrl, topic),
    (found) => recordsOf(found) === 100,
    WITHIN_MS,
  );
  expect(chains.map(({ partition, start, end }) => [partition, start, end])).toEqual([
    [0, 0n, 40n],
    [1, 0n, 30n],
    [2, 0n, 30n],
  ]);
  expect(chains.flatMap(numbersOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

/** How many records Kafka still gives a reader from the start, by a client of its own. */
async function recordsLeft(topic: string): Promise<number> {
  const consumer = new kafka.KafkaConsumer({ 'bootstrap.servers': kafkaBrokers(), 'group.id': uniqueName('counter') } as never, {});
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  try {
    consumer.assign([{ topic, partition: 0, offset: 0 }]);
    consumer.setDefaultConsumeTimeout(2_000);
    return await new Promise<number>((resolve, reject) =>
      consumer.consume(100, (error, messages) => (error ? reject(error) : resolve(messages.length))),
    );
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}
