import { createServer } from 'node:http';
import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { openTracer } from '@millrace/core/adapters/tracing/open-tracer.ts';
import { traceIdsOf } from '@millrace/core/adapters/tracing/trace-ids.ts';
import type { WorkTrace } from '@millrace/core/ports/tracer.ts';
import { afterEach, expect, test, vi } from 'vitest';

const log = createLogger('test', 'silent');
afterEach(() => vi.unstubAllEnvs());

const work = (attemptId: string): WorkTrace => ({
  name: 'publish',
  attemptId,
  startMs: 1_800_000_000_000,
  endMs: 1_800_000_000_010,
  stages: [{ stage: 'seal', startMs: 1_800_000_000_001, endMs: 1_800_000_000_005, failed: false }],
  attributes: {},
  publications: [],
  failure: undefined,
});

test('the ids of a root span follow from the attempt id', () => {
  // printf %s 01KDX4Q9VRS1T2V3W4X5Y6Z7A8 | sha256sum
  expect(traceIdsOf('01KDX4Q9VRS1T2V3W4X5Y6Z7A8')).toEqual({ traceId: '8dae221d474fa67312036bfdbd5a60aa', spanId: 'ee998e2859a82e6b' });
});

test('a collector that answers nothing keeps neither the work nor the end waiting', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
  // the SDK would wait ten minutes for its answer
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '600000');
  const env = { ...process.env, OTEL_BSP_EXPORT_TIMEOUT: '600000', OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_SCHEDULE_DELAY: '1' };
  const tracer = await openTracer(env, 'test', log);
  expect(tracer).toBeDefined();
  // far more than the queue holds: the rest is dropped
  for (let i = 0; i < 1_000; i++) tracer?.record(work(`attempt-${i}`));
  await tracer?.close();
  silent.closeAllConnections();
  silent.close();
});
