import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { codesOf, meteredStore, storeOperations } from '@millrace/core/stores/metered-store.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { objectStoreContract } from '@millrace/core/testing/object-store-contract.ts';
import { expect, test } from 'vitest';

objectStoreContract('metered', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-metered-'));
  const open = () => meteredStore(openObjectStore(pathToFileURL(root).href), () => {}, { monotonic: () => 0 });
  return { store: open(), second: open(), cleanUp: () => rm(root, { recursive: true }) };
});

/** A metered store whose clock moves 250 ms at each look, and what was told of it. */
function metered(store: ObjectStore) {
  const told: string[] = [];
  let now = 0;
  const clock = {
    monotonic: () => {
      now += 250;
      return now;
    },
  };
  return { told, store: meteredStore(store, (operation, code, seconds) => told.push(`${operation} ${code} ${seconds}`), clock) };
}

test('each request is told once, with its ending and its time', async () => {
  const { told, store } = metered(memoryStore().store);
  const bytes = new Uint8Array(1);
  await store.putIfAbsent('a', bytes);
  await store.putIfAbsent('a', bytes);
  await store.put('b', bytes);
  await store.get('a');
  await store.get('none');
  await store.head('a');
  await store.head('none');
  await store.list('');
  await store.delete('a');
  expect(told).toEqual([
    'put_if_absent ok 0.25',
    'put_if_absent exists 0.25',
    'put ok 0.25',
    'get ok 0.25',
    'get not_found 0.25',
    'head ok 0.25',
    'head not_found 0.25',
    'list ok 0.25',
    'delete ok 0.25',
  ]);
});

test('an error is passed on and told by its kind, what is none of ours as internal', async () => {
  const errors = [
    new MillraceError('unavailable', 'away', 'away'),
    new MillraceError('invalid', 'forbidden', 'forbidden'),
    new MillraceError('corrupt', 'short', 'short'),
    new Error('a bug'),
  ];
  const { told, store } = metered({ ...memoryStore().store, get: () => Promise.reject(errors[told.length]) });
  for (const error of errors) await expect(store.get('a')).rejects.toBe(error);
  expect(told.map((line) => line.split(' ')[1])).toEqual(['unavailable', 'invalid', 'corrupt', 'internal']);
});

test('an operation has no code it can never end with', () => {
  const codes = Object.fromEntries(storeOperations.map((operation) => [operation, codesOf(operation)]));
  expect(codes.get).toContain('not_found');
  expect(codes.put).toEqual(['ok', 'unavailable', 'invalid', 'corrupt', 'internal']);
  expect(storeOperations.filter((operation) => codesOf(operation).includes('exists'))).toEqual(['put_if_absent']);
});
