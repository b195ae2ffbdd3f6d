import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '@millrace/cli/demo/register.ts';
import { kafkaSecurity } from '@millrace/cli/demo/topic.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPart } from '../../stack/part.ts';
import { refuseUnknownSettings, serviceEnvironment } from '../services.ts';
import { startOnFreePorts, takenPort } from '../taken-port.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-demo-start-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a port that was taken after it was chosen is chosen again, and the service starts on the new one', async () => {
  const squatter = createServer();
  const taken = await new Promise<number>((resolve) => {
    squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
  });
  let port = taken;
  const script = `require('node:net').createServer()
    .on('error', () => { console.log('port ' + process.env.P + ' on 127.0.0.1 is taken: another process listens there.'); process.exit(1); })
    .listen(Number(process.env.P), '127.0.0.1', () => console.log('ready'))`;
  const part = createPart({
    name: 'binds',
    dir,
    command: process.execPath,
    args: ['-e', script],
    get env() {
      return { PATH: process.env.PATH, P: String(port) };
    },
    stopSignal: 'SIGTERM',
    isReady: async (log) => {
      await new Promise((resolve) => setTimeout(resolve, 300)); // it ends while it is asked: its last words count all the same
      return log.includes('ready');
    },
  });
  const asked: number[] = [];
  try {
    await startOnFreePorts(part, async (which) => {
      asked.push(which);
      port = 0;
      return true;
    });
    expect(asked).toEqual([taken]);
    expect(part.pid).toBeDefined();
  } finally {
    await part.kill();
    squatter.close();
  }
});

test('a start that fails for another reason, on a port that must stay, or again and again is not repeated for ever', async () => {
  let starts = 0;
  const failing = (words: string) => ({
    start: async () => {
      starts++;
      throw new Error(words);
    },
  });
  await expect(startOnFreePorts(failing('no database'), async () => true)).rejects.toThrow('no database');
  expect(starts).toBe(1);
  await expect(startOnFreePorts(failing('port 8080 on 127.0.0.1 is taken'), async () => false)).rejects.toThrow('8080');
  expect(starts).toBe(2);
  await expect(startOnFreePorts(failing('port 8080 on 127.0.0.1 is taken'), async () => true)).rejects.toThrow('8080');
  expect(starts).toBe(8);
  expect(takenPort('{"msg":"port 9101 on ::1 is taken: another process"}')).toBe(9101);
  expect(takenPort('the port is on fire')).toBeUndefined();
});

test('a mistyped setting is refused with the one that was meant; what the set-up and the tests use is not', () => {
  expect(() => refuseUnknownSettings({ MILLRACE_RAW_URI: 's3://bucket/raw' })).toThrow(
    'MILLRACE_RAW_URI is not a setting; did you mean MILLRACE_RAW_URL?',
  );
  const fine = { MILLRACE_RAW_URL: 's3://b/raw', MILLRACE_RELAY_FD: '3', MILLRACE_CACHE: '/c', MILLRACE_TEST_DIR: '/t', HOME: '/' };
  refuseUnknownSettings(fine);
  expect(serviceEnvironment(fine)).toEqual({ MILLRACE_RAW_URL: 's3://b/raw', HOME: '/' });
});

test('a dataset of that name is taken for the demo only when it reads the same topic', async () => {
  const wanted = { name: 'orders', kafkaTopic: 'orders' };
  const metastore = (kafkaTopic: string) => ({
    createDataset: () => Promise.reject(new MillraceError('conflict', 'dataset_exists', 'the name is taken')),
    dataset: async () => ({ name: 'orders', kafkaTopic }) as never,
  });
  await register(metastore('orders'), wanted);
  await expect(register(metastore('other'), wanted)).rejects.toMatchObject({
    code: 'other_dataset',
    message: expect.stringContaining('it reads the topic other, not orders'),
  });
  const away = { ...metastore('orders'), createDataset: () => Promise.reject(new MillraceError('unavailable', 'away', 'away')) };
  await expect(register(away, wanted)).rejects.toMatchObject({ kind: 'unavailable' });
});

test("the demo's own Kafka client is secured by KAFKA_PROPERTIES, as the services are", () => {
  const file = join(dir, 'client.properties');
  writeFileSync(file, 'security.protocol=sasl_plaintext\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=me\nsasl.password=secret\n');
  expect(kafkaSecurity(file)).toEqual({ sasl: { mechanism: 'SCRAM-SHA-256', username: 'me', password: 'secret' } });
  expect(kafkaSecurity(undefined)).toEqual({});
  writeFileSync(file, 'security.protocol=sasl_ssl\nsasl.mechanism=GSSAPI\n');
  expect(() => kafkaSecurity(file)).toThrow('the demo cannot follow sasl.mechanism=GSSAPI');
  expect(() => kafkaSecurity(join(dir, 'none'))).toThrow('cannot be read');
});
