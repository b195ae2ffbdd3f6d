import { chainRoot, chainTopicPrefix } from '../domain/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/*
 * Discovery only: which chains there are. What a chain holds is read entry by entry, never listed.
 * One key is asked for at a time and everything below the folder it lies in is skipped, so cost grows with folders, not with entries.
 */

/** '0' is the character after '/': a key that sorts behind everything below a folder. */
const behindFolder = (folder: string) => `${folder}0`;

/** Folders directly below `prefix` whose name matches, in byte order. One request each, plus one for each other folder or object there. */
export async function discoverFolders(store: ObjectStore, prefix: string, name: RegExp, signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  let startAfter: string | undefined;
  for (;;) {
    const [first] = await store.list(prefix, { startAfter, limit: 1, signal });
    if (first === undefined) return found;
    const folder = first.key.slice(prefix.length).split('/')[0] ?? '';
    const isFolder = first.key.length > prefix.length + folder.length;
    if (isFolder && name.test(folder)) found.push(folder);
    startAfter = isFolder ? behindFolder(prefix + folder) : first.key;
  }
}

/** Topic ids of all incarnations that have a chain or a start object, in byte order. One request each, plus one. */
export function discoverTopicIds(store: ObjectStore, topic: string, signal?: AbortSignal): Promise<string[]> {
  return discoverFolders(store, chainRoot(topic), /./, signal);
}

/** Partitions of an incarnation that have a chain, ascending. One request each, plus one or two. */
export async function discoverPartitions(store: ObjectStore, topic: string, topicId: string, signal?: AbortSignal): Promise<number[]> {
  const folders = await discoverFolders(store, chainTopicPrefix(topic, topicId), /^[0-9]{5}$/, signal);
  return folders.map(Number);
}
