import type { ObjectInfo, ObjectStore } from '../ports/object-store.ts';

/**
 * A view of `store` below `folder` (no slash at its ends): the same connections, keys relative to the folder.
 * For one client serving many tables. Closing the view does nothing; its owner closes the store.
 */
export function scopedStore(store: ObjectStore, folder: string): ObjectStore {
  const prefix = `${folder}/`;
  const inside = (info: ObjectInfo): ObjectInfo => ({
    ...info,
    key: info.key.slice(prefix.length),
  });
  return {
    url: `${store.url.replace(/\/$/, '')}/${folder}`,
    putIfAbsent: (key, body, signal) => store.putIfAbsent(prefix + key, body, signal),
    put: (key, body, signal) => store.put(prefix + key, body, signal),
    get: (key, options) => store.get(prefix + key, options),
    head: async (key, signal) => {
      const info = await store.head(prefix + key, signal);
      return info && inside(info);
    },
    list: async (keyPrefix, options = {}) => {
      const startAfter = options.startAfter === undefined ? {} : { startAfter: prefix + options.startAfter };
      return (await store.list(prefix + keyPrefix, { ...options, ...startAfter })).map(inside);
    },
    delete: (key, signal) => store.delete(prefix + key, signal),
    close: async () => undefined,
  };
}
