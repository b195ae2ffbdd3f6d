import { expect, test, vi } from 'vitest';
import { PartitionLanding } from '../../src/run/partition.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

const withinMs = 10_000;

/** A partition whose leader epoch fell at offset 1 while record 0 is buffered. */
async function stoppedWithBuffer() {
  const { context, cluster, store } = landingContext();
  cluster.lastStable = 2n;
  const source = new FakeSource();
  const landing = new PartitionLanding({ topic: 'orders', partition: 0 }, context, source);
  await vi.waitFor(() => expect(source.started).toHaveLength(1), withinMs);
  landing.accept(range(0, 1, { arrivedAt: performance.now() }));
  landing.accept(range(1, 2, { arrivedAt: performance.now(), leaderEpoch: 2 }));
  expect(landing.view().state).toBe('stopped');
  return { landing, source, store, tick: () => landing.tick(context.clock.monotonic(), 1e6) };
}

test('a resume that comes while a stopped partition publishes is kept: the partition claims again when that is done', async () => {
  const { landing, source, store, tick } = await stoppedWithBuffer();
  store.inject({ on: 'put', effect: 'delay', ms: 300 });
  await vi.waitFor(() => {
    tick();
    expect(store.calls.filter(({ operation }) => operation === 'put')).toHaveLength(1);
  }, withinMs);
  landing.evaluateAgain();
  await vi.waitFor(() => {
    tick();
    expect(source.started.map(({ offset }) => offset)).toEqual([0n, 1n]);
  }, withinMs);
  expect(landing.view()).toMatchObject({ state: 'running', received: 1n });
  await landing.release(withinMs);
});

test('a resume does not wait until the buffer is old', async () => {
  const { landing, source, tick } = await stoppedWithBuffer();
  landing.evaluateAgain();
  tick();
  await vi.waitFor(() => {
    tick();
    expect(source.committed).toEqual([1n]);
    expect(source.started).toHaveLength(2);
  }, withinMs);
  await landing.release(withinMs);
});

test('a partition that is revoked before its resume has its turn publishes what it holds and claims nothing', async () => {
  const { landing, source, store, tick } = await stoppedWithBuffer();
  store.inject({ on: 'put', effect: 'delay', ms: 200 });
  landing.evaluateAgain();
  tick();
  await landing.release(withinMs);
  const calls = store.calls.length;
  tick();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(landing.view().state).toBe('released');
  expect(store.calls).toHaveLength(calls);
  expect(source.started).toHaveLength(1);
  expect(source.committed).toEqual([1n]);
});
