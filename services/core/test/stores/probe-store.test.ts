import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { probeStore } from '@millrace/core/stores/probe-store.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

let root: string;
let good: ObjectStore;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-probe-'));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(() => {
  good = openObjectStore(pathToFileURL(join(root, String(count++))).href);
});

const probe = (store: ObjectStore) => probeStore(store, { clock: systemClock, random: systemRandom });
const but = (changed: Partial<ObjectStore>): ObjectStore => Object.assign(Object.create(good) as ObjectStore, bound(good), changed);
const bound = (store: ObjectStore): ObjectStore => ({
  url: store.url,
  putIfAbsent: store.putIfAbsent.bind(store),
  put: store.put.bind(store),
  get: store.get.bind(store),
  head: store.head.bind(store),
  list: store.list.bind(store),
  delete: store.delete.bind(store),
  close: store.close.bind(store),
});
const unsafe = { kind: 'invalid', code: 'store_unsafe' };

test('a good store passes and is left empty', async () => {
  expect(await probe(good)).toMatchObject({ mayDelete: true, leftBehind: 0 });
  expect(await good.list('')).toEqual([]);
});

test('no right to delete is fine; what is left behind is said', async () => {
  const store = new FaultyStore(good);
  store.inject({
    on: 'delete',
    effect: 'refuse',
    times: Number.POSITIVE_INFINITY,
  });
  const report = await probe(store);
  expect(report.mayDelete).toBe(false);
  expect(await good.list('_millrace_probe/')).toHaveLength(report.leftBehind);
});

test('a store that ignores the condition is refused with an explanation', async () => {
  const ignores = but({
    putIfAbsent: async (key, body) => {
      await good.put(key, body);
      return 'created';
    },
  });
  await expect(probe(ignores)).rejects.toMatchObject({
    ...unsafe,
    message: expect.stringContaining('ignores the condition'),
  });
});

test('a store that looks, then puts, lets two of 16 racers win and is refused', async () => {
  const checksThenPuts = but({
    putIfAbsent: async (key, body) => {
      if ((await good.head(key)) !== undefined) return 'exists';
      await good.put(key, body);
      return 'created';
    },
  });
  await expect(probe(checksThenPuts)).rejects.toMatchObject({
    ...unsafe,
    message: expect.stringMatching(/of 16 racers .* created it/),
  });
});

test("a store that gives a loser's body, or lists late, or loses order, is refused", async () => {
  await expect(probe(but({ get: async () => new TextEncoder().encode('stale') }))).rejects.toMatchObject(unsafe);
  await expect(probe(but({ list: async (prefix) => (await good.list(prefix)).slice(1) }))).rejects.toMatchObject(unsafe);
  await expect(probe(but({ list: async (prefix) => good.list(prefix) }))).rejects.toMatchObject(unsafe);
});

test('throttled and lost answers are borne', async () => {
  const store = new FaultyStore(good);
  store.inject({
    on: 'putIfAbsent',
    key: /race-0/,
    effect: 'loseAnswer',
    times: 16,
  });
  store.inject({
    on: 'putIfAbsent',
    key: /race-1/,
    effect: 'failBefore',
    times: 16,
  });
  store.inject({
    on: ['putIfAbsent', 'get', 'list'],
    effect: 'failBefore',
    times: 3,
  });
  expect(await probe(store)).toMatchObject({ mayDelete: true });
});

test('a store that is away, or refuses, says so itself', async () => {
  const away = new FaultyStore(good);
  away.inject({
    on: 'putIfAbsent',
    effect: 'failBefore',
    times: Number.POSITIVE_INFINITY,
  });
  await expect(probe(away)).rejects.toMatchObject({ kind: 'unavailable' });
  const refuses = new FaultyStore(good);
  refuses.inject({ on: 'putIfAbsent', effect: 'refuse' });
  await expect(probe(refuses)).rejects.toMatchObject({
    kind: 'invalid',
    code: 'no_permission',
  });
});
