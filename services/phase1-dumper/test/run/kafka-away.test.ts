import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { LandingReport } from '@millrace/core/domain/reports.ts';
import { expect, test, vi } from 'vitest';
import { WantedTopics } from '../../src/run/topics.ts';
import { LandingWorker } from '../../src/run/worker.ts';
import { FakeSource, landingContext } from './fakes.ts';

const withinMs = 10_000;

test('Kafka that goes away while landing works is said once in the log, and in the status until it is back', async () => {
  const { context, cluster } = landingContext();
  const warn = vi.spyOn(context.log, 'warn');
  const info = vi.spyOn(context.log, 'info');
  const reports: LandingReport[] = [];
  const sources: FakeSource[] = [];
  const worker = new LandingWorker({
    context,
    wanted: new WantedTopics(),
    metastore: {
      datasets: async () => [{ name: 'd', kafkaTopic: 'orders', startFrom: 'earliest', resumeCount: 0 } as Dataset],
      reportLanding: async (report) => void reports.push(report),
      reportTable: async () => {},
      putSchemaVersion: async () => {},
    },
    budgetBytes: 1e8,
    stallTimeoutMs: 60_000,
    openSource: async (handler) => {
      const source = new FakeSource(handler);
      sources.push(source);
      return source;
    },
  });
  const run = worker.run();
  await vi.waitFor(() => expect(sources[0]?.started).toHaveLength(1), withinMs);
  const cause = new Error('connect ECONNREFUSED 10.0.0.1:9092');
  const describe = vi
    .spyOn(cluster, 'describe')
    .mockRejectedValue(new MillraceError('unavailable', 'kafka_away', 'no Kafka broker answers (kafka:9092)', {}, cause));
  const words = 'Kafka is away: no Kafka broker answers (kafka:9092): connect ECONNREFUSED 10.0.0.1:9092';
  await vi.waitFor(() => expect(reports.at(-1)?.notices).toEqual([words]), withinMs);
  await vi.waitFor(() => expect(describe.mock.calls.length).toBeGreaterThan(2), withinMs);
  expect(warn.mock.calls.filter((call) => call.includes(words as never))).toHaveLength(1);
  describe.mockRestore();
  await vi.waitFor(() => expect(reports.at(-1)?.notices).toEqual([]), withinMs);
  expect(info).toHaveBeenCalledWith('Kafka answers again');
  worker.stop();
  await run;
});
