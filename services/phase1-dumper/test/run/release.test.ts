import { findTail } from '@millrace/core/chain/tail.ts';
import type { Effect } from '@millrace/core/testing/faulty-store.ts';
import { expect, test, vi } from 'vitest';
import { Limit } from '../../src/run/limit.ts';
import { PartitionLanding } from '../../src/run/partition.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

const deadlineMs = 500;
/** How much later than its deadline a release may end on a busy machine, ms. */
const graceMs = 400;

/** Partitions that are read, each with one record of `orders/<partition>` buffered. */
async function buffering(count: number, more: Parameters<typeof landingContext>[0] = {}) {
  const { context, cluster, store } = landingContext(more);
  const source = new FakeSource();
  const landings = Array.from({ length: count }, (_, partition) => new PartitionLanding({ topic: 'orders', partition }, context, source));
  await vi.waitFor(() => expect(source.started).toHaveLength(count), 5_000);
  for (const landing of landings) landing.accept(range(0, 1, { partition: landing.partition.partition, arrivedAt: performance.now() }));
  const landed = async (partition: number) => (await findTail(store, 'orders', { topicId: cluster.topicId, partition }))?.endOffset;
  return { context, cluster, store, source, landings, landed };
}

async function timed(work: Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work;
  return performance.now() - from;
}

test('a release in good order publishes what is buffered', async () => {
  const { landings, landed, source } = await buffering(1);
  await landings[0]?.release(5_000);
  expect(landings[0]?.view().state).toBe('released');
  expect(await landed(0)).toBe(1n);
  expect(source.committed).toEqual([1n]);
});

test.each<Effect>(['hang', 'loseRequest', 'refuse'])(
  'the store is away (%s): every release ends by its deadline, also of those that stand in line',
  async (effect) => {
    const { context, landings, landed, store, source } = await buffering(3, { publications: new Limit(1) });
    store.inject({ on: ['put', 'putIfAbsent'], effect, times: Number.POSITIVE_INFINITY });
    for (const landing of landings) landing.tick(context.clock.monotonic() + 1_000, 1);
    expect(await timed(Promise.all(landings.map((landing) => landing.release(deadlineMs))))).toBeLessThan(deadlineMs + graceMs);
    expect(landings.map((landing) => landing.view().state)).toEqual(['released', 'released', 'released']);
    store.heal();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await Promise.all([0, 1, 2].map(landed))).toEqual([0n, 0n, 0n]);
    expect(source.committed).toEqual([]);
  },
);

test('a store that comes to an entry after the deadline, heedless of signals: the release has ended, and nothing is said to the group', async () => {
  const { landings, store, source } = await buffering(1);
  store.inject({ on: 'putIfAbsent', effect: 'delay', ms: 2 * deadlineMs });
  expect(await timed(landings[0]?.release(deadlineMs) ?? Promise.reject())).toBeLessThan(deadlineMs + graceMs);
  await new Promise((resolve) => setTimeout(resolve, 2 * deadlineMs));
  expect(source.committed).toEqual([]);
  expect(source.stopped).toEqual([]);
});

test('the leader does not answer: what was proven before is published within the deadline, the rest is dropped', async () => {
  const { landings, cluster, landed } = await buffering(1);
  const [landing] = landings;
  await landing?.refreshProof();
  cluster.leaderAway = new Promise(() => {});
  landing?.accept(range(1, 2, { arrivedAt: performance.now() + 1 }));
  expect(await timed(landing?.release(deadlineMs) ?? Promise.reject())).toBeLessThan(deadlineMs + graceMs);
  expect(await landed(0)).toBe(1n);
});
