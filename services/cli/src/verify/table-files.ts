import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodePath } from '@millrace/core/delta/paths.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/**
 * Gives `use` a local path of a table's data file: the file itself on a file store, else a copy that is removed afterwards.
 * @param table store rooted at the table
 * @param logPath path as it stands in the Delta log
 * @param tempDir where a copy may lie for a while
 * @throws kind `corrupt`, code `data_file_missing` or `data_file_size`
 */
export async function withLocalFile<T>(
  table: ObjectStore,
  logPath: string,
  size: number,
  tempDir: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const key = decodePath(logPath);
  const known = await table.head(key);
  if (known === undefined)
    throw new MillraceError('corrupt', 'data_file_missing', `${table.url}/${key} is in the table's log but is not there`, { key });
  if (known.bytes !== size)
    throw new MillraceError('corrupt', 'data_file_size', `${table.url}/${key} has ${known.bytes} bytes, the table's log says ${size}`, {
      key,
    });
  if (table.url.startsWith('file:')) return use(join(fileURLToPath(table.url), key));
  const bytes = await table.get(key);
  if (bytes === undefined)
    throw new MillraceError('corrupt', 'data_file_missing', `${table.url}/${key} is in the table's log but is not there`, { key });
  // a name of its own: engines cache a local file's bytes by its path, so that a second file of the same size would read as the first
  const path = join(tempDir, `${randomUUID()}.parquet`);
  await writeFile(path, bytes);
  try {
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}
