import { describe, expect, test } from 'vitest';
import { readPhase1Settings } from '../src/config.ts';

const env = { KAFKA_BROKERS: '127.0.0.1:9092', MILLRACE_RAW_URL: 's3://lake/raw', MILLRACE_TABLES_URL: 's3://lake/tables' };

describe('settings of phase 1', () => {
  test('defaults are filled in', () => {
    expect(readPhase1Settings(env)).toMatchObject({
      MILLRACE_ADMIN_PORT: 9101,
      MILLRACE_GROUP_PREFIX: 'millrace',
      MILLRACE_SEAL_BYTES: 16 * 2 ** 20,
      MILLRACE_SEAL_INTERVAL_MS: 5000,
    });
  });

  test('R2 roots: equal or nested ones are refused at start', () => {
    for (const tables of ['s3://lake/raw', 's3://lake', 's3://lake/raw/tables'])
      expect(() => readPhase1Settings({ ...env, MILLRACE_TABLES_URL: tables })).toThrow(expect.objectContaining({ code: 'nested_roots' }));
  });

  test('settings of other services are accepted, unknown ones refused with a suggestion', () => {
    expect(() => readPhase1Settings({ ...env, MILLRACE_BATCH_BYTES: '2048' })).not.toThrow();
    expect(() => readPhase1Settings({ ...env, MILLRACE_SEAL_BYTE: '1' })).toThrow(/MILLRACE_SEAL_BYTES/);
  });
});
