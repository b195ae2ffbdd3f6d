import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { epochsOf, produce, readLanded, recordsOf, withProducer } from '../integration/phase1-harness.ts';
import { createDataset, type Service, type Services, startServices, waitFor } from '../support/services.ts';
import { freshBucket, freshDirectory, freshTopic } from '../support/stack.ts';
import { startTcpProxy, type TcpFaultProxy } from './proxy/tcp-proxy.ts';

/** Behaviour 7 of "under fire": the store takes a hundredth of what Kafka could give, and ten times the budget waits there. */

const MIB = 2 ** 20;
const BUDGET_BYTES = 32 * MIB;
const BACKLOG_BYTES = 10 * BUDGET_BYTES;
/** Documented in docs/operations.md, under "Memory": what a worker holds beside what it buffers, with the allocator's arenas bounded as it says there. */
const BASE_BYTES = 320 * MIB;
const PARTITIONS = 4;
const VALUE_BYTES = 16 * 1024;
/** A connection's; the client has eight uploads under way at most. */
const STARVED_BYTES_PER_SECOND = 50_000;
const STARVED_MS = 12_000;
const WITHIN_MS = 200_000;
const HUGE_BYTES = 95_000_000;
/** Also there: fetched, handed over, checked, written as a line, compressed. */
const HUGE_TIMES_MAX = 7;

let services: Services | undefined;
let proxy: TcpFaultProxy | undefined;
afterEach(async () => {
  proxy?.heal();
  await services?.stop();
  await proxy?.close();
  services = undefined;
  proxy = undefined;
});

const memory = (worker: Service, name: 'VmHWM' | 'VmRSS') =>
  1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1]);
const metrics = async (worker: Service) => (await fetch(`${worker.adminUrl}/metrics`)).text();
const metric = async (worker: Service, name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(await metrics(worker))?.[1]);

test('a store at a hundredth of the intake and a backlog of ten budgets: memory stays within 1.5 budgets and the base, nothing is dropped, the group never misses us', {
  timeout: 2 * WITHIN_MS,
}, async () => {
  const topic = await freshTopic({ partitions: PARTITIONS });
  const records = Math.ceil(BACKLOG_BYTES / VALUE_BYTES);
  await withProducer({ 'queue.buffering.max.kbytes': 2 * 2 ** 20, 'queue.buffering.max.messages': 1_000_000 }, async (producer) => {
    const noise = randomBytes(VALUE_BYTES)
      .toString('base64')
      .slice(0, VALUE_BYTES - 64);
    for (let n = 0; n < records; n++) {
      const turned = noise.slice(n % noise.length) + noise.slice(0, n % noise.length);
      producer.produce(topic, n % PARTITIONS, Buffer.from(`{"n":${n},"text":"${turned}"}`), null, Date.now());
    }
  });

  const { url, env } = freshBucket();
  Object.assign(process.env, env);
  proxy = await startTcpProxy({ target: new URL(env.AWS_ENDPOINT_URL_S3 as string).host });
  services = await startServices({
    rawUrl: `${url}/raw`,
    tablesUrl: `${url}/tables`,
    phase2: 0,
    env: {
      ...env,
      AWS_ENDPOINT_URL_S3: `http://${proxy.address}`,
      MILLRACE_BUFFER_BYTES_MAX: String(BUDGET_BYTES),
      MILLRACE_SEAL_BYTES: String(MIB),
      MILLRACE_SESSION_TIMEOUT_MS: '6000',
      MALLOC_ARENA_MAX: '2',
    },
  });
  const worker = services.phase1[0] as Service;
  await sleep(2_000);
  const idle = memory(worker, 'VmRSS');
  proxy.shape('up', { bytesPerSecond: STARVED_BYTES_PER_SECOND });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await waitFor(
    'fetching pauses',
    () => metric(worker, 'millrace_fetch_paused'),
    (paused) => paused === 1,
    WITHIN_MS,
  );
  await sleep(STARVED_MS);
  const starved = memory(worker, 'VmHWM');
  const landed = await metric(worker, `millrace_landed_records_total\\{topic="${topic}"\\}`);
  expect(Number.isNaN(landed) ? 0 : landed).toBeLessThan(records / 2);

  proxy.heal();
  const chains = await waitFor(
    'everything lands',
    () => readLanded(`${url}/raw`, topic),
    (seen) => recordsOf(seen) === records,
    WITHIN_MS,
  );
  const most = memory(worker, 'VmHWM');
  console.log(`MiB resident: idle ${Math.round(idle / MIB)}, starved ${Math.round(starved / MIB)}, at most ${Math.round(most / MIB)}`);
  expect(starved).toBeLessThan(BASE_BYTES + 1.5 * BUDGET_BYTES);
  expect(most).toBeLessThan(BASE_BYTES + 1.5 * BUDGET_BYTES);
  // nobody took a partition away: the group saw polls all the time
  expect(chains.map(epochsOf)).toEqual(Array.from({ length: PARTITIONS }, () => [1n]));
  expect(await metrics(worker)).not.toMatch(/^millrace_dropped_buffer_records_total\{.*\} [1-9]/m);
});

test('a value of 95 MB, as large as a broker takes by default, lands among small ones, and costs a bounded multiple of itself', {
  timeout: 2 * WITHIN_MS,
}, async () => {
  const topic = await freshTopic({ config: { 'max.message.bytes': String(2 * HUGE_BYTES) } });
  const lake = freshDirectory('lake');
  const [rawUrl, tablesUrl] = ['raw', 'tables'].map((name) => pathToFileURL(join(lake, name)).href) as [string, string];
  services = await startServices({ rawUrl, tablesUrl, phase2: 0, env: { MALLOC_ARENA_MAX: '2' } });
  const worker = services.phase1[0] as Service;
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 1, 0, 10);
  const landed = (count: number) =>
    waitFor(
      `${count} records`,
      () => readLanded(rawUrl, topic),
      (seen) => seen[0]?.offsets.length === count,
      WITHIN_MS,
    );
  await landed(10);
  const before = memory(worker, 'VmHWM');
  const text = randomBytes(HUGE_BYTES / 2).toString('hex');
  await withProducer({ 'message.max.bytes': 2 * HUGE_BYTES }, async (producer) => {
    producer.produce(topic, 0, Buffer.from(`{"n":-1,"text":"${text}"}`), 'huge', Date.now());
  });
  await produce(topic, 1, 10, 10);
  const [chain] = await landed(21);
  expect((chain?.values.get(10n) as { text: string } | undefined)?.text === text).toBe(true);
  const times = (memory(worker, 'VmHWM') - before) / HUGE_BYTES;
  console.log(`a value of ${HUGE_BYTES} bytes cost ${times.toFixed(1)} times itself`);
  expect(times).toBeLessThan(HUGE_TIMES_MAX);
});
