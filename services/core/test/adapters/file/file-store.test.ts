import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { objectStoreContract } from '@millrace/core/testing/object-store-contract.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const utf8 = new TextEncoder();

objectStoreContract('file', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-file-store-'));
  const url = pathToFileURL(join(root, 'made/on demand')).href;
  return {
    store: openObjectStore(url),
    second: openObjectStore(url),
    cleanUp: () => rm(root, { recursive: true }),
  };
});

describe('file store', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-file-store-'));
  });
  afterAll(async () => {
    await rm(root, { recursive: true });
  });

  test('leaves no temp file behind and lists none', async () => {
    const store = openObjectStore(pathToFileURL(join(root, 'clean')).href);
    await store.putIfAbsent('a/b', utf8.encode('1'));
    await store.putIfAbsent('a/b', utf8.encode('2'));
    await store.put('a/c', utf8.encode('3'));
    expect(await readdir(join(root, 'clean/.millrace-tmp'))).toEqual([]);
    await writeFile(join(root, 'clean/.millrace-tmp/left'), 'by a dead writer');
    expect((await store.list('')).map((info) => info.key)).toEqual(['a/b', 'a/c']);
    await expect(store.get('.millrace-tmp/left')).rejects.toThrow('reserved');
  });

  test('sweeps what a dead writer left a day ago, and only that', async () => {
    await mkdir(join(root, 'sweep/.millrace-tmp'), { recursive: true });
    for (const name of ['old', 'new']) await writeFile(join(root, 'sweep/.millrace-tmp', name), 'x');
    await utimes(join(root, 'sweep/.millrace-tmp/old'), 1_000, 1_000);
    await openObjectStore(pathToFileURL(join(root, 'sweep')).href).put('k', utf8.encode('x'));
    expect(await readdir(join(root, 'sweep/.millrace-tmp'))).toEqual(['new']);
  });

  test('goes on when somebody removed the folders it knew', async () => {
    const store = openObjectStore(pathToFileURL(join(root, 'wiped')).href);
    await store.put('a/b/c', utf8.encode('1'));
    await rm(join(root, 'wiped/a'), { recursive: true });
    expect(await store.putIfAbsent('a/b/c', utf8.encode('2'))).toBe('created');
  });

  test('a key may not continue another, and the error says so', async () => {
    const store = openObjectStore(pathToFileURL(join(root, 'nested')).href);
    await store.put('a/b', utf8.encode('1'));
    await expect(store.put('a/b/c', utf8.encode('2'))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'key_is_folder',
    });
    await expect(store.put('a', utf8.encode('2'))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'key_is_folder',
    });
    await expect(store.putIfAbsent('a', utf8.encode('2'))).rejects.toMatchObject({ kind: 'invalid', code: 'key_is_folder' });
    expect(await store.get('a')).toBeUndefined();
    expect(await store.get('a/b/c')).toBeUndefined();
  });

  test('links of any kind are not followed by a listing', async () => {
    const store = openObjectStore(pathToFileURL(join(root, 'links')).href);
    await store.put('a', utf8.encode('x'));
    await symlink('/', join(root, 'links/root'));
    expect((await store.list('')).map((info) => info.key)).toEqual(['a']);
  });

  test('only absolute file URLs and buckets are stores', () => {
    for (const url of [
      'file://host/dir',
      'file:dir',
      '/dir',
      'http://x',
      's3://',
      's3:///x',
      's3://B/x',
      's3://bucket/a//b',
      's3://bucket/../x',
    ])
      expect(() => openObjectStore(url)).toThrow(expect.toSatisfy((error: unknown) => isKind(error, 'invalid')));
    expect(openObjectStore('s3://bucket/').url).toBe('s3://bucket');
    expect(openObjectStore('s3://bucket/a/b/').url).toBe('s3://bucket/a/b');
    expect(openObjectStore('file:///some/dir/').url).toBe('file:///some/dir');
  });
});
