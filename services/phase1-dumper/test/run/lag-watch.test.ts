import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { LagWatch } from '../../src/run/lag-watch.ts';
import type { LandingView } from '../../src/run/landing-view.ts';
import { createMetrics } from '../../src/run/metrics.ts';

const datasets = [{ name: 'd', kafkaTopic: 'orders' }] as never;

function landing(view: Partial<LandingView>) {
  return { partition: { topic: 'orders', partition: 0 }, view: () => ({ chain: null, oldestTimestamp: null, ...view }) as LandingView };
}

async function shown(registry: Registry, name: string): Promise<string[]> {
  return (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => line.startsWith(`${name}{`));
}

test('a partition whose chain cannot be claimed lags since it is ours; once it has one, by what is seen of Kafka', async () => {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  let now = 1_000;
  const clock = { monotonic: () => now, now: () => now } as never;
  const watch = new LagWatch({ clock, metrics });

  const claiming = landing({});
  watch.show(datasets, [claiming]);
  now += 90_000;
  watch.show(datasets, [claiming]);
  expect(await shown(registry, 'millrace_lag_seconds')).toEqual(['millrace_lag_seconds{dataset="d",leg="landing"} 90']);
  expect(await shown(registry, 'millrace_landing_lag_offsets')).toEqual([]);

  const chain = { source: { topicId: 't' }, head: { nextOffset: 10n } } as LandingView['chain'];
  const claimed = landing({ chain });
  watch.saw(claimed as never, { earliest: 0n, lastStable: 10n } as never);
  watch.show(datasets, [claimed]);
  expect(await shown(registry, 'millrace_lag_seconds')).toEqual(['millrace_lag_seconds{dataset="d",leg="landing"} 0']);

  now += 5_000;
  watch.show(datasets, [claiming]);
  expect(await shown(registry, 'millrace_lag_seconds')).toEqual(['millrace_lag_seconds{dataset="d",leg="landing"} 0']);
});
