import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { millrace } from '../terminal.ts';

/** A metastore without datasets. */
let server: Server;
let env: Record<string, string>;
beforeAll(async () => {
  server = createServer((_, response) => response.setHeader('content-type', 'application/json').end('[]'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  env = { MILLRACE_METASTORE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
afterAll(() => {
  server.close();
});

it('doctor lag prints in the format it is asked for, though doctor has the same option', async () => {
  const printed = async (...args: string[]) => (await millrace(env, ['doctor', 'lag', '--max-seconds', '5', ...args])).out;
  const empty = { maxSeconds: 5, legs: [], restarted: [] };
  expect(JSON.parse(await printed('-o', 'json'))).toEqual(empty);
  expect(parse(await printed('--output', 'yaml'))).toEqual(empty);
  expect(await printed()).toBe('no datasets\n');
}, 60_000);
