import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { commitObject } from '@millrace/core/stores/commit-object.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const utf8 = new TextEncoder();
const key = 'chain/00000000000000000007.json';
const mine = utf8.encode('{"attemptId":"mine"}');
const theirs = utf8.encode('{"attemptId":"theirs"}');
const isMine = (stored: Uint8Array) => new TextDecoder().decode(stored).includes('"mine"');

let root: string;
let store: FaultyStore;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-commit-'));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(() => {
  store = new FaultyStore(openObjectStore(pathToFileURL(join(root, String(count++))).href));
});

const commit = (deadlineMs = 10_000, signal?: AbortSignal) =>
  commitObject(store, key, mine, isMine, {
    clock: systemClock,
    random: systemRandom,
    deadlineMs,
    ...(signal ? { signal } : {}),
  });
const operations = () => store.calls.map((call) => call.operation);

test('a new key is committed with one request', async () => {
  expect(await commit()).toEqual({ status: 'committed' });
  expect(operations()).toEqual(['putIfAbsent']);
});

test('a key somebody has is conflicted, with what stands there', async () => {
  await store.put(key, theirs);
  expect(await commit()).toEqual({ status: 'conflicted', body: theirs });
});

test('committing the same attempt again is committed', async () => {
  await commit();
  expect(await commit()).toEqual({ status: 'committed', wasUnknown: true });
});

test('a lost answer is found out by the identical put and reading back', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'loseAnswer' });
  expect(await commit()).toEqual({ status: 'committed', wasUnknown: true });
  expect(operations()).toEqual(['putIfAbsent', 'putIfAbsent', 'get']);
});

test('a lost request is repeated', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'loseRequest', times: 2 });
  expect(await commit()).toEqual({ status: 'committed', wasUnknown: true });
  expect(await store.get(key)).toEqual(mine);
});

test('a put that arrives late meets its own repetition, and harms nothing', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'applyLater', ms: 100 });
  expect(await commit()).toEqual({ status: 'committed', wasUnknown: true });
  await store.settled();
  expect(await store.get(key)).toEqual(mine);
});

test('a lost request while another won is conflicted', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'loseRequest' });
  await store.put(key, theirs);
  expect(await commit()).toEqual({ status: 'conflicted', body: theirs });
});

test('reading back is repeated too', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'loseAnswer' });
  store.inject({ on: 'get', effect: 'failBefore', times: 2 });
  expect(await commit()).toEqual({ status: 'committed', wasUnknown: true });
});

test('no answer until the deadline is unknown, with the last error', async () => {
  store.inject({
    on: 'putIfAbsent',
    effect: 'loseAnswer',
    times: Number.POSITIVE_INFINITY,
  });
  expect(await commit(300)).toMatchObject({
    status: 'unknown',
    cause: { kind: 'unavailable' },
  });
});

test('a request that hangs is cut by the deadline', async () => {
  store.inject({
    on: 'putIfAbsent',
    effect: 'hang',
    times: Number.POSITIVE_INFINITY,
  });
  const started = performance.now();
  expect(await commit(200)).toMatchObject({ status: 'unknown' });
  expect(performance.now() - started).toBeLessThan(2_000);
});

test('a store that is surely away until the deadline throws: nothing can arrive', async () => {
  store.inject({
    on: 'putIfAbsent',
    effect: 'failBefore',
    times: Number.POSITIVE_INFINITY,
  });
  await expect(commit(200)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a refusal throws at once, but never hides an unknown put before it', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'refuse' });
  await expect(commit()).rejects.toMatchObject({ kind: 'invalid' });
  store.inject({ on: 'putIfAbsent', effect: 'loseAnswer' });
  store.inject({
    on: 'putIfAbsent',
    effect: 'refuse',
    times: Number.POSITIVE_INFINITY,
  });
  expect(await commit(300)).toMatchObject({ status: 'unknown' });
});

test('a signal ends it: unknown when a put was under way', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'hang' });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  expect(await commit(10_000, stop.signal)).toMatchObject({
    status: 'unknown',
  });
});

test('of 16 committers of one key one is committed, the others are conflicted with its body, whatever answers get lost', async () => {
  store.inject({ on: 'putIfAbsent', effect: 'loseAnswer', times: 6 });
  store.inject({ on: 'putIfAbsent', effect: 'loseRequest', times: 6 });
  const endings = await Promise.all(
    Array.from({ length: 16 }, (_, n) => {
      const body = utf8.encode(`{"attemptId":"${n}."}`);
      return commitObject(store, key, body, (stored) => Buffer.compare(stored, body) === 0, {
        clock: systemClock,
        random: systemRandom,
        deadlineMs: 10_000,
      });
    }),
  );
  expect(endings.filter((ending) => ending.status === 'committed')).toHaveLength(1);
  const winner = utf8.encode(`{"attemptId":"${endings.findIndex((ending) => ending.status === 'committed')}."}`);
  for (const ending of endings) if (ending.status !== 'committed') expect(ending).toEqual({ status: 'conflicted', body: winner });
});
