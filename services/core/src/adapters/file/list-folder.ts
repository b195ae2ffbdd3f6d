import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys } from '../../domain/object-key.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import { isMissing } from './file-errors.ts';

/**
 * Objects below `root` whose key begins with `prefix`, in byte order of whole keys, strictly after `startAfter`, at most `limit`.
 * A folder sorts as its name with `/`, so a depth-first walk in that order *is* key order; folders wholly before `startAfter`
 * or outside the prefix are never opened, and the walk ends with the page.
 */
export async function listFolder(
  root: string,
  prefix: string,
  startAfter: string,
  limit: number,
  hidden: string,
  signal?: AbortSignal,
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];

  async function walk(folderKey: string): Promise<void> {
    for (const { key, isFolder } of await entriesOf(join(root, folderKey), folderKey)) {
      if (found.length === limit) return;
      signal?.throwIfAborted();
      if (isFolder) {
        if (key === `${hidden}/`) continue;
        const mayMatch = key.startsWith(prefix) || prefix.startsWith(key);
        const mayFollow = compareKeys(key, startAfter) > 0 || startAfter.startsWith(key);
        if (mayMatch && mayFollow) await walk(key);
      } else if (key.startsWith(prefix) && compareKeys(key, startAfter) > 0) {
        const info = await lstat(join(root, key)).catch((error) => {
          if (isMissing(error)) return undefined; // deleted since the folder was read
          throw error;
        });
        if (info !== undefined)
          found.push({
            key,
            bytes: info.size,
            lastModifiedMs: Math.floor(info.mtimeMs),
          });
      }
    }
  }

  await walk(prefix.slice(0, prefix.lastIndexOf('/') + 1));
  return found;
}

async function entriesOf(path: string, folderKey: string): Promise<{ key: string; isFolder: boolean }[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => ({
      key: folderKey + entry.name + (entry.isDirectory() ? '/' : ''),
      isFolder: entry.isDirectory(),
    }))
    .sort((a, b) => compareKeys(a.key, b.key));
}
