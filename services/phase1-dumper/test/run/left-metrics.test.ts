import { MillraceError } from '@millrace/core/domain/errors.ts';
import { expect, test, vi } from 'vitest';
import { PartitionLanding } from '../../src/run/partition.ts';
import { FakeSource, landingContext } from './fakes.ts';

const orders = { topic: 'orders', partition: 0 };

test('a change of clusters that waits for a person is a metric, until a person has accepted it', async () => {
  const { context, cluster } = landingContext();
  const first = new FakeSource();
  const before = new PartitionLanding(orders, context, first);
  await vi.waitFor(() => expect(first.started).toHaveLength(1), 10_000);
  before.drop('released');

  cluster.clusterId = 'another-cluster';
  cluster.topicId = 'another-topic-id';
  const source = new FakeSource();
  const landing = new PartitionLanding(orders, context, source);
  const metric = async () => (await context.metrics.clusterChanged.get()).values;
  await vi.waitFor(async () => expect(await metric()).toMatchObject([{ labels: { topic: 'orders' }, value: 1 }]), 10_000);
  cluster.leaderAway = new Promise((_, reject) => setTimeout(() => reject(new MillraceError('unavailable', 'kafka_away', 'away', {})), 10));
  cluster.leaderAway.catch(() => undefined);
  await vi.waitFor(() => expect(landing.view().reason).toMatch(/away/), 10_000);
  expect(landing.view().clusterChange).toMatchObject({ found: 'another-cluster' });
  cluster.leaderAway = undefined;
  context.acceptances = () => [
    { kind: 'cluster', id: '1', reason: 'moved', by: null, decidedAt: '2026-01-01T00:00:00Z', clusterId: 'another-cluster' },
  ];
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 10_000);
  expect(await metric()).toMatchObject([{ value: 0 }]);
  landing.drop('released');
  expect(await metric()).toEqual([]);
});

test('offsets that arrive after a partition was given back bring none of its metrics back', async () => {
  const { context } = landingContext();
  const landing = new PartitionLanding(orders, context, new FakeSource());
  landing.drop('lost');
  landing.sawOffsets({ earliest: 0n, lastStable: 1n, highWatermark: 9n });
  expect((await context.metrics.heldBack.get()).values).toEqual([]);
});
