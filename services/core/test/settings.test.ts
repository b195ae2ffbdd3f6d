import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MillraceError } from '../src/domain/errors.ts';
import {
  adminPort,
  printableSettings,
  readSettings,
  requireSeparateRoots,
  settingShapes,
  unknownSettings,
} from '../src/domain/settings.ts';

const schema = z.object({
  MILLRACE_RAW_URL: settingShapes.MILLRACE_RAW_URL,
  KAFKA_BROKERS: settingShapes.KAFKA_BROKERS,
  MILLRACE_METASTORE_URL: settingShapes.MILLRACE_METASTORE_URL,
  MILLRACE_SEAL_BYTES: settingShapes.MILLRACE_SEAL_BYTES,
  MILLRACE_WORKER_THREADS: settingShapes.MILLRACE_WORKER_THREADS,
  MILLRACE_S3_FORCE_PATH_STYLE: settingShapes.MILLRACE_S3_FORCE_PATH_STYLE,
  MILLRACE_ADMIN_PORT: adminPort(9101),
});
const good = { MILLRACE_RAW_URL: 'file:///lake/raw', KAFKA_BROKERS: '127.0.0.1:9092' };
const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return `${error.kind} ${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
};
const read = (env: Record<string, string | undefined>) => readSettings(schema, { ...good, ...env });

describe('reading settings', () => {
  it('fills in defaults and takes an empty value as absent', () => {
    expect(read({ MILLRACE_ADMIN_PORT: '', MILLRACE_RAW_URL: 's3://bucket/raw/' })).toEqual({
      MILLRACE_RAW_URL: 's3://bucket/raw',
      KAFKA_BROKERS: '127.0.0.1:9092',
      MILLRACE_METASTORE_URL: 'http://127.0.0.1:8080',
      MILLRACE_SEAL_BYTES: 16 * 2 ** 20,
      MILLRACE_S3_FORCE_PATH_STYLE: false,
      MILLRACE_ADMIN_PORT: 9101,
    });
  });

  it('accepts keys of other services', () => {
    expect(message(() => read({ MILLRACE_BATCH_BYTES: '5000', MILLRACE_TABLES_URL: 'file:///t', DATABASE_URL: 'postgres://x/y' }))).toBe(
      'accepted',
    );
  });

  it.each([
    ['MILLRACE_RAW_ULR', 'MILLRACE_RAW_URL'],
    ['MILLRACE_SEAL_BYTE', 'MILLRACE_SEAL_BYTES'],
    ['MILLRACE_GROUPPREFIX', 'MILLRACE_GROUP_PREFIX'],
    ['MILLRACE_METASTORE', 'MILLRACE_METASTORE_URL'],
    ['MILLRACE_ADMINPORT', 'MILLRACE_ADMIN_PORT'],
    ['MILLRACE_RAW_URI', 'MILLRACE_RAW_URL'],
    ['MILLRACE_SEAL_MS', 'MILLRACE_SEAL_INTERVAL_MS'],
    ['MILLRACE_BATCH_MS', 'MILLRACE_BATCH_INTERVAL_MS'],
    ['MILLRACE_STALL_MS', 'MILLRACE_STALL_TIMEOUT_MS'],
    ['MILLRACE_BUFFER_BYTES', 'MILLRACE_BUFFER_BYTES_MAX'],
    ['MILLRACE_THREADS', 'MILLRACE_WORKER_THREADS'],
  ])('refuses the unknown %s and suggests %s', (name, nearest) => {
    expect(message(() => read({ [name]: 'x' }))).toBe(`invalid bad_settings ${name} is not a setting; did you mean ${nearest}?`);
  });

  it.each(['MILLRACE_FOO', 'MILLRACE_CATALOG_URL', 'MILLRACE_COFFEE_STRENGTH_MAX'])(
    'refuses %s without a guess: no name is near',
    (name) => {
      expect(unknownSettings({ [name]: 'x' })).toEqual([`${name} is not a setting`]);
    },
  );

  it('suggests the setting itself when one letter of it is wrong', () => {
    const names = Object.keys(settingShapes).filter((name) => name.startsWith('MILLRACE_'));
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, place) => {
        const at = 'MILLRACE_'.length + (place % (name.length - 'MILLRACE_'.length));
        const wrong = `${name.slice(0, at)}0${name.slice(at + 1)}`;
        expect(unknownSettings({ [wrong]: 'x' })).toEqual([`${wrong} is not a setting; did you mean ${name}?`]);
      }),
    );
  });

  it.each([
    ['MILLRACE_METASTORE_SERVICE_HOST', '10.0.0.7'],
    ['MILLRACE_METASTORE_SERVICE_PORT', '8080'],
    ['MILLRACE_METASTORE_SERVICE_PORT_HTTP', '8080'],
    ['MILLRACE_METASTORE_PORT', 'tcp://10.0.0.7:8080'],
    ['MILLRACE_METASTORE_PORT_8080_TCP', 'tcp://10.0.0.7:8080'],
    ['MILLRACE_METASTORE_PORT_8080_TCP_PROTO', 'tcp'],
    ['MILLRACE_METASTORE_PORT_8080_TCP_PORT', '8080'],
    ['MILLRACE_METASTORE_PORT_8080_TCP_ADDR', '10.0.0.7'],
    ['MILLRACE_ADMIN_PORT', 'tcp://10.0.0.7:9101'],
  ])('ignores the Kubernetes service link %s=%s', (name, value) => {
    expect(read({ [name]: value })).toEqual(read({}));
  });

  it('lets keys of the set-up and test scripts pass', () => {
    expect(read({ MILLRACE_CACHE: '/c', MILLRACE_TEST_PYTHON: 'python3', MILLRACE_CRASH_ROUNDS: '10' })).toEqual(read({}));
    expect(message(() => read({ MILLRACE_CACHE_DIR: '/c' }))).toContain('MILLRACE_CACHE_DIR is not a setting');
  });

  it('does not take any other name that ends in PORT for a service link', () => {
    expect(message(() => read({ MILLRACE_FOO_PORT: '8080' }))).toContain('MILLRACE_FOO_PORT is not a setting');
    expect(read({ MILLRACE_ADMIN_PORT: '9555' }).MILLRACE_ADMIN_PORT).toBe(9555);
  });

  it('names every problem at once, and says what a missing setting is', () => {
    const text = message(() => readSettings(schema, { MILLRACE_RAW_URL: 'ftp://x', MILLRACE_ADMIN_PORT: '70000', MILLRACE_X: '1' }));
    for (const part of [
      'MILLRACE_X is not a setting',
      'MILLRACE_RAW_URL: must be s3://',
      'KAFKA_BROKERS is missing: Kafka bootstrap servers',
      'MILLRACE_ADMIN_PORT: ',
    ])
      expect(text).toContain(part);
  });

  it.each(['0x10', '1e3', ' 5', '-1', '1.5', 'ten', '65536', '99999999999999999999'])('refuses the port %j', (value) => {
    expect(message(() => read({ MILLRACE_ADMIN_PORT: value }))).toContain('invalid bad_settings MILLRACE_ADMIN_PORT');
  });

  it.each(['a:1', 'a:1,b:2', 'a:1 , b:2', '[::1]:9092', 'kafka-0.kafka.svc:9092'])('accepts the brokers %j', (value) => {
    expect(read({ KAFKA_BROKERS: value }).KAFKA_BROKERS).toBe(value);
  });
  it.each(['a', 'a:', ':1', 'a:1,', 'a:1,b', 'kafka://a:1', '::1:9092'])('refuses the brokers %j', (value) => {
    expect(message(() => read({ KAFKA_BROKERS: value }))).toContain('KAFKA_BROKERS: must be host:port');
  });

  it.each(['s3://b', 'file://relative/x', 'file:///', 's3:///x', '/lake', 's3://bucket/a?b'])('refuses the store %j', (value) => {
    expect(message(() => read({ MILLRACE_RAW_URL: value }))).toContain('MILLRACE_RAW_URL: must be');
  });

  it('refuses a metastore address with a password in it, without printing it', () => {
    const text = message(() => read({ MILLRACE_METASTORE_URL: 'http://me:hunter2@host:1' }));
    expect(text).toContain('MILLRACE_METASTORE_URL: must be');
    expect(text).not.toContain('hunter2');
  });
});

describe('printing settings', () => {
  it('hides secrets and nothing else', () => {
    const secrets = z.object({ DATABASE_URL: settingShapes.DATABASE_URL, LOG_LEVEL: settingShapes.LOG_LEVEL });
    const settings = readSettings(secrets, { DATABASE_URL: 'postgres://u:hunter2@h/d' });
    expect(printableSettings(secrets, settings)).toEqual({ DATABASE_URL: '(hidden)', LOG_LEVEL: 'info' });
  });
});

describe('R2 roots', () => {
  it.each([
    ['file:///lake', 'file:///lake'],
    ['file:///lake', 'file:///lake/'],
    ['file:///lake/raw', 'file:///lake'],
    ['file:///lake', 'file:///lake/tables'],
    ['file:///lake/a/../tables', 'file:///lake/tables/x'],
    ['file:///lake//raw', 'file:///lake/raw/t'],
    ['file:///my%20lake', 'file:///my lake/t'],
    ['s3://bucket', 's3://bucket/tables'],
    ['s3://bucket/raw/', 's3://bucket/raw'],
  ])('R2 refuses %s with %s', (raw, tables) => {
    expect(message(() => requireSeparateRoots(raw, tables))).toContain('invalid nested_roots');
  });
  it.each([
    ['file:///lake/raw', 'file:///lake/tables'],
    ['file:///lake/raw', 'file:///lake/raw2'],
    ['s3://bucket/raw', 's3://bucket/tables'],
    ['s3://bucket-a', 's3://bucket-b'],
    ['s3://bucket/raw', 'file:///bucket/raw'],
    ['file:///a%', 'file:///b%'],
  ])('R2 accepts %s with %s', (raw, tables) => {
    expect(message(() => requireSeparateRoots(raw, tables))).toBe('accepted');
  });
  it('R2 is the same both ways, and a folder below another is always refused', () => {
    const part = fc.stringMatching(/^[a-z]{1,3}$/);
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `file:///${parts.join('/')}`);
    fc.assert(
      fc.property(path, path, fc.array(part, { maxLength: 2 }), (a, b, tail) => {
        const refused = (raw: string, tables: string) => message(() => requireSeparateRoots(raw, tables)) !== 'accepted';
        expect(refused(a, b)).toBe(refused(b, a));
        expect(refused(a, [a, ...tail].join('/'))).toBe(true);
      }),
    );
  });
});
