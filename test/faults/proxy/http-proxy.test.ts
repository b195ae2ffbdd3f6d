import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@millrace/core/adapters/system/seeded.ts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type HttpFaultProxy, startHttpProxy } from './http-proxy.ts';
import { keyOf, matches } from './rules.ts';

let server: Server;
let target: string;
let proxy: HttpFaultProxy;
/** what the target carried out */
let seen: string[] = [];
/** bodies that ended early */
let broken = 0;
const answerBytes = 4000;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => broken++);
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
      response.writeHead(200, { 'x-host': request.headers.host ?? '' }).end('a'.repeat(answerBytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(async () => {
  seen = [];
  broken = 0;
  proxy = await startHttpProxy({ target, seed: 7 });
});
afterEach(() => proxy.close());

const put = (key = 'b/k', body = 'body', init: RequestInit = {}) =>
  fetch(`${proxy.url}/bucket/${key}`, { method: 'PUT', body, signal: AbortSignal.timeout(5_000), ...init });
const timed = async (work: () => Promise<unknown>) => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};

test('without a rule everything goes through, under the Host header that the client sent', async () => {
  const answer = await put();
  expect([answer.status, (await answer.text()).length]).toEqual([200, answerBytes]);
  expect(answer.headers.get('x-host')).toBe(new URL(proxy.url).host);
  expect(seen).toEqual(['PUT /bucket/b/k body']);
  expect(proxy.counters()).toEqual({});
});

test('reset and cut of a request: the target never carries it out; swallow, reset and cut of an answer: it did', async () => {
  for (const fault of [{ do: 'reset' }, { do: 'cut', side: 'request' }] as const) {
    proxy.next(fault);
    await expect(put('k', 'x'.repeat(1000))).rejects.toThrow('fetch failed');
  }
  expect(seen).toEqual([]);
  await expect.poll(() => broken).toBe(1);
  for (const fault of [{ do: 'swallow' }, { do: 'reset', side: 'answer' }] as const) {
    proxy.next(fault);
    await expect(put()).rejects.toThrow('fetch failed');
  }
  proxy.next({ do: 'cut', side: 'answer' });
  await expect(put().then((answer) => answer.text())).rejects.toThrow();
  expect(seen).toHaveLength(3);
  expect(proxy.counters()).toEqual({ 'reset request': 1, 'cut request': 1, swallow: 1, 'reset answer': 1, 'cut answer': 1 });
});

test('hang: silence before the target sees it, or in the middle of the answer', async () => {
  proxy.next({ do: 'hang', side: 'request' });
  await expect(put('k', '', { signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout');
  expect(seen).toEqual([]);
  proxy.next({ do: 'hang', side: 'answer' });
  const answer = await put('k', '', { signal: AbortSignal.timeout(400) });
  await expect(answer.text()).rejects.toThrow('timeout');
  expect(seen).toHaveLength(1);
});

test('latency, bandwidth and a slow close take their time on either side', async () => {
  const read = () => put('k', 'x'.repeat(1000)).then((answer) => answer.text());
  for (const fault of [
    { do: 'latency', ms: 150, jitterMs: 20 },
    { do: 'latency', ms: 150, side: 'answer' },
    { do: 'bandwidth', bytesPerSecond: 1000 / 0.15, side: 'request' },
    { do: 'bandwidth', bytesPerSecond: answerBytes / 0.15, side: 'answer' },
    { do: 'slowClose', ms: 150 },
  ] as const) {
    proxy.next(fault);
    expect(await timed(read)).toBeGreaterThan(140);
  }
  expect(seen).toHaveLength(5);
});

test('a complete request is held until it is released, also after its sender died', async () => {
  proxy.next({ do: 'hold' });
  const alive = put('k', 'first');
  const [first] = await proxy.held.until(5_000);
  expect(first).toMatchObject({ key: 'k', method: 'PUT', senderGone: false });
  expect(seen).toEqual([]);
  expect(await proxy.held.release(first?.id ?? 0)).toBe(200);
  expect((await alive).status).toBe(200);

  const rule = proxy.next({ do: 'hold' });
  const { port } = new URL(proxy.url);
  const sender = connect(Number(port), '127.0.0.1');
  sender.end('PUT /bucket/late HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nlate');
  await proxy.held.until(5_000, { rule });
  sender.resetAndDestroy();
  await proxy.held.until(5_000, { rule, senderGone: true });
  expect(seen).toHaveLength(1);
  expect(await proxy.held.releaseAll(rule)).toEqual([200]);
  expect(seen.at(-1)).toBe('PUT /bucket/late late');
  expect(proxy.held.all()).toEqual([]);

  proxy.next({ do: 'hold' });
  const dropped = put('k', 'never');
  await proxy.held.until(5_000);
  proxy.held.discard();
  await expect(dropped).rejects.toThrow('fetch failed');
  expect(seen).toHaveLength(2);
});

test('duplicate: the target gets it twice', async () => {
  proxy.next({ do: 'duplicate' });
  expect((await put()).status).toBe(200);
  expect(seen).toEqual(['PUT /bucket/b/k body', 'PUT /bucket/b/k body']);
});

test('answers of its own: 409, 403 expired, 500, 503', async () => {
  for (const [status, code] of [
    [409, 'ConditionalRequestConflict'],
    [403, 'ExpiredToken'],
    [403, 'InvalidAccessKeyId'],
    [403, 'AccessDenied'],
    [500, 'InternalError'],
    [503, 'SlowDown'],
  ] as const) {
    proxy.next({ do: 'answer', status, code });
    const answer = await put();
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(`<Code>${code}</Code>`)]);
  }
  expect(seen).toEqual([]);
  expect(proxy.counters()).toMatchObject({ 'answer 503 SlowDown': 1, 'answer 403 ExpiredToken': 1 });
});

test('rules: by method, prefix, pattern, condition, nth call, times, and a probability that follows the seed', async () => {
  const request = { method: 'PUT', path: '/b/raw/t/_chain/1.json', key: 'raw/t/_chain/1.json', conditional: true };
  const fault = { do: 'swallow' } as const;
  for (const [rule, matching] of [
    [{}, true],
    [{ method: 'GET' }, false],
    [{ keyPrefix: 'raw/t/' }, true],
    [{ keyPrefix: 'tables/' }, false],
    [{ keyPattern: '_chain/\\d' }, true],
    [{ pathPattern: '^/b/raw' }, true],
    [{ conditional: false }, false],
  ] as const)
    expect([rule, matches({ ...rule, fault }, request)]).toEqual([rule, matching]);
  expect(keyOf('/bucket/a%20b/c?x=1')).toBe('a b/c');

  const rule = proxy.add({ keyPrefix: 'k', fromNth: 2, times: 2, fault: { do: 'answer', status: 500 } });
  const statuses: number[] = [];
  for (let n = 0; n < 5; n++) statuses.push((await put('k')).status);
  expect(statuses).toEqual([200, 500, 500, 200, 200]);
  expect(proxy.struck(rule)).toBe(2);

  const drawn = seeded(7);
  proxy.add({ keyPrefix: 'p', probability: 0.5, fault: { do: 'answer', status: 503 } });
  for (let n = 0; n < 20; n++) expect((await put('p')).status).toBe(drawn() < 0.5 ? 503 : 200);
});

test('down: connections end and none are made, until it is up again', async () => {
  proxy.down(true);
  await expect(put()).rejects.toThrow('fetch failed');
  proxy.down(false);
  expect((await put()).status).toBe(200);
  proxy.next({ do: 'hang', side: 'request' });
  const waiting = put();
  void waiting.catch(() => undefined);
  await sleep(50);
  proxy.cutAll();
  await expect(waiting).rejects.toThrow('fetch failed');
});
