import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/run/metrics.ts';
import { range } from '../dump/ranges.ts';

const lines = async (registry: Registry, name: string) =>
  (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#') && line !== '');
const orders = (partition: number) => ({ topic: 'orders', partition: String(partition) });

test('partitions are told apart, or a topic shows its largest one', async () => {
  const [on, off] = [new Registry(), new Registry()];
  for (const metrics of [createMetrics(on), createMetrics(off, 'off')]) {
    for (const [partition, value] of [0, 1, 0].entries()) metrics.pingPong.set(orders(partition), value);
    metrics.dataLossSuspected.set(orders(0), 1);
    metrics.dataLossSuspected.set(orders(1), 0);
    metrics.dataLossSuspected.remove(orders(0));
    metrics.heldBack.set(orders(0), 7);
    metrics.heldBack.remove(orders(0));
    metrics.heldBack.remove(orders(3));
  }
  expect(await lines(on, 'millrace_claim_ping_pong')).toHaveLength(3);
  expect(await lines(off, 'millrace_claim_ping_pong')).toEqual(['millrace_claim_ping_pong{topic="orders"} 1']);
  expect(await lines(off, 'millrace_data_loss_suspected')).toEqual(['millrace_data_loss_suspected{topic="orders"} 0']);
  expect(await lines(off, 'millrace_open_transaction_held_offsets')).toEqual([]);
  expect(await off.metrics()).not.toMatch(/partition=/);
});

test('a dataset lags as the partitions of its topic that are held here do, and disappears with its configuration', async () => {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const datasets = ['orders', 'orders'].map((kafkaTopic, i) => ({ name: `d${i}`, kafkaTopic }));
  metrics.lag(
    [...datasets, { name: 'other', kafkaTopic: 'quiet' }],
    [
      { ...orders(0), offsets: 5, seconds: 1 },
      { ...orders(1), offsets: 7, seconds: 30 },
    ],
  );
  expect(await lines(registry, 'millrace_lag_records')).toEqual([
    'millrace_lag_records{dataset="d0",leg="landing"} 12',
    'millrace_lag_records{dataset="d1",leg="landing"} 12',
    'millrace_lag_records{dataset="other",leg="landing"} 0',
  ]);
  expect(await lines(registry, 'millrace_lag_seconds')).toContain('millrace_lag_seconds{dataset="d1",leg="landing"} 30');
  metrics.lag(datasets.slice(0, 1), []);
  expect(await lines(registry, 'millrace_lag_seconds')).toEqual(['millrace_lag_seconds{dataset="d0",leg="landing"} 0']);
  expect(await lines(registry, 'millrace_dataset_info')).toEqual(['millrace_dataset_info{dataset="d0",topic="orders"} 1']);
});

test('a publication that did not get its place lands nothing', async () => {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  metrics.knowTopic('orders');
  metrics.consumed(range(0, 3));
  const facts = { topic: 'orders', seconds: 0.2, objects: [{ recordCount: 3, linesBytes: 30, bytes: 20 }], gapOffsets: 2n };
  metrics.published({ ...facts, result: 'fenced' });
  expect(await lines(registry, 'millrace_landed_records_total')).toEqual(['millrace_landed_records_total{topic="orders"} 0']);
  metrics.published({ ...facts, result: 'unknown_resolved' });
  expect(await lines(registry, 'millrace_landed_records_total')).toEqual(['millrace_landed_records_total{topic="orders"} 3']);
  expect(await lines(registry, 'millrace_landed_gap_offsets_total')).toEqual(['millrace_landed_gap_offsets_total{topic="orders"} 2']);
  expect(await lines(registry, 'millrace_consumed_bytes_total')).toEqual(['millrace_consumed_bytes_total{topic="orders"} 30']);
  expect(await lines(registry, 'millrace_publications_total')).toEqual([
    'millrace_publications_total{result="committed"} 0',
    'millrace_publications_total{result="conflicted"} 0',
    'millrace_publications_total{result="unknown_resolved"} 1',
    'millrace_publications_total{result="fenced"} 1',
  ]);
});
