import { readTracingSettings } from '@millrace/core/adapters/tracing/settings.ts';
import { expect, test } from 'vitest';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

test('tracing is off unless an endpoint is named, and can be switched off by the standard variables', () => {
  expect(readTracingSettings({})).toEqual({ settings: undefined, notices: [] });
  expect(readTracingSettings({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }).settings).toBeUndefined();
  expect(readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }).settings).toBeUndefined();
  expect(readTracingSettings({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }).settings).toBeUndefined();
  expect(readTracingSettings({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).settings).toBeUndefined();
  expect(readTracingSettings({ ...endpoint, OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }).settings).toBeDefined();
  expect(readTracingSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' })).toEqual({
    settings: { sampler: { kind: 'on' }, queueMax: 2048, exportMax: 512, delayMs: 5000, timeoutMs: 30_000, linksMax: 128 },
    notices: [],
  });
});

test('an endpoint that is no URL leaves tracing off and says so', () => {
  for (const bad of ['no url at all', 'collector:4317', 'grpc://collector:4317'])
    expect(readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: bad })).toEqual({
      settings: undefined,
      notices: [expect.stringContaining(bad)],
    });
});

test('the sampler and the bounds of what waits are those of the standard variables', () => {
  const wishes = readTracingSettings({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_SCHEDULE_DELAY: '200',
    OTEL_BSP_EXPORT_TIMEOUT: '1000',
    OTEL_SPAN_LINK_COUNT_LIMIT: '7',
  });
  expect(wishes).toEqual({
    settings: { sampler: { kind: 'ratio', ratio: 0.25 }, queueMax: 100, exportMax: 100, delayMs: 200, timeoutMs: 1000, linksMax: 7 },
    notices: [],
  });
  expect(readTracingSettings({ ...endpoint, OTEL_TRACES_SAMPLER: 'always_off' }).settings?.sampler).toEqual({ kind: 'off' });
});

test('what cannot be followed is named and the default stands', () => {
  const wishes = readTracingSettings({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'xray',
    OTEL_BSP_MAX_QUEUE_SIZE: 'many',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  });
  expect(wishes.settings).toMatchObject({ sampler: { kind: 'on' }, queueMax: 2048 });
  expect(wishes.notices).toHaveLength(3);
  expect(readTracingSettings({ ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' })).toMatchObject({
    settings: { sampler: { kind: 'on' } },
    notices: [expect.stringContaining('OTEL_TRACES_SAMPLER_ARG=half')],
  });
});

test('a login in an endpoint that cannot be used is not told', () => {
  const { notices } = readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'user:sesame@collector:4318' });
  expect(notices).toEqual([expect.stringContaining('@collector:4318')]);
  expect(notices.join()).not.toMatch(/user|sesame/);
});
