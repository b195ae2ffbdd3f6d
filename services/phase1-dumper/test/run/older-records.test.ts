import { expect, test, vi } from 'vitest';
import { PartitionLanding } from '../../src/run/partition.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

test('records that are older than the epoch of the leader that serves them are no fallen epoch, at the first offset Kafka keeps neither', async () => {
  const { context, cluster } = landingContext();
  cluster.leaderEpoch = 5;
  cluster.lastStable = 2n;
  const source = new FakeSource();
  const landing = new PartitionLanding({ topic: 'orders', partition: 0 }, context, source);
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 10_000);
  landing.accept(range(0, 1, { arrivedAt: performance.now(), leaderEpoch: 3 }));
  landing.accept(range(1, 2, { arrivedAt: performance.now(), leaderEpoch: 4 }));
  expect(landing.view()).toMatchObject({ state: 'running', received: 2n });
  await landing.release(10_000);
});

test('an epoch that fell record by record, while the leader is at a higher one, stops once: after a person accepted it, reading goes on', async () => {
  const { context, cluster } = landingContext();
  cluster.lastStable = 3n;
  const source = new FakeSource();
  const landing = new PartitionLanding({ topic: 'orders', partition: 0 }, context, source);
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 10_000);
  const arrives = (from: number, leaderEpoch: number) =>
    landing.accept(range(from, from + 1, { arrivedAt: performance.now(), leaderEpoch }));
  const tick = () => landing.tick(context.clock.monotonic() + 1_000, 1);
  arrives(0, 3);
  tick();
  await vi.waitFor(() => expect(landing.view().chain?.head.nextOffset).toBe(1n), 10_000);
  arrives(1, 2);
  expect(landing.view()).toMatchObject({ state: 'stopped', loss: { kind: 'epoch_fell', startOffset: 0n, endOffset: 1n } });
  cluster.leaderEpoch = 5;
  const decided = { id: '1', reason: 'restored from a copy', by: null, decidedAt: '2026-01-01T00:00:00Z' };
  const range01 = { topicId: cluster.topicId, partition: 0, startOffset: '0', endOffset: '1' };
  context.acceptances = () => [{ kind: 'gap', loss: 'epoch_fell', ...decided, ...range01 }];
  landing.evaluateAgain();
  tick();
  await vi.waitFor(() => expect(source.started).toHaveLength(2), 10_000);
  arrives(1, 2);
  arrives(2, 5);
  expect(landing.view()).toMatchObject({ state: 'running', received: 3n });
  landing.drop('released');
});
