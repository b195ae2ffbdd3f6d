import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { objectStoreContract } from '@millrace/core/testing/object-store-contract.ts';
import { expect, test } from 'vitest';

objectStoreContract('scoped view', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-scoped-'));
  const open = () => openObjectStore(pathToFileURL(root).href);
  await open().put('orders2/foreign', new Uint8Array(1));
  return {
    store: scopedStore(open(), 'orders'),
    second: scopedStore(open(), 'orders'),
    cleanUp: () => rm(root, { recursive: true }),
  };
});

test('its URL names the folder', () => {
  expect(scopedStore(openObjectStore('s3://bucket/tables'), 'orders').url).toBe('s3://bucket/tables/orders');
});
