import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WantedTopics } from '../../src/run/topics.ts';
import { LandingWorker } from '../../src/run/worker.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

const stallTimeoutMs = 20_000;
/** Timers fire in steps of this many ms of the tests' time; between them real requests to the store end. */
const stepMs = 100;

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
  const current = () => sources.at(-1);
  return { worker, cluster, sources, current, run, ending: () => ending };
}

/** Lets time pass. @returns ms until `done`, or all of `ms` */
async function pass(ms: number, done: () => boolean = () => false): Promise<number> {
  let passed = 0;
  for (; passed < ms && !done(); passed += stepMs) {
    await vi.advanceTimersByTimeAsync(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return passed;
}

async function end({ worker, run }: ReturnType<typeof landingWorker>) {
  worker.stop();
  let ended = false;
  void run.then(() => (ended = true));
  await pass(60_000, () => ended);
}

test('a source that stays silent while Kafka has more is rebuilt once, then the process ends', async () => {
  const landing = landingWorker();
  landing.cluster.lastStable = 10n;
  const { sources } = landing;
  expect(await pass(60_000, () => sources.length === 2)).toBeGreaterThanOrEqual(stallTimeoutMs);
  expect(sources[0]?.started).toHaveLength(1);
  expect(await pass(60_000, () => landing.ending() !== 'works')).toBeGreaterThanOrEqual(stallTimeoutMs);
  expect(landing.ending()).toBe('client_stalled');
  expect(sources).toHaveLength(2);
  expect(sources[1]?.started).toHaveLength(1);
});

test('a source that is idle for long is left alone when a record comes at last', async () => {
  const landing = landingWorker();
  await pass(3 * stallTimeoutMs);
  expect(landing.current()?.started).toHaveLength(1);
  landing.cluster.lastStable = 1n;
  await pass(stallTimeoutMs / 2);
  landing.current()?.arriving.push(range(0, 1));
  await pass(2 * stallTimeoutMs);
  expect(landing.sources).toHaveLength(1);
  expect(landing.ending()).toBe('works');
  await end(landing);
  expect(landing.ending()).toBe('ended');
});

test('records after a rebuild earn the client another one', async () => {
  const landing = landingWorker();
  const { sources, cluster } = landing;
  cluster.lastStable = 10n;
  await pass(60_000, () => sources.length === 2);
  await pass(10_000, () => landing.current()?.started.length === 1);
  landing.current()?.arriving.push(range(0, 4));
  await pass(60_000, () => sources.length === 3);
  expect(sources).toHaveLength(3);
  expect(landing.ending()).toBe('works');
  await end(landing);
});
