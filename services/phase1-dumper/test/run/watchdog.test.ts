import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WantedTopics } from '../../src/run/topics.ts';
import { LandingWorker } from '../../src/run/worker.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

const stallTimeoutMs = 20_000;
/** The tests' time goes in steps of so many ms. */
const stepMs = 100;
const realTimeout = setTimeout;

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** A worker of one dataset under the tests' time. */
function landingWorker() {
  const { context, cluster } = landingContext();
  const sources: FakeSource[] = [];
  const dataset = { name: 'd', kafkaTopic: 'orders', startFrom: 'earliest', resumeCount: 0 } as Dataset;
  const worker = new LandingWorker({
    context,
    wanted: new WantedTopics(),
    metastore: {
      datasets: async () => [dataset],
      reportLanding: async () => {},
      reportTable: async () => {},
      putSchemaVersion: async () => {},
    },
    budgetBytes: 1e8,
    stallTimeoutMs,
    openSource: async (handler) => {
      const source = new FakeSource(handler);
      sources.push(source);
      return source;
    },
  });
  let ending: unknown = 'works';
  const run = worker.run().then(
    () => (ending = 'ended'),
    (error: { code?: string }) => (ending = error.code),
  );
  return { worker, cluster, sources, run, ending: () => ending };
}

/** Lets the tests' time pass. @returns ms until `done`, or all of `ms` */
async function pass(ms: number, done: () => boolean = () => false): Promise<number> {
  let passed = 0;
  for (; passed < ms && !done(); passed += stepMs) await vi.advanceTimersByTimeAsync(stepMs);
  return passed;
}

/** Lets little of the tests' time pass, and much of the store's. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) {
    await vi.advanceTimersByTimeAsync(10);
    await new Promise((resolve) => realTimeout(resolve, 5));
  }
}

async function end({ worker, run }: ReturnType<typeof landingWorker>) {
  worker.stop();
  let ended = false;
  void run.then(() => (ended = true));
  await until(() => ended);
}

test('a source that stays silent while Kafka has more is rebuilt once, then the process ends', async () => {
  const landing = landingWorker();
  const { sources, cluster } = landing;
  cluster.lastStable = 10n;
  await until(() => sources[0]?.started.length === 1);
  expect(await pass(60_000, () => sources.length === 2)).toBeGreaterThanOrEqual(stallTimeoutMs);
  await until(() => sources[1]?.started.length === 1);
  expect(await pass(60_000, () => sources[1]?.closed === true)).toBeGreaterThanOrEqual(stallTimeoutMs);
  await until(() => landing.ending() !== 'works');
  expect(landing.ending()).toBe('client_stalled');
  expect(sources).toHaveLength(2);
});

test('a source that is idle for long is left alone when a record comes at last', async () => {
  const landing = landingWorker();
  const { sources, cluster } = landing;
  await until(() => sources[0]?.started.length === 1);
  await pass(3 * stallTimeoutMs);
  cluster.lastStable = 1n;
  await pass(stallTimeoutMs / 2);
  sources[0]?.arriving.push(range(0, 1));
  await pass(2 * stallTimeoutMs);
  expect(sources).toHaveLength(1);
  expect(landing.ending()).toBe('works');
  await end(landing);
  expect(landing.ending()).toBe('ended');
});

test('records after a rebuild earn the client another one', async () => {
  const landing = landingWorker();
  const { sources, cluster } = landing;
  cluster.lastStable = 10n;
  await until(() => sources[0]?.started.length === 1);
  await pass(60_000, () => sources.length === 2);
  await until(() => sources[1]?.started.length === 1);
  sources[1]?.arriving.push(range(0, 4));
  await pass(60_000, () => sources.length === 3);
  expect(sources).toHaveLength(3);
  expect(landing.ending()).toBe('works');
  await end(landing);
});
