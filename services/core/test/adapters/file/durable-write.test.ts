import { constants } from 'node:fs';
import * as files from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DurableWriter } from '../../../src/adapters/file/durable-write.ts';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof files>();
  return { ...real, open: vi.fn(real.open) };
});

let root: string;
beforeAll(async () => {
  root = await files.mkdtemp(join(tmpdir(), 'millrace-durable-write-'));
});
afterAll(() => files.rm(root, { recursive: true }));

const bytes = new TextEncoder().encode('1');
const foldersOpened = () =>
  vi
    .mocked(files.open)
    .mock.calls.filter(([, flags]) => flags === constants.O_RDONLY)
    .map(([path]) => path);

test('"exists" is said of a name that stays: its folder is made durable by the second writer too', async () => {
  const path = join(root, 'folder/object');
  let names = 0;
  const first = new DurableWriter(root, () => `temp-${++names}`);
  const second = new DurableWriter(root, () => `temp-${++names}`);
  expect(await first.create(path, bytes)).toBe('created');
  vi.mocked(files.open).mockClear();
  expect(await second.create(path, bytes)).toBe('exists');
  expect(foldersOpened()).toContain(join(root, 'folder'));
});

test('"exists" is not said when its folder cannot be made durable', async () => {
  const path = join(root, 'folder/other');
  const writer = new DurableWriter(root, () => 'temp');
  expect(await writer.create(path, bytes)).toBe('created');
  const real = vi.mocked(files.open).getMockImplementation();
  vi.mocked(files.open).mockImplementation(async (at, flags, mode) => {
    if (at === join(root, 'folder')) throw Object.assign(new Error('i/o error'), { code: 'EIO' });
    return (real as typeof files.open)(at, flags, mode);
  });
  await expect(writer.create(path, bytes)).rejects.toMatchObject({ fields: { outcome: 'not_applied' } });
  vi.mocked(files.open).mockImplementation(real as typeof files.open);
});
