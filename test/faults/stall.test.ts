import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { produce } from '../integration/phase1-harness.ts';
import { createDataset, type Service, waitFor } from '../support/services.ts';
import { freshTopic, kafkaBrokers } from '../support/stack.ts';
import { startKafkaProxy } from './proxy/kafka-proxy.ts';
import { metric, startStoreWorld, untilLanded, withinMs } from './store-world.ts';

/*
 * A Kafka client that is alive for its group and silent for us, and the promise that polling never pauses.
 */

const PARTITIONS = 2;
/** The proxy brings nothing of this one. */
const STARVED = 1;
const BATCH = 200;

async function startStarved() {
  const kafka = await startKafkaProxy(kafkaBrokers());
  onTestFinished(() => kafka.close());
  const topic = await freshTopic({ prefix: 'stall', partitions: PARTITIONS });
  const world = await startStoreWorld({ phase1: 1, phase2: 0, brokers: kafka.brokers, env: { MILLRACE_STALL_TIMEOUT_MS: '4000' } });
  const [worker] = world.services.phase1 as [Service];
  await createDataset(world.services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, PARTITIONS, 0, BATCH);
  await untilLanded(world.rawUrl, topic, BATCH);
  kafka.starve(topic, STARVED);
  await produce(topic, PARTITIONS, BATCH, BATCH);
  const rebuilt = () =>
    waitFor(
      'the client is rebuilt',
      () => metric(worker, 'millrace_client_rebuilds_total'),
      (times) => times === 1,
      withinMs,
    );
  return { ...world, kafka, topic, worker, rebuilt };
}

/** What landed of the partition that is fed, and of the starved one. */
const landed = async (rawUrl: string, topic: string, atLeast: number) =>
  (await untilLanded(rawUrl, topic, atLeast)).toSorted((a, b) => a.partition - b.partition).map(({ offsets }) => offsets.length);

describe('a partition of which fetches bring nothing, under a client that heart-beats', () => {
  it('has the client rebuilt; when a new one gets records, the process goes on, and the others never stood still', async () => {
    const { kafka, rawUrl, topic, worker, rebuilt } = await startStarved();
    expect(await landed(rawUrl, topic, 1.5 * BATCH)).toEqual([BATCH, BATCH / 2]);
    await rebuilt();
    kafka.feed();
    expect(await landed(rawUrl, topic, 2 * BATCH)).toEqual([BATCH, BATCH]);
    expect(await metric(worker, 'millrace_client_rebuilds_total')).toBe(1);
    expect(worker.pid).toBeDefined();
  });

  it('ends the process when a rebuilt client gets nothing either: an exit code, a clear line, and whoever starts it again', async () => {
    const { kafka, rawUrl, topic, worker, rebuilt } = await startStarved();
    await rebuilt();
    await produce(topic, PARTITIONS, 2 * BATCH, BATCH);
    expect(await landed(rawUrl, topic, 2 * BATCH)).toEqual([1.5 * BATCH, BATCH / 2]);
    await waitFor(
      'the process ends',
      async () => worker.pid,
      (pid) => pid === undefined,
      withinMs,
    );
    expect(worker.exitCode).toBe(1);
    expect(readFileSync(worker.logFile, 'utf8')).toMatch(
      /"level":"fatal".*no progress for 4000 ms while Kafka has more, with a rebuilt client too/,
    );
    kafka.feed();
    await worker.start();
    expect(await landed(rawUrl, topic, 3 * BATCH)).toEqual([1.5 * BATCH, 1.5 * BATCH]);
  });
});

/** The longest time, ms, that a timer of this process came late: how long a busy machine lets a process wait. */
function watchMachine(): () => number {
  const everyMs = 20;
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - everyMs);
    last = performance.now();
  }, everyMs);
  onTestFinished(() => clearInterval(timer));
  return () => longest;
}

it('polling never pauses for more than a second: not under load, not while the store is away, not when the budget pauses fetching, not in a hand-over', async () => {
  const topic = await freshTopic({ prefix: 'poll', partitions: PARTITIONS });
  const records = 30_000;
  const { services, proxy, rawUrl } = await startStoreWorld({
    phase1: 2,
    phase2: 0,
    env: { MILLRACE_BUFFER_BYTES_MAX: String(2 ** 20) },
  });
  const [stays, goes] = services.phase1 as [Service, Service];
  const late = watchMachine();
  const expectPolled = async (worker: Service) => {
    expect(await metric(worker, 'millrace_poll_gap_seconds_count')).toBeGreaterThan(20);
    expect(await metric(worker, 'millrace_poll_gap_max_seconds')).toBeLessThan(1 + late() / 1000);
  };
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, PARTITIONS, 0, 100);
  await untilLanded(rawUrl, topic, 100);
  // each has a partition: a claim that begins while the store is away reads nothing that could fill a budget
  for (const worker of [stays, goes])
    await waitFor(
      'both have claimed',
      () => metric(worker, 'millrace_claims_total', 'result="claimed"'),
      (claims) => claims >= 1,
      withinMs,
    );

  proxy.down(true);
  await produce(topic, PARTITIONS, 100, records - 100);
  await waitFor(
    'fetching is paused',
    () => metric(stays, 'millrace_fetch_paused'),
    (paused) => paused === 1,
    withinMs,
  );
  await sleep(2_000);
  await expectPolled(goes);
  await goes.stop();
  await sleep(4_000);
  proxy.down(false);
  await untilLanded(rawUrl, topic, records);
  await expectPolled(stays);
});
