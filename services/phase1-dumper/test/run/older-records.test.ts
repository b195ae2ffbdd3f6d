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
