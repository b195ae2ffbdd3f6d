import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AddFile } from '@millrace/core/delta/actions.ts';
import { decodePath } from '@millrace/core/delta/paths.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** A table's data file as a file of this machine. `release` removes it when it is a copy. */
export type LocalFile = { path: string; release(): Promise<void> };

/**
 * A local path of a table's data file: the file itself on a file store, else a copy.
 * @param table store rooted at the table
 * @param logPath path as it stands in the Delta log
 * @param tempDir where a copy may lie for a while
 * @throws kind `corrupt`, code `data_file_missing` or `data_file_size`
 */
export async function localFile(table: ObjectStore, logPath: string, size: number, tempDir: string): Promise<LocalFile> {
  const key = decodePath(logPath);
  const missing = () =>
    new MillraceError('corrupt', 'data_file_missing', `${table.url}/${key} is in the table's log but is not there`, { key });
  const known = await table.head(key);
  if (known === undefined) throw missing();
  if (known.bytes !== size)
    throw new MillraceError('corrupt', 'data_file_size', `${table.url}/${key} has ${known.bytes} bytes, the table's log says ${size}`, {
      key,
    });
  if (table.url.startsWith('file:')) return { path: join(fileURLToPath(table.url), key), release: async () => {} };
  const bytes = await table.get(key);
  if (bytes === undefined) throw missing();
  // a name of its own: engines cache what they read of a local file by its path, so that a second file of the same size would be taken for the first
  const path = join(tempDir, `${randomUUID()}.parquet`);
  await writeFile(path, bytes);
  return { path, release: () => rm(path, { force: true }) };
}

/** Gives `use` the local path of a data file and releases it afterwards. Parameters and errors as `localFile`. */
export async function withLocalFile<T>(
  table: ObjectStore,
  logPath: string,
  size: number,
  tempDir: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const file = await localFile(table, logPath, size, tempDir);
  try {
    return await use(file.path);
  } finally {
    await file.release();
  }
}

/** Data files read by one statement, and their bytes in all: the bound on disk for copies. One larger file is read alone. */
const groupFilesMax = 64;
const groupBytesMax = 128 * 2 ** 20;

/** Data files in the order they come, as many at a time as one statement reads. */
export async function* inGroups(files: AsyncIterable<AddFile>): AsyncGenerator<AddFile[]> {
  let group: AddFile[] = [];
  let bytes = 0;
  for await (const file of files) {
    if (group.length > 0 && (group.length === groupFilesMax || bytes + file.size > groupBytesMax)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(file);
    bytes += file.size;
  }
  if (group.length > 0) yield group;
}
